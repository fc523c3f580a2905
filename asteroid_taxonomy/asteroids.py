"""The table that crossmatch writes: one row per asteroid with a Gaia spectrum; and its columns.

A spectrum is so many bands, whose wavelengths are `bands.wavelengths_nm` in params.yaml; columns
are named after them.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from asteroid_taxonomy.console import PipelineError
from asteroid_taxonomy.files import read_parquet

ASTEROIDS_PATH = Path("data/asteroids.parquet")
BAD_FLAG = 2  # of 0 good, 1 suspect, 2 bad (Gaia DR3 data model)


def schema(wavelengths_nm: Sequence[int]) -> pa.Schema:
    """Columns of the table; reflectances and errors are dimensionless, null where not measured.

    source_id int64 (Gaia), number int64 (minor-planet number, null for unnumbered), name,
    reflectance_<nm> and reflectance_err_<nm> float32, flag_<nm> int8 (0 good, 1 suspect, 2 bad),
    num_of_spectra int32, snr float32 (median over the bands of reflectance / error), class (as the
    label table gives it, null without a label), class_without_flags, label_probability float32 (of
    that class, where the label table gives it), complex (null without a label), complete (all
    bands present).
    """
    return pa.schema([
        ("source_id", pa.int64()), ("number", pa.int64()), ("name", pa.string()),
        *((name, pa.float32()) for name in reflectance_columns(wavelengths_nm)),
        *((name, pa.float32()) for name in error_columns(wavelengths_nm)),
        *((name, pa.int8()) for name in flag_columns(wavelengths_nm)),
        ("num_of_spectra", pa.int32()), ("snr", pa.float32()),
        ("class", pa.string()), ("class_without_flags", pa.string()),
        ("label_probability", pa.float32()), ("complex", pa.string()),
        ("complete", pa.bool_()),
    ])


def read_asteroids(
    wavelengths_nm: Sequence[int], columns: Sequence[str] | None = None
) -> pa.Table:
    """Read the table, or some of its columns, checked against `schema`."""
    return read_parquet(ASTEROIDS_PATH, schema(wavelengths_nm), columns)


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


def rows_of(
    wanted: npt.NDArray[np.int64], known: npt.NDArray[np.int64], path: Path, stage: str
) -> npt.NDArray[np.int64]:
    """Row numbers of the source_ids `wanted` among those of a table, `known`.

    Raises
    ------
    PipelineError
        The table, that of `path`, which `stage` makes, lacks one.
    """
    order = np.argsort(known, kind="stable")
    place = np.searchsorted(known[order], wanted).clip(max=max(len(known) - 1, 0))
    absent = wanted[known[order[place]] != wanted] if len(known) else wanted
    if len(absent):
        raise PipelineError(f"{path} lacks {len(absent):,} asteroids of the training set "
                            f"(source_id {absent[0]} for one); run `dvc repro {stage}` to make "
                            "it anew")
    return order[place]


def names_of(mask: npt.NDArray[np.bool_], wavelengths_nm: Sequence[int]) -> list[str]:
    """Wavelengths of the bands that are True in each row of `mask` [rows, bands]: "374, 1034"."""
    code = mask @ (1 << np.arange(mask.shape[1], dtype=np.int64))  # one number per pattern
    _, first, which = np.unique(code, return_index=True, return_inverse=True)
    named = [", ".join(str(nm) for nm, bit in zip(wavelengths_nm, mask[row], strict=True) if bit)
             for row in first]
    return [named[i] for i in which.tolist()]
