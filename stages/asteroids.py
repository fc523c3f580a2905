"""The table that crossmatch writes: one row per asteroid with a Gaia spectrum."""

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa

from stages.bands import error_columns, flag_columns, reflectance_columns
from stages.files import read_parquet

ASTEROIDS_PATH = Path("data/asteroids.parquet")


def schema(wavelengths_nm: Sequence[int]) -> pa.Schema:
    """Columns of the table; reflectances and errors are dimensionless, null where not measured.

    source_id int64 (Gaia), number int64 (minor-planet number, null for unnumbered), name,
    reflectance_<nm> and reflectance_err_<nm> float32, flag_<nm> int8 (0 good, 1 suspect, 2 bad),
    num_of_spectra int32, snr float32 (median over the bands of reflectance / error), class (as the
    label table gives it, null without a label), class_without_flags, label_probability float32 (of
    that class, where the label table gives it), complex (null without a label), target (what a
    model is to tell, a complex or a class without flags; null: nothing), complete (all bands
    present).
    """
    return pa.schema([
        ("source_id", pa.int64()), ("number", pa.int64()), ("name", pa.string()),
        *((name, pa.float32()) for name in reflectance_columns(wavelengths_nm)),
        *((name, pa.float32()) for name in error_columns(wavelengths_nm)),
        *((name, pa.int8()) for name in flag_columns(wavelengths_nm)),
        ("num_of_spectra", pa.int32()), ("snr", pa.float32()),
        ("class", pa.string()), ("class_without_flags", pa.string()),
        ("label_probability", pa.float32()), ("complex", pa.string()),
        ("target", pa.string()), ("complete", pa.bool_()),
    ])


def read_asteroids(
    wavelengths_nm: Sequence[int], columns: Sequence[str] | None = None
) -> pa.Table:
    """Read the table, or some of its columns, checked against `schema`."""
    return read_parquet(ASTEROIDS_PATH, schema(wavelengths_nm), columns)
