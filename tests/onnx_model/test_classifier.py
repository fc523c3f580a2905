import subprocess
import sys

import numpy as np
import pytest
from onnx import TensorProto, helper

from asteroid_taxonomy.console import PipelineError
from asteroid_taxonomy.onnx_model.classifier import decide, load_classifier
from tests.onnx_files import GRID, TOP, WEIGHTS, linear, of_classes, shipped

SETS = {"snr_below": [25, 60, None], "C": [0.05, 0.1, 0.3], "O": [0.05, 0.1, 0.3],
        "S": [0.05, 0.1, 0.3], "X": [0.05, 0.1, None]}


@pytest.fixture
def saved(tmp_path):
    """Save a model, or bytes, and give the path."""
    def save(model):
        path = tmp_path / "model.onnx"
        path.write_bytes(model if isinstance(model, bytes) else model.SerializeToString())
        return path
    return save


def refusal(path):
    """The error message with which the file is refused."""
    with pytest.raises(PipelineError) as error:
        load_classifier(path)
    message = str(error.value)
    assert "\n" not in message and len(message) - len(str(path)) < 200 and str(path) in message
    return message


def test_a_classifier_has_what_its_metadata_say(saved):
    model = load_classifier(saved(shipped(abstention_threshold="0.7")))
    assert model.classes == list("COSX") and model.wavelengths_nm == GRID and model.name == "model"
    assert (model.normalised_at_nm, model.width_nm, model.threshold) == (550, 44, 0.7)
    assert [GRID[i] for i in model.used] == [nm for nm in GRID if nm not in (374, 550, 1034)]


@pytest.mark.parametrize("path", sorted(TOP.glob("models/*.onnx")), ids=lambda path: path.stem)
def test_every_shipped_file_gives_probabilities_that_sum_to_one(path):
    model = load_classifier(path)
    found = model.probabilities(np.ones((1, len(model.wavelengths_nm)), np.float32))
    assert found.sum() == pytest.approx(1, abs=1e-4)


def test_probabilities_are_rounded_double_precision(saved):
    model = load_classifier(saved(shipped()))
    found = model.probabilities(np.random.default_rng(0).normal(1, 0.3, (50, 16)).astype("f4"))
    assert found.dtype == np.float64 and np.array_equal(found, np.round(found, 5))


def test_a_missing_used_band_gives_no_class_and_a_missing_other_band_changes_nothing(saved):
    model, spectra = load_classifier(saved(shipped())), np.ones((4, 16), np.float32)
    spectra[1, 0], spectra[2, 1], spectra[3, 1] = np.nan, np.inf, np.nan
    found = model.probabilities(spectra)
    assert np.array_equal(found[0], found[1]) and np.isnan(found[2:]).all()
    assert model.has_bands(spectra).tolist() == [True, True, False, False]
    assert model.decide(found).complex[2:].tolist() == [None, None]


def test_values_too_large_for_float32_give_no_class(saved):
    model = load_classifier(saved(linear(WEIGHTS * 2)))
    spectra = np.full((2, 16), np.float32(3e38))
    spectra[1] = 1
    names = model.decide(model.probabilities(spectra)).complex
    assert names[0] is None and names[1] is not None


def test_many_spectra_go_through_in_batches_with_the_same_result(saved):
    model = load_classifier(saved(shipped()))
    spectra = np.random.default_rng(0).normal(1, 0.3, (9000, 16)).astype(np.float32)
    found = model.probabilities(spectra)
    assert np.allclose(found[5000:5003], model.probabilities(spectra[5000:5003]), atol=2e-5)
    assert model.probabilities(spectra[:0]).shape == (0, 4)
    assert model.decide(found[:0]).complex_set.tolist() == []


def test_a_model_may_have_many_classes(saved):
    model = load_classifier(saved(of_classes(list("ABCDEFGHIJKLMNOPQ"))))
    assert model.probabilities(np.ones((2, 16), np.float32)).shape == (2, 17)


