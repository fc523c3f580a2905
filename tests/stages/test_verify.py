import json

import numpy as np
import onnx
import pytest
import sklearn
from onnx import TensorProto, helper, numpy_helper
from skl2onnx import convert_sklearn
from skl2onnx.common.data_types import FloatTensorType
from sklearn.base import clone
from sklearn.pipeline import make_pipeline

from asteroid_taxonomy.asteroids import used_band_numbers
from asteroid_taxonomy.console import PipelineError
from asteroid_taxonomy.learning.model_file import load_model, model_path
from asteroid_taxonomy.learning.training_set import read_training_set
from asteroid_taxonomy.onnx_model import parity
from asteroid_taxonomy.onnx_model.description import MAIN, ONNX_PATH, onnx_path
from asteroid_taxonomy.onnx_model.graph import to_onnx
from stages import verify
from tests.project_fixtures import simulated_params

BANDS = simulated_params()["bands"]["wavelengths_nm"]
USED_NM = simulated_params()["train"]["used_bands_nm"][MAIN]
USED = used_band_numbers(BANDS, USED_NM)


def rewrite(change):
    """Load the exported file, let `change` spoil it, and store it again."""
    model = onnx.load(ONNX_PATH)
    change(model)
    onnx.save(model, ONNX_PATH)


def say(model, key, value):
    next(p for p in model.metadata_props if p.key == key).value = value


def constant(model, start):
    return next(t for t in model.graph.initializer if t.name.startswith(start))


def replace(tensor, value):
    tensor.CopyFrom(numpy_helper.from_array(value.astype(np.float32), tensor.name))


def swap_class_names(model):
    say(model, "classes", "O,C,S,X")


def swap_class_columns(model):
    order = [1, 0, 2, 3]
    for tensor in model.graph.initializer:
        value = numpy_helper.to_array(tensor)
        if value.dtype == np.float32 and value.shape[-1] == 4:
            replace(tensor, value[..., order])


def forget_the_scaler(model):
    replace(constant(model, "Su_"), np.zeros(len(USED)))
    replace(constant(model, "Di_"), np.ones(len(USED)))


def take_the_other_model(model):
    model.CopyFrom(onnx.load(onnx_path("asteroid_taxonomy_visible")))


def rename_input(model):
    old, new = "float_input", "input"
    model.graph.input[0].name = new
    for node in model.graph.node:
        node.input[:] = [new if name == old else name for name in node.input]


def add_output(model):
    model.graph.output.append(helper.make_tensor_value_info(
        "nan_or_zero", TensorProto.FLOAT, ["batch", 4]))


def turn_zipmap_on(model):
    _, scaler, summing = (step for _, step in load_model(model_path(MAIN)).steps)
    model.CopyFrom(convert_sklearn(
        make_pipeline(scaler, summing.estimator), "m",
        [("float_input", FloatTensorType([None, len(USED)]))]))


def take_weights_of_another_seed(model):
    other = clone(load_model(model_path(MAIN)))
    other.set_params(**{name: 7 if name.endswith("random_state") else 3
                        for name in other.get_params()
                        if name.endswith(("random_state", "max_iter"))})
    data = read_training_set(BANDS, USED_NM)
    label = np.column_stack([data.target, data.class_name])
    other.fit(data.reflectance[data.train], label[data.train])
    fresh = to_onnx(other, len(BANDS), USED, 17, 8)
    fresh.metadata_props.extend(model.metadata_props)
    model.CopyFrom(fresh)


def lose_a_weight(model):
    weights = constant(model, "coefficient")
    value = numpy_helper.to_array(weights).copy()
    value[3, 5] = np.nan
    replace(weights, value)


def drop_missing_values(model):
    """Give a class where a used band is NaN, as a Relu that swallows NaN would."""
    graph = model.graph
    clean = [helper.make_node("Equal", ["float_input", "float_input"], ["present"]),
             helper.make_node("Where", ["present", "float_input", "one"], ["clean_input"])]
    for node in graph.node:
        node.input[:] = ["clean_input" if name == "float_input" else name for name in node.input]
    nodes = [*clean, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
    graph.initializer.append(helper.make_tensor("one", TensorProto.FLOAT, [1], [1.0]))


def raise_ir_version(model):
    model.ir_version = 10


def grow(model):
    say(model, "licence", "MIT" * 40_000)


def test_the_exported_file_is_verified_and_four_named_asteroids_are_shown(
        simulated_project, capsys):
    verify.main()
    printed = capsys.readouterr().out
    assert printed.count(" simulated ") == 4 * 2  # of each model
    found = json.loads(verify.VERIFY_PATH.read_text())
    assert "SIMULATED" in found["survey"]
    sets = ["survey", "zeros_and_ones", "thousandth", "thousandfold",
            "unused_nan"]
    assert [found[f"{name}_label_flips"] for name in sets] == [0] * 5
    assert all(found[f"{name}_max_difference"] <= 1e-5 for name in sets if name != "thousandfold")
    assert all(f"  {name} " in printed for name in sets)
    assert found["survey_spectra"] == 6000 == found["visible_survey_spectra"]
    assert found["visible_survey_max_difference"] <= 1e-5


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning",
                            "ignore:Got `batch_size`")
