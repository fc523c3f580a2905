"""Query a TAP service: ADQL in, a complete Arrow table out.

pyvo, the TAP engine of astroquery, runs the asynchronous jobs (astroquery's own TapPlus knows
neither time-outs nor proxies). CSV does not say that it was truncated, so the rows are compared
with COUNT(*) of the same FROM and WHERE. Where one endpoint (/sync, /async) fails, the other is
tried, and both again until `tap.deadline_s`.

References: TAP 1.1 (IVOA 2019), UWS 1.1 (IVOA 2016), DALI 1.1 section 4.4 (errors in VOTables).
"""

import contextlib
import itertools
import os
import random
import re
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import IO

import pyarrow as pa
import pyvo
import requests

from asteroid_taxonomy.archives import Archive, shown
from asteroid_taxonomy.archives.formats import GZIP_MAGIC, BadTable, long_form, peek, read_rows
from asteroid_taxonomy.archives.session import (
    GRACE_S,
    QUERY_FAULT,
    TRANSIENT,
    QueryError,
    RefusalError,
    Session,
    TransientError,
    cause,
    server_message,
)
from asteroid_taxonomy.console import PipelineError, Progress, one_line
from asteroid_taxonomy.params import Tap
from asteroid_taxonomy.tables import Column, RawTable

SMALL, LARGE = ("sync", "async"), ("async", "sync")  # the endpoint to try first, and the other
RUNNING = {"PENDING", "QUEUED", "EXECUTING", "HELD", "SUSPENDED"}  # UWS 1.1, section 2.1.3
LONGEST_POLL_S = 5.0
SHOWN_BYTES = 1 << 20  # from which on a transfer is shown
ATTEMPTS = 2  # on an endpoint that refuses, and on a host that cannot be reached
COUNT = RawTable("count", (Column("n_rows", pa.int64(), nullable=True),), (), ())
NAMES = RawTable("columns", (Column("column_name", pa.string()),), (), ())
ADVICE = "use files or a mirror (docs/releases.md)"


