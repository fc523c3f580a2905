import json

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper
from sklearn.base import clone

from asteroid_taxonomy.console import PipelineError
from asteroid_taxonomy.learning.model_file import load_model, model_path, save_model
from asteroid_taxonomy.learning.training_set import read_training_set
from asteroid_taxonomy.onnx_model.metadata import MAIN, ONNX_PATH, VISIBLE, onnx_path
from stages import verify
from tests.onnx_files import GRID
from tests.project_fixtures import sample_params


def constant(model, start):
    return next(t for t in model.graph.initializer if t.name.startswith(start))


def replace(tensor, value):
    tensor.CopyFrom(numpy_helper.from_array(value.astype(np.float32), tensor.name))


def metadatum(key, value):
    def change(model):
        next(p for p in model.metadata_props if p.key == key).value = value
    return change


def permute_classes(model):
    for tensor in model.graph.initializer:
        value = numpy_helper.to_array(tensor)
        if value.dtype == np.float32 and value.shape[-1] == 4:
            replace(tensor, value[..., [1, 0, 2, 3]])


def permute_bands(model):
    """Take the first two slices of bands in the other order."""
    concat = next(node for node in model.graph.node if node.op_type == "Concat")
    concat.input[:] = [concat.input[1], concat.input[0], *concat.input[2:]]


def forget_the_scaler(model):
    replace(constant(model, "Su_"), np.zeros(13))
    replace(constant(model, "Di_"), np.ones(13))


def take_the_other_model(model):
    model.CopyFrom(onnx.load(onnx_path(VISIBLE)))


def lose_a_weight(model):
    value = numpy_helper.to_array(constant(model, "coefficient")).copy()
    value[3, 5] = np.nan
    replace(constant(model, "coefficient"), value)


def swallow_nan(model):
    """Give a class where a used band is NaN, as a Relu on some GPUs does."""
    for node in model.graph.node:
        node.input[:] = ["clean" if name == "float_input" else name for name in node.input]
    nodes = [helper.make_node("Max", ["float_input", "low"], ["raised"]),
             helper.make_node("Equal", ["float_input", "float_input"], ["present"]),
             helper.make_node("Where", ["present", "raised", "low"], ["clean"])]
    nodes += list(model.graph.node)
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    model.graph.initializer.append(helper.make_tensor("low", onnx.TensorProto.FLOAT, [1], [-99.0]))


def use_another_domain(model):
    model.graph.node[0].domain = "ai.onnx.ml"
    model.opset_import.append(helper.make_opsetid("ai.onnx.ml", 3))


def test_the_exported_files_are_verified(sample_project, capsys):
    verify.main()
    assert capsys.readouterr().out.count("largest difference from scikit-learn") == 3
    report = json.loads(verify.VERIFY_PATH.read_text())
    assert report[MAIN]["spectra"] == 4023 and report[MAIN]["bytes"] < 100_000
    assert report[VISIBLE]["largest_difference_below"] in ("1e-06", "1e-05")
    assert report.keys() == {"survey", MAIN, VISIBLE, f"{MAIN}_classes"}


@pytest.mark.parametrize(("spoil", "message"), [
    (permute_classes, "in the order O, C, S, X, its metadata C, O, S, X; correct .*graph.py"),
    (permute_bands, "differs from its model .* wrong bands, .*; correct .*graph.py"),
    (forget_the_scaler, "differs from its model .* wrong bands, scaler or weights"),
    (lose_a_weight, "gives NaN for spectra with all used bands"),
    (swallow_nan, "gives probabilities where band 1, which it uses, is NaN"),
    (metadatum("classes", "O,C,S,X"), "has classes O,C,S,X .* expected C,O,S,X; run dvc repro"),
    (metadatum("used_bands_nm", "418,462"), "has used_bands_nm 418,462 .*; run dvc repro export"),
    (metadatum("licence", "MIT" * 40_000), "more than the 100,000 of verify.max_bytes"),
    (take_the_other_model, "was exported from another model than the .skops file; run dvc repro"),
])
def test_a_wrong_file_fails_with_advice_that_fits(sample_project, spoil, message):
    model = onnx.load(ONNX_PATH)
    spoil(model)
    onnx.save(model, ONNX_PATH)
    with pytest.raises(PipelineError, match=message) as error:
        verify.main()
    assert len(str(error.value)) <= 200 and not verify.VERIFY_PATH.exists()


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_file_that_is_older_than_its_model_is_stale(sample_project):
    model = clone(load_model(model_path(MAIN)))
    data = read_training_set(GRID, sample_params()["train"]["used_bands_nm"][MAIN])
    rows = data.train[:1000]
    save_model(model.fit(data.reflectance[rows], np.column_stack(
        [data.target[rows], data.class_name[rows]])), model_path(MAIN))
    with pytest.raises(PipelineError, match="was exported from another model .* run dvc"):
        verify.main()


def test_a_graph_with_operators_that_few_runtimes_have_is_named(sample_project, monkeypatch):
    loaded = onnx.load(ONNX_PATH)
    use_another_domain(loaded)
    monkeypatch.setattr(onnx, "load", lambda path: loaded)
    with pytest.raises(PipelineError, match="uses ai.onnx.ml.Slice, .* plain_onnx to False"):
        verify.main()


@pytest.mark.parametrize("length", [0, 2000, -1])
def test_a_truncated_file_fails(sample_project, length):
    ONNX_PATH.write_bytes(ONNX_PATH.read_bytes()[:length])
    with pytest.raises(PipelineError, match="is not an ONNX file that onnxruntime can load"):
        verify.main()


def test_a_missing_file_fails(sample_project):
    ONNX_PATH.unlink()
    with pytest.raises(PipelineError, match="not found"):
        verify.main()
