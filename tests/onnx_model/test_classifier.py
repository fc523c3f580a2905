import json
import subprocess
import sys

import numpy as np
import onnx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import TensorProto
from onnx.external_data_helper import convert_model_to_external_data

from asteroid_taxonomy.console import PipelineError
from asteroid_taxonomy.onnx_model import classifier as module
from asteroid_taxonomy.onnx_model import description
from asteroid_taxonomy.onnx_model.classifier import load_classifier
from asteroid_taxonomy.onnx_model.contract import read_onnx
from asteroid_taxonomy.onnx_model.description import UNSEALED, sealed
from tests.onnx_files import (
    TOP,
    WEIGHTS,
    big_constant,
    doubled,
    endless,
    linear,
    long_chain,
    of_classes,
    rank_three,
    shipped,
    two_outputs,
)

GRID = [374 + 44 * i for i in range(16)]


@pytest.fixture
def saved(tmp_path):
    """Save a model, or bytes, and give the path."""
    def save(model):
        path = tmp_path / "model.onnx"
        path.write_bytes(model if isinstance(model, bytes) else model.SerializeToString())
        return path
    return save


def refusal(load, path):
    """The one sentence with which the file is refused."""
    with pytest.raises(PipelineError) as error:
        load(path)
    sentence = str(error.value)
    assert "\n" not in sentence and len(sentence) < 700 and str(path) in sentence
    return sentence


def test_a_classifier_says_what_its_file_says(saved):
    model = load_classifier(saved(shipped(abstention_threshold="0.7")))
    assert model.classes == list("COSX") and model.wavelengths_nm == GRID
    assert (model.normalised_at_nm, model.width_nm, model.threshold) == (550, 44, 0.7)
    assert [GRID[i] for i in model.used] == [nm for nm in GRID if nm not in (374, 550, 1034)]
    assert json.loads(model.metadata["spectra_columns"])["number"] == "number_mp"


@pytest.mark.parametrize("path", sorted(TOP.glob("models/*.onnx")), ids=lambda path: path.stem)
def test_every_shipped_file_is_as_it_was_exported_and_gives_probabilities(path):
    model = load_classifier(path)
    assert "sha256" in model.metadata
    found = model.probabilities(np.ones((1, len(model.wavelengths_nm)), np.float32))
    assert found.sum() == pytest.approx(1, abs=1e-5)


def test_a_missing_used_band_gives_no_class_and_a_missing_other_band_changes_nothing(saved):
    model, spectra = load_classifier(saved(shipped())), np.ones((3, 16), np.float32)
    spectra[1, 0], spectra[2, 1] = np.nan, np.inf
    found = model.probabilities(spectra)
    assert np.array_equal(found[0], found[1]) and np.isnan(found[2]).all()
    assert model.complexes(found)[0][2] is None


def test_values_too_large_for_float32_give_no_class(saved):
    model = load_classifier(saved(linear(WEIGHTS * 2)))
    spectra = np.full((2, 16), np.float32(3e38))
    spectra[1] = 1
    names, _ = model.complexes(model.probabilities(spectra))
    assert names[0] is None and names[1] is not None


@pytest.mark.parametrize("metadata, said", [
    ({"classes": None}, "has no classes in its metadata"),
    ({"wavelengths_nm": None}, "has no wavelengths_nm"),
    ({"used_bands_nm": None}, "has no used_bands_nm"),
    ({"normalised_at_nm": None}, "has no normalised_at_nm"),
    ({"width_nm": None}, "has no width_nm"), ({"survey": None}, "has no survey"),
    ({"abstention_threshold": None}, "has no abstention_threshold"),
    ({"classes": ""}, "names of classes, each once in its metadata's classes, but says ''"),
    ({"classes": "C,O,,X"}, "names of classes"), ({"classes": "C,O,S,S"}, "names of classes"),
    ({"classes": "C,O,S, X"}, "names of classes"),
    ({"classes": "C,O,S,\x1b[31mX"}, "names of classes"),
    ({"classes": "C,O,S"}, "names 3 classes for 4 columns"),
    ({"classes": "C,O,S,X,V"}, "names 5 classes for 4 columns"),
    ({"wavelengths_nm": "374,418"}, "names 2 wavelengths_nm for 16 columns"),
    ({"wavelengths_nm": ",".join(map(str, GRID[::-1]))}, "wavelengths in nm, ascending"),
    ({"wavelengths_nm": "374,374," + ",".join(map(str, GRID[2:]))}, "ascending"),
    ({"wavelengths_nm": "blue"}, "but says 'blue'"),
    ({"wavelengths_nm": "9" * 5000}, "ascending"),
    ({"used_bands_nm": ""}, "ascending"), ({"used_bands_nm": "418,555"}, "has 555 in its used"),
    ({"used_bands_nm": "-418"}, "ascending"), ({"used_bands_nm": "418.0"}, "ascending"),
    ({"normalised_at_nm": "551"}, "has 551 in its normalised_at_nm"),
    ({"normalised_at_nm": "nan"}, "a whole number of nm"), ({"width_nm": "0"}, "a whole number"),
    *(({"abstention_threshold": text}, "a probability, or none")
      for text in ("nan", "inf", "-0.1", "69.7", "text", "")),
])
def test_metadata_that_are_missing_or_do_not_fit_are_named(saved, metadata, said):
    assert said in refusal(load_classifier, saved(shipped(**metadata)))


def test_a_threshold_of_none_keeps_every_class(saved):
    assert load_classifier(saved(shipped(abstention_threshold="none"))).threshold == 0.0


