"""The signal-to-noise ratio of a spectrum, in the two definitions in use."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

Spectra = npt.NDArray[np.float32]  # [n, bands]


def signal_to_noise(reflectance: Spectra, error: Spectra) -> Spectra:
    """Median over the bands that are present of reflectance / error, float32 [n].

    NaN where a spectrum has no band at all.
    """
    return _over_bands(reflectance, error, np.nanmedian)


def mean_signal_to_noise(reflectance: Spectra, error: Spectra) -> Spectra:
    """Mean of reflectance / error over all bands but the two outermost at each end, float32 [n].

    The definition of Delbo et al. 2026 for Gaia DR3: the 12 interior bands, 462 ... 946 nm.
    """
    return _over_bands(reflectance[:, 2:-2], error[:, 2:-2], np.nanmean)


def _over_bands(reflectance: Spectra, error: Spectra, average: Callable[..., Any]) -> Spectra:
    out = np.full(len(reflectance), np.nan, dtype=np.float32)
    for start in range(0, len(out), 1 << 16):  # a median takes several times the memory of values
        block = slice(start, start + (1 << 16))
        ratio = reflectance[block] / np.where(error[block] > 0, error[block], np.nan)
        some = ~np.isnan(ratio).all(axis=1)
        out[block][some] = average(ratio[some], axis=1)
    return out
