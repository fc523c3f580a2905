"""reports/calibration.json, and the accuracy that it leads one to expect of a prediction."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from asteroid_taxonomy.evaluation.metrics import Booleans, Floats
from asteroid_taxonomy.files import read_json, rounded

CALIBRATION_PATH = Path("reports/calibration.json")
SURE = 1e-4  # distance of a confidence from 0 and 1 (and of S/N from 0) in a logarithm


def read_calibration(path: Path = CALIBRATION_PATH) -> dict[str, Any]:
    """Read what stage calibrate wrote."""
    return read_json(path)


def _features(confidence: Floats, snr: Floats) -> Floats:
    p = np.clip(confidence.astype(np.float64), SURE, 1 - SURE)
    return np.column_stack([np.log(p / (1 - p)),
                            np.log10(np.maximum(snr.astype(np.float64), SURE))])


def fit_expected_accuracy(confidence: Floats, snr: Floats, correct: Booleans) -> dict[str, float]:
    """Logistic regression of correct on the logit of the confidence and the logarithm of S/N.

    Of out-of-fold predictions [n]: two slopes and an intercept, which need no bins.
    """
    from sklearn.linear_model import LogisticRegression  # a second, which look-ups do without

    known = ~np.isnan(snr)
    model = LogisticRegression().fit(_features(confidence[known], snr[known]), correct[known])
    return dict(zip(("intercept", "logit_confidence", "log10_snr"),
                    (model.intercept_[0], *model.coef_[0]), strict=True))


def expected_accuracy(confidence: Floats, snr: Floats, calibration: Mapping[str, Any]) -> Floats:
    """The accuracy expected of predictions with this confidence and S/N, float64 [n], rounded.

    NaN where either is NaN.
    """
    found = calibration["expected_accuracy"]
    slopes = np.array([found["logit_confidence"], found["log10_snr"]])
    return rounded(1 / (1 + np.exp(-(found["intercept"] + _features(confidence, snr) @ slopes))))
