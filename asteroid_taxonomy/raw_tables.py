"""The three raw tables as they are stored: columns by role, and what must hold for the rows.

What a release or a label table calls these columns stands beside it in params.yaml; types and
units are those of the Gaia DR3 data model (sso_source and sso_reflectance_spectrum in the Gaia
DR3 documentation).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from asteroid_taxonomy.console import EXAMPLES, PipelineError

SPECTRA_PATH = Path("data/raw/spectra.parquet")
SOURCE_MAPPING_PATH = Path("data/raw/source_mapping.parquet")
LABELS_PATH = Path("data/raw/labels.parquet")
SIMULATED = "SIMULATED (drawn from statistics of a real survey, not observed)"  # key survey


@dataclass(frozen=True)
class Column:
    """One column: its role, Arrow type, unit, and whether it may be null.

    The unit "" is dimensionless; None is for what has none (identifiers, names, counts, flags).
    """

    role: str
    type: pa.DataType
    unit: str | None = None
    nullable: bool = False


@dataclass(frozen=True)
class RawTable:
    """A table to fetch: what it is, its columns, and the roles its rows are ordered by."""

    title: str
    columns: tuple[Column, ...]
    sort_by: tuple[str, ...]

    @property
    def schema(self) -> pa.Schema:
        """Roles and types, in order."""
        return pa.schema([(c.role, c.type) for c in self.columns])


SPECTRA = RawTable("reflectance spectra", (
    Column("source_id", pa.int64()),
    Column("number", pa.int64(), nullable=True),
    Column("name", pa.string(), nullable=True),
    Column("num_of_spectra", pa.int32()),
    Column("wavelength", pa.float32(), unit="nm"),
    Column("reflectance", pa.float32(), unit="", nullable=True),
    Column("error", pa.float32(), unit="", nullable=True),
    Column("flag", pa.int8()),
), ("source_id", "wavelength"))

SOURCE_MAPPING = RawTable("source mapping", (
    Column("source_id", pa.int64()),
    Column("number", pa.int64(), nullable=True),
    Column("name", pa.string(), nullable=True),
), ("source_id", "number", "name"))

LABELS = RawTable("taxonomy labels", (
    Column("number", pa.int64(), nullable=True),
    Column("class", pa.string(), nullable=True),
), ("number", "class"))


def probability_role(class_name: str) -> str:
    """The role of the column with the probability of a class: probability_A."""
    return f"probability_{class_name}"


def column_names(raw: RawTable, columns: Mapping[str, Any]) -> dict[str, str]:
    """What a table calls the columns of `raw`, by role, from `columns` of params.yaml."""
    probabilities = columns.get("probabilities") or {}
    names = {**columns, **{probability_role(c): name for c, name in probabilities.items()}}
    return {role: names[role] for role in raw.schema.names}


def with_probabilities(classes: Sequence[str]) -> RawTable:
    """LABELS with a nullable float32 column of the probability of each of `classes`."""
    roles = tuple(probability_role(name) for name in classes)
    extra = tuple(Column(role, pa.float32(), unit="", nullable=True) for role in roles)
    return replace(LABELS, columns=LABELS.columns + extra, sort_by=(*LABELS.sort_by, *roles))


def in_order(raw: RawTable, rows: pa.Table) -> pa.Table:
    """Order the rows by the keys of `raw`: a service's own order would change the bytes.

    Raises
    ------
    PipelineError
        A null where none may be, or an infinite number.
    """
    rows = rows.select(raw.schema.names).cast(raw.schema)
    order = pc.sort_indices(rows, sort_keys=[(role, "ascending") for role in raw.sort_by])
    if pc.all(pc.greater(order[1:], order[:-1])).as_py() is not False:
        order = None  # as they come
    for i, column in enumerate(raw.columns):
        # one column after the other, so that never two whole tables are in memory (where the
        # caller keeps none); in one piece, because the pieces that came would show in the file
        values = rows.column(i)
        rows = rows.set_column(i, column.role, pa.nulls(len(rows)))
        values = pa.chunked_array([values.combine_chunks() if order is None
                                   else values.take(order).combine_chunks()], column.type)
        rows = rows.set_column(i, column.role, values)
        pa.default_memory_pool().release_unused()
        if not column.nullable:
            refuse(rows, pc.is_null(values), raw.title, column.role, "is null")
        if pa.types.is_floating(column.type):
            refuse(rows, pc.is_inf(values), raw.title, column.role, "is infinite")
    return rows


def stored_metadata(
    raw: RawTable, rows: pa.Table, params: Mapping[str, Any], adql: str | None
) -> dict[str, Any]:
    """What a raw table's file says of itself; the same whatever mirror or file it came from.

    Parameters
    ----------
    raw : RawTable
        Columns and units.
    rows : pyarrow.Table
        The table to be stored.
    params : mapping
        The block of params.yaml that describes the published table.
    adql : str or None
        The query, as it would be put to the published table; None for the simulated survey.
    """
    published = {"survey": params["release"], "archive": params["service"], "adql": adql}
    return {
        **(published if adql else {"survey": SIMULATED}),
        "rows": str(rows.num_rows),
        "units": {c.role: c.unit for c in raw.columns if c.unit},
        "columns": column_names(raw, params["columns"]),
        "citation": params["citation"],
    }


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


def check_spectra(rows: pa.Table, wavelengths_nm: Sequence[int]) -> None:
    """Check that each source has each wavelength once, and one number and name in all of them.

    Parameters
    ----------
    rows : pyarrow.Table
        Columns of SPECTRA, sorted by source_id and wavelength.
    wavelengths_nm : sequence of int
        The grid, in nm.

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
    for name in ("number", "name", "num_of_spectra"):
        refuse(rows, pc.and_(same_source, _changes(rows[name])), title, name,
               "differs between the bands of one source")


def _changes(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Whether each value differs from the one above, bool [rows].

    From a number to null is a change; the first row and null below null are null, which counts as
    false.
    """
    above, below = column.slice(0, len(column) - 1), column.slice(1)
    one_null = pc.xor(pc.is_null(above), pc.is_null(below))
    differs = pc.or_kleene(pc.not_equal(above, below), one_null)
    return pa.chunked_array([pa.nulls(1, pa.bool_()), *differs.chunks])
