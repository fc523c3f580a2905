"""Get a raw table from where it comes from, prove it, and store it with its provenance."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from astropy.units import Unit

from asteroid_taxonomy.archives.connection import Archive, Limits
from asteroid_taxonomy.archives.tap import Query, fetch, listed_columns
from asteroid_taxonomy.console import PipelineError
from asteroid_taxonomy.files import write_parquet
from asteroid_taxonomy.raw_tables import SIMULATED, RawTable, refuse, with_optional

SURVEYS = ("gaia_dr3", "simulated")
NO_UNIT = {"", "-", "---", "none", "dimensionless", "unitless"}  # how services write it


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
