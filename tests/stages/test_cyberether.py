import re

import numpy as np
import onnxruntime
import pyarrow as pa
import pytest
import yaml

from asteroid_taxonomy.console import PipelineError
from asteroid_taxonomy.onnx_model.classifier import load_classifier
from asteroid_taxonomy.onnx_model.description import ONNX_PATH
from stages import cyberether
from tests.handed_over import by_name, write_project
from tests.onnx_files import of_classes, shipped

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


@pytest.fixture
def handed_over(tmp_path, monkeypatch):
    """A project folder in which the stage has run on the shipped model."""
    write_project(tmp_path, monkeypatch, shipped(abstention_threshold="0.7"))
    cyberether.main()
    return tmp_path


@pytest.fixture(params=FILES)
def flowgraph(request, handed_over):
    return yaml.safe_load((handed_over / "models" / request.param).read_text(encoding="utf-8"))


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
    for part in ("one point for each asteroid", "0 at the bottom", "Below 0.7 take",
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


@pytest.mark.parametrize("metadata", [
    {"spectra_columns": None}, {"spectra_columns": ""}, {"spectra_columns": "[]"},
    {"spectra_columns": '{"number": "number_mp"}'},
    {"spectra_columns": '{"number": 1, "name": 2, "wavelength": 3, "reflectance": 4}'},
    {"spectra_table": None}, {"spectra_service": "gaia"}, {"spectra_service": "http://[gaia"}],
    ids=str)
def test_a_model_that_does_not_say_where_its_spectra_came_from_stops_the_stage(
        tmp_path, monkeypatch, metadata):
    write_project(tmp_path, monkeypatch, shipped(**metadata))
    with pytest.raises(PipelineError, match="should say in its metadata where its spectra"):
        cyberether.main()
