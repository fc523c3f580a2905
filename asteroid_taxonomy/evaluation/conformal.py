"""Prediction sets of complexes: class-conditional (Mondrian) conformal prediction.

A complex is in the set of a spectrum where its probability is at least a limit: the one that the
out-of-fold probabilities of a share `coverage` of the labelled asteroids of that complex, in that
group of S/N, reach (Vovk 2012, JMLR W&CP 25, 475; Sadinle, Lei & Wasserman 2019, JASA 114, 223).
So each complex is covered, also the rare ones. The sets promise coverage, not purity.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from asteroid_taxonomy.evaluation.bins import numbers
from asteroid_taxonomy.learning.training_set import Booleans, Floats, Rows


def least_probability(
    probabilities: Floats, target: Rows, snr: Floats, edges: Sequence[float], coverage: float
) -> Floats:
    """The limit of each target in each group of S/N, float64 [groups, targets].

    Of out-of-fold probabilities [n, targets], the number of the true target [n] and S/N [n]. 0
    (never excluded) where a group, between `edges`, has too few asteroids of a target to set one.
    """
    group, out = numbers(snr, edges), np.zeros((len(edges) + 1, probabilities.shape[1]))
    for i, k in np.ndindex(out.shape):
        mine = np.sort(probabilities[(group == i) & (target == k), k])
        rank = int(np.floor((1 - coverage) * (len(mine) + 1) + 1e-9))  # of the limit
        out[i, k] = mine[rank - 1] if rank else 0.0
    return out


def in_set(probabilities: Floats, snr: Floats, edges: Sequence[float], least: Floats) -> Booleans:
    """Whether a target is in a spectrum's set, bool [n, targets]; the most probable always is."""
    group = numbers(snr, edges)
    limit = np.concatenate([least, least.min(axis=0, keepdims=True)])[group]  # unknown S/N: last
    found = probabilities >= limit
    found[np.arange(len(found)), probabilities.argmax(axis=1)] = True
    return found


def cross_checked(
    probabilities: Floats, target: Rows, snr: Floats, edges: Sequence[float], coverage: float,
    fold: Rows, classes: Sequence[str],
) -> dict[str, float]:
    """Share of true targets in the sets by limits from the other folds: all, and each of them."""
    covered = np.zeros(len(target), bool)
    for number in np.unique(fold):
        here = fold == number
        least = least_probability(probabilities[~here], target[~here], snr[~here], edges, coverage)
        found = in_set(probabilities[here], snr[here], edges, least)
        covered[here] = found[np.arange(len(found)), target[here]]
    return {"all": covered.mean(),
            **{name: covered[target == k].mean() for k, name in enumerate(classes)}}


def limits(
    probabilities: Floats, target: Rows, snr: Floats, edges: Sequence[float], coverage: float,
    classes: Sequence[str],
) -> dict[str, Any]:
    """Those limits as they are stored, by target, with the upper edge of each group."""
    least = least_probability(probabilities, target, snr, edges, coverage)
    return {"snr_below": [*edges, None], **dict(zip(classes, least.T.tolist(), strict=True))}