@pytest.mark.parametrize("model, said", [
    (linear(names=("X", "probabilities")), "should have one input, float_input"),
    (linear(names=("float_input", "label")), "should have one output, probabilities"),
    (linear(WEIGHTS.astype(np.float64), kind=TensorProto.DOUBLE), "tensor(double)"),
    (linear(batch=1), "[1, 16]"), (linear(batch=32), "[32, 16]"),
    (linear(WEIGHTS[:15]), "names 16 wavelengths_nm for 15 columns"),
    (linear(WEIGHTS[:, :3]), "names 4 classes for 3 columns"),
    (linear(np.ones((16, 5), np.float32)), "names 4 classes for 5 columns"),
    (two_outputs(), "should have one output"), (rank_three(), "['batch', 16, 4]"),
    (linear(last="Relu"), "gives numbers that are not probabilities, such as [4.0, 4.0"),
    (linear(last="Neg"), "not probabilities"), (linear(last="Sigmoid"), "not probabilities"),
], ids=lambda value: value if isinstance(value, str) else "")
def test_a_model_with_other_tensors_is_refused(saved, model, said):
    assert said in refusal(load_classifier, saved(model))


@pytest.mark.parametrize("make", [lambda: big_constant(2**36), lambda: big_constant(2**30),
                                  lambda: doubled(34), endless, long_chain],
                         ids=["constant", "smaller_constant", "doubled", "endless", "long"])
def test_a_model_that_wants_too_much_memory_or_time_is_refused(saved, monkeypatch, make):
    monkeypatch.setattr(module, "PATIENCE_S", 0.5)
    assert "onnxruntime can load" in (said := refusal(load_classifier, saved(make()))) or (
        "fails on spectra" in said)


def test_a_model_of_more_operators_than_any_of_ours_is_not_inspected(saved):
    assert "has 60,003 operators" in refusal(read_onnx, saved(long_chain()))


def test_weights_in_another_file_are_not_read(saved, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # where the other file is
    model = linear()
    convert_model_to_external_data(model, location="weights", size_threshold=0)
    onnx.save(model, "model.onnx")
    path = tmp_path / "model.onnx"
    assert "onnxruntime can load (" in refusal(load_classifier, path)
    assert "in another file" in refusal(read_onnx, path)


@pytest.mark.parametrize("load", [load_classifier, read_onnx])
def test_a_file_too_large_missing_or_not_a_file_is_refused_unread(tmp_path, monkeypatch, load):
    path = tmp_path / "model.onnx"
    assert "does not exist" in refusal(load, path)
    path.mkdir()
    assert "is not a file" in refusal(load, path)
    path.rmdir()
    monkeypatch.setattr(description, "MAX_BYTES", 9)
    path.write_bytes(b"0123456789")
    assert "has 10 bytes" in refusal(load, path)


@pytest.mark.parametrize("load", [load_classifier, read_onnx])
@pytest.mark.parametrize("content", [b"", b"\x00" * 100, b"PK\x03\x04", b"not ONNX", b"\x08\x08"])
def test_a_file_of_something_else_is_refused(saved, load, content):
    refusal(load, saved(content))


CONTENT = shipped().SerializeToString()


@pytest.mark.parametrize("load", [load_classifier, read_onnx])
@settings(max_examples=60, deadline=None,
          suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_damaged_file_ends_in_a_sentence_or_in_probabilities(saved, load, data):
    damaged = bytearray(CONTENT)
    for _ in range(data.draw(st.integers(1, 8))):
        # most bytes are weights: look at what stands before and behind them as often
        place = data.draw(st.one_of(st.integers(0, len(damaged) - 1), st.integers(0, 2000),
                                    st.integers(len(damaged) - 4000, len(damaged) - 1)))
        damaged[place] ^= 1 << data.draw(st.integers(0, 7))
    if data.draw(st.booleans()):
        del damaged[data.draw(st.integers(0, len(damaged) - 1)):]
    try:
        model = load(saved(bytes(damaged)))
    except PipelineError as error:
        assert "\n" not in str(error)
    else:
        if load is load_classifier:
            found = model.probabilities(np.ones((4, len(model.wavelengths_nm)), np.float32))
            assert np.isnan(found).all() or np.allclose(found.sum(axis=1), 1, atol=2e-3)


def test_each_bit_of_a_sealed_file_counts(saved):
    content = sealed(shipped(sha256=UNSEALED).SerializeToString())
    load_classifier(saved(content))
    for place in np.random.default_rng(0).integers(0, len(content) - 100, 200):
        damaged = bytearray(content)
        damaged[place] ^= 1 << (place % 8)
        refusal(load_classifier, saved(bytes(damaged)))


def test_many_classes_are_as_good_as_four(saved):
    model = load_classifier(saved(of_classes(list("ABCDEFGHIJKLMNOPQ"))))
    assert model.probabilities(np.ones((2, 16), np.float32)).shape == (2, 17)


def test_a_large_input_goes_through_in_batches_with_the_same_result(saved):
    model = load_classifier(saved(shipped()), threads=2)
    spectra = np.random.default_rng(0).normal(1, 0.3, (9000, 16)).astype(np.float32)
    found = model.probabilities(spectra)
    assert np.allclose(found[5000:5003], model.probabilities(spectra[5000:5003]), atol=1e-6)


def test_importing_the_classifier_loads_neither_onnx_nor_onnxruntime_nor_scikit_learn():
    subprocess.run([sys.executable, "-c", "import sys, asteroid_taxonomy.onnx_model.classifier\n"
                    "sys.exit(bool({'onnx', 'onnxruntime', 'sklearn'} & set(sys.modules)))"],
                   check=True, cwd=TOP)
