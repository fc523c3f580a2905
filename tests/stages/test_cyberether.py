import re

import numpy as np
import onnxruntime
import pyarrow as pa
import pytest
import yaml

from asteroid_taxonomy.console import PipelineError
from asteroid_taxonomy.onnx_model.classifier import load_classifier
from asteroid_taxonomy.onnx_model.metadata import CLASSES_PATH, ONNX_PATH
from stages import cyberether
from tests.onnx_files import by_name, of_classes, shipped, write_project

# module: its input ports, its output ports, its settings, as CyberEther 1.9.1 ... 1.10.0 have them
BLOCKS = {
    "file_reader": ([], ["signal"], {"filepath", "fileFormat", "dataType", "batchSize", "loop",
                                     "playing"}),
    "throttle": (["buffer"], ["buffer"], {"intervalMs"}),
    "reshape": (["buffer"], ["buffer"], {"shape", "contiguous"}),
    "onnx_inference": (["input_0"], ["output_0"], {"modelPath", "executionProvider"}),
    "slice": (["buffer"], ["buffer"], {"slice", "contiguous"}),
    "lineplot": (["signal"], [], {"averaging", "maxHold", "fill", "rangeMin", "rangeMax", "xLabel",
                                  "yLabel", "markers", "pins"}),
    "note": ([], [], {"content"}),
}
PYTHON = {"code", "inputCount", "outputCount", "throttled", "outputTensorSpecs"}
FILES = ["flowgraph.yml", "flowgraph_classes.yml", "flowgraph_live.yml"]


@pytest.fixture
def written(tmp_path, monkeypatch):
    """A project folder in which the stage has run on the shipped model."""
    write_project(tmp_path, monkeypatch, shipped(abstention_threshold="0.7"))
    cyberether.main()
    return tmp_path


@pytest.fixture(params=FILES)
def flowgraph(request, written):
    return read(request.param)


def read(name):
    return yaml.safe_load((cyberether.FOLDER / name).read_text(encoding="utf-8"))


def ports(block):
    """Input ports, output ports and settings that the block has."""
    if block["module"] == "python":
        config = block["config"]
        return ([f"input{i}" for i in range(config["inputCount"])],
                [f"output{i}" for i in range(config["outputCount"])], PYTHON)
    return BLOCKS[block["module"]]


def test_every_link_leads_from_a_port_that_exists_to_one_that_exists(flowgraph):
    blocks, used, before = by_name(flowgraph), set(), set()
    assert len(blocks) == len(flowgraph["graph"])
    for block in blocks.values():
        assert re.fullmatch(r"\w+", block["name"])
        runtime = "python" if block["module"] == "python" else "native"
        assert (block["device"], block["runtime"], block["provider"]) == ("cpu", runtime,
                                                                          "generic")
        inputs, _, settings = ports(block)
        assert sorted(block.get("input", {})) == inputs
        assert set(block["config"]) <= settings
        for link in block.get("input", {}).values():
            name, port = re.fullmatch(r"\$\{graph\.(\w+)\.output\.(\w+)\}", link).groups()
            assert port in ports(blocks[name])[1] and name in before
            used.add(name)
        before.add(block["name"])
    assert used == {name for name, block in blocks.items() if ports(block)[1]}


def check_places(flowgraph):
    boxes = []
    for block in flowgraph["graph"]:
        x, y, width, height = (block["meta"]["node"][key] for key in ("x", "y", "width", "height"))
        assert x >= 0 and y >= 110 and width > 50 and x + width <= 1900, block["name"]
        boxes.append((x, y, x + width, y + (height or 150)))
    for i, (left, top, right, bottom) in enumerate(boxes):
        assert not any(left < r and x < right and top < b and y < bottom
                       for x, y, r, b in boxes[:i])
    return max(bottom for *_, bottom in boxes)


def test_no_block_covers_another_and_those_of_four_classes_are_inside_the_window(flowgraph):
    bottom = check_places(flowgraph)
    assert bottom <= 1000 or len(by_name(flowgraph)) > 20


@pytest.mark.parametrize("classes, rows", [
    (["A", "B"], 1), (list("ABCDEF"), 1), (list("ABCDEFG"), 2), (list("ABCDEFGHIJKLMNOPQ"), 2),
    (["S/Q", "C."], 1)], ids=str)
def test_each_class_has_a_plot_and_more_than_six_take_two_rows(
        tmp_path, monkeypatch, classes, rows):
    write_project(tmp_path, monkeypatch, shipped(), of_classes(classes))
    cyberether.main()
    flowgraph = read(FILES[1])
    check_places(flowgraph)
    plots = [block for block in flowgraph["graph"] if block["module"] == "lineplot"]
    assert len(plots) == len(classes)
    assert len({plot["meta"]["node"]["y"] for plot in plots}) == rows
    assert all(re.fullmatch(r"\w+", name) for name in by_name(flowgraph))


