"""verify's checks; SETTINGS in the environment is the number of random settings, 2 without."""

import os
from types import SimpleNamespace

import numpy as np
import pyarrow.parquet as pq
import pytest
from scipy.special import softmax

from asteroid_taxonomy.console import PipelineError
from asteroid_taxonomy.learning.augmentation import augmentation
from asteroid_taxonomy.learning.models import MODELS, fit, make_model, predict
from asteroid_taxonomy.learning.training_set import read_training_set
from asteroid_taxonomy.onnx_model import checks
from asteroid_taxonomy.onnx_model.graph import to_onnx
from asteroid_taxonomy.onnx_model.metadata import VISIBLE
from asteroid_taxonomy.params import validated
from asteroid_taxonomy.tables import ASTEROIDS_PATH, has_bands, matrix, reflectance_columns
from stages import verify
from tests.project_fixtures import sample_params

RNG = np.random.default_rng(2026)
SETTINGS = [{"alpha": float(10 ** RNG.uniform(-4, 0.5)),
             "learning_rate_init": float(10 ** RNG.uniform(-3.3, -1.3)),
             "noisy_copies": int(RNG.integers(0, 5)), "max_iter": int(RNG.integers(5, 40)),
             "learn": str(RNG.choice(["class", "target"]))}
            for _ in range(int(os.environ.get("SETTINGS", "2")))]


def difference(model, changes, path):
    """Train with other hyperparameters, export, and verify; give the largest difference."""
    nested = sample_params()
    nested["train"]["model"] = model
    nested["train"][model] |= changes
    params = validated(nested)
    nm, used_nm = params.bands.wavelengths_nm, params.train.used_bands_nm.asteroid_taxonomy_visible
    data, used = read_training_set(nm, used_nm), [nm.index(each) for each in used_nm]
    fitted = fit(make_model(params.train, nm, used_nm), data.take(data.train),
                 augmentation(params, VISIBLE))
    path.write_bytes(to_onnx(fitted, len(nm), used, 17, 8).SerializeToString())
    table = pq.read_table(ASTEROIDS_PATH)
    spectra = matrix(table, reflectance_columns(nm))[has_bands(table, used_nm)]
    file = SimpleNamespace(path=path, used=used, classes=list(fitted.classes_))
    return verify.verify(file, predict(fitted, spectra).probability, spectra,
                         params.verify.max_difference)


@pytest.mark.parametrize("changes", SETTINGS, ids=str)
def test_networks_of_any_hyperparameters_pass(sample_project, tmp_path, changes):
    assert difference("mlp_ensemble", changes, tmp_path / "model.onnx") < 1e-5


@pytest.mark.slow
@pytest.mark.parametrize("model, changes", [
    *((name, {}) for name in MODELS), ("svc", {"C": 30.0}),
    ("mlp", {"alpha": 0.0, "early_stopping": False, "max_iter": 300})])
def test_every_model_passes_and_so_do_those_with_large_logits(
        sample_project, tmp_path, model, changes):
    difference(model, changes, tmp_path / "model.onnx")


def test_rounding_noise_grows_with_the_logits():
    spectra = np.random.default_rng(0).normal(1, 0.2, (500, 4)).astype(np.float32)
    small, large = (checks.rounding_noise(lambda x, k=k: softmax(k * x, axis=1), spectra)
                    for k in np.float32([1, 1000]))
    assert small < 1e-6 and large > 50 * small


@pytest.mark.parametrize("nan, second, message", [
    (0.5, 0.5, "gives probabilities where band 0, which it uses, is NaN"),
    (np.nan, 0.6, "in a batch of 2")])
def test_classes_of_spectra_with_gaps_or_by_batch_fail(tmp_path, nan, second, message):
    def predict(batch):
        gap = np.isnan(batch).any(axis=1, keepdims=True)
        return np.repeat(np.where(gap, nan, second if len(batch) == 2 else 0.5), 2, axis=1)

    with pytest.raises(PipelineError, match=message):
        checks.check_edges(tmp_path, predict, np.ones((40, 3), "f4"), [0, 1, 2], 1e-5)


@pytest.mark.parametrize("found, message", [
    ([[0.7, 0.3], [0.2, 0.8]], "differs from its model by up to 1.0e-01 .* in 1 of 2 spectra"),
    ([[0.4, 0.6], [0.8, 0.2]], "has its classes in the order S, C, its metadata C, S"),
    ([[np.nan, 0.5], [0.2, 0.8]], "gives NaN for spectra with all used bands"),
])
def test_wrong_probabilities_fail_with_a_message_of_their_own(tmp_path, found, message):
    reference = np.array([[0.6, 0.4], [0.2, 0.8]])
    checks.compare(tmp_path, reference + 9e-6, reference, 1e-5, "CS")
    with pytest.raises(PipelineError, match=message):
        checks.compare(tmp_path, np.array(found), reference, 1e-5, "CS")
