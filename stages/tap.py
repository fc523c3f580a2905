"""Fetch one table from a TAP service: ADQL in, a complete Arrow table out, or nothing.

The service is spoken to through astroquery's TapPlus, which creates the job of the Universal
Worker Service (UWS), starts it and asks for its phase. Three things TapPlus leaves open are done
here: its connection has no time-outs, no retries and no proxies, so it is given one on `requests`;
its reader makes an astropy Table of the whole result (576 MiB for the spectra), so the CSV goes to
disk as it comes and from there into Arrow; and it cannot tell a truncated result, so the rows that
came are compared with COUNT(*) of the same FROM and WHERE. `launch_job`, which slips TOP 2000 into
the query, is not used, nor is `astroquery.gaia`, which opens a connection at import.

References: TAP 1.1 (IVOA, 2019), UWS 1.1 (IVOA, 2016), DALI 1.1 section 4.4 (QUERY_STATUS).
"""

import os
import random
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urljoin, urlsplit

import pyarrow as pa
import requests
import urllib3
from astroquery.utils.tap.conn.tapconn import CONTENT_TYPE_POST_DEFAULT, TapConn
from astroquery.utils.tap.core import TapPlus

from stages.cli import PipelineError, Progress
from stages.tap_answer import open_body, read_csv, server_message

TRANSIENT_STATUS = {429, 502, 503, 504}
REPOST_STATUS = {301, 307, 308}  # the service has moved: the same POST goes to the new address
CHUNK_BYTES = 1 << 16
RUNNING = {"PENDING", "QUEUED", "EXECUTING", "HELD", "SUSPENDED"}  # UWS 1.1, section 2.1.3
T = TypeVar("T")


class TapError(PipelineError):
    """The archive could not be reached, refused the query, or did not send the whole answer."""


class QueryRefusedError(TapError):
    """The archive understood the request and refuses it: asking again does not help."""


class TransientError(Exception):
    """A fault that may pass: worth another attempt after `retry_after` seconds."""

    def __init__(self, reason: str, retry_after: float | None = None) -> None:
        super().__init__(reason)
        self.retry_after = retry_after


@dataclass(frozen=True)
class Archive:
    """A TAP service as published, and the environment variable that names a mirror of it."""

    name: str
    published_url: str
    mirror_variable: str

    @property
    def url(self) -> str:
        """The mirror's TAP URL where one is named, else the published one."""
        return (os.environ.get(self.mirror_variable) or self.published_url).rstrip("/")

    def __str__(self) -> str:
        return f"{self.name} ({self.url})"


@dataclass(frozen=True)
class Limits:
    """How long to wait, in seconds, and how often to try again (block `tap` of params.yaml)."""

    connect_timeout_s: float
    read_timeout_s: float
    deadline_s: float
    retries: int
    backoff_s: float


@dataclass(frozen=True)
class Query:
    """ADQL in two halves, so that rows and COUNT(*) are asked for with the same FROM and WHERE."""

    columns: tuple[str, ...]
    from_where: str

    def __str__(self) -> str:
        return f"SELECT {', '.join(self.columns)} {self.from_where}"

    @property
    def count(self) -> str:
        """ADQL for the number of rows."""
        return f"SELECT COUNT(*) AS n_rows {self.from_where}"


class _Response:
    """What TapPlus reads of an http.client response."""

    def __init__(self, response: requests.Response) -> None:
        self.status, self.reason = response.status_code, response.reason
        self._body, self._headers = response.content, list(response.headers.items())

    def read(self) -> bytes:
        return self._body

    def getheaders(self) -> list[tuple[str, str]]:
        return self._headers


