"""Metrics of predicted probabilities, scikit-learn's where it has them.

Everywhere: `actual` is str [n], `probabilities` float64 [n, classes], rounded as they are stored,
`classes` the columns' names in alphabetical order; confidence is the probability of the likeliest
class.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from sklearn.metrics import (
    accuracy_score,
    balanced_accuracy_score,
    f1_score,
    log_loss,
    precision_recall_fscore_support,
)

from asteroid_taxonomy.files import DIGITS

Floats = npt.NDArray[np.floating]
Strings = npt.NDArray[np.str_]
Rows = npt.NDArray[np.int64]
Booleans = npt.NDArray[np.bool_]
ECE_BINS = 10
SMALLEST = 0.5 * 10.0**-DIGITS  # a stored probability of 0 is less than this


def predicted(probabilities: Floats, classes: Sequence[str]) -> Strings:
    """The likeliest class of each row, str [n]."""
    return np.asarray(classes)[probabilities.argmax(axis=1)]


def scores(actual: Strings, probabilities: Floats, classes: Sequence[str]) -> dict[str, float]:
    """Accuracy, balanced accuracy, macro-F1 and log-loss (nat)."""
    guess = predicted(probabilities, classes)
    above_0 = np.maximum(probabilities, SMALLEST)
    return {
        "accuracy": float(accuracy_score(actual, guess)),
        "balanced_accuracy": float(balanced_accuracy_score(actual, guess)),
        "macro_f1": float(f1_score(actual, guess, average="macro", zero_division=0.0)),
        "log_loss": float(log_loss(actual, above_0 / above_0.sum(axis=1, keepdims=True),
                                   labels=classes)),
    }


def by_class(
    actual: Strings, guess: Strings, classes: Sequence[str]
) -> dict[str, dict[str, float | int | None]]:
    """Labelled asteroids, predictions, precision (purity) and recall (completeness) by class.

    Precision is None where a class is never predicted.
    """
    precision, recall, f1, labelled = precision_recall_fscore_support(
        actual, guess, labels=classes, zero_division=0.0)
    found = [int((guess == name).sum()) for name in classes]
    return {name: {"asteroids": int(n), "predicted": m, "precision": float(p) if m else None,
                   "recall": float(r), "f1": float(f)}
            for name, n, m, p, r, f in zip(classes, labelled, found, precision, recall, f1,
                                           strict=True)}


def reliability(
    actual: Strings, probabilities: Floats, classes: Sequence[str]
) -> list[tuple[float, float, int]]:
    """Mean confidence, accuracy and number of rows in bins of equal width that have rows."""
    confidence = probabilities.max(axis=1)
    correct = predicted(probabilities, classes) == actual
    bins = np.minimum((confidence * ECE_BINS).astype(int), ECE_BINS - 1)
    return [(float(confidence[bins == b].mean()), float(correct[bins == b].mean()),
             int((bins == b).sum())) for b in np.unique(bins)]


def ece(actual: Strings, probabilities: Floats, classes: Sequence[str]) -> float:
    """Expected calibration error: mean distance of confidence and accuracy, weighted by rows.

    Naeini et al. 2015 (AAAI 29), with ECE_BINS bins. Chance adds to it: about 0.03 on 500 rows of
    a perfectly calibrated model, so compare it only between sets of one size.
    """
    return sum(n * abs(confidence - accuracy) for confidence, accuracy, n
               in reliability(actual, probabilities, classes)) / len(actual)


def coverage_curve(
    actual: Strings, probabilities: Floats, classes: Sequence[str]
) -> tuple[Floats, Floats]:
    """Accuracy of the 1, 2 ... n most confident rows, and the confidence of the last of them."""
    confidence = probabilities.max(axis=1)
    order = np.argsort(-confidence, kind="stable")
    correct = predicted(probabilities, classes) == actual
    return np.cumsum(correct[order]) / np.arange(1, len(order) + 1), confidence[order]


def corrected_error(differences: Sequence[float], folds: int) -> float:
    """Standard error of the mean difference of two models over repeated k-fold CV.

    Training sets of different folds overlap, so that the usual error is too small; corrected as
    Nadeau & Bengio 2003 (Machine Learning 52, 239) by n_test / n_train = 1 / (folds - 1).
    """
    n = len(differences)
    return float(np.sqrt((1 / n + 1 / (folds - 1)) * np.var(differences, ddof=1)))
