"""Query a TAP service: ADQL in, a complete Arrow table out.

pyvo, the TAP engine of astroquery, runs the asynchronous jobs (astroquery's own TapPlus has neither
time-outs nor proxies and is to be replaced by pyvo); requests and urllib3 do the rest. CSV does not
say that it was truncated, so the rows are compared with COUNT(*) of the same FROM and WHERE. Where
one endpoint (/sync, /async) fails, the other is tried, and both again until `tap.deadline_s`.

References: TAP 1.1 (IVOA 2019), UWS 1.1 (IVOA 2016), DALI 1.1 section 4.4 (errors in VOTables).
"""

import contextlib
import html
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
import pyarrow.compute as pc
import pyvo
import requests
import urllib3
from requests.adapters import HTTPAdapter

from asteroid_taxonomy.archives import GAIA, USER_AGENT, Archive, shown
from asteroid_taxonomy.archives.formats import (
    GZIP_MAGIC,
    BadTable,
    long_form,
    peek,
    read_rows,
)
from asteroid_taxonomy.console import PipelineError, Progress, one_line
from asteroid_taxonomy.params import Tap
from asteroid_taxonomy.tables import SPECTRA, Column, RawTable, in_order

SMALL, LARGE = ("sync", "async"), ("async", "sync")  # the endpoint to try first, and the other
TRANSIENT_STATUS = {429, 500, 502, 503, 504}
RUNNING = {"PENDING", "QUEUED", "EXECUTING", "HELD", "SUSPENDED"}  # UWS 1.1, section 2.1.3
LONGEST_POLL_S = 5.0
GRACE_S = 5.0  # that deleting a job may take, also after the deadline
ATTEMPTS = 2  # on an endpoint that refuses, and on a host that cannot be reached
PAGE_BYTES = 1 << 16
# how DaCHS, VOLLT (TAPVizieR), ESA and PostgreSQL begin to say that the query is wrong
QUERY_FAULT = re.compile(
    r"unresolved|\bpars(e|ing)|syntax|unknown (table|column)|no such|not exist|not found|"
    r"cannot find|could not (be )?locate|incorrect ADQL|encountered \"", re.IGNORECASE)
COUNT = RawTable("count", (Column("n_rows", pa.int64(), nullable=True),), (), ())
NAMES = RawTable("columns", (Column("column_name", pa.string()),), (), ())
LOOKUP = Tap(connect_timeout_s=10, read_timeout_s=60, deadline_s=120, backoff_s=1,
             longest_pause_s=10)
ADVICE = "use files or a mirror (docs/releases.md)"
IDENTITY = ("number", "name")
AT_ONCE = 100  # asteroids a query of `fetch_spectra_of`


class TransientError(Exception):
    """An error that may pass: worth another attempt, after `wait_s` seconds."""

    def __init__(self, what: str, wait_s: float = 0.0) -> None:
        super().__init__(what)
        self.wait_s = wait_s


class RefusalError(PipelineError):
    """An error that will not pass by waiting."""


class QueryError(RefusalError):
    """The service says that the query is wrong."""


TRANSIENT = (TransientError, requests.RequestException, urllib3.exceptions.HTTPError,
             pyvo.dal.DALAccessError, ValueError)  # ValueError: a job that is not the XML of UWS


UNREACHABLE = (urllib3.exceptions.NewConnectionError, urllib3.exceptions.ConnectTimeoutError,
               urllib3.exceptions.SSLError, urllib3.exceptions.ProxyError,
               requests.exceptions.InvalidURL)


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
    """Requests that end at the deadline, with an HTTP error status as an exception."""

    def __init__(self, tap: Tap) -> None:
        super().__init__()
        self.tap, self.reached = tap, False
        self.ends = time.monotonic() + tap.deadline_s
        self.headers["User-Agent"] = USER_AGENT
        # a job is not given up for one failed poll or download
        retry = urllib3.Retry(ATTEMPTS, connect=0, status_forcelist=TRANSIENT_STATUS,
                              backoff_factor=tap.backoff_s, allowed_methods={"GET"},
                              respect_retry_after_header=False, raise_on_status=False)
        self.mount("http://", HTTPAdapter(max_retries=retry))
        self.mount("https://", HTTPAdapter(max_retries=retry))

    @property
    def left_s(self) -> float:
        return self.ends - time.monotonic()

    def request(self, *args: Any, **kwargs: Any) -> requests.Response:
        kwargs["timeout"] = (self.tap.connect_timeout_s,
                             min(self.tap.read_timeout_s, max(self.left_s, GRACE_S)))
        try:
            response = super().request(*args, **kwargs)
        except requests.RequestException as error:
            cause = getattr(error.args[0] if error.args else None, "reason", error)
            self.reached |= not isinstance(cause, UNREACHABLE)
            raise
        self.reached = True
        if response.ok:
            return response
        with response:
            said = server_message(response.raw.read(PAGE_BYTES, decode_content=True)
                                  or response.content)
        status = response.status_code
        what = f"HTTP {status} {response.reason}{': ' * bool(said)}{said}"
        if status == 400 or status == 500 and QUERY_FAULT.search(said):
            raise QueryError(what)
        # a job that is not found is a job that was lost
        if status in TRANSIENT_STATUS or status == 404 and "/async/" in response.url:
            wait = response.headers.get("Retry-After", "")
            raise TransientError(what, float(wait) if wait.isascii() and wait.isdigit() else 0.0)
        raise RefusalError(what)


    def chunks(self, response: requests.Response) -> Iterator[bytes]:
        """The body as it was sent, until the deadline."""
        for chunk in response.raw.stream(1 << 18, decode_content=False):
            if self.left_s < 0:
                raise TransientError(f"still sending after {self.tap.deadline_s:g} s")
            yield chunk

    def download(self, url: str, body: IO[bytes]) -> None:
        """Store what is at `url`, as it is on the server."""
        with self.get(url, headers={"Accept-Encoding": "identity"}, stream=True) as response:
            for chunk in self.chunks(response):
                body.write(chunk)


