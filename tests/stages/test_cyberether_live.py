"""The Python of the live flowgraph's two blocks, run against an archive on loopback."""

import gzip
import json
import re
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace
from urllib.parse import parse_qs

import numpy as np
import pytest
import yaml

from asteroid_taxonomy.onnx_model.classifier import load_classifier
from stages import cyberether
from tests.handed_over import GRID, by_name, write_project
from tests.onnx_files import shipped

pytestmark = pytest.mark.loopback


class Archive:
    """Answers /sync with CSV of `rows` (number, name, nm, value), or with `answer`, if any.

    `render` makes of the body what is sent; `asked` are the paths and forms that came.
    """

    def __init__(self):
        self.rows, self.answer, self.asked, self.render = [], None, [], bytes
        archive = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
                archive.asked.append((self.path, form))
                status, body = archive.answer or (200, archive.table(form["QUERY"][0]))
                self.send_response(status)
                self.end_headers()
                self.wfile.write(archive.render(body))

            def log_message(self, *args):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/tap"

    def table(self, query):
        if "MAX(" in query:
            return b"highest\n%d\n" % max(row[0] for row in self.rows)
        first, last = map(int, re.search(r"BETWEEN (\d+) AND (\d+)", query).groups())
        columns = re.match("SELECT (.+) FROM", query)[1].replace(" ", "")
        rows = [",".join(map(str, row)) for row in self.rows if first <= row[0] <= last]
        return "\n".join([columns, *rows, ""]).encode()


def spectrum(number, values=None):
    """The sixteen rows of an asteroid, which has its number in each band."""
    values = [number] * 16 if values is None else values
    return [(number, f"name {number}", float(nm), value)
            for nm, value in zip(GRID, values, strict=True)]


@pytest.fixture
def archive(tmp_path, monkeypatch):
    """An archive on loopback, asked by the live flowgraph of a project folder."""
    write_project(tmp_path, monkeypatch, shipped(abstention_threshold="0.7"))
    running = Archive()
    thread = threading.Thread(target=running.server.serve_forever, args=(0.01,))
    thread.start()
    monkeypatch.setenv("GAIA_TAP_URL", running.url)
    monkeypatch.setenv("no_proxy", "*")
    yield running
    running.server.shutdown()
    running.server.server_close()
    thread.join()


@pytest.fixture
def opened(archive, request):
    """Open the live flowgraph: its two Python blocks, with a batch of 4 and short pauses."""
    settings = {"batch": 4, "interval_ms": 1}
    asking = {"numbers": 10, "pause_s": 0.01, "again_s": 0.05}
    text = cyberether.live(load_classifier(), **settings, asking=asking)
    blocks = by_name(yaml.safe_load(text))
    spaces = []
    for name in ("archive", "names"):
        space = {}
        exec(compile(blocks[name]["config"]["code"], name, "exec"), space)
        spaces.append(space)
    request.addfinalizer(spaces[0]["cleanup"])
    return spaces[0], spaces[1], SimpleNamespace(
        outputs=[np.zeros((4, 16), np.float32)], env={})


def next_batch(opened, number):
    """Run the block until it has sent batch `number`; give that batch's spectra."""
    asks, _, ctx = opened
    ends = time.monotonic() + 10
    while ctx.env.get("batch", {}).get("number") != number:
        assert time.monotonic() < ends, "no batch came"
        asks["compute"](ctx)
        time.sleep(0.005)
    return ctx.outputs[0]


def words(capsys, expected):
    """Wait until the blocks have printed `expected`."""
    printed, ends = "", time.monotonic() + 10
    while expected not in printed:
        assert time.monotonic() < ends, printed
        time.sleep(0.01)
        printed += capsys.readouterr().out
    return printed


def test_nothing_but_nan_comes_before_the_archive_has_answered(archive, request, capsys):
    archive.answer = (503, b"later")
    asks, names, ctx = request.getfixturevalue("opened")
    asks["compute"](ctx)
    assert np.isnan(ctx.outputs[0]).all() and "batch" not in ctx.env
    names["compute"](SimpleNamespace(inputs=[ctx.outputs[0][:, :4]], env=ctx.env))
    assert "classes" not in ctx.env


def test_a_service_that_is_down_is_named_and_asked_again(archive, request, capsys):
    archive.answer = (503, b"later")
    opened = request.getfixturevalue("opened")
    assert (f"{archive.url}/sync: HTTP Error 503: Service Unavailable; asking again in 0.05 s"
            in words(capsys, "asking again"))
    archive.rows = [row for n in range(1, 5) for row in spectrum(n)]
    archive.answer = None
    assert next_batch(opened, 1)[:, 0].tolist() == [1, 2, 3, 4]


