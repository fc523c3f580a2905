"""A small TAP service on 127.0.0.1: /sync, UWS jobs, TAP_SCHEMA, COUNT(*), faults to order.

Tables are lists of text, so that a test can serve what no database would. Everything that goes
wrong is switched on by a test through the attributes of `Service`.
"""

import csv
import gzip
import io
import re
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

VOTABLE = ('<?xml version="1.0"?><VOTABLE version="1.4"><RESOURCE type="results">'
           '<INFO name="QUERY_STATUS" value="{status}">{message}</INFO>{table}{last}'
           "</RESOURCE></VOTABLE>")


def votable(names, rows, overflow):
    """A VOTable in TABLEDATA; DALI marks truncation behind the table."""
    fields = "".join(f'<FIELD name="{n}" datatype="char" arraysize="*"/>' for n in names)
    data = "".join("<TR>" + "".join(f"<TD>{escape(v or '')}</TD>" for v in row) + "</TR>"
                   for row in rows)
    table = f"<TABLE>{fields}<DATA><TABLEDATA>{data}</TABLEDATA></DATA></TABLE>"
    last = '<INFO name="QUERY_STATUS" value="OVERFLOW"/>' if overflow else ""
    return VOTABLE.format(status="OK", message="", table=table, last=last).encode()


def error_page(message):
    """A query error as TAP services send it, with HTTP status 200."""
    return VOTABLE.format(status="ERROR", message=escape(message), table="", last="").encode()


class Service:
    """The service's tables, its jobs, and what is wrong with it.

    tables : name -> (column names, rows of text or None)
    edit : changes (names, rows) of a data answer, never of COUNT(*) or TAP_SCHEMA
    counts : numbers that COUNT(*) gives instead of the truth, in order; the last one stays
    hard_maxrec : the service's own row limit; sync_maxrec: that of /sync
    mark_overflow : whether it says so, in a VOTable
    render : (names, rows) -> bytes, in place of plain CSV
    phases : what a started job goes through; the last one stays
    first_phases : what the first jobs go through instead, a list each
    job_error : message of the job's error page
    steps : "METHOD step" -> functions of the request's handler, used up one by one; True: handled
    send_data : (handler, body) sends the body of a data answer in its own way
    refusals : messages of error pages that come in place of data, used up one by one
    units : units by column that TAP_SCHEMA gives; list_columns: whether it lists any column
    schema_error : message of an error page in place of any answer of TAP_SCHEMA
    location : (job's address) -> the Location that is sent; redirect: the status it comes with
    cut_redirects : the body of a redirect breaks off
    zip_everything : a proxy before the service zips every body, and says so
    """

    def __init__(self, tables):
        self.tables = tables
        self.jobs = {}
        self.log = []
        self.closing = threading.Event()
        self.heal()
        self._server = _Server(("127.0.0.1", 0), _handler_of(self))
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self.url = f"http://127.0.0.1:{self._server.server_port}/tap"

    def heal(self):
        """Nothing is wrong any more."""
        self.edit, self.counts, self.hard_maxrec, self.mark_overflow = None, [], None, False
        self.render, self.phases, self.job_error = to_csv, ["COMPLETED"], "no reason"
        self.steps, self.send_data, self.units, self.list_columns = {}, None, {}, True
        self.sync_maxrec = 10**9
        self.first_phases, self.refusals, self.schema_error = [], [], None
        self.location, self.redirect, self.zip_everything = (lambda address: address), 303, False
        self.cut_redirects = False

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *exc):
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def lookup(self, name):
        bare = name.strip('"').lower()
        found = [n for n in self.tables if n.strip('"').lower() == bare]
        return self.tables[found[0]] if found else None

    def answer(self, adql, maxrec):
        """The bytes of a query's result, or of an error page."""
        match = re.fullmatch(r"SELECT (.+?) FROM (\S+)(?: WHERE (.+))?", adql)
        names, table, where = match.groups()
        if table == "TAP_SCHEMA.columns":
            if self.schema_error:
                return error_page(self.schema_error)
            found = self.lookup(re.search(r"IN \('([^']+)'", where)[1])
            listed = found[0] if found and self.list_columns else []
            return to_csv(["column_name", "unit"], [[n, self.units.get(n)] for n in listed])
        found = self.lookup(table)
        if found is None:
            return error_page(f"Could not locate table {table}")
        columns, rows = found
        for other in re.findall(r"source_id IN \(SELECT source_id FROM (\S+)\)", where or ""):
            names_there, rows_there = self.lookup(other)
            at = names_there.index("source_id")
            there = {row[at] for row in rows_there}
            rows = [row for row in rows if row[columns.index("source_id")] in there]
        for name, sign, value in re.findall(r"(\w+) (<=|>) (-?\d+)", where or ""):
            at, value = columns.index(name), int(value)
            rows = [row for row in rows if (int(row[at]) <= value) == (sign == "<=")]
        if extreme := re.match(r"(MIN|MAX)\((\w+)\)", names):
            values = [int(row[columns.index(extreme[2])]) for row in rows]
            return to_csv(["n_rows"], [[str((min if extreme[1] == "MIN" else max)(values))]])
        if names.startswith("COUNT(*)"):
            counted = self.counts[0] if self.counts else len(rows)
            self.counts = self.counts[1:] or self.counts
            return to_csv(["n_rows"], [[str(counted)]])
        if self.refusals:
            return error_page(self.refusals.pop(0))
        wanted = [name.strip().strip('"').lower() for name in names.split(",")]
        lower = [c.lower() for c in columns]
        if unknown := [name for name in wanted if name not in lower]:
            return error_page(f"1 unresolved identifiers: {unknown[0]}")
        at = [lower.index(name) for name in wanted]
        names = [columns[i] for i in at]
        rows = [[row[i] for i in at] for row in rows]
        if self.edit:
            names, rows = self.edit(names, rows)
        limit = min(maxrec, self.hard_maxrec or maxrec)
        if len(rows) > limit and self.mark_overflow:
            return votable(names, rows[:limit], overflow=True)
        return self.render(names, rows[:limit])