def server_message(body: bytes) -> str:
    """The message in a VOTable, UWS or HTML error page, on one line."""
    text = body[:PAGE_BYTES].decode("utf-8", "replace")
    for pattern in (r'<INFO[^>]*value="ERROR"[^>]*>(.*?)</(?:\w+:)?INFO>',
                    r"<(?:\w+:)?message>(.*?)</(?:\w+:)?message>", r"<title>(.*?)</title>"):
        found = re.search(pattern, text, re.DOTALL | re.IGNORECASE)
        if found and found[1].strip():
            text = found[1]
            break
    return one_line(html.unescape(re.sub(r"<[^>]*>", " ", text)), 90)


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
            rows = self._number(query.select("COUNT(*) AS n_rows"))
            self.progress.__exit__()
            self.progress = Progress(self.progress.label, rows)
            for part, count in self._parts(query, rows, rows_per_part or rows):
                parts.append(long_form(self._ask(str(part), count, raw, query.columns, endpoints,
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
        counts = [self._number(half.select("COUNT(*) AS n_rows")) for half in halves]
        if sum(counts) != rows:
            raise PipelineError(f"{self}: {query.table} changed while it was fetched, from "
                                f"{rows:,} to {sum(counts):,} rows; fetch it again")
        for half, count in zip(halves, counts, strict=True):
            yield from self._parts(half, count, limit)

    def _number(self, adql: str) -> int:
        found = self._ask(adql, 1, COUNT, {"n_rows": "n_rows"}, SMALL)["n_rows"][0].as_py()
        if found is None:
            raise PipelineError(f"{self} gives no number for {one_line(adql, 80)}; use files or a "
                                "mirror (docs/releases.md)")
        return int(found)

    def _ask(
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
                    raise RefusalError(f"{len(table):,} rows came where COUNT(*) is {rows:,}: a row"
                                       " limit of the service, or the table has changed")
                except (RefusalError, BadTable) as error:
                    refusals[endpoint].append(error)
                    last[endpoint] = cause(error)
                except TRANSIENT as error:
                    last[endpoint] = cause(error)
                    if attempt == ATTEMPTS and not self.session.reached:
                        raise PipelineError(
                            f"{self} cannot be reached: {last[endpoint]}; try `make demo`, which "
                            "needs no network, or files or a mirror (docs/releases.md)") from None
                    wait = max(wait, getattr(error, "wait_s", 0.0))
                self.session.close()  # behind a new connection may be another backend
            self._end_if_refused([*refusals.values()])
            said = "; ".join(f"/{endpoint}: {what}" for endpoint, what in last.items())
            # Retry-After counts, up to the longest pause
            wait = min(max(wait, pause * random.uniform(0.5, 1.5)), self.tap.longest_pause_s)
            if self.session.left_s < wait:
                raise PipelineError(
                    f"{self} gave no result within {self.tap.deadline_s:g} s (tap.deadline_s): "
                    f"{one_line(said, 200)}; {ADVICE}")
            self.progress.update(note=f"{said}; next attempt in {wait:.0f} s")
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
        said = ""
        if phase == "ERROR":
            with self.session.get(f"{job.url}/error") as response:
                said = server_message(response.content)
        error = QueryError if QUERY_FAULT.search(said) else TransientError
        raise error(f"the job ended in phase {phase}: {said or 'no reason given'}")

    def _read(
        self, response: requests.Response, raw: RawTable, names: Mapping[str, str],
        before: int | None,
    ) -> pa.Table:
        """Store a response in a temporary file and read it; the first bytes say if it is zipped."""
        with response, tempfile.TemporaryFile() as body:
            lines = 0
            for chunk in self.session.chunks(response):
                body.write(chunk)
                lines += chunk.count(b"\n")
                if before is not None:
                    self.progress.update(before + lines, f"TRANSFER {body.tell() / 1e6:.1f} MB")
            _check_start_and_end(body, response)
            return read_rows(body, raw, names)


def _check_start_and_end(body: IO[bytes], response: requests.Response) -> None:
    """Raise where a response is a page and not a table, or was cut off without HTTP's notice."""
    head = peek(body)
    if not head.strip():
        raise TransientError("an empty response")
    if head.lstrip().startswith(b"<") and not re.search(rb"<(\w+:)?TABLE\b", head):
        said = f"a page in place of a table: {server_message(head)}"
        raise (QueryError if QUERY_FAULT.search(said) else TransientError)(said)
    sized = "Content-Length" in response.headers or "Transfer-Encoding" in response.headers
    body.seek(-1, os.SEEK_END)
    if not sized and not head.startswith(GZIP_MAGIC) and body.read(1) not in b"\r\n>":
        raise TransientError("the response ends inside a line")


def fetch_spectra_of(
    numbers: Sequence[int], names: Sequence[str], source_ids: Sequence[int], service: str,
    table: str, columns: Mapping[str, str | None], mapping_table: str = "",
    mapping_columns: Mapping[str, str | None] | None = None,
) -> pa.Table:
    """Fetch the spectra of a few asteroids, in queries of at most AT_ONCE asteroids.

    Parameters
    ----------
    numbers, names, source_ids : sequence
        Minor-planet numbers; names or designations in any case; Gaia's source_ids.
    service : str
        TAP URL; GAIA_TAP_URL names a mirror.
    table : str
        Of the spectra.
    columns : mapping
        Its columns by role; where number or name is null, both are taken from the mapping.
    mapping_table : str
        The table that maps source_id to number and name.
    mapping_columns : mapping
        Its columns by role.

    Returns
    -------
    pyarrow.Table
        source_id, number, name, wavelength (nm), reflectance, error, flag: one row per asteroid
        and wavelength, in order; no rows where the archive has none of the asteroids.

    Raises
    ------
    PipelineError
        The archive cannot be used, or its rows are not such a table.
    """
    full = SPECTRA.only([role for role in SPECTRA.schema.names if role != "num_of_spectra"])
    here = bool(columns.get("number") and columns.get("name"))
    with TapService(GAIA, service, LOOKUP, SPECTRA.title) as tap:

        def select(raw: RawTable, table: str, names: Mapping[str, Any],
                   **wanted: Sequence[Any]) -> pa.Table:
            known = {c.role: names[c.role] for c in raw.columns}
            rows = raw.schema.empty_table()
            for where in _conditions(wanted, names):
                found = tap.fetch(Query(known, table, (where,)), raw, SMALL)
                seen = pc.is_in(found["source_id"], rows["source_id"].combine_chunks())
                rows = pa.concat_tables([rows, found.filter(pc.invert(seen))])
            return rows

        wanted = {"number": numbers, "name": names, "source_id": source_ids}
        if here:
            rows = select(full, table, columns, **wanted)
        else:
            known = select(full.only({"source_id", *IDENTITY}), mapping_table,
                           mapping_columns or {}, **wanted)
            rows = select(full.only(set(full.schema.names) - set(IDENTITY)), table, columns, source_id=known["source_id"].to_pylist())
            at = pc.index_in(rows["source_id"], known["source_id"].combine_chunks())
            for role in IDENTITY:
                rows = rows.append_column(role, known[role].take(at))
    return in_order(full, rows) if len(rows) else full.schema.empty_table()


def _conditions(wanted: Mapping[str, Sequence[Any]], columns: Mapping[str, Any]) -> Iterator[str]:
    """WHERE clauses for the values of each role, each of at most AT_ONCE asteroids."""
    pairs = [(role, value) for role, values in wanted.items() for value in dict.fromkeys(values)]
    for start in range(0, len(pairs), AT_ONCE):
        listed: dict[str, list[str]] = {}
        for role, value in pairs[start:start + AT_ONCE]:
            if role == "name":
                # the archive doubles apostrophes, and ADQL wants each doubled
                forms = {value.lower(), value.lower().replace("'", "''")}
                listed.setdefault(f"LOWER({columns[role]})", []).extend(
                    "'" + form.replace("'", "''") + "'" for form in sorted(forms))
            else:
                listed.setdefault(columns[role], []).append(str(int(value)))
        yield " OR ".join(f"{left} IN ({', '.join(values)})" for left, values in listed.items())


def cause(error: BaseException) -> str:
    """The innermost cause of a network error, on one line."""
    found = re.search(r"(Failed to \w+|Read timed out|Remote end closed|\w+ verify failed).*",
                      str(error), re.DOTALL)
    return one_line(found[0].rstrip("()\"'") if found else error, 120)