@pytest.mark.parametrize("file, path", [(FILES[0], ONNX_PATH), (FILES[1], CLASSES_PATH),
                                        (FILES[2], ONNX_PATH)])
def test_each_class_has_a_slice_of_its_column_and_a_plot_of_its_name(written, file, path):
    blocks = by_name(read(file))
    assert blocks["onnx_inference"]["config"]["modelPath"] == path.as_posix()
    for i, name in enumerate(load_classifier(path).classes):
        assert blocks[f"take_{name}"]["config"] == {"slice": f"[:, {i}]", "contiguous": True}
        plot = blocks[name]
        assert plot["module"] == "lineplot"
        assert plot["input"] == {"signal": f"${{graph.take_{name}.output.buffer}}"}
        assert plot["config"] == {"rangeMin": 0, "rangeMax": 1, "xLabel": "asteroid of the batch",
                                  "yLabel": f"probability of {name}"}


def test_shapes_and_paths_agree_with_the_model_and_with_the_sample(written):
    blocks = {name: block["config"] for name, block in by_name(read(FILES[0])).items()}
    assert blocks["reshape"]["shape"] == "[32, 16]" and blocks["file_reader"]["batchSize"] == 512
    assert blocks["file_reader"]["filepath"] == cyberether.SAMPLE_PATH.as_posix()
    assert cyberether.SAMPLE_PATH.stat().st_size == 256 * 64
    live = by_name(read(FILES[2]))
    assert live["archive"]["config"]["outputTensorSpecs"][0]["shape"] == "[32, 16]"
    assert live["throttle"]["config"]["intervalMs"] == 1000 == blocks["throttle"]["intervalMs"]


@pytest.mark.parametrize("file", FILES)
def test_a_file_has_the_form_of_cyberethers_examples(written, file):
    text = (written / "models" / file).read_text(encoding="utf-8")
    flowgraph, blocks = read(file), by_name(read(file))
    assert list(flowgraph) == ["version", "title", "summary", "author", "license", "description",
                               "graph"]
    assert flowgraph["version"] == 2 and flowgraph["license"] == "MIT"
    assert "slice: '[:, 0]'" in text and "content: |" in text
    assert "# Try it\n" in blocks["experiment"]["config"]["content"]
    assert "## If the block is not running" in blocks["experiment"]["config"]["content"]
    outside_code = re.sub(r"(?m)^ {6}.*$", "", text)
    assert not re.search(r": [\[{&*]", outside_code)


def test_the_explanation_names_what_a_reader_of_the_plots_needs(flowgraph):
    content = by_name(flowgraph)["explanation"]["config"]["content"]
    for part in ("one point for each asteroid", "0 at the bottom", "reaches 0.7,",
                 f"trained on {load_classifier().metadata.survey}", "no class: a band is missing",
                 "Another model file needs another flowgraph"):
        assert part in content


def test_the_live_flowgraph_says_that_it_runs_python_where_it_queries_and_where_names_are(written):
    flowgraph = read(FILES[2])
    content = by_name(flowgraph)["explanation"]["config"]["content"]
    assert "runs Python, queries gea.esac.esa.int" in flowgraph["title"]
    assert "`GAIA_TAP_URL`" in content and "**Console [+]**" in content
    assert "in the terminal" in content


def test_nothing_is_below_the_console_of_the_names(written):
    blocks = by_name(read(FILES[2]))
    left = blocks["names"]["meta"]["node"]["x"]
    assert all(b["meta"]["node"]["x"] + b["meta"]["node"]["width"] <= left
               for name, b in blocks.items() if name != "names")


def test_the_probabilities_of_the_sample_are_those_of_onnxruntime(written):
    spectra = np.fromfile(cyberether.SAMPLE_PATH, "<f4").reshape(-1, 16)
    session = onnxruntime.InferenceSession(ONNX_PATH)
    found = np.concatenate([session.run(None, {"float_input": part})[0]
                            for part in np.split(spectra, 8)])
    assert np.allclose(found, load_classifier().probabilities(spectra), rtol=0, atol=1e-5)


def test_running_the_stage_twice_gives_the_same_bytes(written):
    paths = sorted((written / "models").iterdir())
    first = [path.read_bytes() for path in paths]
    cyberether.main()
    assert [path.read_bytes() for path in paths] == first


def test_too_few_asteroids_for_a_batch_stop_the_stage():
    few = pa.table({"number": [1, 2], "name": ["a", "b"], "complete": [True, True]})
    with pytest.raises(PipelineError, match="2 numbered asteroids have all bands, fewer than one"):
        cyberether.sample(few, 32, 8)


def test_a_sample_is_of_whole_batches_in_the_order_of_numbers():
    some = pa.table({"number": [9, 3, None, 5, 7, 1], "name": list("abcdef"),
                     "complete": [True, True, True, True, False, True]})
    assert cyberether.sample(some, 3, 8)["number"].to_pylist() == [1, 3, 5]
