"""A small TAP service on 127.0.0.1: /sync, jobs, TAP_SCHEMA; DuckDB runs the ADQL.

What goes wrong is switched on by a test through the attributes of `Service`.
"""

import io
import threading
import warnings
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

import duckdb
from pyarrow import csv

JOB = ('<uws:job xmlns:uws="http://www.ivoa.net/xml/UWS/v1.0" version="1.1"><uws:jobId>{id}'
       "</uws:jobId><uws:phase>{phase}</uws:phase></uws:job>")
ERROR = ('<VOTABLE version="1.4"><RESOURCE type="results"><INFO name="QUERY_STATUS" '
         'value="ERROR">{}</INFO></RESOURCE></VOTABLE>')


def error_page(message):
    """A query error as TAP services send it, with HTTP status 200."""
    return ERROR.format(escape(message)).encode()


def to_csv(table, **options):
    """An Arrow table as CSV, null as nothing."""
    body = io.BytesIO()
    csv.write_csv(table, body, csv.WriteOptions(quoting_style="needed", **options))
    return body.getvalue()


class Service:
    """The service's tables, its jobs, and what is wrong with it.

    edit : changes the Arrow table of a data answer, never of COUNT(*) or TAP_SCHEMA
    render : Arrow table -> bytes, in place of CSV
    hard_maxrec, sync_maxrec : the service's own row limit; that of /sync
    counts : numbers that COUNT(*) gives in place of the truth, in order; the last one stays
    phases : what a started job goes through; the last one stays
    job_error : message of a job's error page
    steps : "METHOD step" -> functions of the request's handler, used up one by one; True: handled
    send : (handler, body) sends the body of a data answer in its own way
    listed : whether TAP_SCHEMA answers
    """

    def __init__(self, tables):
        self.database = duckdb.connect()
        listed = []
        self.database.execute('CREATE SCHEMA "TAP_SCHEMA"')
        for name, table in tables.items():
            if "." in name:
                self.database.execute(f"CREATE SCHEMA IF NOT EXISTS {name.split('.')[0]}")
            self.database.register("arrow", table)
            self.database.execute(f"CREATE TABLE {name} AS SELECT * FROM arrow")
            listed += [(name.strip('"'), column) for column in table.column_names]
        self.database.execute(
            'CREATE TABLE "TAP_SCHEMA".columns (table_name VARCHAR, column_name VARCHAR)')
        self.database.executemany('INSERT INTO "TAP_SCHEMA".columns VALUES (?, ?)', listed)
        self.edit, self.render, self.send, self.counts = None, to_csv, None, []
        self.hard_maxrec, self.sync_maxrec, self.listed = 10**9, 10**9, True
        self.phases, self.job_error, self.steps = ["COMPLETED"], "no reason", {}
        self.jobs, self.log, self.forms = {}, [], []
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), _handler_of(self))
        self.server.daemon_threads = True
        self.server.handle_error = lambda *args: None  # a client that hangs up is no news
        self.url = f"http://127.0.0.1:{self.server.server_port}/tap"

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *exc):
        self.server.shutdown()
        self.server.server_close()

    def answer(self, adql, maxrec):
        """The bytes of a query's result, or of an error page."""
        is_data = "AS n_rows" not in adql and "TAP_SCHEMA" not in adql
        if adql.startswith("SELECT COUNT(*)") and self.counts:
            count, self.counts = self.counts[0], self.counts[1:] or self.counts
            return f"n_rows\n{count}\n".encode()
        if "TAP_SCHEMA" in adql and not self.listed:
            return error_page("rewriting failed")
        limit = min(maxrec, self.hard_maxrec) if is_data else maxrec
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                table = self.database.cursor().execute(
                    f"SELECT * FROM ({adql}) LIMIT {limit}").to_arrow_table()
        except duckdb.Error as error:
            return error_page(f"1 unresolved identifiers: {str(error).splitlines()[0]}")
        if is_data and self.edit:
            table = self.edit(table)
        return self.render(table) if is_data else to_csv(table)


def _handler_of(service):
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self):
            self.handle_uws("GET", {})

        def do_POST(self):
            form = parse_qs(self.rfile.read(int(self.headers.get("Content-Length", 0))).decode())
            self.handle_uws("POST", {k.upper(): v[0] for k, v in form.items()})

        def handle_uws(self, method, form):
            # /tap/sync, or /tap/async/<job>/<step>
            endpoint, jobid, step = (self.path.split("/") + ["", ""])[2:5]
            step = "sync" if endpoint == "sync" else step or ("job" if jobid else "create")
            service.log.append(f"{method} {step}")
            service.forms.append(form)
            faults = service.steps.get(f"{method} {step}", [])
            if faults and faults.pop(0)(self):
                return None
            if step == "sync":
                return self.send_data(form["QUERY"], min(int(form["MAXREC"]), service.sync_maxrec))
            if step == "create":
                jobid = str(len(service.log))
                service.jobs[jobid] = (form["QUERY"], int(form["MAXREC"]), [])
                return self.reply(303, b"", Location=f"{service.url}/async/{jobid}")
            if jobid not in service.jobs:
                return self.reply(404, b"<title>no such job</title>")
            adql, maxrec, phases = service.jobs[jobid]
            if form.get("ACTION") == "DELETE":
                del service.jobs[jobid]
                return self.reply(303, b"", Location=f"{service.url}/async")
            if step == "phase":
                phases.extend(service.phases)
                return self.reply(303, b"", Location=f"{service.url}/async/{jobid}")
            if step == "error":
                return self.reply(200, error_page(service.job_error))
            if step == "results":
                return self.send_data(adql, maxrec)
            now = phases.pop(0) if len(phases) > 1 else (phases or ["PENDING"])[0]
            return self.reply(200, JOB.format(id=jobid, phase=now).encode())

        def send_data(self, adql, maxrec):
            body = service.answer(adql, maxrec)
            if service.send and "AS n_rows" not in adql and "TAP_SCHEMA" not in adql:
                return service.send(self, body)
            return self.reply(200, body)

        def reply(self, status, body, **headers):
            self.send_response(status)
            for name, value in {"Content-Length": len(body), **headers}.items():
                self.send_header(name.replace("_", "-"), str(value))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args):
            pass

    return Handler
