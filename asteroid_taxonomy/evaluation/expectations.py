"""What cross-validation leads one to expect of a prediction: by S/N, by class, by confidence."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from asteroid_taxonomy.evaluation.arrays import Floats
from asteroid_taxonomy.evaluation.plot_data import PLOTS, read_plot

LEAST = 30  # labelled asteroids, or predictions; of fewer, an accuracy says little
MOSTLY = 0.5  # precision from which on a class is worth telling: more often right than wrong
SURE = 1e-4  # confidences are held this far from 0 and 1, S/N this far above 0


def accuracy_by_bin(names: Sequence[str]) -> npt.NDArray[np.float32]:
    """Accuracy that crossvalidate measured in each bin of S/N; NaN where too few were there."""
    found = read_plot("snr").set_index("snr").reindex(list(names))
    return found["accuracy"].where(found["asteroids"] >= LEAST).to_numpy(np.float32)


def answerable(names: Sequence[str], folder: Path = PLOTS) -> list[str]:
    """The classes that cross-validation can answer for: told often enough, and mostly rightly."""
    found = read_plot("classes", folder)
    good = found["class"][(found["predicted"] >= LEAST) & (found["precision"] >= MOSTLY)]
    return [name for name in names if name in set(good)]


def expected_accuracy(
    confidence: Floats, snr: Floats, right: npt.NDArray[np.bool_],
    of_confidence: Floats, of_snr: Floats,
) -> npt.NDArray[np.float32]:
    """How often a prediction of this confidence, for a spectrum of this S/N, is right.

    Logistic regression of right or wrong on the logit of the confidence and the logarithm of S/N,
    on the out-of-fold predictions [n] of labelled asteroids: two slopes and a constant, which
    bins too small to count in cannot upset.

    Returns
    -------
    float32 [m]
        Of the others, `of_confidence` and `of_snr`; NaN where either is.
    """
    from sklearn.linear_model import LogisticRegression  # which a look-up does without

    def features(p: Floats, s: Floats) -> Floats:
        p = np.clip(p.astype(float), SURE, 1 - SURE)
        return np.column_stack([np.log(p / (1 - p)), np.log10(np.maximum(s, SURE))])

    out = np.full(len(of_confidence), np.nan, dtype=np.float32)
    known = ~(np.isnan(of_confidence) | np.isnan(of_snr))
    model = LogisticRegression().fit(features(confidence, snr), right)
    out[known] = model.predict_proba(features(of_confidence[known], of_snr[known]))[:, 1]
    return out
