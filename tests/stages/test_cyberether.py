import re

import numpy as np
import onnx
import pyarrow as pa
import pytest
import yaml

from asteroid_taxonomy.console import PipelineError
from asteroid_taxonomy.onnx_model.contract import ONNX_PATH
from stages import cyberether as handover

# module: its input ports, its output ports, its settings, as CyberEther 1.9 has them
BLOCKS = {
    "file_reader": ([], ["signal"], {"filepath", "fileFormat", "dataType", "batchSize", "loop",
                                     "playing"}),
    "throttle": (["buffer"], ["buffer"], {"intervalMs"}),
    "reshape": (["buffer"], ["buffer"], {"shape", "contiguous"}),
    "signal_axes": (["buffer"], ["buffer"], {"axes"}),
    "lineplot": (["signal"], [], {"averaging", "decimation", "numberOfHorizontalLines",
                                  "numberOfVerticalLines", "thickness"}),
}


@pytest.fixture
def handed_over(simulated_project):
    """The model, the flowgraph and the text of its file, of the simulated survey."""
    handover.main()
    text = handover.FLOWGRAPH_PATH.read_text(encoding="utf-8")
    return onnx.load(ONNX_PATH), yaml.safe_load(text), text


def ports(block, model):
    """Input ports, output ports and settings that the block has."""
    if block["module"] == "onnx_inference":
        graph = model.graph
        return ([f"input_{i}" for i in range(len(graph.input))],
                [f"output_{i}" for i in range(len(graph.output))],
                {"modelPath", "executionProvider"})
    return BLOCKS[block["module"]]


def test_every_link_leads_from_a_port_that_exists_to_one_that_exists(handed_over):
    model, flowgraph, _ = handed_over
    blocks = {block["name"]: block for block in flowgraph["graph"]}
    assert list(blocks) == ["file_reader", "throttle", "reshape", "onnx_inference", "signal_axes",
                            "lineplot"]
    used = []
    for block in blocks.values():
        assert "." not in block["name"]
        assert (block["device"], block["runtime"], block["provider"]) == ("cpu", "native",
                                                                          "generic")
        inputs, _, settings = ports(block, model)
        assert sorted(block.get("input", {})) == inputs
        assert set(block.get("config", {})) <= settings
        for link in block.get("input", {}).values():
            name, port = re.fullmatch(r"\$\{graph\.(\w+)\.output\.(\w+)\}", link).groups()
            assert port in ports(blocks[name], model)[1]
            used.append(name)
    assert used == list(blocks)[:-1]


def test_shapes_agree_with_the_model_and_with_the_sample(handed_over):
    model, flowgraph, _ = handed_over
    config = {block["module"]: block.get("config") for block in flowgraph["graph"]}
    batch, bands = yaml.safe_load(config["reshape"]["shape"])
    assert bands == model.graph.input[0].type.tensor_type.shape.dim[1].dim_value
    assert config["file_reader"]["batchSize"] == batch * bands == 512
    assert config["file_reader"]["filepath"] == handover.SAMPLE_PATH.as_posix()
    assert config["onnx_inference"]["modelPath"] == ONNX_PATH.as_posix()
    assert handover.SAMPLE_PATH.stat().st_size % (4 * batch * bands) == 0


def test_the_file_is_of_version_2_in_block_style_with_shapes_in_quotes(handed_over):
    _, flowgraph, text = handed_over
    assert flowgraph["version"] == 2
    assert "shape: '[32, 16]'" in text and "axes: '[B, C]'" in text
    assert not re.search(r": [\[{]", text)


def test_the_description_names_classes_survey_and_asteroids(handed_over):
    _, flowgraph, _ = handed_over
    for part in ("SIMULATED", "C, O, S, X from left to right", "256 asteroids from ("):
        assert part in flowgraph["description"]


def test_the_sample_is_of_complete_spectra(handed_over):
    spectra = np.fromfile(handover.SAMPLE_PATH, "<f4").reshape(-1, 16)
    assert len(spectra) == 256 and np.isfinite(spectra).all()
    assert np.median(spectra[:, 4]) == pytest.approx(1.0, abs=0.05)  # 550 nm


def test_handing_over_twice_gives_the_same_bytes(handed_over):
    paths = (handover.FLOWGRAPH_PATH, handover.SAMPLE_PATH)
    first = [path.read_bytes() for path in paths]
    handover.main()
    assert [path.read_bytes() for path in paths] == first


def test_too_few_asteroids_for_a_batch_stop_the_stage():
    few = pa.table({"number": [1, 2], "name": ["a", "b"], "complete": [True, True]})
    with pytest.raises(PipelineError, match="needs 32 numbered asteroids with all bands"):
        handover.sample(few, 32, 8)


def test_a_sample_is_of_whole_batches_in_the_order_of_numbers():
    some = pa.table({"number": [9, 3, None, 5, 7, 1], "name": list("abcdef"),
                     "complete": [True, True, True, True, False, True]})
    assert handover.sample(some, 3, 8)["number"].to_pylist() == [1, 3, 5]
