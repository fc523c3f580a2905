import json
import re
import shutil
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace
from urllib.parse import parse_qs

import numpy as np
import onnx
import onnxruntime
import pyarrow as pa
import pytest
import yaml

from asteroid_taxonomy import asteroids
from asteroid_taxonomy.console import PipelineError
from asteroid_taxonomy.files import write_parquet
from asteroid_taxonomy.onnx_model.classifier import load_classifier
from asteroid_taxonomy.onnx_model.description import ONNX_PATH
from stages import cyberether
from tests.onnx_files import TOP, of_classes, shipped

GRID = [374 + 44 * i for i in range(16)]
# module: its input ports, its output ports, its settings, as CyberEther 1.9 has them
BLOCKS = {
    "file_reader": ([], ["signal"], {"filepath", "fileFormat", "dataType", "batchSize", "loop",
                                     "playing"}),
    "throttle": (["buffer"], ["buffer"], {"intervalMs"}),
    "reshape": (["buffer"], ["buffer"], {"shape", "contiguous"}),
    "onnx_inference": (["input_0"], ["output_0"], {"modelPath", "executionProvider"}),
    "slice": (["buffer"], ["buffer"], {"slice", "contiguous"}),
    "lineplot": (["signal"], [], {"averaging", "decimation", "numberOfHorizontalLines",
                                  "numberOfVerticalLines", "thickness"}),
    "note": ([], [], {"content"}),
}
PYTHON = {"code", "inputCount", "outputCount", "throttled", "outputTensorSpecs"}
FILES = ["flowgraph.yml", "flowgraph_live.yml"]


def write_project(folder, monkeypatch, model):
    """A project folder with this model and 300 complete spectra, numbers in no order."""
    (folder / "models").mkdir()
    onnx.save(model, folder / ONNX_PATH)
    shutil.copy(TOP / "params.yaml", folder)
    monkeypatch.chdir(folder)
    numbers = np.random.default_rng(0).permutation(300) + 1
    schema = asteroids.schema(GRID)
    spectra = np.random.default_rng(1).normal(1, 0.2, (300, 16)).astype(np.float32)
    columns = {field.name: pa.nulls(300, field.type) for field in schema}
    columns |= {"source_id": numbers, "number": numbers, "complete": [True] * 300,
                "name": [f"name {n}" for n in numbers],
                **dict(zip(asteroids.reflectance_columns(GRID), spectra.T, strict=True))}
    write_parquet(pa.table(columns, schema), asteroids.ASTEROIDS_PATH, {})


@pytest.fixture
def handed_over(tmp_path, monkeypatch):
    """A project folder in which the stage has run on the shipped model."""
    write_project(tmp_path, monkeypatch, shipped())
    cyberether.main()
    return tmp_path


@pytest.fixture(params=FILES)
def flowgraph(request, handed_over):
    return yaml.safe_load((handed_over / "models" / request.param).read_text(encoding="utf-8"))


def by_name(flowgraph):
    return {block["name"]: block for block in flowgraph["graph"]}


def read(name):
    return yaml.safe_load((cyberether.FLOWGRAPH_PATH.parent / name).read_text(encoding="utf-8"))


def ports(block):
    """Input ports, output ports and settings that the block has."""
    if block["module"] == "python":
        config = block["config"]
        return ([f"input{i}" for i in range(config["inputCount"])],
                [f"output{i}" for i in range(config["outputCount"])], PYTHON)
    return BLOCKS[block["module"]]


def test_every_link_leads_from_a_port_that_exists_to_one_that_exists(flowgraph):
    blocks = by_name(flowgraph)
    assert len(blocks) == len(flowgraph["graph"])
    used = set()
    for block in blocks.values():
        assert re.fullmatch(r"\w+", block["name"])
        runtime = "python" if block["module"] == "python" else "native"
        assert (block["device"], block["runtime"], block["provider"]) == ("cpu", runtime,
                                                                          "generic")
        inputs, _, settings = ports(block)
        assert sorted(block.get("input", {})) == inputs
        assert set(block.get("config", {})) <= settings
        for link in block.get("input", {}).values():
            name, port = re.fullmatch(r"\$\{graph\.(\w+)\.output\.(\w+)\}", link).groups()
            assert port in ports(blocks[name])[1]
            used.add(name)
    assert used == {name for name, block in blocks.items() if ports(block)[1]}


