"""An archive on 127.0.0.1 that answers the short query of a look-up, from the small survey."""

import csv
import io
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

import pytest

from tests.small_survey import SPECTRA, tables


class Archive:
    """A service with the spectra of the small survey; `answer` replaces what it sends."""

    def __init__(self):
        self.names, rows = tables()[SPECTRA]
        apostrophe = {"2": "o''higgins"}
        self.rows = [[*row[:3], apostrophe.get(row[2], row[3]), *row[4:]] for row in rows]
        self.queries, self.answer = [], None

    def __call__(self, query):
        self.queries.append(query)
        if self.answer:
            return self.answer
        wanted = query.split(" FROM ")[0].removeprefix("SELECT ").split(", ")
        found = {column: {value.replace("''", "'") for value in re.findall(
            r"'((?:[^']|'')*)'|(-?\d+)", values) for value in value if value}
            for column, values in re.findall(r"(\w+)\)? IN \((.*?)\)", query)}
        columns = {name: i for i, name in enumerate(self.names)}
        text = io.StringIO()
        writer = csv.writer(text)
        writer.writerow(wanted)
        writer.writerows([row[columns[name]] for name in wanted] for row in self.rows if any(
            row[columns[column]] in values for column, values in found.items()))
        return 200, text.getvalue()


@pytest.fixture
def archive(monkeypatch):
    """That service on 127.0.0.1, named as the mirror."""
    served = Archive()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
            status, text = served(form["QUERY"][0]) if self.path == "/tap/sync" else (404, "")
            self.send_response(status)
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *args):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        monkeypatch.setenv("GAIA_TAP_URL", f"http://127.0.0.1:{server.server_port}/tap/")
        monkeypatch.setenv("no_proxy", "*")
        yield served
        server.shutdown()
        thread.join()
