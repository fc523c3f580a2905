"""Bright labelled spectra with noise added until they are as faint as the survey's.

Their labels are good, unlike those of faint asteroids. Faint Gaia spectra are biased as well as
noisy (reports/crossvalidation/faint_bias.csv), which stated errors do not cover: below S/N 25 the
accuracy on degraded spectra is an upper bound.
"""

from collections.abc import Sequence

import numpy as np

from asteroid_taxonomy.evaluation.bins import numbers
from asteroid_taxonomy.learning.training_set import Floats, Spectra, TrainingSet


def degraded_spectra(
    data: TrainingSet, error: Spectra, snr: Floats, edges: Sequence[float], seed: int
) -> Spectra:
    """The labelled spectra with noise as in each bin of S/N, float32 [bins, n, bands].

    `error` [survey, bands] and `snr` [survey] are those of the survey's asteroids. Each labelled
    one gets the errors of one drawn from the bin: noise is added until its own errors are as
    large, and none where they are already.
    """
    rng = np.random.default_rng(seed)
    bin_of, out = numbers(snr, edges), []
    for i in range(len(edges) + 1):
        here = np.flatnonzero(bin_of == i)
        drawn = error[rng.choice(here, len(data.error))] if len(here) else data.error
        lacking = np.sqrt(np.maximum(drawn**2 - data.error**2, 0))
        noise = rng.standard_normal(data.error.shape, np.float32)
        out.append(data.reflectance + noise * np.nan_to_num(lacking))
    return np.asarray(out, dtype=np.float32)