def check_geometry(flowgraph):
    """All inside 1,900 x 1,000 and below 110; no two boxes meet, with 200 for a height of 0."""
    boxes = []
    for block in flowgraph["graph"]:
        x, y, width, height = (block["meta"]["node"][key] for key in ("x", "y", "width", "height"))
        assert x >= 0 and y >= 110 and width > 0, block["name"]
        assert x + width <= 1900 and y + (height or 200) <= 1000, block["name"]
        boxes.append((x, y, x + width, y + (height or 200)))
    for i, (left, top, right, bottom) in enumerate(boxes):
        assert not any(left < r and x < right and top < b and y < bottom
                       for x, y, r, b in boxes[:i])


def test_every_block_is_inside_the_window_and_none_covers_another(flowgraph):
    check_geometry(flowgraph)


@pytest.mark.parametrize("classes", [["A", "B"], list("ABCDEFGHIJKLMNOPQ"), ["S/Q", "C."]],
                         ids=len)
def test_there_is_a_plot_for_each_class_whatever_the_model_has(tmp_path, monkeypatch, classes):
    write_project(tmp_path, monkeypatch, of_classes(classes))
    cyberether.main()
    for file in FILES:
        flowgraph = read(file)
        check_geometry(flowgraph)
        assert sum(block["module"] == "lineplot" for block in flowgraph["graph"]) == len(classes)
        assert all("." not in name and "/" not in name for name in by_name(flowgraph))


def test_each_class_has_a_slice_of_its_column_and_a_plot_of_its_name(flowgraph):
    blocks, classes = by_name(flowgraph), load_classifier().classes
    for i, name in enumerate(classes):
        assert blocks[f"take_{name}"]["config"] == {"slice": f"[:, {i}]", "contiguous": True}
        assert blocks[f"take_{name}"]["input"] == {
            "buffer": "${graph.onnx_inference.output.output_0}"}
        assert blocks[f"probability_{name}"]["input"] == {
            "signal": f"${{graph.take_{name}.output.buffer}}"}
        assert blocks[f"probability_{name}"]["module"] == "lineplot"


def test_shapes_and_paths_agree_with_the_model_and_with_the_sample(handed_over):
    config = {name: block.get("config") for name, block in by_name(read(FILES[0])).items()}
    batch, bands = yaml.safe_load(config["reshape"]["shape"])
    assert config["reshape"]["shape"] == "[32, 16]"
    assert bands == len(load_classifier().wavelengths_nm)
    assert config["file_reader"]["batchSize"] == batch * bands == 512
    assert config["file_reader"]["filepath"] == cyberether.SAMPLE_PATH.as_posix()
    assert config["onnx_inference"]["modelPath"] == ONNX_PATH.as_posix()
    assert cyberether.SAMPLE_PATH.stat().st_size == 256 * 64
    live = by_name(read(FILES[1]))
    assert live["archive"]["config"]["outputTensorSpecs"][0]["shape"] == "[32, 16]"
    assert live["onnx_inference"]["config"] == config["onnx_inference"]


@pytest.mark.parametrize("file", FILES)
def test_a_file_is_of_version_2_in_block_style_with_shapes_in_quotes(handed_over, file):
    text = (handed_over / "models" / file).read_text(encoding="utf-8")
    assert read(file)["version"] == 2
    assert "shape: '[32, 16]'" in text and "slice: '[:, 0]'" in text
    outside_code = re.sub(r"(?m)^ {6}.*$", "", text)
    assert not re.search(r": [\[{&*]", outside_code)


def test_the_legend_says_what_a_plot_shows_and_what_it_learned_from(flowgraph):
    content = by_name(flowgraph)["legend"]["config"]["content"]
    for part in ("one point for each asteroid", "0 at the bottom", "Below 0.697",
                 f"Learned from {load_classifier().survey}"):
        assert part in content


def test_the_live_flowgraph_says_in_its_title_that_it_runs_python_and_asks_the_archive(
        handed_over):
    assert "opening this runs Python and asks gea.esac.esa.int" in read(FILES[1])["title"]


