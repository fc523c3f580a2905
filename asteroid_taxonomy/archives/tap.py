"""Fetch one table from a TAP service: ADQL in, a complete Arrow table out, or nothing.

The service is spoken to through astroquery's TapPlus, which creates the job of the Universal
Worker Service (UWS), starts it and asks for its phase. Three things TapPlus leaves open are done
here: its connection has no time-outs, retries or proxies, so it is given one that has
(asteroid_taxonomy.archives.connection); its reader makes an astropy Table of the whole result (576 MiB for the
spectra), so the CSV goes to disk as it comes and from there into Arrow; and it cannot tell a
truncated result, so the rows that came are compared with COUNT(*) of the same FROM and WHERE.
`launch_job`, which slips TOP 2000 into the query, is not used, nor is `astroquery.gaia`, which
opens a connection at import.

References: TAP 1.1 (IVOA, 2019), UWS 1.1 (IVOA, 2016), DALI 1.1 section 4.4 (QUERY_STATUS).
"""

import re
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
from astroquery.utils.tap.core import TapPlus

from asteroid_taxonomy.archives.answer import read_body, server_message
from asteroid_taxonomy.archives.connection import (
    Archive,
    Connection,
    Limits,
    TapError,
    TransientError,
)
from asteroid_taxonomy.console import Progress

RUNNING = {"PENDING", "QUEUED", "EXECUTING", "HELD", "SUSPENDED"}  # UWS 1.1, section 2.1.3
LONGEST_PAUSE_S = 5.0
TAP_SCHEMA_MAXREC = 10_000  # more columns than any table has


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
        Where the result is kept while it comes, without a name: nothing can be left there.
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
        connection = Connection(archive, limits, progress)
        before = _count(connection, query, folder)
        if before == 0:
            raise TapError(f"{archive} has no rows for {query}; check the table name")
        progress.expect(before)
        # one more than there should be, so that the limit is never what ends the answer
        table = _run(connection, str(query), schema, before + 1, folder)
        if table.num_rows == before:
            return table
        after = _count(connection, query, folder)
    if after != before:
        raise TapError(
            f"the table behind {label} changed while it was fetched from {archive}: "
            f"COUNT(*) said {before:,} rows before and {after:,} after; run it again"
        )
    raise TapError(
        f"{archive} said it has {before:,} rows for {label} (COUNT(*)) but sent "
        f"{table.num_rows:,}: its row limit or a damaged answer; nothing was stored; name another "
        f"mirror in {archive.mirror_variable}, or ask its operators for a higher limit"
    )


def listed_columns(
    archive: Archive, table: str, limits: Limits, folder: Path
) -> dict[str, tuple[str, str]]:
    """What TAP_SCHEMA lists for `table`: by name in lower case, the name and unit ("" if none).

    Empty where the service does not list the table; the query itself must prove the columns then.
    """
    bare = table.strip('"').replace("'", "''")
    adql = ("SELECT column_name, unit FROM TAP_SCHEMA.columns "
            f"WHERE table_name IN ('{bare}', '\"{bare}\"')")
    schema = pa.schema([("column_name", pa.string()), ("unit", pa.string())])
    with Progress(f"columns of {bare}") as progress:
        rows = _run(Connection(archive, limits, progress), adql, schema, TAP_SCHEMA_MAXREC, folder)
    names = [str(name).strip('"') for name in rows["column_name"].to_pylist()]
    units = [unit or "" for unit in rows["unit"].to_pylist()]
    return {name.lower(): (name, unit) for name, unit in zip(names, units, strict=True)}


def _count(connection: Connection, query: Query, folder: Path) -> int:
    table = _run(connection, query.count, pa.schema([("n_rows", pa.int64())]), 10, folder)
    if table.num_rows != 1 or table.column(0).null_count:
        raise TapError(f"{connection.archive} answered {query.count!r} with {table.num_rows} "
                       "rows, expected one number; check that it speaks ADQL")
    return int(table.column(0)[0].as_py())


def _run(
    connection: Connection, adql: str, schema: pa.Schema, maxrec: int, folder: Path
) -> pa.Table:
    """Run `adql` as one UWS job, once more from the start where a fault may pass."""
    return connection.retrying(lambda: _run_job(connection, adql, schema, maxrec, folder))


def _run_job(
    connection: Connection, adql: str, schema: pa.Schema, maxrec: int, folder: Path
) -> pa.Table:
    tap = TapPlus(url=connection.archive.url, connhandler=connection)
    folder.mkdir(parents=True, exist_ok=True)
    # a job that nobody starts does no work: an interrupt before `try` leaves nothing that runs
    job = tap.launch_job_async(adql, output_format="csv", maxrec=maxrec, autorun=False)
    try:
        job.start()
        _wait(connection, job)
        with tempfile.TemporaryFile(dir=folder) as body:
            sized = connection.retrying(lambda: _download(connection, job, body))
            return read_body(body, sized, schema, str(connection.archive))
    finally:
        _delete(connection, job)


def _wait(connection: Connection, job: Any) -> None:
    pause = 0.1
    while True:
        phase = job.get_phase(update=True).strip()
        if phase not in RUNNING:
            break
        connection.progress.update(note=phase)
        connection.check_deadline(f"in phase {phase}")
        time.sleep(pause)
        pause = min(pause * 1.2, LONGEST_PAUSE_S)
    if phase == "COMPLETED":
        connection.progress.update(note=phase)
        return
    said = _error_of(connection, job) if phase == "ERROR" else ""
    if re.search(r"tim(e|ed)[ -]?out|time limit", said, re.IGNORECASE):
        raise TransientError(f"its job ended in phase ERROR: {said}")
    raise TapError(
        f"{connection.archive} ended the job in phase {server_message(phase.encode())}"
        f"{': ' * bool(said)}{said}; check the table names in params.yaml, or try again later"
    )


def _error_of(connection: Connection, job: Any) -> str:
    try:
        return server_message(connection.execute_tapget(f"async/{job.jobid}/error").read())
    except TapError as error:
        return f"no reason is given ({error})"


def _download(connection: Connection, job: Any, body: IO[bytes]) -> bool:
    """Write the job's result to `body` as it comes; say whether the transport knew its length."""
    body.seek(0)
    body.truncate()
    lines = received = 0
    zipped = False
    with connection.request("GET", f"async/{job.jobid}/results/result") as response:
        for chunk in connection.chunks(response):
            zipped = zipped or (received == 0 and chunk[:2] == b"\x1f\x8b")
            received += len(chunk)
            lines += 0 if zipped else chunk.count(b"\n")
            body.write(chunk)
            connection.progress.update(
                done=max(lines - 1, 0), note=f"TRANSFER {received / 1e6:.1f} MB"
            )
        headers = response.headers
    return "Content-Length" in headers or "chunked" in headers.get("Transfer-Encoding", "")


def _delete(connection: Connection, job: Any) -> None:
    # whatever ended the job, its deletion may take no longer than this
    connection.ends, ends = time.monotonic(), connection.ends
    try:
        connection.request("POST", f"async/{job.jobid}", "ACTION=DELETE").close()
    except (TransientError, TapError) as error:
        connection.progress.update(note=f"the remote job could not be deleted ({error})")
    finally:
        connection.ends = ends
