"""The confidence threshold, and the accuracy of the survey's classifications above it.

Labelled asteroids are brighter than the survey's, and bright spectra are classified better. The
accuracy in the survey's own mix of S/N is estimated with two methods:

- weighted: out-of-fold predictions of the labelled asteroids by bin of S/N, each bin weighted by
  the number of unlabelled asteroids above the threshold in it. Labels of faint asteroids are less
  reliable than those of bright ones, so this is rather too low.
- degraded: bright labelled spectra with the noise of each bin (degraded.py), predicted out of
  fold: an upper bound below S/N 25.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from asteroid_taxonomy.evaluation.bins import numbers
from asteroid_taxonomy.learning.training_set import Booleans, Floats, Rows

THRESHOLDS = np.round(np.arange(0.3, 1.0, 0.01), 2)
LEAST = 30  # labelled asteroids above a threshold; the accuracy of fewer is too uncertain


class Above(NamedTuple):
    """What is above a threshold; an accuracy is None where it cannot be estimated."""

    threshold: float
    asteroids: int
    accuracy_weighted: float | None
    accuracy_weighted_se: float | None
    accuracy_degraded: float | None
    accuracy_degraded_se: float | None
    labelled: int


class Evaluated(NamedTuple):
    """Out-of-fold predictions of labelled asteroids, for each bin of S/N or for all bins alike.

    best : `most_probable`, [bins or 1, n]; target : number of the true target [n];
    member : bool [bins, n], which asteroids represent a bin.
    """

    best: tuple[Floats, Rows]
    target: Rows
    member: Booleans


def most_probable(probabilities: Floats) -> tuple[Floats, Rows]:
    """The highest of the probabilities [..., targets], and the number of its target."""
    return probabilities.max(axis=-1), probabilities.argmax(axis=-1)


def above(best: tuple[Floats, Rows], threshold: float, predicted: int | None = None) -> Booleans:
    """Which predictions are above a threshold, of one target or of all."""
    found: Booleans = best[0] >= threshold
    return found if predicted is None else found & (best[1] == predicted)


def accuracy_of(
    evaluated: Evaluated, threshold: float, weight: Rows, predicted: int | None = None
) -> tuple[float | None, float | None, int]:
    """Accuracy of the predictions above a threshold, of one target or of all.

    Bins without such a prediction lose their `weight` [bins]. Returns the accuracy and its
    binomial standard error, None without any such prediction, and the number of asteroids.
    """
    best, target, member = evaluated
    chosen = above(best, threshold, predicted) & member
    counted = chosen.sum(axis=1)
    share = np.where(counted > 0, weight, 0.0)
    if not share.sum():
        return None, None, 0
    share, counted_or_1 = share / share.sum(), np.maximum(counted, 1)
    correct = (best[1] == target) & chosen
    accuracy = correct.sum(axis=1) / counted_or_1
    error = np.sqrt(share**2 @ (accuracy * (1 - accuracy) / counted_or_1))
    return float(share @ accuracy), float(error), int(counted.sum())


class Estimates:
    """The accuracy above a threshold, estimated with both methods, in the bins between `edges`.

    layers : float64 [1 + bins, n, targets], out-of-fold probabilities of the labelled asteroids,
    spectra as they are and degraded to each bin; target, snr : the number of the true target and
    S/N [n]; survey, survey_snr, has_label : probabilities [m, targets], S/N [m] and whether it is
    labelled, bool [m], of each of the survey's asteroids.
    """

    def __init__(
        self, layers: Floats, target: Rows, snr: Floats, survey: Floats, survey_snr: Floats,
        has_label: Booleans, edges: Sequence[float],
    ) -> None:
        bin_of, bins = numbers(snr, edges), np.arange(len(edges) + 1)[:, None]
        mine, fainter = bin_of == bins, (bin_of > bins) & (bin_of <= len(edges))
        self.weighted = Evaluated(most_probable(layers[:1]), target, mine)
        # degraded spectra represent the bins fainter than their own; the last bin, those in it
        self.degraded = Evaluated(most_probable(layers[1:]), target,
                                  fainter | mine & (bins == len(edges)))
        self.survey, self.bin_of = most_probable(survey), numbers(survey_snr, edges)
        self.has_label = has_label

    def above(self, threshold: float, predicted: int | None = None) -> Above:
        """The survey's asteroids above a threshold, of one predicted target or all."""
        chosen, bins = above(self.survey, threshold, predicted), len(self.weighted.member)
        weight = np.bincount(self.bin_of[chosen & ~self.has_label], minlength=bins)[:bins]
        accuracy, error, labelled = accuracy_of(self.weighted, threshold, weight, predicted)
        return Above(threshold, int(chosen.sum()), accuracy, error,
                     *accuracy_of(self.degraded, threshold, weight, predicted)[:2], labelled)

    def stored(self, threshold: float, classes: Sequence[str] = ()) -> dict[str, Any]:
        """The same as calibration.json has it, also by predicted target if these are named."""
        def of(predicted: int | None = None) -> dict[str, Any]:
            _, asteroids, *accuracies, _ = self.above(threshold, predicted)
            return {"asteroids": asteroids, "share": asteroids / len(self.has_label),
                    **dict(zip(Above._fields[2:-1], accuracies, strict=True))}

        by_complex = {name: of(k) for k, name in enumerate(classes)}
        return of() | ({"by_complex": by_complex} if classes else {})


def lowest_threshold(curve: Sequence[Above], wanted: float) -> float:
    """The lowest threshold with both accuracies at least `wanted`; 1.0: there is none.

    At every higher threshold, both are at least `wanted` minus one standard error.
    """
    found = 1.0
    for row in reversed(curve):
        if row.labelled < LEAST:
            continue
        both = ((row.accuracy_weighted or 0, row.accuracy_weighted_se or 0),
                (row.accuracy_degraded or 0, row.accuracy_degraded_se or 0))
        if min(accuracy + error for accuracy, error in both) < wanted:
            break
        if min(both)[0] >= wanted:
            found = row.threshold
    return found
