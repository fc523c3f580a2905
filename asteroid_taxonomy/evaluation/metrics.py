"""Metrics of predicted probabilities, scikit-learn's where it has them.

Everywhere: `actual` is str [n], `probabilities` float64 [n, classes], rounded as they are stored,
`classes` the columns' names in alphabetical order; confidence is the probability of the most
probable class.
"""

from collections.abc import Sequence

import numpy as np
from sklearn import metrics

from asteroid_taxonomy.files import DIGITS
from asteroid_taxonomy.learning.training_set import Floats, Strings

ECE_BINS = 10
SMALLEST = 0.5 * 10.0**-DIGITS  # a stored probability of 0 is less than this


def predicted(probabilities: Floats, classes: Sequence[str]) -> Strings:
    """The most probable class of each row, str [n]."""
    return np.asarray(classes)[probabilities.argmax(axis=1)]


def scores(actual: Strings, probabilities: Floats, classes: Sequence[str]) -> dict[str, float]:
    """Accuracy, balanced accuracy, macro-F1 and log-loss (nat)."""
    guess = predicted(probabilities, classes)
    above_0 = np.maximum(probabilities, SMALLEST)
    return {
        "accuracy": float(metrics.accuracy_score(actual, guess)),
        "balanced_accuracy": float(metrics.balanced_accuracy_score(actual, guess)),
        "macro_f1": float(metrics.f1_score(actual, guess, average="macro", zero_division=0.0)),
        "log_loss": float(metrics.log_loss(actual, above_0 / above_0.sum(axis=1, keepdims=True),
                                   labels=classes)),
    }


def by_class(
    actual: Strings, probabilities: Floats, classes: Sequence[str]
) -> dict[str, dict[str, float | int | None]]:
    """Labelled asteroids, predictions, precision (purity) and recall (completeness) by class.

    Precision is None where a class is never predicted. Empty without classes.
    """
    if not len(classes):
        return {}
    guess = predicted(probabilities, classes)
    precision, recall, _, labelled = metrics.precision_recall_fscore_support(
        actual, guess, labels=classes, zero_division=0.0)
    found = [int((guess == name).sum()) for name in classes]
    return {name: {"asteroids": int(n), "predicted": m, "precision": float(p) if m else None,
                   "recall": float(r)}
            for name, n, m, p, r in zip(classes, labelled, found, precision, recall, strict=True)}


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
    """Expected calibration error (Naeini et al. 2015, AAAI 29).

    Chance adds to it: 0.03 on 500 rows of a perfectly calibrated model. Compare sets of one size.
    """
    return sum(n * abs(confidence - accuracy) for confidence, accuracy, n
               in reliability(actual, probabilities, classes)) / len(actual)


def corrected_error(differences: Floats, folds: int) -> float:
    """Standard error of the mean difference of two models over repeated k-fold CV.

    Training sets of different folds overlap, so that the usual error is too small; corrected as
    Nadeau & Bengio 2003 (Machine Learning 52, 239) by n_test / n_train = 1 / (folds - 1).
    """
    n = len(differences)
    return float(np.sqrt((1 / n + 1 / (folds - 1)) * np.var(differences, ddof=1)))
