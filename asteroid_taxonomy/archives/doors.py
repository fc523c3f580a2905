"""The two doors of a TAP service: a query goes in, and the table that it asks for comes out.

Small answers (COUNT(*), TAP_SCHEMA, the label table) are asked for over /sync, in one request;
large ones over /async, as a job of the Universal Worker Service (UWS).

Jobs are made, started and watched by astroquery's TapPlus. What it leaves open is done here: its
connection has no time-outs, proxies or redirects, so it is given one that has (connection.py); its
reader makes an astropy Table of the whole result (576 MiB for the spectra), so the CSV goes to
disk as it comes and from there into Arrow (answer.py). Its `launch_job` slips TOP 2000 into what
it sends to /sync, which is one POST on the same connection here; `astroquery.gaia`, which opens a
connection at import, is not used.

References: TAP 1.1 (IVOA, 2019), UWS 1.1 (IVOA, 2016).
"""

import re
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import IO, Any, TypeVar
from urllib.parse import urlencode

import pyarrow as pa
import requests
from astroquery.utils.tap.core import TapPlus

from asteroid_taxonomy.archives.answer import GZIP_MAGIC, read_body
from asteroid_taxonomy.archives.connection import GRACE_S, Connection
from asteroid_taxonomy.archives.faults import PassingFault, TapError, server_message
from asteroid_taxonomy.raw_tables import SPECTRA_PATH

SMALL, LARGE = ("sync", "async"), ("async", "sync")  # the door to try first, and the other
RUNNING = {"PENDING", "QUEUED", "EXECUTING", "HELD", "SUSPENDED"}  # UWS 1.1, section 2.1.3
LONGEST_POLL_S = 5.0
ROW_BYTES = 4096  # more than a row of these tables has, as text
T = TypeVar("T")


@dataclass(frozen=True)
class Question:
    """One query: its ADQL, columns by role, types by role, and the most rows it may have.

    `rows_before` have been fetched already, for the progress display; None: it is no part of them.
    """

    adql: str
    columns: Mapping[str, str]
    schema: pa.Schema
    maxrec: int
    rows_before: int | None = None


def _over_sync(http: Connection, question: Question) -> pa.Table:
    form = {"REQUEST": "doQuery", "LANG": "ADQL", "FORMAT": "csv", "QUERY": question.adql,
            "MAXREC": question.maxrec}
    return _read(http, question, lambda: http.open("POST", "sync", urlencode(form)))


def _over_async(http: Connection, question: Question) -> pa.Table:
    tap = TapPlus(url=http.url, connhandler=http)
    # a job that nobody starts does no work: an interrupt before `try` leaves nothing that runs
    job = tap.launch_job_async(question.adql, output_format="csv", maxrec=question.maxrec,
                               autorun=False)
    try:
        job.start()
        _wait(http, job)
        result = f"async/{job.jobid}/results/result"
        return _again(http, lambda: _read(http, question, lambda: http.open("GET", result)))
    finally:
        _delete(http, job)


DOORS = {"sync": _over_sync, "async": _over_async}


def _again(http: Connection, attempt: Callable[[], T]) -> T:
    """Try up to three times: a job that waits or is done is not given up for one fault."""
    others = 2
    while True:
        try:
            return attempt()
        except PassingFault:
            if not others or http.left_s < 0:
                raise
        others -= 1
        http.session.close()
        time.sleep(http.limits.backoff_s)


def _wait(http: Connection, job: Any) -> None:
    # half of the time that is left: the other half is the other door's
    until, pause = time.monotonic() + http.left_s / 2, 0.05
    while True:
        text = _again(http, lambda: str(job.get_phase(update=True)))
        word = re.search(r"phase>\s*(\w+)\s*<|^\W*(\w+)\W*$", text)  # a job as XML, or a word
        phase = (word[1] or word[2]).upper() if word else ""
        if phase not in RUNNING:
            break
        http.progress.update(note=phase)
        if time.monotonic() > until:
            raise PassingFault(f"its job was still in phase {phase}")
        time.sleep(pause)
        pause = min(pause * 1.05, LONGEST_POLL_S)
    if phase == "COMPLETED":
        http.progress.update(note=phase)
        return
    if phase not in {"ERROR", "ABORTED"}:
        raise PassingFault("sent a page where the phase of its job was expected: "
                           + server_message(text.encode()))
    said = _error_of(http, job) if phase == "ERROR" else "no reason is given"
    raise http.fault(500, f"ended its job in phase {phase}: {said}")


def _error_of(http: Connection, job: Any) -> str:
    try:
        return server_message(http.execute_tapget(f"async/{job.jobid}/error").read())
    except (PassingFault, TapError) as error:
        return f"no reason is given ({error})"


def _read(
    http: Connection, question: Question, open_result: Callable[[], requests.Response]
) -> pa.Table:
    """Keep a result on disk as it comes, without a name, and read it from there."""
    SPECTRA_PATH.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=SPECTRA_PATH.parent) as body:
        with open_result() as response:
            _keep(http, question, response, body)
            headers = response.headers
        sized = "Content-Length" in headers or "chunked" in headers.get("Transfer-Encoding", "")
        return read_body(body, sized, question.columns, question.schema, question.maxrec,
                         str(http))


def _keep(
    http: Connection, question: Question, response: requests.Response, body: IO[bytes]
) -> None:
    lines = received = 0
    zipped = False
    most = ROW_BYTES * (question.maxrec + 16)
    for chunk in http.chunks(response):
        zipped = zipped or (received == 0 and chunk[:2] == GZIP_MAGIC)
        received += len(chunk)
        if received > most:
            raise PassingFault(f"sent more than {most:,} bytes where {question.maxrec:,} rows at "
                               "most were expected")
        body.write(chunk)
        if question.rows_before is not None:
            lines += 0 if zipped else chunk.count(b"\n")
            http.progress.update(done=question.rows_before + max(lines - 1, 0),
                                 note=f"TRANSFER {received / 1e6:.1f} MB")


def _delete(http: Connection, job: Any) -> None:
    # whatever ended the job, its deletion may take no longer than this
    http.ends, ends = min(http.ends, time.monotonic() + GRACE_S), http.ends
    try:
        http.open("POST", f"async/{job.jobid}", "ACTION=DELETE").close()
    except (PassingFault, TapError) as error:
        http.progress.update(note=f"the remote job could not be deleted ({error})")
    finally:
        http.ends = ends