@pytest.mark.parametrize("model, message", [
    (linear(names=("X", "probabilities")), "expected float_input"),
    (linear(names=("float_input", "label")), "expected probabilities"),
    (linear(WEIGHTS.astype(np.float64), kind=TensorProto.DOUBLE), "tensor(double)"),
    (linear(batch=32), "[32, 16]"), (linear(WEIGHTS[:15]), "['batch', 15]"),
    (linear(WEIGHTS[:, :3]), "['batch', 3]"),
    (linear(classes="C,O,S,X,V"), "expected probabilities [batch, 5]"),
    (linear(abstention_threshold="high"), "metadata abstention_threshold"),
], ids=lambda value: value if isinstance(value, str) else "")
def test_a_model_with_other_tensors_or_metadata_is_refused(saved, model, message):
    assert message in refusal(saved(model))


def test_a_model_with_two_outputs_is_refused(saved):
    model = linear()
    model.graph.output.append(
        helper.make_tensor_value_info("sums", TensorProto.FLOAT, ["batch", 4]))
    assert "; sums" in refusal(saved(model))


@pytest.mark.parametrize("content", [b"", b"\x00" * 100, b"not ONNX",
                                     shipped().SerializeToString()[:20_000]])
def test_a_file_that_is_not_a_whole_onnx_file_is_refused(saved, content):
    assert "onnxruntime can load" in refusal(saved(content))


def test_a_missing_file_is_named(tmp_path):
    assert "not found" in refusal(tmp_path / "model.onnx")
    assert "not found" in refusal(tmp_path)


def test_importing_the_classifier_loads_neither_onnx_nor_onnxruntime_nor_scikit_learn():
    subprocess.run([sys.executable, "-c", "import sys, asteroid_taxonomy.onnx_model.classifier\n"
                    "sys.exit(bool({'onnx', 'onnxruntime', 'sklearn'} & set(sys.modules)))"],
                   check=True, cwd=TOP)


def test_a_confidence_below_the_threshold_abstains_and_one_that_rounds_to_it_does_not():
    found = decide(np.array([[0.699994, 0.3], [0.699996, 0.3], [np.nan, np.nan]]), "CS", 0.7, {})
    assert found.abstained.tolist() == [True, False, True]
    assert found.confidence[:2].tolist() == [0.69999, 0.7] and np.isnan(found.confidence[2])
    assert found.complex.tolist() == ["C", "C", None]
    assert found.complex_set.tolist() == ["C", "C", ""]


def test_without_a_threshold_only_spectra_without_a_class_abstain():
    found = decide(np.array([[0.3, 0.7], [np.nan, np.nan]]), "CS", None, {})
    assert found.abstained.tolist() == [False, True]


def test_equal_probabilities_go_to_the_first_class_whatever_their_last_bit():
    assert decide(np.array([[0.5 - 1e-9, 0.5 + 1e-9]]), "CS", None, {}).complex[0] == "C"


@pytest.mark.parametrize("snr, expected", [
    (10, "C S X"), (25, "C S X"), (59.9, "C S X"), (60, "S X"), (np.nan, "C S X")])
def test_the_set_has_the_complexes_that_cannot_be_excluded_at_that_signal_to_noise(snr, expected):
    probabilities = np.array([[0.2, 0.0, 0.7, 0.1]])
    assert decide(probabilities, "COSX", 0.9, SETS, np.array([snr])).complex_set[0] == expected


def test_the_set_is_the_widest_where_signal_to_noise_is_unknown_and_never_empty():
    found = decide(np.array([[0.06, 0.04, 0.9, 0.0], [0.25, 0.25, 0.25, 0.25]]), "COSX", 0.9, SETS)
    assert found.complex_set.tolist() == ["C S X", "C O S X"]
    strict = {"snr_below": [None], **dict.fromkeys("COSX", [0.99])}
    assert decide(np.array([[0.4, 0.3, 0.2, 0.1]]), "COSX", 0.9, strict).complex_set[0] == "C"


def test_single_precision_columns_of_a_table_are_decided_as_the_rounded_values():
    p = np.array([[0.7, 0.3], [0.69999, 0.30001]])
    assert decide(p.astype("f4"), "CS", 0.7, {}).abstained.tolist() == [False, True]
