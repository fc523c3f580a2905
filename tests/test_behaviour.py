"""What the model answers for well-known asteroids that it was not trained on, and under noise."""

import json

import numpy as np
import pyarrow.parquet as pq
import pytest

from asteroid_taxonomy.onnx_model.classifier import load_classifier
from asteroid_taxonomy.tables import (
    ASTEROIDS_PATH,
    OUT_OF_FOLD_PATH,
    error_columns,
    matrix,
    reflectance_columns,
)
from tests.project_fixtures import TOP

pytestmark = pytest.mark.slow
KNOWN = {"ceres": "C", "pallas": "C", "juno": "S", "vesta": "O", "hebe": "S", "iris": "S",
         "hygiea": "C", "psyche": "X", "massalia": "S", "themis": "C", "ida": "S",
         "dembowska": "O", "eros": "S", "gaspra": "S"}


def test_well_known_asteroids_have_their_complex_out_of_fold(sample_run):
    table = pq.read_table(sample_run / OUT_OF_FOLD_PATH).to_pandas().set_index("name")
    assert table.loc[list(KNOWN), "predicted"].to_dict() == KNOWN


def test_noise_lowers_confidence_on_average(sample_run):
    table = pq.read_table(sample_run / ASTEROIDS_PATH)
    nm = [int(name.removeprefix("flag_")) for name in table.column_names if "flag_" in name]
    spectra, error = (matrix(table, names(nm)) for names in (reflectance_columns, error_columns))
    bright = (table["snr"].to_numpy() > 50) & ~np.isnan(spectra).any(axis=1)
    spectra, error = spectra[bright], error[bright]
    noise = np.random.default_rng(5).standard_normal(spectra.shape).astype(np.float32) * error
    classifier = load_classifier(sample_run / "models/asteroid_taxonomy.onnx")
    confidence = [classifier.probabilities(spectra + k * noise).max(axis=1).mean()
                  for k in (0, 1, 3)]
    assert confidence[0] > confidence[1] > confidence[2]


def test_the_committed_run_is_as_good_as_it_has_to_be():
    found = json.loads((TOP / "reports/metrics.json").read_text(encoding="utf-8"))["cv"]
    assert found["accuracy"] >= 0.785 and found["balanced_accuracy"] >= 0.742
    assert found["log_loss"] <= 0.595
