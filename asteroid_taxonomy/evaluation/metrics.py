"""Figures that say how good predicted probabilities are.

Everywhere: `actual` is str [n], `probabilities` float [n, classes], `classes` the columns' names
in alphabetical order; confidence is the probability of the likeliest class.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from sklearn.metrics import (
    accuracy_score,
    f1_score,
    log_loss,
    precision_recall_fscore_support,
    recall_score,
)

ECE_BINS = 10

Strings = npt.NDArray[np.str_]
Floats = npt.NDArray[np.floating]


def predicted(probabilities: Floats, classes: Sequence[str]) -> Strings:
    """The likeliest class of each row, str [n]."""
    return np.asarray(classes)[probabilities.argmax(axis=1)]


def scores(actual: Strings, probabilities: Floats, classes: Sequence[str]) -> dict[str, float]:
    """Figures over all classes.

    Returns
    -------
    dict
        accuracy; balanced_accuracy (mean recall) and macro_f1 over `classes`; log_loss (nat);
        brier (sum over the classes of squared differences, 0 ... 2: Brier 1950, Monthly Weather
        Review 78, 1); top_2_accuracy (the label is one of the two likeliest classes).
    """
    guess = predicted(probabilities, classes)
    is_class = actual[:, None] == np.asarray(classes)
    top_2 = probabilities.argsort(axis=1)[:, -2:]
    return {
        "accuracy": float(accuracy_score(actual, guess)),
        "balanced_accuracy": float(recall_score(actual, guess, labels=classes, average="macro",
                                                zero_division=0.0)),
        "macro_f1": float(f1_score(actual, guess, labels=classes, average="macro",
                                   zero_division=0.0)),
        "log_loss": float(log_loss(actual, probabilities, labels=classes)),
        "brier": float(((probabilities - is_class) ** 2).sum(axis=1).mean()),
        "top_2_accuracy": float(np.take_along_axis(is_class, top_2, axis=1).any(axis=1).mean()),
    }


def per_class(
    actual: Strings, probabilities: Floats, classes: Sequence[str]
) -> dict[str, float]:
    """Precision, recall, F1 and number of labels of each class, e.g. recall_S."""
    columns = precision_recall_fscore_support(actual, predicted(probabilities, classes),
                                              labels=classes, zero_division=0.0)
    return {f"{figure}_{name}": kind(column[i])
            for i, name in enumerate(classes)
            for figure, kind, column in zip(("precision", "recall", "f1", "support"),
                                            (float, float, float, int), columns, strict=True)}


def reliability(
    actual: Strings, probabilities: Floats, classes: Sequence[str]
) -> list[tuple[float, float, int]]:
    """Mean confidence, accuracy and number of rows in bins of equal width that have rows."""
    confidence = probabilities.max(axis=1).astype(np.float64)
    right = predicted(probabilities, classes) == actual
    bins = np.minimum((confidence * ECE_BINS).astype(int), ECE_BINS - 1)
    return [(float(confidence[bins == b].mean()), float(right[bins == b].mean()),
             int((bins == b).sum())) for b in np.unique(bins)]


def ece(actual: Strings, probabilities: Floats, classes: Sequence[str]) -> float:
    """Expected calibration error: mean distance of confidence and accuracy, weighted by rows.

    Naeini et al. 2015 (AAAI 29), with ECE_BINS bins. Chance alone adds to it: about 0.03 on 500
    rows of a perfectly calibrated model, so compare it only between sets of one size.
    """
    return sum(n * abs(confidence - accuracy) for confidence, accuracy, n
               in reliability(actual, probabilities, classes)) / len(actual)


def coverage_curve(
    actual: Strings, probabilities: Floats, classes: Sequence[str]
) -> tuple[Floats, Floats]:
    """Accuracy of the most confident rows, and the confidence of the last of them.

    Returns
    -------
    accuracy, threshold : float64 [n]
        Of the 1, 2 ... n most confident rows.
    """
    confidence = probabilities.max(axis=1).astype(np.float64)
    order = np.argsort(-confidence, kind="stable")
    right = predicted(probabilities, classes) == actual
    return np.cumsum(right[order]) / np.arange(1, len(order) + 1), confidence[order]


def abstention_threshold(accuracy: Floats, threshold: Floats, wanted: float) -> float:
    """The lowest confidence down to which the accuracy of a coverage curve is as `wanted`.

    1.0 (always abstain) where no part of the curve is.
    """
    reached = np.flatnonzero(accuracy >= wanted)
    return float(threshold[reached[-1]]) if len(reached) else 1.0


def corrected_error(differences: Sequence[float], folds: int) -> float:
    """Standard error of the mean difference of two models over repeated k-fold CV.

    Training sets of different folds overlap, so that the usual error is too small; corrected as
    Nadeau & Bengio 2003 (Machine Learning 52, 239) by n_test / n_train = 1 / (folds - 1).
    """
    n = len(differences)
    return float(np.sqrt((1 / n + 1 / (folds - 1)) * np.var(differences, ddof=1)))
