"""Bins of a quantity such as S/N."""

from collections.abc import Sequence

import numpy as np

from asteroid_taxonomy.learning.training_set import Booleans, Floats, Rows


def names(edges: Sequence[float]) -> list[str]:
    """Names of the bins between `edges` (a bin includes its lower one), the open ones, unknown."""
    inner = [f"{low:g} to {high:g}" for low, high in zip(edges, edges[1:], strict=False)]
    return [f"below {edges[0]:g}", *inner, f"from {edges[-1]:g}", "unknown"]


def numbers(value: Floats, edges: Sequence[float]) -> Rows:
    """Index into `names` of each value; NaN is unknown."""
    number = np.searchsorted(np.asarray(edges, dtype=value.dtype), value, side="right")
    return np.where(np.isnan(value), len(edges) + 1, number)


def groups(value: Floats, edges: Sequence[float]) -> dict[str, Booleans]:
    """By name of a bin, which values are in it."""
    number = numbers(value, edges)
    return {name: number == i for i, name in enumerate(names(edges))}
