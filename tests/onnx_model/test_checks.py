"""verify's checks: sabotaged files fail with advice that fits, changed hyperparameters pass.

SETTINGS in the environment is the number of random settings (3).
"""

import os

import numpy as np
import onnxruntime
import pyarrow.parquet as pq
import pytest

from asteroid_taxonomy.console import PipelineError
from asteroid_taxonomy.learning.augmentation import augmentation
from asteroid_taxonomy.learning.models import MODELS, fit, make_model
from asteroid_taxonomy.learning.predictions import predict
from asteroid_taxonomy.learning.training_set import read_training_set
from asteroid_taxonomy.onnx_model import checks
from asteroid_taxonomy.onnx_model.graph import to_onnx
from asteroid_taxonomy.params import load_params, validated
from asteroid_taxonomy.tables import ASTEROIDS_PATH, has_bands, matrix, reflectance_columns
from stages import verify
from tests.onnx_files import linear
from tests.project_fixtures import sample_params

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
RNG = np.random.default_rng(2026)
SETTINGS = [{"alpha": float(10 ** RNG.uniform(-4, 0.5)),
             "learning_rate_init": float(10 ** RNG.uniform(-3.3, -1.3)),
             "noisy_copies": int(RNG.integers(0, 5)), "max_iter": int(RNG.integers(5, 40)),
             "learn": str(RNG.choice(["class", "target"]))}
            for _ in range(int(os.environ.get("SETTINGS", "3")))]


def passes(model, changes, path):
    """Train with other hyperparameters, export, and verify; give difference and spectra."""
    nested = sample_params()
    nested["train"]["model"] = model
    nested["train"][model] |= changes
    params = validated(nested)
    wavelengths_nm = params.bands.wavelengths_nm
    used_nm = params.train.used_bands_nm.asteroid_taxonomy_visible
    data = read_training_set(wavelengths_nm, used_nm)
    fitted = fit(make_model(params.train, wavelengths_nm, used_nm), data.take(data.train),
                 augmentation(params.train))
    used = [wavelengths_nm.index(nm) for nm in used_nm]
    exported = to_onnx(fitted, len(wavelengths_nm), used, 17, 8)
    path.write_bytes(exported.SerializeToString())
    table = pq.read_table(ASTEROIDS_PATH)
    spectra = matrix(table, reflectance_columns(wavelengths_nm))[has_bands(table, used_nm)]
    file = type("File", (), {"path": path, "used": used, "classes": list(fitted.classes_)})
    return verify.verify(file, predict(fitted, spectra).probability, spectra,
                         load_params().verify.max_difference)


@pytest.mark.parametrize("changes", [{}, {"alpha": 0.78}, {"alpha": 0.79}, *SETTINGS], ids=str)
def test_networks_of_any_hyperparameters_pass(sample_project, tmp_path, changes):
    assert passes("mlp_ensemble", changes, tmp_path / "model.onnx") < 1e-5


@pytest.mark.slow
@pytest.mark.parametrize("model", [name for name in MODELS if name != "mlp_ensemble"])
def test_every_model_of_the_registry_passes(sample_project, tmp_path, model):
    passes(model, {}, tmp_path / "model.onnx")


@pytest.mark.slow
@pytest.mark.parametrize("model, changes", [
    ("svc", {"C": 30.0}), ("mlp", {"alpha": 0.0, "early_stopping": False, "max_iter": 300})])
def test_models_with_large_rounding_noise_pass(sample_project, tmp_path, model, changes):
    passes(model, changes, tmp_path / "model.onnx")


def test_rounding_noise_grows_with_the_logits(tmp_path):
    noise, spectra = [], np.random.default_rng(0).normal(1, 0.2, (500, 16)).astype(np.float32)
    for scale in (1, 1000):
        weights = np.tile(np.eye(4, dtype=np.float32), (4, 1)) * scale
        path = tmp_path / "model.onnx"
        path.write_bytes(linear(weights).SerializeToString())
        noise.append(checks.rounding_noise(checks.at_level(path, checks.LEVELS[-1]), spectra))
    assert noise[0] < 1e-6 and noise[1] > 50 * noise[0]


def test_four_optimisation_levels_are_compared():
    assert len(set(checks.LEVELS)) == 4
    assert onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL == checks.LEVELS[-1]


def test_probabilities_that_depend_on_the_batch_fail(tmp_path):
    def unsteady(batch):
        out = np.full((len(batch), 2), 0.5 + 0.1 * (len(batch) == 2), np.float32)
        return np.where(np.isnan(batch).any(axis=1, keepdims=True), np.nan, out)

    with pytest.raises(PipelineError, match="in a batch of 2"):
        checks.check_edges(tmp_path, unsteady, np.ones((40, 3), "f4"), [0, 1, 2], 1e-5)


@pytest.mark.parametrize("found, message", [
    ([[0.7, 0.3], [0.2, 0.8]], "differs from its model by up to 1.0e-01 .* in 1 of 2 spectra"),
    ([[0.4, 0.6], [0.8, 0.2]], "has its classes in the order S, C, its metadata C, S"),
    ([[np.nan, 0.5], [0.2, 0.8]], "gives NaN"),
])
def test_wrong_probabilities_fail_with_a_message_of_their_own(tmp_path, found, message):
    reference = np.array([[0.6, 0.4], [0.2, 0.8]])
    checks.compare(tmp_path, reference + 9e-6, reference, 1e-5, "CS")
    with pytest.raises(PipelineError, match=message):
        checks.compare(tmp_path, np.array(found), reference, 1e-5, "CS")
