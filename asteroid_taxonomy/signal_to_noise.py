"""Two definitions of the signal-to-noise ratio of a spectrum."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from asteroid_taxonomy.tables import error_columns, matrix, reflectance_columns

BLOCK = 1 << 16  # spectra at a time: medians need several times the memory of the values
Spectra = npt.NDArray[np.float32]  # [n, bands]


def signal_to_noise(reflectance: Spectra, error: Spectra) -> Spectra:
    """Median of reflectance / error over the bands of each spectrum, float32 [n].

    Missing bands are ignored; NaN if all are missing.
    """
    return _over_bands(reflectance, error, np.nanmedian)


def mean_signal_to_noise(reflectance: Spectra, error: Spectra) -> Spectra:
    """Mean of reflectance / error without the two outermost bands at each end, float32 [n].

    As in Delbo et al. 2026, who use the 12 Gaia DR3 bands from 462 to 946 nm.
    """
    return _over_bands(reflectance[:, 2:-2], error[:, 2:-2], np.nanmean)


def with_signal_to_noise(asteroids: pa.Table, wavelengths_nm: Sequence[int]) -> pa.Table:
    """Append the column snr with the `signal_to_noise`, null where it is NaN."""
    blocks = (asteroids.slice(i, BLOCK) for i in range(0, len(asteroids), BLOCK))
    snr = [signal_to_noise(*(matrix(block, names(wavelengths_nm))
                             for names in (reflectance_columns, error_columns)))
           for block in blocks]
    return asteroids.append_column("snr", pa.array(np.concatenate(snr), from_pandas=True))


def _over_bands(reflectance: Spectra, error: Spectra, average: Callable[..., Any]) -> Spectra:
    ratio = reflectance / np.where(error > 0, error, np.nan)
    out = np.full(len(ratio), np.nan, dtype=np.float32)
    some = ~np.isnan(ratio).all(axis=1)
    out[some] = average(ratio[some], axis=1)
    return out
