"""The Python of the live flowgraph's two blocks, run against a stand-in for the archive."""

import dataclasses
import re
import sys
import time
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest
import yaml

from asteroid_taxonomy.onnx_model import flowgraph
from asteroid_taxonomy.onnx_model.classifier import load_classifier
from tests.archives.tap_service import Service
from tests.onnx_files import GRID, SHIPPED, by_name

pytestmark = pytest.mark.loopback


def spectra(*numbers, values=None):
    """The sixteen rows of each asteroid, which has its number in each band, or `values`."""
    return [(number, f"name {number}", float(nm), value) for number in numbers
            for nm, value in zip(GRID, values or [number] * 16, strict=True)]


@pytest.fixture
def archive(monkeypatch):
    """An archive with `rows`; it sends `error` instead, if any, and takes `seconds`."""
    def answer(adql, maxrec):
        top, columns, after = re.search(r"TOP (\d+) (.+) FROM .+ > (\d+) ", adql).groups()
        rows = [row for row in sorted(state.rows, key=lambda row: row[0])
                if row[0] > int(after)][:int(top)]
        return "\n".join([columns, *(",".join(map(str, row)) for row in rows), ""]).encode()

    with Service({"unused": pa.table({"column": [1]})}) as state:
        state.rows, state.error, state.seconds = [], None, 0
        state.answer, state.send = answer, lambda handler, body: (
            time.sleep(state.seconds) or handler.reply(*(state.error or (200, body))))
        monkeypatch.delenv("GAIA_TAP_URL", raising=False)
        monkeypatch.setenv("no_proxy", "*")
        monkeypatch.setattr(flowgraph, "RETRY_S", 0.05)
        yield state


@pytest.fixture
def opened(archive, request):
    """Open the live flowgraph, with a batch of 4: the names of its two blocks, and a context."""
    about = load_classifier(SHIPPED).metadata.model_copy(update={"spectra_service": archive.url})
    model = dataclasses.replace(load_classifier(SHIPPED), threshold=0.7, metadata=about)

    def opened(skip=None):
        blocks = by_name(yaml.safe_load(flowgraph.live(model, SHIPPED, 4)))
        ctx = SimpleNamespace(outputs=[np.zeros((4, 16), np.float32)], env={}, printed=[])
        sender, names = ({"SKIP": skip, "print": lambda text, file=None, flush=False:
                          ctx.printed.append((file, text))} for _ in range(2))
        exec(blocks["archive"]["config"]["code"], sender)
        exec(blocks["names"]["config"]["code"], names)
        request.addfinalizer(lambda: close(sender))
        return sender, names, ctx
    return opened


def close(sender):
    """Close the block as CyberEther does: after cleanup its globals are None; its thread ends."""
    if thread := sender["thread"]:
        sender["cleanup"]()
        sender.update(dict.fromkeys(sender.keys() - {"__builtins__"}))
        thread.join(60)
        assert not thread.is_alive()


def wait_for(condition):
    ends = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < ends
        time.sleep(0.01)


def next_batch(blocks, number):
    """Run the block until it has sent batch `number`; give that batch's spectra."""
    sender, _, ctx = blocks
    wait_for(lambda: sender["compute"](ctx) or ctx.env.get("batch", {}).get("number") == number)
    return ctx.outputs[0]


@pytest.mark.parametrize("skip", ["SKIP of 1.9.2", None])
def test_before_the_archive_has_answered_nothing_is_classified(archive, opened, skip):
    archive.error = (503, b"later")
    sender, names, ctx = blocks = opened(skip)
    assert sender["compute"](ctx) is None
    assert np.isnan(ctx.outputs[0]).all() and "batch" not in ctx.env
    names["compute"](SimpleNamespace(inputs=[ctx.outputs[0][:, :4]], env=ctx.env))
    assert "classes" not in ctx.env
    archive.rows, archive.error = spectra(1, 2, 3, 4), None
    assert next_batch(blocks, 1)[:, 0].tolist() == [1, 2, 3, 4]
    assert sender["compute"](ctx) is skip and ctx.outputs[0][0, 0] == 1


def test_closing_while_the_archive_is_slow_leaves_no_traceback(archive, opened):
    archive.seconds = 2.2  # cleanup waits for two
    sender, _, _ = opened()
    wait_for(lambda: archive.forms)
    close(sender)  # pytest fails for an exception in a thread


