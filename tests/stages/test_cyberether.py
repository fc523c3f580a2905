import dataclasses
import re

import numpy as np
import pyarrow as pa
import pytest
import yaml

from asteroid_taxonomy.console import PipelineError
from asteroid_taxonomy.onnx_model import flowgraph
from asteroid_taxonomy.onnx_model.classifier import load_classifier
from asteroid_taxonomy.onnx_model.metadata import CLASSES_PATH, ONNX_PATH
from stages import cyberether
from tests.onnx_files import SHIPPED, by_name

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
FILES = {"flowgraph.yml": ONNX_PATH, "flowgraph_classes.yml": CLASSES_PATH,
         "flowgraph_live.yml": ONNX_PATH}
FROM_FILE, OF_CLASSES, LIVE = FILES


@pytest.fixture
def written(sample_project):
    """A project folder in which the stage has run."""
    cyberether.main()
    return sample_project


def read(name):
    return yaml.safe_load((cyberether.FOLDER / name).read_text(encoding="utf-8"))


def note(name, block="explanation"):
    return by_name(read(name))[block]["config"]["content"]


def ports(block):
    """Input ports, output ports and settings that the block has."""
    if block["module"] != "python":
        return BLOCKS[block["module"]]
    inputs, outputs = (range(block["config"][f"{kind}Count"]) for kind in ("input", "output"))
    return [f"input{i}" for i in inputs], [f"output{i}" for i in outputs], PYTHON


@pytest.mark.parametrize("file", FILES)
def test_every_link_leads_from_a_port_that_exists_to_one_that_exists(written, file):
    blocks, used, before = by_name(read(file)), set(), set()
    for block in blocks.values():
        assert re.fullmatch(r"\w+", block["name"]) and block["provider"] == "generic"
        runtime = "python" if block["module"] == "python" else "native"
        assert (block["device"], block["runtime"]) == ("cpu", runtime)
        inputs, _, settings = ports(block)
        assert sorted(block.get("input", {})) == inputs and set(block["config"]) <= settings
        for link in block.get("input", {}).values():
            name, port = re.fullmatch(r"\$\{graph\.(\w+)\.output\.(\w+)\}", link).groups()
            assert port in ports(blocks[name])[1] and name in before
            used.add(name)
        before.add(block["name"])
    assert used == {name for name, block in blocks.items() if ports(block)[1]}


@pytest.mark.parametrize("classes, in_each", [
    ("AB", (1, 1)), ("ABCD", (1, 1)), ("ABCDEF", (1, 2)), ("ABCDEFGHIJKLMNOPQ", (2, 3))])
def test_no_block_covers_another_and_many_classes_take_several_rows_of_plots(classes, in_each):
    model = dataclasses.replace(load_classifier(SHIPPED), classes=list(classes))
    texts = (flowgraph.from_file(model, ONNX_PATH, ONNX_PATH, ["(1) Ceres"], 32),
             flowgraph.live(model, ONNX_PATH, 32))
    for text, least, rows in zip(texts, (90, 120), in_each, strict=True):
        boxes, tops = [], set()
        for block in yaml.safe_load(text)["graph"]:
            x, y, width, height = (block["meta"]["node"][k] for k in ("x", "y", "width", "height"))
            assert x >= 0 and y >= 110 and width >= least and x + width <= 1900, block["name"]
            boxes.append((x, y, x + width, y + (height or 150)))
            tops |= {y} if block["module"] == "lineplot" else set()
        assert len(tops) == rows and (rows > 1 or max(bottom for *_, bottom in boxes) <= 1000)
        assert ("Drag with the middle mouse button" in text) == (rows > 1)
        assert not any(left < r and x < right and top < b and y < bottom
                       for i, (left, top, right, bottom) in enumerate(boxes)
                       for x, y, r, b in boxes[:i])


@pytest.mark.parametrize("file, path", FILES.items())
def test_each_class_has_a_slice_of_its_column_and_a_plot_of_its_name(written, file, path):
    blocks = by_name(read(file))
    assert blocks["onnx_inference"]["config"]["modelPath"] == path.as_posix()
    for i, name in enumerate(load_classifier(path).classes):
        assert blocks[f"take_{name}"]["config"] == {"slice": f"[:, {i}]", "contiguous": True}
        assert blocks[name]["module"] == "lineplot"
        assert blocks[name]["input"] == {"signal": f"${{graph.take_{name}.output.buffer}}"}
        assert blocks[name]["config"] == {
            "rangeMin": 0, "rangeMax": 1, "xLabel": "asteroid of the batch",
            "yLabel": f"probability of {name}"}


def test_shapes_and_paths_agree_with_the_model_and_with_the_sample(written):
    blocks = {name: block["config"] for name, block in by_name(read(FROM_FILE)).items()}
    assert blocks["reshape"]["shape"] == "[32, 16]" and blocks["file_reader"]["batchSize"] == 512
    assert blocks["file_reader"]["filepath"] == cyberether.SAMPLE_PATH.as_posix()
    assert len(np.fromfile(cyberether.SAMPLE_PATH, "<f4")) == 256 * 16
    sender = by_name(read(LIVE))["archive"]["config"]
    assert sender["outputTensorSpecs"][0]["shape"] == "[32, 16]"
    assert "shows the batch: 12.5 % is the first" in note(FROM_FILE)


@pytest.mark.parametrize("file", FILES)
def test_a_file_has_the_form_of_cyberethers_examples_and_explains_itself(written, file):
    assert list(read(file)) == ["version", "title", "summary", "author", "license", "description",
                                "graph"]
    assert read(file)["version"] == 2 and read(file)["license"] == "MIT"
    assert "slice: '[:, 0]'" in (written / "models" / file).read_text(encoding="utf-8")
    assert re.search("# Try it\n[^#]*## If the block is not running", note(file, "experiment"))
    model = load_classifier(FILES[file])
    assert (f"reaches {model.threshold}," in note(file)) == (model.threshold is not None)
    assert ("(4) Vesta, of class V, is an O" in note(file)) == (file != OF_CLASSES)
    for part in ("one point for each asteroid", "0 at the bottom",
                 "not classified: a band is missing", f"trained on {model.metadata.survey}",
                 "Another model file needs another"):
        assert part in note(file)


def test_the_live_flowgraph_says_that_it_runs_python_where_it_queries_and_where_names_are(written):
    assert "runs Python, queries gea.esac.esa.int" in read(LIVE)["title"]
    assert re.search(r"`GAIA_TAP_URL`(.|\n)*in the terminal.*\*\*Console\*\*", note(LIVE))
    # nothing is below the console of the names
    places = {name: block["meta"]["node"] for name, block in by_name(read(LIVE)).items()}
    left = places.pop("names")["x"]
    assert all(place["x"] + place["width"] <= left for place in places.values())


def test_a_sample_is_of_whole_batches_in_the_order_of_numbers():
    some = pa.table({"number": [9, 3, None, 5, 7, 1], "name": list("abcdef"),
                     "complete": [True, True, True, True, False, True]})
    assert cyberether.sample(some, 3, 8)["number"].to_pylist() == [1, 3, 5]
    with pytest.raises(PipelineError, match="4 numbered asteroids have all bands, fewer than one"):
        cyberether.sample(some, 32, 8)
