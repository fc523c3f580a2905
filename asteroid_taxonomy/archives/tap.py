"""Fetch a table from a TAP service: ADQL in, a complete Arrow table out, or nothing.

CSV cannot tell a truncated result from a whole one, and neither does the client: so the rows that
came are compared with COUNT(*) of the same FROM and WHERE. Where a table has more rows than a
service gives at once, it is fetched in parts by source_id, each of them proved in the same way.

References: TAP 1.1 (IVOA, 2019), DALI 1.1 section 4.4 (QUERY_STATUS).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import pyarrow as pa
from astropy.units import Unit

from asteroid_taxonomy.archives.archive import Archive, Limits
from asteroid_taxonomy.archives.connection import Connection
from asteroid_taxonomy.archives.doors import LARGE, SMALL, Question
from asteroid_taxonomy.archives.faults import TapError, one_line
from asteroid_taxonomy.archives.retries import ask
from asteroid_taxonomy.console import PipelineError, Progress
from asteroid_taxonomy.raw_tables import RawTable, in_order

TAP_SCHEMA_ROUNDS = 3
TAP_SCHEMA_MAXREC = 10_000  # more columns than any table has
NO_UNIT = {"", "-", "---", "none", "dimensionless", "unitless"}  # how services write it


@dataclass(frozen=True)
class Query:
    """All rows of a table: its columns by role, and conditions, all as ADQL writes them."""

    columns: Mapping[str, str]
    table: str
    where: tuple[str, ...] = ()

    def select(self, what: str) -> str:
        """ADQL for something of the same FROM and WHERE."""
        where = f" WHERE {' AND '.join(self.where)}" if self.where else ""
        return f"SELECT {what} FROM {self.table}{where}"

    def __str__(self) -> str:
        return self.select(", ".join(self.columns.values()))


class TapService:
    """A TAP service during one fetch; what a table may take in all begins when it is made.

    Parameters
    ----------
    archive : Archive
        Whose service it is.
    published_url : str
        Its TAP URL; the environment may name a mirror.
    limits : mapping of str to float
        Block `tap` of params.yaml, in seconds.
    label : str
        What the progress display calls the table.
    """

    def __init__(
        self, archive: Archive, published_url: str, limits: Mapping[str, float], label: str
    ) -> None:
        self.progress = Progress(label)
        self.http = Connection(archive, published_url, Limits(**limits), self.progress)
        self.listed: dict[str, str] = {}

    def __enter__(self) -> "TapService":
        self.progress.__enter__()
        return self

    def __exit__(self, *exc: object) -> None:
        self.progress.__exit__(*exc)
        self.http.session.close()

    def __str__(self) -> str:
        return str(self.http)

    def list_columns(self, table: str) -> dict[str, str]:
        """The units ("" if none) of a table's columns, by name, as TAP_SCHEMA lists them.

        It is a help, not a gate: where it fails that is said, and nothing is listed. Asked once
        the rows have been counted, it fails for reasons of its own, which are not waited out.
        """
        bare = table.strip('"').replace("'", "''")
        adql = ("SELECT column_name, unit FROM TAP_SCHEMA.columns "
                f"WHERE table_name IN ('{bare}', '\"{bare}\"')")
        schema = pa.schema([("column_name", pa.string()), ("unit", pa.string())])
        try:
            rows = ask(self.http, Question(adql, {n: n for n in schema.names}, schema,
                                           TAP_SCHEMA_MAXREC), SMALL, rounds=TAP_SCHEMA_ROUNDS)
        except PipelineError as error:
            print(f"the columns of {table} are not known beforehand: {error}")
            return {}
        names = [one_line(str(name)).strip('"') for name in rows["column_name"].to_pylist()]
        self.listed = {name: unit or "" for name, unit in
                       zip(names, rows["unit"].to_pylist(), strict=True)}
        return self.listed

    def check_units(self, raw: RawTable, columns: Mapping[str, str]) -> None:
        """Raise PipelineError where the service lists another unit than `raw` has."""
        listed = {name.lower(): unit.strip() for name, unit in self.listed.items()}
        for column in raw.columns:
            name = columns[column.role].strip('"')
            unit = listed.get(name.lower(), "")
            if column.unit is None or unit == column.unit or unit.lower() in NO_UNIT:
                continue
            if Unit(unit, parse_strict="silent") != Unit(column.unit):
                raise PipelineError(
                    f"{self.http} states the unit {unit!r} for column {name}, expected "
                    f"{column.unit or 'none'}; nothing was stored; the pipeline must be taught "
                    "the new unit")

    def count(self, query: Query) -> int:
        """COUNT(*) of the query's FROM and WHERE.

        Raises
        ------
        TapError
            The service refuses, cannot be used until the deadline, or has no rows.
        """
        rows = self._count(query)
        if rows == 0:
            raise TapError(f"{self.http} has no rows for {query}; check the name of the table in "
                           "params.yaml")
        return rows

    def fetch(
        self, query: Query, raw: RawTable, rows: int, doors: Sequence[str] = LARGE,
        rows_per_part: int | None = None,
    ) -> pa.Table:
        """All rows of a query, by role, in the service's order.

        Parameters
        ----------
        query : Query
            The columns and where they are.
        raw : RawTable
            Their types.
        rows : int
            How many there are.
        doors : sequence of str
            Which door is tried first.
        rows_per_part : int, optional
            Where there are more rows, they are fetched in parts, by ranges of source_id.

        Returns
        -------
        pyarrow.Table
            As many rows as COUNT(*) of the same FROM and WHERE says, of each part and in all.

        Raises
        ------
        TapError
            The service refuses, cannot be used until the deadline, or does not send every row.
        PipelineError
            The answer is not a CSV table of these columns and types.
        """
        self.progress.expect(rows)
        parts: list[pa.Table] = []
        try:
            for part, expected in self._parts(query, rows, rows_per_part or rows):
                rows_before = sum(map(len, parts))
                # in order part by part: sorting the whole would take twice its memory
                parts.append(in_order(raw, self._part(part, raw, expected, doors, rows_before)))
        except TapError as error:
            if error.kind != "query" or not self.listed:
                raise
            raise TapError(f"{error}; the service lists for {query.table} the columns "
                           f"{', '.join(self.listed)}", "query") from None
        return pa.concat_tables(parts)

    def _parts(self, query: Query, rows: int, limit: int) -> Iterator[tuple[Query, int]]:
        """Ranges of source_id with at most `limit` rows, by halving, and how many they have."""
        if rows <= limit:
            if rows:
                yield query, rows
            return
        name = query.columns["source_id"]
        low, high = (self._number(query.select(f"{f}({name}) AS n_rows")) for f in ("MIN", "MAX"))
        if low == high:
            raise TapError(f"{self.http} has {rows:,} rows of one {name} ({low}), more than the "
                           f"{limit:,} that are fetched at once; raise rows_per_part in "
                           "params.yaml")
        middle = (low + high) // 2
        halves = [replace(query, where=(*query.where, f"{name} {condition}"))
                  for condition in (f"<= {middle}", f"> {middle}")]
        counts = [self._count(half) for half in halves]
        if sum(counts) != rows:
            raise self._changed(rows, sum(counts))
        for half, count in zip(halves, counts, strict=True):
            yield from self._parts(half, count, limit)

    def _part(
        self, query: Query, raw: RawTable, rows: int, doors: Sequence[str], rows_before: int
    ) -> pa.Table:
        def check(table: pa.Table) -> None:
            if table.num_rows == rows:
                return
            if (now := self._count(query)) != rows:
                raise self._changed(rows, now)
            archive = self.http.archive
            raise TapError(
                f"{self.http} said it has {rows:,} rows for {raw.title} (COUNT(*)) but sent "
                f"{table.num_rows:,}: its row limit or a damaged answer; nothing was stored; name "
                f"another mirror in {archive.mirror_variable}, files in {archive.files_variable}, "
                f"or ask {self.http.contact} for a higher limit", "limit")

        # one more than there should be, so that the limit is never what ends the answer
        question = Question(str(query), query.columns, raw.schema, rows + 1, rows_before)
        return ask(self.http, question, doors, check)

    def _count(self, query: Query) -> int:
        return self._number(query.select("COUNT(*) AS n_rows"))

    def _number(self, adql: str) -> int:
        def check(table: pa.Table) -> None:
            if table.num_rows != 1 or table.column(0).null_count:
                raise TapError(f"{self.http} answered {adql!r} with {table.num_rows} rows, "
                               "expected one number; check that it speaks ADQL")

        question = Question(adql, {"n_rows": "n_rows"}, pa.schema([("n_rows", pa.int64())]), 10)
        return int(ask(self.http, question, SMALL, check).column(0)[0].as_py())

    def _changed(self, before: int, after: int) -> TapError:
        return TapError(f"the table behind {self.progress.label} changed while it was fetched from"
                        f" {self.http}: COUNT(*) said {before:,} rows before and {after:,} after; "
                        "run it again", "changed")