@pytest.mark.parametrize("body, said", [
    (b"", "did not send a table, but nothing"),
    (b"<VOTABLE><INFO name='QUERY_STATUS' value='ERROR'>no\x1b[31m such table</INFO></VOTABLE>",
     "no [31m such table"),
    (b"highest\n1\n2\n", "asking again"), (b"highest\nmany\n", "many"),
    (b"highest\n\n", "asking again"), (b"\xff\xfe", "decode"), (b'highest\n"5', "asking again"),
])
def test_an_answer_that_is_no_table_is_said_and_nothing_is_sent(
        archive, request, capsys, body, said):
    archive.answer = (200, body)
    asks, _, ctx = request.getfixturevalue("opened")
    printed = words(capsys, said)
    asks["compute"](ctx)
    assert "\x1b" not in printed and np.isnan(ctx.outputs[0]).all()


@pytest.mark.parametrize("row, said", [
    ((1, "ceres", 999.0, 1.0), "is not in list"), ((1, "ceres", "blue", 1.0), "blue"),
    ((1, "ceres", 374.0, "bright"), "bright"), ((1, "ceres", 374.0), "did not send a table"),
])
def test_rows_of_another_form_or_another_grid_are_said(archive, request, capsys, row, said):
    archive.rows = [row]
    request.getfixturevalue("opened")
    words(capsys, said)


def test_asteroids_come_by_number_and_gaps_in_the_numbers_are_passed_over(archive, request):
    archive.rows = [row for n in (3, 1, 47, 512, 513, 9) for row in spectrum(n)]
    archive.rows.sort(key=lambda row: row[0])
    opened = request.getfixturevalue("opened")
    assert next_batch(opened, 1)[:, 5].tolist() == [1, 3, 9, 47]
    # 513 is the highest, so the next batch begins again
    assert next_batch(opened, 2)[:, 5].tolist() == [512, 513, 1, 3]
    path, form = archive.asked[1]
    assert path == "/tap/sync" and form["FORMAT"] == ["csv"] and form["MAXREC"] == ["161"]
    assert form["QUERY"] == [
        "SELECT number_mp, denomination, wavelength, reflectance_spectrum FROM "
        "gaiadr3.sso_reflectance_spectrum WHERE number_mp BETWEEN 1 AND 10 ORDER BY number_mp, "
        "wavelength"]


def test_an_answer_that_a_proxy_has_zipped_is_read(archive, request):
    archive.rows, archive.render = [row for n in range(1, 5) for row in spectrum(n)], gzip.compress
    assert next_batch(request.getfixturevalue("opened"), 1)[:, 0].tolist() == [1, 2, 3, 4]


@pytest.mark.parametrize("null", ["", "null", "NaN", '""'])
def test_a_null_in_a_used_band_leaves_the_asteroid_out_and_in_another_one_does_not(
        archive, request, null):
    unused, used = [2] * 16, [3] * 16
    unused[0], used[1] = null, null
    archive.rows = [*spectrum(1), *spectrum(2, unused), *spectrum(3, used), *spectrum(4)[:9],
                    *spectrum(5), *spectrum(6)]
    batch = next_batch(request.getfixturevalue("opened"), 1)
    assert batch[:, 5].tolist() == [1, 2, 5, 6]
    assert np.isnan(batch[1, 0])


def test_names_are_printed_with_class_and_confidence(archive, request, capsys):
    archive.rows = [row for n in range(1, 5) for row in spectrum(n)]
    archive.rows[:16] = [(1, '"it\x1bs, me"', *row[2:]) for row in archive.rows[:16]]
    opened = request.getfixturevalue("opened")
    next_batch(opened, 1)
    _, names, ctx = opened
    given = np.array([[.1, .1, .75, .05], [.4, .3, .2, .1], [np.nan] * 4, [0, 1, 0, 0]], "f4")
    names["compute"](SimpleNamespace(inputs=[given], env=ctx.env))
    printed = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert printed == [["(1)", "it", "s,", "me", "S", "0.75"],
                       ["(2)", "name", "2", "C", "0.40", "in", "doubt"],
                       ["(4)", "name", "4", "O", "1.00"]]
    assert json.loads(json.dumps(ctx.env["classes"]))["(4) name 4"] == "O 1.00"
    names["compute"](SimpleNamespace(inputs=[given], env=ctx.env))
    assert not capsys.readouterr().out


def test_closing_the_flowgraph_ends_its_thread(archive, request):
    archive.rows = [row for n in range(1, 50) for row in spectrum(n)]
    before = set(threading.enumerate())
    opened = request.getfixturevalue("opened")
    thread, = [t for t in set(threading.enumerate()) - before if t.name.endswith("(work)")]
    next_batch(opened, 1)
    time.sleep(0.2)  # until it waits to hand on a batch
    opened[0]["cleanup"]()
    thread.join(5)
    assert not thread.is_alive()
