"""The wavelength grid of a Gaia reflectance spectrum and the names of its columns.

Gaia DR3 gives 16 bands from 374 to 1034 nm in steps of 44 nm, normalised to 1 near 550 nm
(Galluccio et al. 2022, A&A 674, A35). The grid is `bands.wavelengths_nm` in params.yaml.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from stages.cli import PipelineError

NORMALISATION_NM = 550  # Galluccio et al. 2022


def reflectance_columns(wavelengths_nm: Sequence[int]) -> list[str]:
    """Names of the reflectance columns, e.g. reflectance_374 (dimensionless)."""
    return [f"reflectance_{nm}" for nm in wavelengths_nm]


def error_columns(wavelengths_nm: Sequence[int]) -> list[str]:
    """Names of the columns with the reflectance's standard error, e.g. reflectance_err_374."""
    return [f"reflectance_err_{nm}" for nm in wavelengths_nm]


def flag_columns(wavelengths_nm: Sequence[int]) -> list[str]:
    """Names of the flag columns, e.g. flag_374 (0 good, 1 suspect, 2 bad)."""
    return [f"flag_{nm}" for nm in wavelengths_nm]


def used_band_numbers(wavelengths_nm: Sequence[int], used_nm: Sequence[int]) -> list[int]:
    """Column numbers of the bands a model uses.

    Raises
    ------
    PipelineError
        A wavelength that the grid does not have.
    """
    unknown = [nm for nm in used_nm if nm not in wavelengths_nm]
    if unknown or not used_nm:
        raise PipelineError(
            f"train.used_bands_nm should name bands of {list(wavelengths_nm)} nm, but has "
            f"{unknown or 'none'}; correct it in params.yaml"
        )
    return [list(wavelengths_nm).index(nm) for nm in used_nm]


def matrix(table: pa.Table, names: Sequence[str]) -> npt.NDArray[np.float32]:
    """The columns `names` as a float32 array [rows, columns], NaN where null."""
    out = np.empty((table.num_rows, len(names)), dtype=np.float32)
    for j, name in enumerate(names):
        out[:, j] = table.column(name).to_numpy()
    return out


def signal_to_noise(
    reflectance: npt.NDArray[np.float32], error: npt.NDArray[np.float32]
) -> npt.NDArray[np.float32]:
    """Median over the bands that are present of reflectance / error, float32 [rows].

    NaN where a spectrum has no band at all.
    """
    ratio = reflectance / error
    out = np.full(len(ratio), np.nan, dtype=np.float32)
    some = ~np.isnan(ratio).all(axis=1)
    out[some] = np.nanmedian(ratio[some], axis=1)
    return out


def names_of(mask: npt.NDArray[np.bool_], wavelengths_nm: Sequence[int]) -> list[str]:
    """Wavelengths of the bands that are True in each row of `mask` [rows, bands]: "374, 1034"."""
    code = mask @ (1 << np.arange(mask.shape[1], dtype=np.int64))  # one number per pattern
    _, first, which = np.unique(code, return_index=True, return_inverse=True)
    named = [", ".join(str(nm) for nm, bit in zip(wavelengths_nm, mask[row], strict=True) if bit)
             for row in first]
    return [named[i] for i in which.tolist()]
