"""The three raw tables: their columns as the archives name them, and what must hold for the rows.

Column names, types and units of the Gaia tables are those of the Gaia DR3 data model
(sso_source and sso_reflectance_spectrum in the Gaia DR3 documentation); of the label table only
"Number" and "class" are known for certain (VizieR J/A+A/665/A26/asteroid).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from stages.cli import EXAMPLES, PipelineError

SPECTRA_PATH = Path("data/raw/spectra.parquet")
SOURCE_MAPPING_PATH = Path("data/raw/source_mapping.parquet")
LABELS_PATH = Path("data/raw/labels.parquet")
SIMULATED = "SIMULATED (drawn from statistics of Gaia DR3, not observed)"  # key survey


@dataclass(frozen=True)
class Column:
    """One column: name in the archive, Arrow type, unit, may it be null, is its case significant.

    The unit "" is dimensionless; None is for what has none (identifiers, names, counts, flags).
    """

    name: str
    type: pa.DataType
    unit: str | None = None
    nullable: bool = False
    quoted: bool = False


@dataclass(frozen=True)
class RawTable:
    """A table to fetch: what it is, its columns, and where it comes from."""

    title: str
    columns: tuple[Column, ...]
    sort_by: tuple[str, ...]
    citation: str

    @property
    def schema(self) -> pa.Schema:
        """Names and types, in order."""
        return pa.schema([(c.name, c.type) for c in self.columns])


GALLUCCIO_2022 = "Galluccio et al. 2022, A&A 674, A35 (Gaia DR3 reflectance spectra)"
TANGA_2022 = "Tanga et al. 2023, A&A 674, A12 (Gaia DR3 solar system objects)"
MAHLKE_2022 = "Mahlke, Carry & Mattei 2022, A&A 665, A26 (VizieR J/A+A/665/A26)"

SPECTRA = RawTable("reflectance spectra", (
    Column("source_id", pa.int64()),
    Column("number_mp", pa.int64(), nullable=True),
    Column("denomination", pa.string(), nullable=True),
    Column("num_of_spectra", pa.int32()),
    Column("wavelength", pa.float32(), unit="nm"),
    Column("reflectance_spectrum", pa.float32(), unit="", nullable=True),
    Column("reflectance_spectrum_err", pa.float32(), unit="", nullable=True),
    Column("reflectance_spectrum_flag", pa.int8()),
), ("source_id", "wavelength"), GALLUCCIO_2022)

SOURCE_MAPPING = RawTable("source mapping", (
    Column("source_id", pa.int64()),
    Column("number_mp", pa.int64(), nullable=True),
    Column("denomination", pa.string(), nullable=True),
), ("source_id", "number_mp", "denomination"), TANGA_2022)

LABELS = RawTable("taxonomy labels", (
    Column("Number", pa.int64(), nullable=True, quoted=True),
    Column("class", pa.string(), nullable=True, quoted=True),
), ("Number", "class"), MAHLKE_2022)


def with_optional(raw: RawTable, optional: Sequence[str]) -> RawTable:
    """`raw` with nullable float32 columns `optional` behind its own."""
    extra = tuple(Column(name, pa.float32(), nullable=True, quoted=True) for name in optional)
    return replace(raw, columns=raw.columns + extra, sort_by=(*raw.sort_by, *optional))


def refuse(
    rows: pa.Table, bad: pa.ChunkedArray, title: str, column: str, what: str, of: str = "rows"
) -> None:
    """Raise PipelineError where any row is `bad`: table, column, count, up to three keys."""
    count = pc.sum(bad).as_py() or 0
    if count:
        key = rows.column_names[0]
        examples = rows.column(key).filter(bad).unique().slice(0, EXAMPLES).to_pylist()
        raise PipelineError(
            f"{title}: column {column} {what} in {count:,} of {rows.num_rows:,} {of}, e.g. "
            f"{key} {', '.join(map(str, examples))}; nothing was stored; check the table name, "
            "or name another mirror"
        )


def check_spectra(rows: pa.Table, wavelengths_nm: Sequence[int], bounds: Sequence[float]) -> None:
    """Check that each source has each wavelength once, and that reflectances are plausible.

    Parameters
    ----------
    rows : pyarrow.Table
        Columns of SPECTRA, sorted by source_id and wavelength.
    wavelengths_nm : sequence of int
        The grid, in nm.
    bounds : (float, float)
        Lowest and highest reflectance that is believed; null is allowed.

    Raises
    ------
    PipelineError
        Names the column, the count of rows and up to three source_ids.
    """
    # Masks against a number are made only once one is needed: pyarrow imports pandas to read a
    # Python number or list, which is a fifth of the time and a tenth of the memory of a fetch
    title, n = SPECTRA.title, len(wavelengths_nm)
    nm = rows["wavelength"]
    if stray := set(nm.unique().to_pylist()) - set(wavelengths_nm):
        refuse(rows, pc.is_in(nm, pa.array(sorted(stray), nm.type)), title, "wavelength",
               f"is not one of {wavelengths_nm[0]} ... {wavelengths_nm[-1]} nm")
    # rows are sorted, so what belongs together stands together
    same_source = pc.invert(_changes(rows["source_id"]))
    refuse(rows, pc.and_not(same_source, _changes(nm)), title, "wavelength", "comes twice")
    bands = pa.Table.from_arrays(pc.value_counts(rows["source_id"]).flatten(),
                                 ["source_id", "bands"])
    if set(bands["bands"].unique().to_pylist()) != {n}:
        refuse(bands, pc.not_equal(bands["bands"], n), title, "wavelength",
               f"has not exactly {n} values", of="sources")
    for name in ("number_mp", "denomination", "num_of_spectra"):
        refuse(rows, pc.and_(same_source, _changes(rows[name])), title, name,
               "differs between the bands of one source")
    low, high = bounds
    for name, lowest in (("reflectance_spectrum", low), ("reflectance_spectrum_err", 0.0)):
        span = pc.min_max(rows[name]).as_py()
        if span["min"] is not None and not lowest <= span["min"] <= span["max"] <= high:
            outside = pc.or_(pc.less(rows[name], lowest), pc.greater(rows[name], high))
            refuse(rows, outside, title, name, f"is outside {lowest:g} ... {high:g}")


def _changes(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Whether each value differs from the one above, bool [rows].

    From a number to null is a change; the first row and null below null are null, which counts as
    false.
    """
    above, below = column.slice(0, len(column) - 1), column.slice(1)
    one_null = pc.xor(pc.is_null(above), pc.is_null(below))
    differs = pc.or_kleene(pc.not_equal(above, below), one_null)
    return pa.chunked_array([pa.nulls(1, pa.bool_()), *differs.chunks])
