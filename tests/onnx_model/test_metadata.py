import json
from pathlib import Path

import pytest

from asteroid_taxonomy.console import PipelineError
from asteroid_taxonomy.onnx_model.classifier import load_classifier
from asteroid_taxonomy.onnx_model.metadata import JSON_PATH, Metadata
from tests.onnx_files import CONTRACT, SHIPPED, TOP

FILE = Path("model.onnx")


def test_metadata_are_read_as_they_were_written():
    metadata = load_classifier(SHIPPED).metadata
    assert Metadata.from_text(metadata.to_text(), FILE) == metadata
    assert metadata.spectra_columns["number"] == "number_mp"


def test_the_json_beside_the_file_has_the_same_metadata():
    stored = json.loads((TOP / JSON_PATH).read_text(encoding="utf-8"))
    assert Metadata.model_validate(stored) == load_classifier(SHIPPED).metadata


@pytest.mark.parametrize("key, text", [
    ("classes", None), ("survey", None), ("classes", "C"), ("wavelengths_nm", "blue"),
    ("abstention_threshold", "high"), ("least_probability", "C")])
def test_a_value_that_is_missing_or_of_another_type_is_named(key, text):
    stored = {k: v for k, v in (CONTRACT | {key: text}).items() if v is not None}
    with pytest.raises(PipelineError, match=f"metadata {key}.*run dvc repro export"):
        Metadata.from_text(stored, FILE)
