"""The three raw tables: their columns as the archives name them, and what must hold for the rows.

Column names, types and units of the Gaia tables are those of the Gaia DR3 data model
(sso_source and sso_reflectance_spectrum in the Gaia DR3 documentation); of the label table only
"Number" and "class" are known for certain (VizieR J/A+A/665/A26/asteroid).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from astropy.units import Unit

from stages.cli import PipelineError
from stages.files import write_parquet
from stages.tap import Query, fetch, listed_columns
from stages.tap_answer import EXAMPLES
from stages.tap_connection import Archive, Limits

SPECTRA_PATH = Path("data/raw/spectra.parquet")
SOURCE_MAPPING_PATH = Path("data/raw/source_mapping.parquet")
LABELS_PATH = Path("data/raw/labels.parquet")
SURVEYS = ("gaia_dr3", "simulated")
SIMULATED = "SIMULATED (drawn from statistics of Gaia DR3, not observed)"
NO_UNIT = {"", "-", "---", "none", "dimensionless", "unitless"}  # how services write it


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


@dataclass(frozen=True)
class Source:
    """Where a raw table comes from.

    `table` differs from `published_table` only where a mirror carries it under another name; the
    stored file speaks of the published one, so that its bytes do not depend on the mirror.
    """

    archive: Archive
    release: str
    published_table: str
    table: str
    where: str = ""

    def query(self, raw: RawTable, table: str, spelled: Mapping[str, str]) -> Query:
        """The query for the columns of `raw`, as ADQL.

        `spelled` gives the service's own spelling of a column by its name in lower case.
        """
        columns = tuple(f'"{spelled.get(c.name.lower(), c.name)}"' if c.quoted else c.name
                        for c in raw.columns)
        return Query(columns, f"FROM {table} {self.where}".strip())


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


def acquire(
    raw: RawTable,
    source: Source,
    params: dict[str, Any],
    draw: Callable[[], pa.Table],
    path: Path,
    check: Callable[[pa.Table], None] = lambda rows: None,
    optional: Sequence[str] = (),
) -> None:
    """Get one raw table, from the archive or the simulated survey, prove it, and store it.

    Parameters
    ----------
    raw : RawTable
        The table's columns, order of rows and citation.
    source : Source
        Archive, release and table.
    params : dict
        `survey` and `tap` of params.yaml.
    draw : callable
        Gives the same table of the simulated survey.
    path : Path
        The Parquet file to write.
    check : callable
        Raises PipelineError where the rows break what must hold for this table.
    optional : sequence of str
        Columns (float32) taken where the service lists them.

    Raises
    ------
    PipelineError
        Whatever of the above does not hold. Nothing is written then.
    """
    if params["survey"] == "gaia_dr3":
        raw, rows = _from_archive(raw, source, Limits(**params["tap"]), path.parent, optional)
        came_from = {"survey": source.release, "archive": source.archive.published_url,
                     "adql": str(source.query(raw, source.published_table, {}))}
    elif params["survey"] == "simulated":
        rows = draw()
        if "class_A" in rows.column_names:
            raw = with_optional(raw, optional)
        rows = rows.select(raw.schema.names).cast(raw.schema)
        came_from = {"survey": SIMULATED}
    else:
        raise PipelineError(f"survey in params.yaml is {params['survey']!r}, expected one of "
                            f"{', '.join(SURVEYS)}; set it to one of these")
    # the order of rows is the service's own affair; ours makes the bytes the same everywhere
    rows = rows.sort_by([(name, "ascending") for name in raw.sort_by])
    for column in raw.columns:
        values = rows.column(column.name)
        if not column.nullable:
            refuse(rows, pc.is_null(values), raw.title, column.name, "is null")
        if pa.types.is_floating(column.type):
            refuse(rows, pc.is_inf(values), raw.title, column.name, "is infinite")
    check(rows)
    write_parquet(rows, path, {
        **came_from,
        "rows": str(rows.num_rows),
        "units": {c.name: c.unit for c in raw.columns if c.unit},
        "citation": raw.citation,
    })
    print(f"wrote {path}: {rows.num_rows:,} rows of {raw.title} ({came_from['survey']})")


def _from_archive(
    raw: RawTable, source: Source, limits: Limits, folder: Path, optional: Sequence[str]
) -> tuple[RawTable, pa.Table]:
    archive = source.archive
    listed = listed_columns(archive, source.table, limits, folder)
    _check_units(raw, {name: unit for name, (_, unit) in listed.items()}, archive)
    found = [name for name in optional if name.lower() in listed]
    if len(found) < len(optional):
        absent = ", ".join(name for name in optional if name not in found)
        print(f"{archive} does not list the optional columns {absent} of {source.table}; "
              "going on without them")
    raw = with_optional(raw, found)
    query = source.query(raw, source.table, {name: as_is for name, (as_is, _) in listed.items()})
    return raw, fetch(archive, query, raw.schema, limits, folder, raw.title)


def _check_units(raw: RawTable, stated: Mapping[str, str], archive: Archive) -> None:
    for column in raw.columns:
        unit = stated.get(column.name.lower(), "").strip()
        if column.unit is None or unit in {"", column.unit} or unit.lower() in NO_UNIT:
            continue
        if Unit(unit, parse_strict="silent") != Unit(column.unit):
            raise PipelineError(
                f"{archive} states the unit {unit!r} for column {column.name}, expected "
                f"{column.unit or 'none'}; nothing was stored; the pipeline must be taught the "
                "new unit"
            )


def refuse(
    rows: pa.Table, bad: pa.ChunkedArray, title: str, column: str, what: str, of: str = "rows"
) -> None:
    """Raise PipelineError where any row is `bad`: table, column, count, up to three keys."""
    count = pc.sum(bad).as_py() or 0
    if count:
        key = rows.column_names[0]
        examples = rows.column(key).filter(bad).slice(0, EXAMPLES).to_pylist()
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
    title, n = SPECTRA.title, len(wavelengths_nm)
    refuse(rows, pc.invert(pc.is_in(rows["wavelength"], pa.array(wavelengths_nm, pa.float32()))),
           title, "wavelength", f"is not one of {wavelengths_nm[0]} ... {wavelengths_nm[-1]} nm")
    # rows are sorted, so what belongs together stands together
    later, same_source = rows.slice(1), pc.invert(_changes(rows["source_id"]))
    refuse(later, pc.and_not(same_source, _changes(rows["wavelength"])), title, "wavelength",
           "comes twice")
    bands = pa.table(pc.value_counts(rows["source_id"]).flatten(), ["source_id", "bands"])
    refuse(bands, pc.not_equal(bands["bands"], n), title, "wavelength",
           f"has not exactly {n} values", of="sources")
    for name in ("number_mp", "denomination", "num_of_spectra"):
        refuse(later, pc.and_(same_source, _changes(rows[name])), title, name,
               "differs between the bands of one source")
    low, high = bounds
    for name, lowest in (("reflectance_spectrum", low), ("reflectance_spectrum_err", 0.0)):
        outside = pc.or_(pc.less(rows[name], lowest), pc.greater(rows[name], high))
        refuse(rows, outside, title, name, f"is outside {lowest:g} ... {high:g}")


def _changes(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Whether each value differs from the one above (null from a number too), bool [rows - 1]."""
    above, below = column.slice(0, len(column) - 1), column.slice(1)
    differs = pc.fill_null(pc.not_equal(above, below), False)
    return pc.or_(differs, pc.xor(pc.is_null(above), pc.is_null(below)))
