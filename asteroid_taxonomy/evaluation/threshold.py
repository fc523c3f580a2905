"""The confidence threshold, and the accuracy of the survey's classifications above it.

Labelled asteroids are brighter than the survey's, and bright spectra are classified better. The
accuracy in the survey's own mix of S/N is estimated with two methods:

- weighted: out-of-fold predictions of the labelled asteroids by bin of S/N, each bin weighted by
  the number of unlabelled asteroids above the threshold in it. Labels of faint asteroids are less
  reliable than those of bright ones, so this is rather too low.
- degraded: bright labelled spectra with noise drawn from the errors of the survey's asteroids of
  each bin (degraded.py), predicted out of fold. Noise is not all that is wrong with a faint
  spectrum, so this is an upper bound below S/N 25.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from asteroid_taxonomy.evaluation.metrics import Booleans, Floats, Rows

THRESHOLDS = np.round(np.arange(0.3, 1.0, 0.01), 2)
LEAST = 30  # labelled asteroids above a threshold; the accuracy of fewer is too uncertain
HEADER = ("threshold", "asteroids", "accuracy_weighted", "accuracy_weighted_se",
          "accuracy_degraded", "accuracy_degraded_se", "labelled")
Curve = list[tuple[float, int, float, float, float, float, int]]


class Evaluated(NamedTuple):
    """Out-of-fold predictions of labelled asteroids, for each bin of S/N or for all bins alike.

    predicted (target number), confidence, correct : [bins or 1, n]; member : bool [bins, n],
    which asteroids represent a bin.
    """

    predicted: Rows
    confidence: Floats
    correct: Booleans
    member: Booleans

    @classmethod
    def of(cls, probabilities: Floats, target: Rows, member: Booleans) -> "Evaluated":
        """From probabilities [bins or 1, n, targets] of asteroids with targets [n]."""
        predicted = probabilities.argmax(axis=-1)
        return cls(predicted, probabilities.max(axis=-1), predicted == target, member)


class Survey(NamedTuple):
    """The survey's asteroids: target number, confidence, bin of S/N, has a label; each [m]."""

    predicted: Rows
    confidence: Floats
    bin_of: Rows
    labelled: Booleans

    def above(self, threshold: float, target: int | None = None) -> Booleans:
        """Those above a threshold, of one predicted target or of all, bool [m]."""
        of_target = True if target is None else self.predicted == target
        return (self.confidence >= threshold) & of_target

    def weights(self, above: Booleans, bins: int) -> Floats:
        """The number of unlabelled ones among `above` in each bin, float [bins]."""
        chosen = self.bin_of[above & ~self.labelled]
        return np.bincount(chosen, minlength=bins)[:bins].astype(float)


def accuracy_of(
    evaluated: Evaluated, threshold: float, weight: Floats, target: int | None = None
) -> tuple[float, float, int]:
    """Accuracy of the predictions above a threshold, each bin weighted; its standard error.

    Parameters
    ----------
    evaluated : Evaluated
    threshold : float
        Of the confidence.
    weight : float [bins]
        Bins without such a prediction have none.
    target : int, optional
        Only predictions of this one.

    Returns
    -------
    accuracy, error : float
        NaN where there is no such prediction. The error is binomial.
    asteroids : int
        Labelled ones above the threshold, over all bins.
    """
    chosen = evaluated.confidence >= threshold
    if target is not None:
        chosen = chosen & (evaluated.predicted == target)
    chosen = chosen & evaluated.member
    counted = chosen.sum(axis=1)
    weight = np.where(counted > 0, weight, 0.0)
    if not weight.sum():
        return float("nan"), float("nan"), 0
    weight = weight / weight.sum()
    counted_or_1 = np.maximum(counted, 1)
    accuracy = (evaluated.correct & chosen).sum(axis=1) / counted_or_1
    error = np.sqrt(weight**2 @ (accuracy * (1 - accuracy) / counted_or_1))
    return float(weight @ accuracy), float(error), int(counted.sum())


def threshold_curve(weighted: Evaluated, degraded: Evaluated, survey: Survey) -> Curve:
    """Rows of HEADER for each of THRESHOLDS."""
    rows = []
    for threshold in THRESHOLDS.tolist():
        above = survey.above(threshold)
        weight = survey.weights(above, len(weighted.member))
        accuracy, error, labelled = accuracy_of(weighted, threshold, weight)
        rows.append((threshold, int(above.sum()), accuracy, error,
                     *accuracy_of(degraded, threshold, weight)[:2], labelled))
    return rows


def lowest_threshold(curve: Curve, wanted: float) -> float:
    """The lowest threshold from which on both accuracies are at least `wanted`; 1.0: none is."""
    found = 1.0
    for threshold, _, weighted, _, degraded, _, labelled in reversed(curve):
        if labelled < LEAST:
            continue
        if not min(weighted, degraded) >= wanted:
            break
        found = threshold
    return found


def above_threshold(
    weighted: Evaluated, degraded: Evaluated, survey: Survey, classes: Sequence[str],
    threshold: float,
) -> dict[str, Any]:
    """How many of the survey's asteroids are above a threshold, and their estimated accuracy.

    In all and, under "by_complex", by predicted target; None where nothing can be estimated.
    """
    def block(target: int | None) -> dict[str, Any]:
        above = survey.above(threshold, target)
        weight = survey.weights(above, len(weighted.member))
        out: dict[str, Any] = {"asteroids": int(above.sum()), "share": float(above.mean())}
        for name, evaluated in (("weighted", weighted), ("degraded", degraded)):
            accuracy, error, _ = accuracy_of(evaluated, threshold, weight, target)
            known = not np.isnan(accuracy)
            out |= {f"accuracy_{name}": accuracy if known else None,
                    f"accuracy_{name}_se": error if known else None}
        return out

    return block(None) | {"by_complex": {name: block(i) for i, name in enumerate(classes)}}
