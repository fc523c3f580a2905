import json
from pathlib import Path

import pytest

from asteroid_taxonomy.console import PipelineError
from asteroid_taxonomy.onnx_model.classifier import load_classifier
from asteroid_taxonomy.onnx_model.metadata import JSON_PATH, Metadata
from tests.onnx_files import CONTRACT, GRID, SHIPPED, TOP

FILE = Path("model.onnx")


def test_what_a_program_needs_is_read_from_text():
    metadata = Metadata.from_text(CONTRACT, FILE)
    assert (metadata.classes, metadata.wavelengths_nm) == (list("COSX"), GRID)
    assert (metadata.width_nm, metadata.abstention_threshold) == (44, 0.7)
    assert metadata.complexes == {} and metadata.licence == ""


def test_metadata_are_read_as_they_were_written():
    metadata = load_classifier(SHIPPED).metadata
    assert Metadata.from_text(metadata.to_text(), FILE) == metadata
    assert metadata.spectra_columns["number"] == "number_mp"
    assert metadata.mapping_columns["num_of_spectra"] is None


def test_the_json_beside_the_file_has_the_same_metadata():
    stored = json.loads((TOP / JSON_PATH).read_text(encoding="utf-8"))
    assert Metadata.model_validate(stored) == load_classifier(SHIPPED).metadata


@pytest.mark.parametrize("key, text", [
    *((key, None) for key in CONTRACT),
    ("classes", ""), ("classes", "C"), ("classes", "C,O,,X"), ("classes", "C,O,S,S"),
    ("classes", "C,O,S, X"), ("wavelengths_nm", ",".join(map(str, GRID[::-1]))),
    ("wavelengths_nm", "374,374,550"), ("wavelengths_nm", "blue"), ("wavelengths_nm", "9" * 5000),
    ("used_bands_nm", ""), ("used_bands_nm", "418,555"), ("used_bands_nm", "-418"),
    ("normalised_at_nm", "551"), ("normalised_at_nm", "nan"), ("width_nm", "0"),
    ("abstention_threshold", "nan"), ("abstention_threshold", "-0.1"),
    ("abstention_threshold", "69.7"), ("abstention_threshold", ""), ("least_probability", "C"),
    ("least_probability", '{"C": [0.1]}'),
    ("least_probability", '{"snr_below": [25, null], "C": [1], "O": [1], "S": [1], "X": [1]}'),
])
def test_a_value_that_is_missing_or_does_not_fit_is_named(key, text):
    stored = {k: v for k, v in (CONTRACT | {key: text}).items() if v is not None}
    with pytest.raises(PipelineError, match=f"metadata {key}.*run dvc repro export") as error:
        Metadata.from_text(stored, FILE)
    assert "\n" not in str(error.value) and len(str(error.value)) <= 200
