"""The Python of the live flowgraph's two blocks, run against an archive on loopback."""

import re
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace
from urllib.parse import parse_qs

import numpy as np
import pytest
import yaml

from asteroid_taxonomy.onnx_model import flowgraph
from asteroid_taxonomy.onnx_model.classifier import load_classifier
from tests.onnx_files import GRID, by_name, shipped

pytestmark = pytest.mark.loopback
SKIP = object()


class Archive:
    """Answers queries with CSV of `rows` (number, name, nm, value), or with `answer`, if any."""

    def __init__(self):
        self.rows, self.answer, self.forms = [], None, []
        archive = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
                archive.forms.append((self.path, form))
                status, body = archive.answer or (200, archive.table(form["QUERY"][0]))
                self.send_response(status)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/tap"

    def table(self, query):
        top, columns, after = re.match(
            r"SELECT TOP (\d+) (.+) FROM .+ > (\d+) ORDER", query).groups()
        rows = [",".join(map(str, row)) for row in sorted(self.rows, key=lambda row: row[0])
                if row[0] > int(after)]
        return "\n".join([columns.replace(" ", ""), *rows[:int(top)], ""]).encode()


def spectrum(number, values=None):
    """The sixteen rows of an asteroid, which has its number in each band."""
    values = [number] * 16 if values is None else values
    return [(number, f"name {number}", float(nm), value)
            for nm, value in zip(GRID, values, strict=True)]


@pytest.fixture
def archive(monkeypatch):
    """An archive on loopback, which GAIA_TAP_URL names."""
    running = Archive()
    thread = threading.Thread(target=running.server.serve_forever, args=(0.01,))
    thread.start()
    monkeypatch.setenv("GAIA_TAP_URL", f" {running.url}/ ")
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr(flowgraph, "RETRY_S", 0.05)
    yield running
    running.server.shutdown()
    running.server.server_close()
    thread.join()


@pytest.fixture
def opened(archive, tmp_path, request):
    """Open the live flowgraph, with a batch of 4: call it to run its two Python blocks."""
    path = tmp_path / "model.onnx"
    path.write_bytes(shipped(abstention_threshold="0.7").SerializeToString())

    def opened(**variables):
        blocks = by_name(yaml.safe_load(flowgraph.live(load_classifier(path), path, 4)))
        spaces = []
        for name in ("archive", "names"):
            space = dict(variables)
            exec(compile(blocks[name]["config"]["code"], name, "exec"), space)
            spaces.append(space)
        request.addfinalizer(spaces[0]["cleanup"])
        return spaces[0], spaces[1], SimpleNamespace(
            outputs=[np.zeros((4, 16), np.float32)], env={})
    return opened


def next_batch(blocks, number):
    """Run the block until it has sent batch `number`; give that batch's spectra."""
    archive, _, ctx = blocks
    ends = time.monotonic() + 60
    while ctx.env.get("batch", {}).get("number") != number:
        assert time.monotonic() < ends, "no batch came"
        archive["compute"](ctx)
    return ctx.outputs[0]


def printed(capfd, expected):
    """Wait until the blocks have printed `expected`."""
    text, ends = "", time.monotonic() + 60
    while expected not in text:
        assert time.monotonic() < ends, text
        time.sleep(0.01)
        text += "".join(capfd.readouterr())
    return text


@pytest.mark.parametrize("variables, returned", [({"SKIP": SKIP}, SKIP), ({}, None)],
                         ids=["1.9.2", "1.9.1"])
def test_before_the_archive_has_answered_nothing_is_classified(
        archive, opened, variables, returned):
    archive.answer = (503, b"later")
    archive_block, names, ctx = opened(**variables)
    assert archive_block["compute"](ctx) is returned
    assert np.isnan(ctx.outputs[0]).all() and "batch" not in ctx.env
    names["compute"](SimpleNamespace(inputs=[ctx.outputs[0][:, :4]], env=ctx.env))
    assert "classes" not in ctx.env


def test_a_service_that_is_down_is_named_and_queried_again(archive, opened, capfd):
    archive.answer = (503, b"later")
    blocks = opened()
    assert f"{archive.url}/sync: 503 " in printed(capfd, "trying again in 0.05 s")
    archive.rows = [row for n in range(1, 5) for row in spectrum(n)]
    archive.answer = None
    assert next_batch(blocks, 1)[:, 0].tolist() == [1, 2, 3, 4]


