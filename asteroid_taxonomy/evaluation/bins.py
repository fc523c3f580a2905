"""Bins of a quantity such as S/N: names, numbers, and the accuracy in each."""

from collections.abc import Sequence

import numpy as np

from asteroid_taxonomy.evaluation.metrics import Floats, Rows


def names(edges: Sequence[float]) -> list[str]:
    """Names of the bins between `edges` (a bin includes its lower one), the open ones, unknown."""
    inner = [f"{low:g} to {high:g}" for low, high in zip(edges, edges[1:], strict=False)]
    return [f"below {edges[0]:g}", *inner, f"from {edges[-1]:g}", "unknown"]


def numbers(value: Floats, edges: Sequence[float]) -> Rows:
    """Index into `names` of each value; NaN is unknown."""
    number = np.searchsorted(np.asarray(edges, dtype=value.dtype), value, side="right")
    return np.where(np.isnan(value), len(edges) + 1, number)


def counts(value: Floats, edges: Sequence[float]) -> Rows:
    """Number of values in each bin of `names`."""
    return np.bincount(numbers(value, edges), minlength=len(edges) + 2)