@pytest.mark.parametrize("answer, message", [
    ((503, b"later"), "/tap/sync: HTTP Error 503"), ((200, b""), "not a table"),
    ((200, b"a,b,c,d\n1,x,374,bright\n"), "bright"),
    ((200, b"<VOTABLE><INFO value='ERROR'>no\x1b[31m such table</INFO></VOTABLE>"), "[31m such"),
])
def test_an_answer_that_is_no_table_is_printed_and_the_archive_queried_again(
        archive, opened, answer, message):
    archive.error = answer
    blocks = opened()
    wait_for(lambda: len(blocks[2].printed) > 1)
    (_, text), (terminal, again) = blocks[2].printed[:2]
    assert message in text and text.endswith("trying again in 0.05 s") and text.isprintable()
    assert terminal is sys.__stderr__ and again == text
    archive.rows, archive.error = spectra(1, 2, 3, 4), None
    assert next_batch(blocks, 1)[:, 0].tolist() == [1, 2, 3, 4]


@pytest.mark.parametrize("address", [" {}/ ", " "], ids=["of a mirror", "empty"])
def test_asteroids_come_once_by_number_and_the_last_batch_is_padded_with_nan(
        archive, opened, monkeypatch, address):
    monkeypatch.setenv("GAIA_TAP_URL", address.format(archive.url))
    archive.rows = spectra(3, 1, 470, 512, 5130, 9)
    blocks = opened()
    assert next_batch(blocks, 1)[:, 5].tolist() == [1, 3, 9, 470]
    last = next_batch(blocks, 2)
    assert last[:2, 5].tolist() == [512, 5130] and np.isnan(last[2:]).all()
    wait_for(lambda: "that was the last asteroid" in str(blocks[2].printed))
    form, _ = archive.forms
    assert form["FORMAT"] == "csv" and form["MAXREC"] == "1600"
    assert form["QUERY"] == (
        "SELECT TOP 1600 number_mp, denomination, wavelength, reflectance_spectrum FROM "
        "gaiadr3.sso_reflectance_spectrum WHERE number_mp > 0 ORDER BY number_mp, wavelength")


def test_an_asteroid_that_a_query_cuts_off_comes_with_the_next_one(archive, opened):
    archive.rows = spectra(*range(1, 105))[8:]  # the first is never whole: a query ends within one
    blocks = opened()
    for batch in range(1, 26):
        found = next_batch(blocks, batch)[:, 0].tolist()
    assert found == [98, 99, 100, 101]


def test_a_null_in_a_used_band_leaves_the_asteroid_out_and_in_another_one_does_not(
        archive, opened):
    archive.rows = [*spectra(1), *spectra(2, values=["null"] + [2] * 15),
                    *spectra(3, values=[3, ""] + [3] * 14), *spectra(4)[:9], *spectra(5, 6)]
    batch = next_batch(opened(), 1)
    assert batch[:, 5].tolist() == [1, 2, 5, 6] and np.isnan(batch[1, 0])


def test_names_reach_console_and_terminal_with_their_place_in_the_plots(archive, opened):
    archive.rows = spectra(1, 2, 3)
    _, names, ctx = blocks = opened()
    next_batch(blocks, 1)
    close(blocks[0])
    ctx.printed.clear()
    given = np.array([[.1, .1, .699996, .1], [.4, .3, .2, .1], [0, 1, 0, 0], [np.nan] * 4], "f4")
    for _ in range(2):  # the second time nothing is new
        names["compute"](SimpleNamespace(inputs=[given], env=ctx.env))
    console, terminal = ctx.printed
    assert (console[0], terminal) == (None, (sys.__stderr__, console[1]))
    assert [line.split() for line in console[1].splitlines()] == [
        ["batch", "1"], ["1", "(1)", "name", "1", "S", "0.70"],
        ["2", "(2)", "name", "2", "C", "0.40", "below", "the", "threshold"],
        ["3", "(3)", "name", "3", "O", "1.00"]]
    assert ctx.env["classes"]["(3) name 3"] == "O 1.00"


def test_names_that_only_the_source_mapping_has_are_joined():
    metadata = load_classifier().metadata.model_copy(update={
        "spectra_columns": {"source_id": "source_id", "number": None, "name": None,
                            "wavelength": "wavelength", "reflectance": "reflectance"}})
    assert flowgraph._query(metadata) == (
        "gaiadr3.sso_reflectance_spectrum AS s JOIN gaiadr3.sso_source AS m "
        "ON s.source_id = m.source_id",
        ["m.number_mp", "m.denomination", "s.wavelength", "s.reflectance"])