def to_csv(names, rows, null="", quoting=csv.QUOTE_MINIMAL):
    """A table as CSV, None as `null`."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n", quoting=quoting)
    writer.writerow(names)
    writer.writerows([null if v is None else v for v in row] for row in rows)
    return text.getvalue().encode()


def zipped(names, rows):
    """A table as gzipped CSV."""
    return gzip.compress(to_csv(names, rows), mtime=0)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        """A client that hangs up is no news here."""


def _handler_of(service):
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self):
            self.handle_uws("GET", {})

        def do_POST(self):
            length = int(self.headers.get("Content-Length", 0))
            form = parse_qs(self.rfile.read(length).decode())
            self.handle_uws("POST", {k.upper(): v[0] for k, v in form.items()})

        def handle_uws(self, method, form):
            # /tap/sync, or /tap/async/<jobid>/<step>
            door, jobid, step = (self.path.split("/") + ["", ""])[2:5]
            step = "sync" if door == "sync" else step or ("create" if not jobid else "job")
            service.log.append(f"{method} {step}")
            faults = service.steps.get(f"{method} {step}", [])
            if faults and faults.pop(0)(self):
                return None
            if step == "sync":
                return self.send_answer(form["QUERY"], min(int(form["MAXREC"]),
                                                           service.sync_maxrec))
            if step == "create":
                jobid = str(len(service.log))
                service.jobs[jobid] = (form["QUERY"], int(form["MAXREC"]), [])
                return self.send(service.redirect, b"", Location=service.location(
                    f"{service.url}/async/{jobid}"))
            if jobid not in service.jobs:
                return self.send(404, b"<html><title>no such job</title></html>")
            adql, maxrec, phases = service.jobs[jobid]
            if step == "job" and form.get("ACTION") == "DELETE":
                del service.jobs[jobid]
                return self.send(303, b"", Location=f"{service.url}/async")
            if step == "phase" and method == "POST":
                phases.extend(service.first_phases.pop(0) if service.first_phases
                              else service.phases)
                return self.send(service.redirect, b"", Location=f"{service.url}/async/{jobid}")
            if step == "phase":
                now = phases.pop(0) if len(phases) > 1 else (phases or ["PENDING"])[0]
                return self.send(200, now.encode())
            if step == "error":
                return self.send(200, error_page(service.job_error))
            if step == "results":
                return self.send_answer(adql, maxrec)
            return self.send(200, b"<uws:job/>")

        def send_answer(self, adql, maxrec):
            body = service.answer(adql, maxrec)
            is_data = "AS n_rows" not in adql and "TAP_SCHEMA" not in adql
            if is_data and service.send_data:
                return service.send_data(self, body)
            return self.send(200, body)

        def send(self, status, body, **headers):
            if service.zip_everything:
                body, headers = gzip.compress(body), {**headers, "Content_Encoding": "gzip"}
            cut = service.cut_redirects and 300 <= status < 400
            self.close_connection = self.close_connection or cut
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name.replace("_", "-"), str(value))
            self.send_header("Content-Length", str(len(body) + 100 * cut))
            self.end_headers()
            self.wfile.write(body)

        def trickle(self, body, bytes_at_once, every_s):
            """Send `body` slowly, until the service closes."""
            try:
                for i in range(0, len(body), bytes_at_once):
                    self.wfile.write(body[i:i + bytes_at_once])
                    self.wfile.flush()
                    if service.closing.wait(every_s):
                        break
            except OSError:  # the client has gone, as it should
                self.close_connection = True

        def log_message(self, *args):
            pass

    return Handler


def wait_for(condition, timeout_s=20.0):
    """Wait until `condition()` holds."""
    ends = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < ends, "waited in vain"
        time.sleep(0.01)


def name_as_mirrors(service, monkeypatch):
    """Name a running service as the mirror of both archives, and no other way to their tables."""
    monkeypatch.setenv("GAIA_TAP_URL", service.url)
    monkeypatch.setenv("VIZIER_TAP_URL", service.url)
    monkeypatch.setenv("no_proxy", "*")
    for name in ("LABELS_TABLE", "GAIA_FILES", "LABELS_FILE"):
        monkeypatch.delenv(name, raising=False)
