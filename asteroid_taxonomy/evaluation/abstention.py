"""How often the catalogue is right about the asteroids that it keeps, from which confidence on.

Labelled asteroids are brighter than the catalogue's, and what is bright is classified better. Two
estimates of the accuracy in the catalogue's own mix of S/N:

- weighted: out-of-fold predictions of the labelled asteroids, by bin of S/N, each bin weighted by
  the catalogue's kept asteroids in it. It takes the few faint labels at their word, though these
  are worse than those of bright asteroids, so it is rather too low.
- degraded: bright labelled spectra with noise drawn from the errors of the survey's asteroids of
  each bin, judged by models that have not seen them. Its labels are good, but it takes the stated
  errors at their word and knows no other fault of a faint spectrum, so it is rather too high.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from asteroid_taxonomy.asteroids import ASTEROIDS_PATH, rows_of
from asteroid_taxonomy.evaluation.arrays import Booleans, Floats, Rows
from asteroid_taxonomy.learning.predictions import SURVEY, probabilities_of, read_predictions

THRESHOLDS = np.round(np.arange(0.3, 1.0, 0.01), 2)
LEAST = 30  # labelled asteroids above a threshold; of fewer, an accuracy says little



@dataclass(frozen=True)
class Judged:
    """Predictions of labelled asteroids: target number and confidence [repeats, bins or 1, n].

    right : bool, of the same shape; member : bool [bins, n], which asteroids stand for a bin.
    """

    predicted: Rows
    confidence: Floats
    right: Booleans
    member: Booleans


def judged(probabilities: Floats, target: Rows, member: Booleans) -> Judged:
    """Judge probabilities [repeats, bins or 1, n, targets] of asteroids with targets [n]."""
    predicted = probabilities.argmax(axis=-1)
    return Judged(predicted, probabilities.max(axis=-1), predicted == target, member)


def accuracy_of(
    labelled: Judged, threshold: float, weight: Floats, target: int | None = None
) -> tuple[float, float, int]:
    """Accuracy of the predictions above a threshold, each bin weighted; its standard error.

    Parameters
    ----------
    labelled : Judged
    threshold : float
        Of the confidence.
    weight : float [bins]
        Bins without such a prediction have none.
    target : int, optional
        Only predictions of this one.

    Returns
    -------
    accuracy, error : float
        NaN where there is no such prediction. The error is binomial, of the asteroids alone.
    asteroids : int
        Labelled ones above the threshold, mean over the repeats.
    """
    chosen = labelled.confidence >= threshold
    if target is not None:
        chosen = chosen & (labelled.predicted == target)
    chosen = chosen & labelled.member
    counted = chosen.sum(axis=(0, 2))
    weight = np.where(counted > 0, weight, 0.0)
    if not weight.sum():
        return float("nan"), float("nan"), 0
    weight = weight / weight.sum()
    accuracy = (labelled.right & chosen).sum(axis=(0, 2)) / np.maximum(counted, 1)
    asteroids = np.maximum(counted / len(chosen), 1)
    error = np.sqrt(weight**2 @ (accuracy * (1 - accuracy) / asteroids))
    return float(weight @ accuracy), float(error), round(counted.sum() / len(chosen))


class Survey(NamedTuple):
    """The survey's asteroids that get a class: target number, confidence, bin of S/N; each [m]."""

    predicted: Rows
    confidence: Floats
    bin_of: Rows

    @classmethod
    def of(cls, name: str, source_id: Rows, bin_of: Rows) -> "Survey":
        """What the model `name` makes of the survey's asteroids, whose bins of S/N are known.

        Raises
        ------
        PipelineError
            The predictions are of other asteroids.
        """
        table, classes = read_predictions(name)
        rows, probabilities, _ = probabilities_of(table, SURVEY, classes)
        place = rows_of(rows["source_id"].to_numpy(), source_id, ASTEROIDS_PATH, "crossmatch")
        return cls(probabilities.argmax(axis=1), probabilities.max(axis=1), bin_of[place])

    def kept(self, threshold: float, bins: int, target: int | None = None) -> Floats:
        """How many are above the threshold in each bin, float [bins]."""
        chosen = self.confidence >= threshold
        if target is not None:
            chosen &= self.predicted == target
        return np.bincount(self.bin_of[chosen], minlength=bins)[:bins].astype(float)