class _Connection(TapConn):
    """TapPlus's connection, on requests: time-outs, proxies, redirects, retries, a deadline."""

    def __init__(self, archive: Archive, limits: Limits, progress: Progress) -> None:
        parts = urlsplit(archive.url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise TapError(
                f"{archive.mirror_variable} should be a TAP URL such as "
                f"{archive.published_url}, but is {archive.url!r}"
            )
        super().__init__(parts.scheme == "https", parts.hostname)
        self.archive, self.limits, self.progress = archive, limits, progress
        self.ends = time.monotonic() + limits.deadline_s
        self.session = requests.Session()
        self.session.headers["Accept-Encoding"] = "gzip"

    def execute_tapget(self, subcontext: str, *, verbose: bool = False) -> _Response:
        return _Response(self.retrying(lambda: self.request("GET", subcontext)))

    def execute_tappost(
        self, subcontext: str, data: str, content_type: str = CONTENT_TYPE_POST_DEFAULT, *,
        verbose: bool = False,
    ) -> _Response:
        return _Response(self.retrying(lambda: self.request("POST", subcontext, data)))

    def request(
        self, method: str, path: str, data: str | None = None, stream: bool = False
    ) -> requests.Response:
        """Send one request; `path` is relative to the TAP URL, or a URL."""
        url = path if path.startswith("http") else f"{self.archive.url}/{path}"
        for _ in range(5):
            response = self._send(method, url, data, stream)
            if method == "GET" or response.status_code not in REPOST_STATUS:
                break
            url = urljoin(url, response.headers["Location"])
        if response.status_code in TRANSIENT_STATUS:
            raise TransientError(
                f"answered {response.status_code} {response.reason}",
                _seconds(response.headers.get("Retry-After")),
            )
        if response.status_code not in (200, 303):
            said = server_message(response.content)
            raise QueryRefusedError(
                f"{self.archive} answered {response.status_code} {response.reason} to {method} "
                f"{urlsplit(url).path}{': ' + said if said else ''}; check the table names in "
                f"params.yaml and the URL in {self.archive.mirror_variable}"
            )
        return response

    def _send(self, method: str, url: str, data: str | None, stream: bool) -> requests.Response:
        timeout = (self.limits.connect_timeout_s, self.limits.read_timeout_s)
        headers = {"Content-Type": CONTENT_TYPE_POST_DEFAULT} if data else {}
        try:
            return self.session.request(
                method, url, data=data, headers=headers, timeout=timeout, stream=stream,
                allow_redirects=method == "GET",
            )
        except requests.exceptions.TooManyRedirects:
            raise TapError(f"{self.archive} redirects without end; check "
                           f"{self.archive.mirror_variable}") from None
        except requests.exceptions.SSLError as error:
            raise TapError(f"the certificate of {self.archive} was not accepted ({error}); check "
                           f"the clock and the proxy of this machine") from None
        except (requests.exceptions.ConnectionError, requests.exceptions.Timeout) as error:
            raise TransientError(_reason(error)) from None
        except requests.exceptions.RequestException as error:
            raise TapError(f"{self.archive}: {_reason(error)}; check "
                           f"{self.archive.mirror_variable}") from None

    def check_deadline(self, doing: str) -> None:
        if time.monotonic() > self.ends:
            raise TapError(
                f"{self.archive} was still {doing} after the deadline of "
                f"{self.limits.deadline_s:g} s; try again later, or raise tap.deadline_s in "
                "params.yaml"
            )

    def retrying(self, attempt: Callable[[], T]) -> T:
        """Call `attempt` again after what may pass, with exponential backoff and jitter."""
        for number in range(1, self.limits.retries + 2):
            try:
                return attempt()
            except TransientError as error:
                reason, retry_after = str(error), error.retry_after
            wait = self.limits.backoff_s * 2 ** (number - 1) * random.uniform(0.5, 1.5)
            wait = max(wait, retry_after or 0)
            if number > self.limits.retries or time.monotonic() + wait > self.ends:
                break
            self.progress.update(note=f"{reason}; attempt {number + 1} in {wait:.1f} s")
            time.sleep(wait)
        raise TapError(
            f"{self.archive} could not be used: {reason} (attempt {number}); check the network, "
            f"or name a mirror in {self.archive.mirror_variable}, or run without an archive on "
            "the simulated survey (`make demo`, or survey: simulated in params.yaml)"
        )


def fetch(
    archive: Archive,
    query: Query,
    schema: pa.Schema,
    limits: Limits,
    folder: Path,
    label: str,
) -> pa.Table:
    """Fetch all rows of a query.

    Parameters
    ----------
    archive : Archive
        The TAP service.
    query : Query
        The ADQL.
    schema : pyarrow.Schema
        Names and types of the query's columns, in its order: what the result is cast to.
    limits : Limits
        Time-outs, deadline and retries.
    folder : Path
        Where the result is kept while it comes; nothing is left there.
    label : str
        What the progress display calls the table.

    Returns
    -------
    pyarrow.Table
        As many rows as COUNT(*) of the same FROM and WHERE said, in the service's order.

    Raises
    ------
    TapError
        The service cannot be reached, refuses, or sends less or more than the whole answer.
    PipelineError
        The answer is not a CSV table of these columns and types.
    """
    with Progress(label) as progress:
        connection = _Connection(archive, limits, progress)
        before = _count(connection, query, folder)
        if before == 0:
            raise TapError(f"{archive} has no rows for {query}; check the table name")
        progress.expect(before)
        table = _query(connection, str(query), schema, before + 1, folder)
        if table.num_rows != before:
            after = _count(connection, query, folder)
            if after != before:
                raise TapError(
                    f"the table behind {label} changed while it was fetched from {archive}: "
                    f"COUNT(*) said {before:,} rows before and {after:,} after; run it again"
                )
            raise TapError(
                f"{archive} said it has {before:,} rows for {label} (COUNT(*)) but sent "
                f"{table.num_rows:,}: its row limit or a cut answer; nothing was stored; name "
                f"another mirror in {archive.mirror_variable}, or ask its operators for a higher "
                "limit"
            )
    return table


def listed_columns(
    archive: Archive, table: str, limits: Limits, folder: Path
) -> dict[str, str]:
    """The columns that TAP_SCHEMA lists for `table`, in lower case, and their units ("" if none).

    Empty where the service does not list the table: TAP_SCHEMA is then said to be silent, and the
    query itself must prove the columns.
    """
    bare = table.strip('"').replace("'", "''")
    adql = ("SELECT column_name, unit FROM TAP_SCHEMA.columns "
            f"WHERE table_name IN ('{bare}', '\"{bare}\"')")
    schema = pa.schema([("column_name", pa.string()), ("unit", pa.string())])
    with Progress(f"columns of {bare}") as progress:
        connection = _Connection(archive, limits, progress)
        try:
            rows = _query(connection, adql, schema, 10_000, folder).to_pydict()
        except QueryRefusedError:
            return {}
    names = [str(name).strip('"').lower() for name in rows["column_name"]]
    return dict(zip(names, (unit or "" for unit in rows["unit"]), strict=True))


def _count(connection: _Connection, query: Query, folder: Path) -> int:
    schema = pa.schema([("n_rows", pa.int64())])
    table = _query(connection, query.count, schema, 10, folder)
    if table.num_rows != 1 or table.column(0).null_count:
        raise TapError(f"{connection.archive} answered {query.count!r} with {table.num_rows} "
                       "rows, expected one number; check that it speaks ADQL")
    return int(table.column(0)[0].as_py())


def _query(
    connection: _Connection, adql: str, schema: pa.Schema, maxrec: int, folder: Path
) -> pa.Table:
    """Run `adql` as one UWS job, once more from the start where a fault may pass."""
    return connection.retrying(lambda: _run_job(connection, adql, schema, maxrec, folder))


def _run_job(
    connection: _Connection, adql: str, schema: pa.Schema, maxrec: int, folder: Path
) -> pa.Table:
    tap = TapPlus(url=connection.archive.url, connhandler=connection)
    try:
        job = tap.launch_job_async(adql, output_format="csv", maxrec=maxrec, autorun=False)
    except requests.exceptions.HTTPError:
        # a service that answers 200 instead of 303 has put its complaint in the page
        raise QueryRefusedError(
            f"{connection.archive} did not create a job for {adql!r}; is this a TAP service with "
            f"/async? Check {connection.archive.mirror_variable}"
        ) from None
    body = folder / f".{os.getpid()}.tap.part"
    folder.mkdir(parents=True, exist_ok=True)
    try:
        job.start()
        _wait(connection, job)
        sized = _download(connection, job, body)
        with open_body(body, sized, str(connection.archive)) as stream:
            return read_csv(stream, schema, str(connection.archive))
    finally:
        body.unlink(missing_ok=True)
        _delete(connection, job)


def _wait(connection: _Connection, job: Any) -> None:
    pause = 0.1
    while True:
        phase = job.get_phase(update=True).strip().upper()
        connection.progress.update(note=phase)
        if phase == "COMPLETED":
            return
        if phase not in RUNNING:
            said = server_message(connection.execute_tapget(f"async/{job.jobid}/error").read()) \
                if phase == "ERROR" else ""
            if re.search(r"tim(e|ed)[ -]?out", said, re.IGNORECASE):
                raise TransientError(f"its job ended in phase ERROR: {said}")
            raise QueryRefusedError(
                f"{connection.archive} ended the job in phase {phase}"
                f"{': ' + said if said else ''}; check the table names in params.yaml, or try "
                "again later"
            )
        connection.check_deadline(f"in phase {phase}")
        time.sleep(pause)
        pause = min(pause * 1.5, 5.0)


def _download(connection: _Connection, job: Any, body: Path) -> bool:
    """Write the job's result to `body` as it comes; say whether the transport knew its length."""
    path = f"async/{job.jobid}/results/result"
    response = connection.retrying(lambda: connection.request("GET", path, stream=True))
    rows = received = 0
    zipped = False
    with response, body.open("wb") as file:
        try:
            for chunk in response.raw.stream(CHUNK_BYTES, decode_content=False):
                zipped = zipped or (received == 0 and chunk[:2] == b"\x1f\x8b")
                received += len(chunk)
                rows += 0 if zipped else chunk.count(b"\n")
                file.write(chunk)
                connection.progress.update(done=rows, note=f"TRANSFER {received / 1e6:.1f} MB")
                connection.check_deadline("sending")
        except (urllib3.exceptions.HTTPError, ConnectionError) as error:
            raise TransientError(
                f"the connection broke after {received:,} bytes ({_reason(error)})"
            ) from None
    headers = response.headers
    return "Content-Length" in headers or "chunked" in headers.get("Transfer-Encoding", "")


def _delete(connection: _Connection, job: Any) -> None:
    try:
        connection.request("POST", f"async/{job.jobid}", "ACTION=DELETE")
    except (TransientError, TapError) as error:
        connection.progress.update(note=f"the remote job could not be deleted ({error})")


def _seconds(retry_after: str | None) -> float | None:
    """Retry-After in seconds; None where absent or given as a date (RFC 9110 allows both)."""
    return float(retry_after) if retry_after and retry_after.strip().isdigit() else None


def _reason(error: BaseException) -> str:
    """The innermost cause of a network error, on one line."""
    text = str(error)
    for pattern in (r"Failed to (?:resolve|establish)[^\[\(]*(?:\[[^\]]*\] [^\)'\"]*)?",
                    r"(?:Read|Connect) timed out[^\)'\"]*", r"Remote end closed[^\)'\"]*"):
        found = re.search(pattern, text)
        if found:
            return " ".join(found[0].split())
    return " ".join(text.split())[:200]