def test_the_description_names_the_first_and_the_last_asteroid(handed_over):
    assert "256 asteroids from (1) name 1 to (256) name 256" in read(FILES[0])["description"]


def test_the_probabilities_of_the_sample_are_those_of_onnxruntime(handed_over):
    blocks = by_name(read(FILES[0]))
    batch, bands = yaml.safe_load(blocks["reshape"]["config"]["shape"])
    spectra = np.fromfile(blocks["file_reader"]["config"]["filepath"], "<f4")
    session = onnxruntime.InferenceSession(blocks["onnx_inference"]["config"]["modelPath"])
    found = np.concatenate([session.run(None, {"float_input": part.reshape(batch, bands)})[0]
                            for part in spectra.reshape(-1, batch * bands)])
    assert np.array_equal(found, load_classifier().probabilities(spectra.reshape(-1, bands)))
    assert np.isfinite(found).all()


def test_handing_over_twice_gives_the_same_bytes(handed_over):
    paths = sorted((handed_over / "models").iterdir())
    first = [path.read_bytes() for path in paths]
    cyberether.main()
    assert [path.read_bytes() for path in paths] == first


def test_too_few_asteroids_for_a_batch_stop_the_stage():
    few = pa.table({"number": [1, 2], "name": ["a", "b"], "complete": [True, True]})
    with pytest.raises(PipelineError, match="needs 32 numbered asteroids with all bands"):
        cyberether.sample(few, 32, 8)


def test_a_sample_is_of_whole_batches_in_the_order_of_numbers():
    some = pa.table({"number": [9, 3, None, 5, 7, 1], "name": list("abcdef"),
                     "complete": [True, True, True, True, False, True]})
    assert cyberether.sample(some, 3, 8)["number"].to_pylist() == [1, 3, 5]


@pytest.mark.parametrize("columns", [None, "", "[]", '{"number": "number_mp"}'])
def test_a_model_that_does_not_say_where_its_spectra_came_from_stops_the_stage(
        tmp_path, monkeypatch, columns):
    write_project(tmp_path, monkeypatch, shipped(spectra_columns=columns))
    with pytest.raises(PipelineError, match="should say in its metadata where its spectra"):
        cyberether.main()


# The live flowgraph's Python, run against an archive on loopback


class Archive:
    """Answers /sync with CSV of `rows` (number, name, nm, value), or with `answer`, if any."""

    def __init__(self):
        self.rows, self.answer, self.asked = [], None, []
        archive = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
                archive.asked.append((self.path, form))
                status, body = archive.answer or (200, archive.table(form["QUERY"][0]))
                self.send_response(status)
                self.end_headers()
                self.wfile.write(body)

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
def archive(handed_over, monkeypatch):
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


live = pytest.mark.loopback


@live
def test_nothing_but_nan_comes_before_the_archive_has_answered(archive, request, capsys):
    archive.answer = (503, b"later")
    asks, names, ctx = request.getfixturevalue("opened")
    asks["compute"](ctx)
    assert np.isnan(ctx.outputs[0]).all() and "batch" not in ctx.env
    names["compute"](SimpleNamespace(inputs=[ctx.outputs[0][:, :4]], env=ctx.env))
    assert "classes" not in ctx.env


@live
def test_a_service_that_is_down_is_named_and_asked_again(archive, request, capsys):
    archive.answer = (503, b"later")
    opened = request.getfixturevalue("opened")
    assert (f"{archive.url}/sync: HTTP Error 503: Service Unavailable; asking again in 0.05 s"
            in words(capsys, "asking again"))
    archive.rows = [row for n in range(1, 5) for row in spectrum(n)]
    archive.answer = None
    assert next_batch(opened, 1)[:, 0].tolist() == [1, 2, 3, 4]


@live
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


@live
@pytest.mark.parametrize("row, said", [
    ((1, "ceres", 999.0, 1.0), "is not in list"), ((1, "ceres", "blue", 1.0), "blue"),
    ((1, "ceres", 374.0, "bright"), "bright"), ((1, "ceres", 374.0), "did not send a table"),
])
def test_rows_of_another_form_or_another_grid_are_said(archive, request, capsys, row, said):
    archive.rows = [row]
    request.getfixturevalue("opened")
    words(capsys, said)


@live
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


@live
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


@live
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


@live
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