@dataclass(frozen=True)
class Query:
    """Rows of a table: its columns by role, and conditions, as ADQL writes them."""

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
    """A TAP service during one fetch; the deadline begins when it is made.

    Parameters
    ----------
    archive : Archive
        Its variable in the environment may name a mirror.
    published_url : str
        The archive's own TAP URL.
    tap : params.Tap
        Time limits.
    label : str
        What the progress display calls the table.

    Raises
    ------
    PipelineError
        The mirror's address is not one of http or https.
    """

    def __init__(self, archive: Archive, published_url: str, tap: Tap, label: str) -> None:
        address = os.environ.get(archive.mirror_variable, "").strip() or published_url
        if not re.fullmatch(r"https?://[\w.:\[\]-]+(/\S*)?", address):
            raise PipelineError(f"{archive.mirror_variable} is {one_line(shown(address), 60)!r}, "
                                f"not the URL of a TAP service; set one such as {published_url}")
        self.archive, self.tap, self.url = archive, tap, address.rstrip("/")
        self.session, self.progress = Session(tap), Progress(label)

    def __enter__(self) -> "TapService":
        return self

    def __exit__(self, *exc: object) -> None:
        self.progress.__exit__(*exc)
        self.session.close()

    def __str__(self) -> str:
        return f"{self.archive.name} ({self.url})"

    def list_columns(self, table: str) -> list[str]:
        """Names of a table's columns from TAP_SCHEMA, and print them; empty if it has none."""
        bare = table.strip('"').replace("'", "''")
        query = Query({"column_name": "column_name"}, "TAP_SCHEMA.columns",
                      (f"table_name IN ('{bare}', '\"{bare}\"')",))
        for endpoint in SMALL * ATTEMPTS:
            try:
                names = self._download(endpoint, str(query), 10_000, NAMES, query.columns)
                break
            except (*TRANSIENT, RefusalError, BadTable) as error:
                reason = cause(error)
        else:
            print(f"{self} does not list the columns of {table}: {reason}")
            return []
        found = [one_line(name).strip('"') for name in names["column_name"].to_pylist()]
        print(f"{self} lists these columns of {table}: {', '.join(found)}")
        return found

    def fetch(
        self, query: Query, raw: RawTable, endpoints: Sequence[str] = LARGE,
        rows_per_part: int | None = None,
    ) -> pa.Table:
        """All rows of a query, as many as COUNT(*), by role, in the service's order.

        Parameters
        ----------
        query : Query
        raw : RawTable
            Their types.
        endpoints : sequence of str
            Which one is tried first.
        rows_per_part : int, optional
            Where there are more rows, they are fetched in parts, by ranges of source_id.

        Raises
        ------
        PipelineError
            The service cannot be reached, refuses, cannot be used until the deadline, does not
            send every row, or sends another table.
        """
        parts = [raw.schema.empty_table()]
        try:
            rows = self._count(query)
            self.progress.__exit__()
            self.progress = Progress(self.progress.label, rows)
            for part, count in self._parts(query, rows, rows_per_part or rows):
                parts.append(long_form(self._query(str(part), count, raw, query.columns, endpoints,
                                                 sum(map(len, parts)))))
        except QueryError:
            self.list_columns(query.table)
            raise
        return pa.concat_tables(parts)

    def _parts(self, query: Query, rows: int, limit: int) -> Iterator[tuple[Query, int]]:
        """Ranges of source_id with at most `limit` rows, by halving, and how many they have."""
        if rows <= limit:
            yield from [(query, rows)] if rows else []
            return
        name = query.columns["source_id"]
        low, high = (self._number(query.select(f"{f}({name}) AS n_rows")) for f in ("MIN", "MAX"))
        if low == high:
            raise PipelineError(f"{self} has {rows:,} rows of {name} {low}; raise rows_per_part "
                                "in params.yaml above that")
        middle = (low + high) // 2
        halves = [replace(query, where=(*query.where, f"{name} {condition}"))
                  for condition in (f"<= {middle}", f"> {middle}")]
        for half in halves:
            yield from self._parts(half, self._count(half), limit)

    def _count(self, query: Query) -> int:
        return self._number(query.select("COUNT(*) AS n_rows"))

    def _number(self, adql: str) -> int:
        found = self._query(adql, 1, COUNT, {"n_rows": "n_rows"}, SMALL)
        return int(found["n_rows"][0].as_py() or 0)

    def _query(
        self, adql: str, rows: int, raw: RawTable, names: Mapping[str, str],
        endpoints: Sequence[str], before: int | None = None,
    ) -> pa.Table:
        """The `rows` rows of a query from either endpoint; `before` of the table have come."""
        refusals: dict[str, list[Exception]] = {endpoint: [] for endpoint in endpoints}
        last: dict[str, str] = {}
        pause = self.tap.backoff_s
        for attempt in itertools.count(1):
            wait = 0.0
            usable = [e for e in endpoints if len(refusals[e]) < ATTEMPTS]
            for endpoint in usable:
                until = time.monotonic() + self.session.left_s / len(usable)
                try:
                    table = self._download(endpoint, adql, rows + 1, raw, names, until, before)
                    if len(table) == rows:
                        return table
                    raise RefusalError(f"{len(table):,} rows came, COUNT(*) is {rows:,}: a row "
                                       "limit of the service, or the table has changed")
                except (RefusalError, BadTable) as error:
                    refusals[endpoint].append(error)
                    last[endpoint] = cause(error)
                except TRANSIENT as error:
                    last[endpoint] = cause(error)
                    if attempt == ATTEMPTS and not self.session.reached:
                        raise PipelineError(f"{self} cannot be reached: {last[endpoint]}; "
                                            f"{ADVICE}, or run make demo") from None
                    wait = max(wait, getattr(error, "wait_s", 0.0))
                self.session.close()  # behind a new connection may be another backend
            self._end_if_refused([*refusals.values()])
            reasons = "; ".join(f"/{endpoint}: {reason}" for endpoint, reason in last.items())
            # Retry-After counts, up to the longest pause
            wait = min(max(wait, pause * random.uniform(0.5, 1.5)), self.tap.longest_pause_s)
            if self.session.left_s < wait:
                raise PipelineError(
                    f"{self} gave no result within {self.tap.deadline_s:g} s (tap.deadline_s): "
                    f"{one_line(reasons, 160)}; {ADVICE}")
            self.progress.update(note=f"{reasons}; next attempt in {wait:.0f} s")
            time.sleep(wait)
            pause = min(2 * pause, self.tap.longest_pause_s)

    def _end_if_refused(self, refusals: Sequence[Sequence[Exception]]) -> None:
        every = [error for errors in refusals for error in errors]
        wrong = [error for error in every if isinstance(error, QueryError)]
        if len(wrong) >= ATTEMPTS:  # one may come from a single backend
            raise QueryError(f"{self}: {one_line(wrong[-1], 160)}; check the names of the table "
                             "and its columns in params.yaml")
        if min(map(len, refusals)) >= ATTEMPTS:
            raise PipelineError(f"{self}: {one_line(every[-1], 160)}; {ADVICE}")

    def _download(
        self, endpoint: str, adql: str, maxrec: int, raw: RawTable, names: Mapping[str, str],
        until: float = float("inf"), before: int | None = None,
    ) -> pa.Table:
        """The result of a query; an asynchronous job may run `until` then."""
        form = {"REQUEST": "doQuery", "LANG": "ADQL", "FORMAT": "csv", "QUERY": adql,
                "MAXREC": maxrec}
        if endpoint == "sync":
            return self._read(self.session.post(f"{self.url}/sync", form, stream=True), raw, names,
                              before)
        created = self.session.post(f"{self.url}/async", form)  # and redirected to the job
        if created.url.endswith("/async"):
            raise TransientError(f"no job was created: {server_message(created.content)}")
        job = pyvo.dal.AsyncTAPJob(created.url, session=self.session)
        try:
            self._wait(job.run(), until)
            return self._read(self.session.get(f"{job.url}/results/result", stream=True), raw,
                              names, before)
        finally:
            with contextlib.suppress(requests.RequestException):
                requests.post(job.url, {"ACTION": "DELETE"}, allow_redirects=False,
                              timeout=GRACE_S)

    def _wait(self, job: pyvo.dal.AsyncTAPJob, until: float) -> None:
        """Poll a job until it has ended; pyvo's own wait() polls too rarely."""
        pause = 0.05
        while (phase := str(job.phase).upper()) in RUNNING:
            self.progress.update(note=phase)
            if time.monotonic() > until:
                raise TransientError(f"the job is still in phase {phase}")
            time.sleep(pause)
            pause = min(1.1 * pause, LONGEST_POLL_S)
        if phase == "COMPLETED":
            return
        message = "no reason given"
        if phase == "ERROR":
            message = server_message(self.session.get(f"{job.url}/error").content) or message
        error = QueryError if QUERY_FAULT.search(message) else TransientError
        raise error(f"the job ended in phase {phase}: {message}")

    def _read(
        self, response: requests.Response, raw: RawTable, names: Mapping[str, str],
        before: int | None,
    ) -> pa.Table:
        """Store a response in a temporary file and read it."""
        with response, tempfile.TemporaryFile() as body:
            lines, zipped = -1, False  # without the header
            for chunk in self.session.chunks(response):
                zipped |= not body.tell() and chunk.startswith(GZIP_MAGIC)
                body.write(chunk)
                lines += 0 if zipped else chunk.count(b"\n")
                if before is not None and body.tell() > SHOWN_BYTES:
                    self.progress.update(before + max(lines, 0),
                                         f"TRANSFER {body.tell() / 1e6:.1f} MB")
            _check_start_and_end(body, response)
            return read_rows(body, raw, names)


def _check_start_and_end(body: IO[bytes], response: requests.Response) -> None:
    """Raise where a response is a page and not a table, or was cut off without HTTP's notice."""
    head = peek(body)
    if not head.strip():
        raise TransientError("an empty response")
    if head.lstrip().startswith(b"<") and not re.search(rb"<(\w+:)?TABLE\b", head):
        message = server_message(head)
        error = QueryError if QUERY_FAULT.search(message) else TransientError
        raise error(f"a page in place of a table: {message}")
    sized = {"Content-Length", "Transfer-Encoding"} & set(response.headers)
    body.seek(0)
    start, last = body.read(2), body.seek(-1, os.SEEK_END) and body.read(1)
    if not sized and start != GZIP_MAGIC and last not in b"\r\n>":
        raise TransientError("the response ends inside a line")
