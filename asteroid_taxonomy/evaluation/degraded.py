"""Bright labelled spectra made as faint as the survey's: a test of a model.

Their labels are good, unlike those of faint asteroids. The stated errors are taken at their word,
and no other fault of a faint spectrum is known here.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from asteroid_taxonomy.evaluation.accuracy_by_bin import numbers
from asteroid_taxonomy.evaluation.arrays import Floats
from asteroid_taxonomy.learning.training_set import TrainingSet


def degraded_spectra(
    data: TrainingSet, error: npt.NDArray[np.float32], snr: Floats, edges: Sequence[float],
    seed: int,
) -> npt.NDArray[np.float32]:
    """The labelled spectra with noise as in each bin of S/N, float32 [bins, n, bands].

    Each asteroid gets the errors of one drawn from the bin: noise is added until its own errors
    are as large, and none where they are already.

    Parameters
    ----------
    data : TrainingSet
    error : float32 [survey, bands]
        Standard errors of the survey's asteroids, dimensionless.
    snr : float [survey]
        Their S/N.
    edges : sequence of float
        Of the bins.
    seed : int
        Of the draws.
    """
    rng = np.random.default_rng(seed)
    bin_of, out = numbers(snr, edges), []
    for i in range(len(edges) + 1):
        here = np.flatnonzero(bin_of == i)
        drawn = error[rng.choice(here, len(data.error))] if len(here) else data.error
        missing = np.sqrt(np.maximum(drawn**2 - data.error**2, 0))
        noise = rng.standard_normal(data.error.shape, np.float32)
        out.append(data.reflectance + noise * np.nan_to_num(missing))
    return np.asarray(out, dtype=np.float32)


def brighter(snr: Floats, edges: Sequence[float]) -> npt.NDArray[np.bool_]:
    """Which asteroids are brighter than each bin, bool [bins, n]; in the last bin, those in it."""
    bin_of = numbers(snr, edges)
    bins = np.arange(len(edges) + 1)[:, None]
    return (bin_of > bins) & (bin_of <= len(edges)) | (bin_of == bins) & (bins == len(edges))