@pytest.mark.parametrize("body, message", [
    (b"", "not a table"), (b"a,b,c,d\n1,x\n", "not enough values"),
    (b"<VOTABLE><INFO value='ERROR'>no\x1b[31m such table</INFO></VOTABLE>", "no [31m such table"),
    (b"a,b,c,d\n" + b"".join(b"1,x,%d,1\n" % nm for nm in range(16)), "374"),
    (b"a,b,c,d\n1,x,374,bright\n", "bright"),
])
def test_an_answer_that_is_no_table_is_printed_and_nothing_is_sent(
        archive, opened, capfd, body, message):
    archive.answer = (200, body)
    blocks = opened()
    assert "\x1b" not in printed(capfd, message)
    blocks[0]["compute"](blocks[2])
    assert np.isnan(blocks[2].outputs[0]).all()


def test_asteroids_come_once_by_number_and_the_last_batch_is_padded_with_nan(
        archive, opened, capfd):
    archive.rows = [row for n in (3, 1, 470, 512, 5130, 9) for row in spectrum(n)]
    blocks = opened(SKIP=SKIP)
    assert next_batch(blocks, 1)[:, 5].tolist() == [1, 3, 9, 470]
    last = next_batch(blocks, 2)
    assert last[:2, 5].tolist() == [512, 5130] and np.isnan(last[2:]).all()
    printed(capfd, "that was the last asteroid")
    queries = len(archive.forms)
    assert blocks[0]["compute"](blocks[2]) is SKIP and len(archive.forms) == queries == 2
    path, form = archive.forms[0]
    assert path == "/tap/sync" and form["FORMAT"] == ["csv"] and form["MAXREC"] == ["1600"]
    assert form["QUERY"] == [
        "SELECT TOP 1600 number_mp, denomination, wavelength, reflectance_spectrum FROM "
        "gaiadr3.sso_reflectance_spectrum WHERE number_mp > 0 ORDER BY number_mp, wavelength"]


def test_an_asteroid_that_a_query_cuts_off_comes_with_the_next_one(archive, opened):
    archive.rows = [row for n in range(1, 105) for row in spectrum(n)]
    archive.rows[:8] = []  # the first is never whole; so a query ends within an asteroid
    blocks = opened()
    for batch in range(1, 26):
        found = next_batch(blocks, batch)[:, 0].tolist()
    assert found == [98, 99, 100, 101]


@pytest.mark.parametrize("null", ["", "null", "NaN", '""'])
def test_a_null_in_a_used_band_leaves_the_asteroid_out_and_in_another_one_does_not(
        archive, opened, null):
    unused, used = [2] * 16, [3] * 16
    unused[0], used[1] = null, null
    archive.rows = [*spectrum(1), *spectrum(2, unused), *spectrum(3, used), *spectrum(4)[:9],
                    *spectrum(5), *spectrum(6)]
    batch = next_batch(opened(), 1)
    assert batch[:, 5].tolist() == [1, 2, 5, 6] and np.isnan(batch[1, 0])


def test_names_reach_console_and_terminal_with_their_place_in_the_plots(archive, opened, capfd):
    archive.rows = [row for n in range(1, 4) for row in spectrum(n)]
    blocks = opened()
    next_batch(blocks, 1)
    capfd.readouterr()
    _, names, ctx = blocks
    given = np.array([[.1, .1, .699996, .1], [.4, .3, .2, .1], [0, 1, 0, 0], [np.nan] * 4], "f4")
    names["compute"](SimpleNamespace(inputs=[given], env=ctx.env))
    console, terminal = capfd.readouterr()
    assert [line.split() for line in console.splitlines()] == [
        ["batch", "1"], ["1", "(1)", "name", "1", "S", "0.70"],
        ["2", "(2)", "name", "2", "C", "0.40", "below", "the", "threshold"],
        ["3", "(3)", "name", "3", "O", "1.00"]]
    assert terminal == console and ctx.env["classes"]["(3) name 3"] == "O 1.00"
    names["compute"](SimpleNamespace(inputs=[given], env=ctx.env))
    assert not "".join(capfd.readouterr())


def test_names_that_only_the_source_mapping_has_are_joined():
    metadata = load_classifier().metadata.model_copy(update={
        "spectra_columns": {"source_id": "source_id", "number": None, "name": None,
                            "wavelength": "wavelength", "reflectance": "reflectance"}})
    assert flowgraph._query(metadata) == (
        "gaiadr3.sso_reflectance_spectrum AS s JOIN gaiadr3.sso_source AS m "
        "ON s.source_id = m.source_id",
        ["m.number_mp", "m.denomination", "s.wavelength", "s.reflectance"])


def test_closing_the_flowgraph_ends_its_thread(archive, opened):
    archive.rows = [row for n in range(1, 50) for row in spectrum(n)]
    before = set(threading.enumerate())
    blocks = opened()
    thread, = [t for t in set(threading.enumerate()) - before if t.name.endswith("(work)")]
    next_batch(blocks, 1)
    blocks[0]["cleanup"]()
    thread.join(60)
    assert not thread.is_alive()
