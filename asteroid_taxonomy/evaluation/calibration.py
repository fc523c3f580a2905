"""reports/calibration.json, and the accuracy that it leads one to expect of a prediction."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from asteroid_taxonomy.files import read_json, rounded
from asteroid_taxonomy.learning.training_set import Floats, Rows
from asteroid_taxonomy.params import Params, VisibleCalibration

CALIBRATION_PATH = Path("reports/calibration.json")
COEFFICIENTS = ("intercept", "logit_confidence", "log10_snr")
SURE = 1e-4  # distance of a confidence from 0 and 1 (and of S/N from 0) in a logarithm


def read_calibration() -> dict[str, Any]:
    """Read what stage calibrate wrote."""
    return read_json(CALIBRATION_PATH)


def visible_calibration(params: Params, classes: list[str]) -> tuple[float, dict[str, Any]]:
    """The visible model's threshold and limits; always abstains where they were not measured."""
    measured = params.calibration.visible
    if measured is None or sorted(measured.least_probability) != classes:
        measured = VisibleCalibration(threshold=1.0, least_probability={})
    return measured.threshold, {"snr_below": [None], **{
        name: [measured.least_probability.get(name)] for name in classes}}


def _features(confidence: Floats, snr: Floats) -> Floats:
    p = np.clip(confidence.astype(np.float64), SURE, 1 - SURE)
    return np.column_stack([np.log(p / (1 - p)),
                            np.log10(np.maximum(snr.astype(np.float64), SURE))])


def fit_expected_accuracy(probabilities: Floats, target: Rows, snr: Floats) -> dict[str, float]:
    """Regress correct (target number) on confidence and S/N, logistically, out of fold."""
    from sklearn.linear_model import LogisticRegression  # a second, which look-ups do without

    known = ~np.isnan(snr)
    correct = probabilities.argmax(axis=1) == target
    features = _features(probabilities.max(axis=1), snr)
    model = LogisticRegression().fit(features[known], correct[known])
    return dict(zip(COEFFICIENTS, (model.intercept_[0], *model.coef_[0]), strict=True))


def expected_accuracy(confidence: Floats, snr: Floats, calibration: Mapping[str, Any]) -> Floats:
    """The accuracy expected of predictions with this confidence and S/N, float64 [n], rounded.

    NaN where either is NaN.
    """
    intercept, *slopes = (calibration["expected_accuracy"][name] for name in COEFFICIENTS)
    return rounded(1 / (1 + np.exp(-(intercept + _features(confidence, snr) @ np.array(slopes)))))
