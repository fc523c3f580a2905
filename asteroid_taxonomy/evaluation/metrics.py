"""Metrics that say how good predicted probabilities are.

Everywhere: `actual` is str [n], `probabilities` float [n, classes], `classes` the columns' names
in alphabetical order; confidence is the probability of the likeliest class. Counted with NumPy:
scikit-learn takes a second to load, which is half of what evaluate takes.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from asteroid_taxonomy.evaluation.arrays import Floats, Strings

ECE_BINS = 10



def predicted(probabilities: Floats, classes: Sequence[str]) -> Strings:
    """The likeliest class of each row, str [n]."""
    return np.asarray(classes)[probabilities.argmax(axis=1)]


def confusion(actual: Strings, guess: Strings, classes: Sequence[str]) -> npt.NDArray[np.int64]:
    """Numbers of rows [actual, predicted]."""
    names, n = np.asarray(classes), len(classes)
    pairs = np.searchsorted(names, actual) * n + np.searchsorted(names, guess)
    return np.bincount(pairs, minlength=n * n).reshape(n, n)


def _by_class(counts: npt.NDArray[np.int64]) -> dict[str, Floats]:
    """Precision, recall, F1 and number of labels of each class; 0 where one is 0 / 0."""
    right, labels, guesses = np.diagonal(counts), counts.sum(axis=1), counts.sum(axis=0)
    return {"precision": right / np.maximum(guesses, 1), "recall": right / np.maximum(labels, 1),
            "f1": 2 * right / np.maximum(labels + guesses, 1), "support": labels}


def scores(actual: Strings, probabilities: Floats, classes: Sequence[str]) -> dict[str, float]:
    """Metrics over all classes; tests/evaluation/test_metrics.py holds them to scikit-learn's.

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
    each = _by_class(confusion(actual, guess, classes))
    smallest = np.finfo(probabilities.dtype).eps
    of_label = np.clip(probabilities[is_class].astype(float), smallest, 1 - smallest)
    return {
        "accuracy": float((actual == guess).mean()),
        "balanced_accuracy": float(each["recall"].mean()),
        "macro_f1": float(each["f1"].mean()),
        "log_loss": float(-np.log(of_label).mean()),
        "brier": float(((probabilities - is_class) ** 2).sum(axis=1).mean()),
        "top_2_accuracy": float(np.take_along_axis(is_class, top_2, axis=1).any(axis=1).mean()),
    }


def per_class(
    actual: Strings, probabilities: Floats, classes: Sequence[str]
) -> dict[str, float]:
    """Precision, recall, F1 and number of labels of each class, e.g. recall_S."""
    each = _by_class(confusion(actual, predicted(probabilities, classes), classes))
    return {f"{figure}_{name}": column[i].item() for i, name in enumerate(classes)
            for figure, column in each.items()}


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


def corrected_error(differences: Sequence[float], folds: int) -> float:
    """Standard error of the mean difference of two models over repeated k-fold CV.

    Training sets of different folds overlap, so that the usual error is too small; corrected as
    Nadeau & Bengio 2003 (Machine Learning 52, 239) by n_test / n_train = 1 / (folds - 1).
    """
    n = len(differences)
    return float(np.sqrt((1 / n + 1 / (folds - 1)) * np.var(differences, ddof=1)))
