"""Query a TAP service: ADQL in, a complete Arrow table out.

pyvo, the TAP engine of astroquery, runs the asynchronous jobs (astroquery's own TapPlus knows
neither timeouts nor proxies). CSV does not say that it was truncated, so the rows are compared
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
from typing import IO, Any

import pyarrow as pa
import pyvo
import requests
import urllib3
from requests.adapters import HTTPAdapter

from asteroid_taxonomy.archives import (
    QUERY_FAULT,
    Archive,
    QueryError,
    RefusalError,
    TransientError,
    reported,
    server_message,
    shown,
)
from asteroid_taxonomy.archives.formats import read_rows
from asteroid_taxonomy.console import PipelineError, Progress, one_line
from asteroid_taxonomy.params import Tap
from asteroid_taxonomy.tables import Column, RawTable

SMALL, LARGE = ("sync", "async"), ("async", "sync")  # the endpoint to try first, and the other
RUNNING = {"PENDING", "QUEUED", "EXECUTING", "HELD", "SUSPENDED"}  # UWS 1.1, section 2.1.3
SHOWN_BYTES = 1 << 20  # from which on a transfer is shown
ATTEMPTS = 2  # where both endpoints refuse, or the host cannot be reached
TRANSIENT_STATUS = {429, 500, 502, 503, 504}
GRACE_S = 5.0  # no new attempt so shortly before the deadline; and time to delete a job
# ValueError: pyvo was sent something else than the XML of a job
TRANSIENT = (TransientError, requests.RequestException, urllib3.exceptions.HTTPError,
             pyvo.dal.DALAccessError, ValueError)
COUNT = RawTable("count", (Column("n_rows", pa.int64(), nullable=True),), (), ())
NAMES = RawTable("columns", (Column("column_name", pa.string()),), (), ())


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


class Session(requests.Session):
    """Requests until a deadline; an HTTP error status is one of the exceptions above.

    GET is tried three times, so that a job is not given up for one failed poll or download.
    `reached` is whether the host has responded at all, `retry_after_s` what it last asked for.
    """

    def __init__(self, tap: Tap) -> None:
        super().__init__()
        self.tap, self.ends = tap, time.monotonic() + tap.deadline_s
        self.reached, self.retry_after_s = False, 0.0
        self.headers["User-Agent"] = "asteroid-taxonomy (pyvo, requests)"
        retry = urllib3.Retry(2, connect=0, allowed_methods={"GET"}, backoff_factor=tap.backoff_s,
                              status_forcelist=TRANSIENT_STATUS, raise_on_status=False,
                              respect_retry_after_header=False)
        for scheme in ("http://", "https://"):
            self.mount(scheme, HTTPAdapter(max_retries=retry))

    @property
    def left_s(self) -> float:
        """Seconds until the deadline."""
        return self.ends - time.monotonic()

    def request(self, *args: Any, **kwargs: Any) -> requests.Response:
        """Send a request; raise TransientError, QueryError or RefusalError by its status."""
        kwargs["timeout"] = (self.tap.connect_timeout_s,
                             min(self.tap.read_timeout_s, max(self.left_s, GRACE_S)))
        response = super().request(*args, **kwargs)
        wait = response.headers.get("Retry-After", "")
        self.reached, self.retry_after_s = True, float(wait) if wait.isdecimal() else 0.0
        if response.ok:
            return response
        with response:
            message = server_message(response.content)
        status = response.status_code
        what = f"HTTP {status} {response.reason}{': ' * bool(message)}{message}"
        if status == 400 or (status == 500 and QUERY_FAULT.search(message)):
            raise QueryError(what)
        if status in TRANSIENT_STATUS or (status == 404 and "/async/" in response.url):
            raise TransientError(what)
        raise RefusalError(what)


def cause(error: BaseException) -> str:
    """The innermost cause of a network error, on one line."""
    found = re.search(r"Failed to resolve '[^']*'|(Failed to establish|Read timed out|Remote end|"
                      r"Connection to|certificate verify failed)[^'\")]*", str(error))
    return one_line(shown(found[0] if found else str(error)), 120)


class TapService(contextlib.AbstractContextManager["TapService"]):
    """A TAP service, or the mirror that a variable names; its deadline begins when it is made."""

    def __init__(self, archive: Archive, published_url: str, tap: Tap, label: str) -> None:
        address = os.environ.get(archive.mirror_variable, "").strip() or published_url
        self.archive, self.tap, self.url = archive, tap, address.rstrip("/")
        self.session, self.progress = Session(tap), Progress(label)

    def __exit__(self, *exc: object) -> None:
        self.progress.__exit__(*exc)
        self.session.close()

    def __str__(self) -> str:
        return f"{self.archive.name} ({one_line(shown(self.url), 60)})"

    def fetch(
        self, query: Query, raw: RawTable, endpoints: Sequence[str] = LARGE,
        rows_per_part: int | None = None,
    ) -> pa.Table:
        """Fetch all rows of a query, as many as COUNT(*), by role, in the service's order.

        The first of `endpoints` is tried first. More rows than `rows_per_part` are fetched in
        parts, by ranges of source_id.

        Raises
        ------
        PipelineError
            The service fails until the deadline, refuses, or sends another table or a part.
        """
        parts: list[pa.Table] = []
        optional = any(column.optional for column in raw.columns)
        try:
            rows = self._number(query, "COUNT(*)")
            self.progress.__exit__()
            self.progress = Progress(self.progress.label, rows)
            for part, count in self._parts(query, rows, rows_per_part or rows):
                # a service may lack the optional columns: all are requested then
                adql = part.select("*") if optional else str(part)
                parts.append(self._query(adql, count, raw, query.columns, endpoints))
                self.progress.update(self.progress.done + count)
        except QueryError:
            self.print_columns(query.table)
            raise
        return pa.concat_tables(parts or [raw.schema.empty_table()])

    def print_columns(self, table: str) -> None:
        """Print the columns of a table as TAP_SCHEMA has them."""
        bare = table.strip('"').replace("'", "''")
        adql = ("SELECT column_name FROM TAP_SCHEMA.columns "
                f"WHERE table_name IN ('{bare}', '\"{bare}\"')")
        try:
            rows = self._download("sync", adql, None, NAMES, {"column_name": "column_name"})
            names = [one_line(name).strip('"') for name in rows["column_name"].to_pylist()]
            print(f"{self} lists these columns of {table}: {', '.join(names)}")
        except (RefusalError, *TRANSIENT) as error:
            print(f"{self} does not list the columns of {table}: {cause(error)}")

    def _parts(self, query: Query, rows: int, limit: int) -> Iterator[tuple[Query, int]]:
        """Ranges of source_id with at most `limit` rows, by halving, and how many they have."""
        low = high = 0
        if rows > limit:
            low, high = (self._number(query, f"{end}({query.columns['source_id']})")
                         for end in ("MIN", "MAX"))
        if low == high:
            yield from [(query, rows)] if rows else []
            return
        middle = (low + high) // 2
        for side in (f"<= {middle}", f"> {middle}"):
            half = replace(query, where=(*query.where, f"{query.columns['source_id']} {side}"))
            yield from self._parts(half, self._number(half, "COUNT(*)"), limit)

    def _number(self, query: Query, what: str) -> int:
        adql = query.select(f"{what} AS n_rows")
        found = self._query(adql, 1, COUNT, {"n_rows": "n_rows"}, SMALL)
        return int(found["n_rows"][0].as_py() or 0)

    def _query(
        self, adql: str, rows: int, raw: RawTable, names: Mapping[str, str],
        endpoints: Sequence[str],
    ) -> pa.Table:
        """The `rows` rows of a query, from whichever endpoint sends them first."""
        pause = self.tap.backoff_s
        for attempt in itertools.count(1):
            errors: dict[str, Exception] = {}
            for endpoint in endpoints:
                try:
                    return self._download(endpoint, adql, rows, raw, names)
                except (RefusalError, *TRANSIENT) as error:
                    errors[endpoint] = error
                self.session.close()  # behind a new connection may be another backend
            reasons = "; ".join(f"/{name}: {cause(error)}" for name, error in errors.items())
            if attempt >= ATTEMPTS:
                self._end_if_hopeless([*errors.values()])
            # Retry-After counts, up to the longest pause
            wait = min(max(self.session.retry_after_s, pause * random.uniform(0.5, 1.5)),
                       self.tap.longest_pause_s)
            if self.session.left_s < wait + GRACE_S:
                raise PipelineError(
                    f"{self.archive.name} gave no result in {self.tap.deadline_s:g} s "
                    f"(tap.deadline_s): {one_line(reasons, 90)}; {RefusalError.advice}")
            self.progress.update(note=f"{reasons}; next attempt in {wait:.0f} s")
            time.sleep(wait)
            pause = min(2 * pause, self.tap.longest_pause_s)

    def _end_if_hopeless(self, errors: Sequence[Exception]) -> None:
        """Raise where another attempt with the errors of both endpoints will not help."""
        refusals = [error for error in errors if isinstance(error, RefusalError)]
        wrong = [error for error in refusals if isinstance(error, QueryError)]
        if wrong or len(refusals) == len(errors):
            last = (wrong or refusals)[-1]
            raise type(last)(f"{self.archive.name}: {one_line(last, 120)}; {last.advice}")
        reason = cause(errors[-1])
        if not self.session.reached and not reason.startswith(("Read timed out", "Remote end")):
            raise PipelineError(f"{self} cannot be reached: {one_line(reason, 60)}; run make "
                                "demo, or use files or a mirror (docs/releases.md)")

    def _download(
        self, endpoint: str, adql: str, rows: int | None, raw: RawTable, names: Mapping[str, str]
    ) -> pa.Table:
        """The result of a query; an asynchronous job may take half of the time that is left."""
        form = {"REQUEST": "doQuery", "LANG": "ADQL", "FORMAT": "csv", "QUERY": adql,
                "MAXREC": 10_000 if rows is None else rows + 1}
        with tempfile.TemporaryFile() as body:
            if endpoint == "sync":
                self._store(self.session.post(f"{self.url}/sync", form, stream=True), body)
            else:
                self._run_job(form, body)
            return read_rows(body, raw, names, rows)

    def _run_job(self, form: Mapping[str, Any], body: IO[bytes]) -> None:
        until = time.monotonic() + self.session.left_s / 2
        created = self.session.post(f"{self.url}/async", form)  # and redirected to the job
        if created.url.endswith("/async"):
            raise TransientError(f"no job was created: {server_message(created.content)}")
        job = pyvo.dal.AsyncTAPJob(created.url, session=self.session)
        try:
            self._wait(job.run(), until)
            self._store(self.session.get(f"{job.url}/results/result", stream=True), body)
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
            pause = min(1.1 * pause, 5.0)
        if phase != "COMPLETED":
            page = self.session.get(f"{job.url}/error").content if phase == "ERROR" else b""
            raise reported(f"the job ended in phase {phase}: "
                           f"{server_message(page) or 'no reason given'}")

    def _store(self, response: requests.Response, body: IO[bytes]) -> None:
        """Store a response as it was sent."""
        with response:
            for chunk in response.raw.stream(1 << 18, decode_content=False):
                if self.session.left_s < 0:
                    raise TransientError("the response is still being sent")
                body.write(chunk)
                if body.tell() > SHOWN_BYTES:
                    self.progress.update(note=f"TRANSFER {body.tell() / 1e6:.1f} MB")
