import json

import numpy as np
import onnx
import pytest
import yaml

from asteroid_taxonomy.learning.model_file import MODEL_PATH, load_model, steps
from asteroid_taxonomy.learning.models import MODELS
from asteroid_taxonomy.onnx_model.contract import ML_MODELS
from asteroid_taxonomy.onnx_model.description import ONNX_PATH
from stages import export, train, verify
from tests.project_fixtures import TOP

SMALL = {"random_forest": {"n_estimators": 20}, "extra_trees": {"n_estimators": 20},
         "mlp_ensemble": {"networks": 2, "max_iter": 20}}


@pytest.fixture
def choose(simulated_project):
    """Set train.model, with small hyperparameters, and train it."""
    def choose(name):
        params = yaml.safe_load((simulated_project / "params.yaml").read_text())
        for block, values in SMALL.items():
            params["train"][block] |= values
        params["train"]["model"] = name
        (simulated_project / "params.yaml").write_text(yaml.safe_dump(params))
        train.main()
    return choose


@pytest.mark.parametrize("name", MODELS)
def test_every_model_trains_exports_and_verifies(choose, name):
    choose(name)
    assert list(load_model().classes_) == list("COSX")
    export.main()
    verify.main()
    domains = {opset.domain for opset in onnx.load(ONNX_PATH).opset_import}
    assert domains == ({"", "ai.onnx.ml"} if name in ML_MODELS else {""})


def test_a_complex_has_the_probabilities_of_its_classes(simulated_project, simulated_spectra):
    *scalers, summing = steps(load_model())
    classes = summing.estimator.classes_
    assert set(summing.classes_) == {name[0] for name in classes}
    spectra = simulated_spectra[:, load_model()[0].transformers_[0][2]]
    for scaler in scalers:
        spectra = scaler.transform(spectra)
    of_class, of_complex = (m.predict_proba(spectra) for m in (summing.estimator, summing))
    for i, name in enumerate(summing.classes_):
        mine = [label.startswith(f"{name}:") for label in classes]
        assert np.allclose(of_class[:, mine].sum(axis=1), of_complex[:, i], rtol=0, atol=1e-6)


@pytest.mark.parametrize("name", ["random_forest", "svc", "blend"])
def test_every_model_trains_to_the_same_bytes(choose, name):
    choose(name)
    first = MODEL_PATH.read_bytes()
    train.main()
    assert MODEL_PATH.read_bytes() == first


def test_the_default_model_is_small(simulated_run):
    assert (simulated_run / ONNX_PATH).stat().st_size <= 100_000


def test_permuting_rows_changes_nothing(simulated_project, simulated_spectra):
    model, order = load_model(), np.random.default_rng(0).permutation(len(simulated_spectra))
    assert np.allclose(model.predict_proba(simulated_spectra[order]),
                       model.predict_proba(simulated_spectra)[order], rtol=0, atol=1e-6)


def test_a_value_missing_in_an_unused_band_costs_no_class(simulated_project, simulated_spectra):
    model, holes = load_model(), simulated_spectra.copy()
    holes[:, [0, 4, 15]] = np.nan
    assert (model.predict_proba(holes) == model.predict_proba(simulated_spectra)).all()


def test_the_table_of_models_has_every_model():
    found = json.loads((TOP / "benchmarks/results/models.json").read_text(encoding="utf-8"))
    assert found["models"] == list(MODELS) and found["survey"] == "Gaia DR3"
