"""How often a prediction of this confidence, for a spectrum of this S/N, is right.

Logistic regression of right or wrong on the logit of the confidence and the logarithm of S/N, on
the out-of-fold predictions of the labelled asteroids: two slopes and a constant, which bins too
small to count in cannot upset.
"""

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression

Floats = npt.NDArray[np.floating]
SURE = 1e-4  # confidences are held this far from 0 and 1, S/N this far above 0


def expected_accuracy(
    confidence: Floats, snr: Floats, right: npt.NDArray[np.bool_],
    of_confidence: Floats, of_snr: Floats,
) -> npt.NDArray[np.float32]:
    """Learn from labelled asteroids [n], tell of others [m], float32 [m]; NaN for NaN."""
    def features(p: Floats, s: Floats) -> Floats:
        p = np.clip(p.astype(float), SURE, 1 - SURE)
        return np.column_stack([np.log(p / (1 - p)), np.log10(np.maximum(s, SURE))])

    out = np.full(len(of_confidence), np.nan, dtype=np.float32)
    known = ~(np.isnan(of_confidence) | np.isnan(of_snr))
    model = LogisticRegression().fit(features(confidence, snr), right)
    out[known] = model.predict_proba(features(of_confidence[known], of_snr[known]))[:, 1]
    return out