Curve = list[tuple[float, int, float, float, float, float, int]]


def kept_curve(weighted: Judged, degraded: Judged, survey: Survey) -> Curve:
    """By threshold: kept asteroids, both accuracies with their errors, labelled asteroids."""
    rows = []
    for threshold in THRESHOLDS.tolist():
        kept = survey.kept(threshold, len(weighted.member))
        accuracy, error, asteroids = accuracy_of(weighted, threshold, kept)
        rows.append((threshold, int(kept.sum()), accuracy, error,
                     *accuracy_of(degraded, threshold, kept)[:2], asteroids))
    return rows


def lowest_threshold(curve: Curve, wanted: float) -> float:
    """The lowest threshold from which on both accuracies are as `wanted`; 1.0: none is."""
    found = 1.0
    for threshold, _, weighted, _, degraded, _, asteroids in reversed(curve):
        if asteroids < LEAST:
            continue
        if not min(weighted, degraded) >= wanted:
            break
        found = threshold
    return found


def kept_metrics(
    weighted: Judged, degraded: Judged, survey: Survey, classes: Sequence[str], wanted: float
) -> tuple[dict[str, float | int | None], Curve]:
    """The threshold, how many asteroids it keeps and how often they are right; and the curve."""
    curve = kept_curve(weighted, degraded, survey)
    threshold, bins = lowest_threshold(curve, wanted), len(weighted.member)

    def both(key: str, at: float, target: int | None = None) -> dict[str, float | int | None]:
        kept = survey.kept(at, bins, target)
        out: dict[str, float | int | None] = {}
        for name, estimate in (("weighted", weighted), ("degraded", degraded)):
            accuracy, error, _ = accuracy_of(estimate, at, kept, target)
            known = not np.isnan(accuracy)
            out |= {f"{key}_accuracy_{name}": accuracy if known else None,
                    f"{key}_accuracy_{name}_se": error if known else None}
        return out

    metrics = {"abstention_threshold": threshold, **both("population", 0.0),
               "kept_asteroids": int(survey.kept(threshold, bins).sum()),
               **both("kept", threshold)}
    for i, name in enumerate(classes):
        metrics |= {f"kept_{name}": int(survey.kept(threshold, bins, i).sum()),
                    **both(f"kept_{name}", threshold, i)}
    return metrics, curve


def calibration(
    metrics: Mapping[str, Any], classes: Sequence[str], names: Sequence[str]
) -> dict[str, Any]:
    """What block `calibration` of params.yaml should say of the models `names`, main and visible.

    Both estimates of what the main model keeps are there as text, in all and by target.
    """
    def both(key: str) -> str:
        estimates = [metrics[f"{key}_accuracy_{name}"] for name in ("weighted", "degraded")]
        return " and ".join("none" if e is None else f"{e:.2f}" for e in estimates)
    each = ", ".join(f"{name} {both(f'kept_{name}')}" for name in classes)
    thresholds = metrics["abstention_threshold"], round(metrics["visible_abstention_threshold"], 2)
    return {"abstention_threshold": dict(zip(names, thresholds, strict=True)),
            "trained_as": metrics["trained_as"],
            # with its threshold: who lowers that alone has no claim about what is kept then
            "kept_accuracy": f"{both('kept')} by the weighted and the degraded estimate from "
                             f"{metrics['abstention_threshold']} on; {each}"}


def abstention_threshold(accuracy: Floats, threshold: Floats, wanted: float) -> float:
    """The lowest confidence down to which the accuracy of a coverage curve is as `wanted`.

    1.0 (always abstain) where no part of the curve is.
    """
    reached = np.flatnonzero(accuracy >= wanted)
    return float(threshold[reached[-1]]) if len(reached) else 1.0
