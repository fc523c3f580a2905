import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from stages import verify
from stages.cli import PipelineError
from stages.onnx_contract import ONNX_PATH


def rewrite(change):
    """Load the exported file, let `change` spoil it, and store it again."""
    model = onnx.load(ONNX_PATH)
    change(model)
    onnx.save(model, ONNX_PATH)


def swap_classes(model):
    prop = next(p for p in model.metadata_props if p.key == "classes")
    prop.value = "O,C,S,X"


def rename_input(model):
    old, new = "float_input", "input"
    model.graph.input[0].name = new
    for node in model.graph.node:
        node.input[:] = [new if name == old else name for name in node.input]


def add_output(model):
    model.graph.output.append(onnx.helper.make_tensor_value_info(
        model.graph.node[-2].output[0], onnx.TensorProto.FLOAT, None))


def nudge_weights(model):
    weights = next(t for t in model.graph.initializer if len(t.dims) == 2 and t.dims[0] > 4)
    value = numpy_helper.to_array(weights) * np.float32(1.02)
    weights.CopyFrom(numpy_helper.from_array(value, weights.name))


def test_the_exported_file_is_verified_and_four_named_asteroids_are_shown(
        simulated_project, capsys):
    verify.main()
    printed = capsys.readouterr().out
    assert printed.count(" simulated ") == 4
    assert "0 labels flip" in printed and verify.VERIFY_PATH.exists()


@pytest.mark.parametrize(("spoil", "sentence"), [
    (swap_classes, "should say classes = C,O,S,X, but says O,C,S,X"),
    (rename_input, "should have one input, float_input"),
    (add_output, "should have one output, probabilities"),
    (nudge_weights, "is not the trained model: on held_out"),
])
def test_a_wrong_file_fails_with_its_own_sentence(simulated_project, spoil, sentence):
    rewrite(spoil)
    with pytest.raises(PipelineError, match=sentence):
        verify.main()
    assert not verify.VERIFY_PATH.exists()


def test_a_damaged_file_fails_with_a_sentence(simulated_project):
    ONNX_PATH.write_bytes(ONNX_PATH.read_bytes()[:2000])
    with pytest.raises(PipelineError, match="cannot load models/asteroid_taxonomy.onnx"):
        verify.main()


@pytest.mark.parametrize(("exported", "sentence"), [
    ([[0.6, 0.4]], "differ by 1.0e-01"),
    ([[0.49, 0.51]], "1 labels flip"),
    ([[0.6, 0.3]], "rows are off 1"),
    ([[np.nan, 0.5]], "is not the trained model"),
])
def test_probabilities_that_differ_fail(exported, sentence):
    with pytest.raises(PipelineError, match=sentence):
        verify.compare("x", np.array([[0.5, 0.5]], np.float32), np.array(exported, np.float32),
                       1e-5)