@pytest.mark.parametrize(("spoil", "sentence"), [
    (swap_class_names, "should say classes = C,O,S,X in its metadata, but says O,C,S,X"),
    (swap_class_columns, "gives the probabilities in the order O, C, S, X, and not in that of"),
    (forget_the_scaler, "is not the trained model: on survey .*labels flip"),
    (take_the_other_model, "should say used_bands_nm = 418,462"),
    (rename_input, "should have one input, float_input float32 .batch, 16., but has input float"),
    (add_output, "should have one output, probabilities float32 .batch, 4., but has prob.*; nan_"),
    (turn_zipmap_on, "should use operators of ai.onnx only, but uses .*ZipMap"),
    (take_weights_of_another_seed, "is not the trained model: on survey .*labels flip"),
    (lose_a_weight, "has weights that are not finite numbers, in coefficient"),
    (raise_ir_version, "should be of IR version 8 and opset 17, but is of 10 and 17"),
    (grow, "bytes, allowed 100,000"),
    (drop_missing_values, "should compute in float32 throughout, but does not in present"),
])
def test_a_wrong_file_fails_with_its_own_sentence(simulated_project, spoil, sentence):
    rewrite(spoil)
    with pytest.raises(PipelineError, match=sentence):
        verify.main()
    assert not verify.VERIFY_PATH.exists()


@pytest.mark.parametrize("kept", [0, 100, 2000, -1])
def test_a_truncated_file_fails_with_its_own_sentence(simulated_project, kept):
    ONNX_PATH.write_bytes(ONNX_PATH.read_bytes()[:kept])
    with pytest.raises(PipelineError, match="not the whole of one|is not valid ONNX"):
        verify.main()


def test_a_missing_file_fails_with_its_own_sentence(simulated_project):
    ONNX_PATH.unlink()
    with pytest.raises(PipelineError, match="does not exist; run `dvc repro export`"):
        verify.main()


def test_a_file_that_swallows_nan_fails(simulated_project, simulated_spectra):
    rewrite(drop_missing_values)
    predict = parity.runtime(ONNX_PATH, parity.LEVELS["all"])
    with pytest.raises(PipelineError, match="should give NaN where a used band is NaN"):
        parity.check_edges(predict, simulated_spectra, USED, 1e-5, ONNX_PATH)


def test_scikit_learn_too_gives_nan_where_a_used_band_is_nan(simulated_project, simulated_spectra):
    holed = simulated_spectra[:len(USED)].copy()
    holed[np.arange(len(USED)), USED] = np.nan
    with sklearn.config_context(assume_finite=True):  # it refuses such spectra otherwise
        assert np.isnan(load_model(model_path(MAIN)).predict_proba(holed)).all()


def test_probabilities_that_depend_on_the_batch_fail():
    spectra = np.ones((40, 3), np.float32)

    def predict(batch):
        out = np.full((len(batch), 2), 0.5 + 0.1 * (len(batch) == 2), np.float32)
        return np.where(np.isnan(batch).any(axis=1, keepdims=True), np.nan, out)

    with pytest.raises(PipelineError, match="in a batch of 2"):
        parity.check_edges(predict, spectra, [0, 1, 2], 1e-5, ONNX_PATH)


@pytest.mark.parametrize(("exported", "sentence"), [
    ([[0.7, 0.3]], "differ by 1.0e-01"),
    ([[0.4, 0.6]], "1 labels flip"),
    ([[0.6, 0.3]], "rows are off 1"),
    ([[np.nan, 0.5]], "is not the trained model"),
])
def test_probabilities_that_differ_fail(exported, sentence):
    reference = np.array([[0.6, 0.4]])
    with pytest.raises(PipelineError, match=sentence):
        parity.compare("x", reference, reference, np.array(exported, np.float32), 1e-5,
                       ONNX_PATH)


def test_a_tie_that_falls_the_other_way_is_no_flip():
    tie = np.array([[0.5, 0.5 - 1e-7]])
    found = parity.compare("x", tie, tie, np.array([[0.5 - 1e-7, 0.5]], np.float32), 1e-5,
                           ONNX_PATH)
    assert found["x_label_flips"] == 0


def test_the_tolerance_grows_with_what_rounding_costs_scikit_learn():
    exact, rounded = np.array([[0.6, 0.4]]), np.array([[0.601, 0.399]])
    exported = np.array([[0.603, 0.397]], np.float32)
    found = parity.compare("x", rounded, exact, exported, 1e-5, ONNX_PATH)
    assert found["x_max_difference"] > 1e-3
    with pytest.raises(PipelineError, match="is not the trained model"):
        parity.compare("x", exact, exact, exported, 1e-5, ONNX_PATH)
