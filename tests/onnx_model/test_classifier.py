import subprocess
import sys

import numpy as np
import pytest

from asteroid_taxonomy.console import PipelineError
from asteroid_taxonomy.onnx_model.classifier import decide, load_classifier
from tests.onnx_files import GRID, SHIPPED, TOP

SETS = {"snr_below": [25, 60, None], "C": [0.05, 0.1, 0.3], "O": [0.05, 0.1, 0.3],
        "S": [0.05, 0.1, 0.3], "X": [0.05, 0.1, None]}


def test_a_classifier_has_what_its_metadata_say():
    model = load_classifier(SHIPPED)
    assert model.classes == list("COSX") and model.wavelengths_nm == GRID
    assert (model.name, model.normalised_at_nm, model.width_nm) == (SHIPPED.stem, 550, 44)
    assert model.threshold == model.metadata.abstention_threshold > 0.5
    assert [GRID[i] for i in model.used] == [nm for nm in GRID if nm not in (374, 550, 1034)]


@pytest.mark.parametrize("path", sorted(TOP.glob("models/*.onnx")), ids=lambda path: path.stem)
def test_every_shipped_file_gives_rounded_probabilities_that_sum_to_one(path):
    found = load_classifier(path).probabilities(np.ones((1, 16), np.float32))
    assert found.sum() == pytest.approx(1, abs=1e-4)
    assert found.dtype == np.float64 and np.array_equal(found, np.round(found, 5))


def test_a_missing_used_band_gives_no_class_and_a_missing_other_band_changes_nothing():
    model, spectra = load_classifier(SHIPPED), np.ones((4, 16), np.float32)
    spectra[1, 0], spectra[2, 1], spectra[3, 1] = np.nan, np.inf, np.nan
    found = model.probabilities(spectra)
    assert np.array_equal(found[0], found[1]) and np.isnan(found[2:]).all()
    assert model.has_bands(spectra).tolist() == [True, True, False, False]


def test_many_spectra_go_through_in_batches_with_the_same_result():
    model = load_classifier(SHIPPED)
    spectra = np.random.default_rng(0).normal(1, 0.3, (9000, 16)).astype(np.float32)
    found = model.probabilities(spectra)
    assert np.allclose(found[5000:5003], model.probabilities(spectra[5000:5003]), atol=2e-5)
    assert model.probabilities(spectra[:0]).shape == (0, 4)
    assert model.decide(found[:0]).complex_set.tolist() == []


@pytest.mark.parametrize("content, message", [
    (SHIPPED.read_bytes()[:20_000], "is not an ONNX file that onnxruntime can load"),
    (None, "model.onnx not found")], ids=["truncated", "missing"])
def test_a_file_that_is_truncated_or_missing_is_named(tmp_path, content, message):
    if content:
        (tmp_path / "model.onnx").write_bytes(content)
    with pytest.raises(PipelineError, match=message):
        load_classifier(tmp_path / "model.onnx")


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
    found = decide(np.array([[0.3, 0.7], [np.nan, np.nan]]), "CS", None, {})
    assert found.abstained.tolist() == [False, True]


@pytest.mark.parametrize("snr, expected", [(25, "C S X"), (60, "S X"), (np.nan, "C S X")])
def test_the_set_has_the_complexes_that_cannot_be_excluded_at_that_signal_to_noise(snr, expected):
    probabilities = np.array([[0.2, 0.0, 0.7, 0.1]])
    assert decide(probabilities, "COSX", 0.9, SETS, np.array([snr])).complex_set[0] == expected


def test_the_set_is_the_widest_where_signal_to_noise_is_unknown_and_never_empty():
    found = decide(np.array([[0.06, 0.04, 0.9, 0.0], [0.25, 0.25, 0.25, 0.25]]), "COSX", 0.9, SETS)
    assert found.complex_set.tolist() == ["C S X", "C O S X"]
    strict = {"snr_below": [None], **dict.fromkeys("COSX", [0.99])}
    assert decide(np.array([[0.4, 0.3, 0.2, 0.1]]), "COSX", 0.9, strict).complex_set[0] == "C"


def test_probabilities_are_decided_as_rounded_whatever_their_last_bit():
    assert decide(np.array([[0.5 - 1e-9, 0.5 + 1e-9]]), "CS", None, {}).complex[0] == "C"
    p = np.array([[0.7, 0.3], [0.69999, 0.30001]])
    assert decide(p.astype("f4"), "CS", 0.7, {}).abstained.tolist() == [False, True]
