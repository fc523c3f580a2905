"""Accuracy in bins of a quantity."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from asteroid_taxonomy.evaluation.arrays import Floats
from asteroid_taxonomy.evaluation.metrics import ece, predicted


@dataclass(frozen=True)
class Bin:
    """Labelled asteroids in a bin, their accuracy and calibration error."""

    asteroids: int
    accuracy: float
    ece: float


def names(edges: Sequence[float]) -> list[str]:
    """Names of the bins between `edges` (a bin holds its lower one), the open ones, unknown."""
    inner = [f"{low:g} to {high:g}" for low, high in zip(edges, edges[1:], strict=False)]
    return [f"below {edges[0]:g}", *inner, f"from {edges[-1]:g}", "unknown"]


def numbers(value: Floats, edges: Sequence[float]) -> npt.NDArray[np.int64]:
    """Index into `names` of each value; NaN is unknown."""
    number = np.searchsorted(np.asarray(edges, dtype=value.dtype), value, side="right")
    return np.where(np.isnan(value), len(edges) + 1, number)


def shares(value: Floats, edges: Sequence[float]) -> dict[str, float]:
    """The share of the values in each bin."""
    counts = np.bincount(numbers(value, edges), minlength=len(edges) + 2)
    return dict(zip(names(edges), (counts / len(value)).tolist(), strict=True))


def by_bin(
    value: Floats, edges: Sequence[float], actual: npt.NDArray[np.str_],
    probabilities: Floats, classes: Sequence[str],
) -> dict[str, Bin]:
    """Judge the asteroids of each bin; bins without asteroids are left out.

    Parameters
    ----------
    value : float [n]
    edges : sequence of float, ascending
    actual : str [n]
    probabilities : float [repeats, n, classes]
        All repeats count alike.
    """
    of_value = numbers(value, edges)
    out = {}
    for i, name in enumerate(names(edges)):
        rows = of_value == i
        if rows.any():
            labels = np.tile(actual[rows], len(probabilities))
            found = probabilities[:, rows].reshape(-1, len(classes))
            out[name] = Bin(int(rows.sum()), float((predicted(found, classes) == labels).mean()),
                            ece(labels, found, classes))
    return out
