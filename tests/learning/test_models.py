import json

import numpy as np
import onnx
import pytest
import yaml

from asteroid_taxonomy.console import PipelineError
from asteroid_taxonomy.learning.augmentation import Augmentation
from asteroid_taxonomy.learning.model_file import load_model, model_path
from asteroid_taxonomy.learning.models import MODELS, fit
from asteroid_taxonomy.learning.predictions import spread
from asteroid_taxonomy.onnx_model.description import MAIN, ONNX_PATH
from stages import export, train, verify
from tests.project_fixtures import TOP

MODEL_PATH = model_path(MAIN)
SMALL = {"random_forest": {"n_estimators": 20}, "extra_trees": {"n_estimators": 20},
         "mlp_ensemble": {"networks": 2, "max_iter": 4}}


@pytest.fixture
def choose(simulated_project):
    """Set train.model, with small hyperparameters, and train it."""
    def choose(name):
        params = yaml.safe_load((simulated_project / "params.yaml").read_text())
        for block, values in SMALL.items():
            params["train"][block] |= values
        params["train"]["model"] = name
        if name == "svc":  # whose kernel sums a thousand terms, in ONNX in single precision
            params["verify"]["max_difference"] = 5e-5
        (simulated_project / "params.yaml").write_text(yaml.safe_dump(params))
        train.main()
    return choose


@pytest.mark.parametrize("name", MODELS)
def test_every_model_trains_exports_and_verifies(choose, name):
    choose(name)
    assert list(load_model(MODEL_PATH).classes_) == list("COSX")
    export.main()
    verify.main()
    domains = {opset.domain for opset in onnx.load(ONNX_PATH).opset_import}
    assert domains == ({""} if MODELS[name].plain_onnx else {"", "ai.onnx.ml"})


def test_a_complex_has_the_probabilities_of_its_classes(simulated_project, simulated_spectra):
    model = load_model(MODEL_PATH)
    summing, scaled = model[-1], model[:-1].transform(simulated_spectra)
    of_class, of_complex = summing.class_probabilities(scaled), summing.predict_proba(scaled)
    classes = yaml.safe_load((TOP / "params.yaml").read_text())["taxonomy"]["complexes"]
    assert of_class.shape == (len(simulated_spectra), len(summing.class_names_))
    for i, name in enumerate(summing.classes_):
        mine = [label in classes[name] for label in summing.class_names_]
        assert np.allclose(of_class[:, mine].sum(axis=1), of_complex[:, i], rtol=0, atol=1e-6)


def test_the_networks_of_an_ensemble_spread_as_their_probabilities_do(
        simulated_project, simulated_spectra):
    model = load_model(MODEL_PATH)
    networks = model[-1].estimator.estimators_
    scaled = model[:-1].transform(simulated_spectra)
    each = np.stack([net.predict_proba(scaled) @ model[-1].members_ for net in networks])
    assert np.allclose(spread(model, simulated_spectra), each.std(axis=0), rtol=0, atol=1e-6)
    assert spread(model, simulated_spectra).shape == (len(simulated_spectra), 4)


def test_equal_networks_have_no_spread(simulated_project, simulated_spectra):
    model = load_model(MODEL_PATH)
    members = model[-1].estimator.estimators_
    members[:] = [members[0]] * len(members)
    assert spread(model, simulated_spectra).max() < 1e-7


@pytest.mark.parametrize("name", ["mlp", "random_forest"])
def test_what_is_no_ensemble_of_networks_has_no_spread(choose, simulated_spectra, name):
    choose(name)
    assert spread(load_model(MODEL_PATH), simulated_spectra) is None


@pytest.mark.parametrize("name", ["random_forest", "svc"])
def test_every_model_trains_to_the_same_bytes(choose, name):
    choose(name)
    first = MODEL_PATH.read_bytes()
    train.main()
    assert MODEL_PATH.read_bytes() == first


def test_the_default_model_is_small(simulated_run):
    assert (simulated_run / ONNX_PATH).stat().st_size <= 100_000


def test_permuting_rows_changes_nothing(simulated_project, simulated_spectra):
    model = load_model(MODEL_PATH)
    order = np.random.default_rng(0).permutation(len(simulated_spectra))
    assert np.allclose(model.predict_proba(simulated_spectra[order]),
                       model.predict_proba(simulated_spectra)[order], rtol=0, atol=1e-6)


def test_a_value_missing_in_an_unused_band_costs_no_class(simulated_project, simulated_spectra):
    model, holes = load_model(MODEL_PATH), simulated_spectra.copy()
    holes[:, [0, 4, 15]] = np.nan
    assert (model.predict_proba(holes) == model.predict_proba(simulated_spectra)).all()


def test_the_table_of_models_has_every_model():
    found = json.loads((TOP / "benchmarks/results/models.json").read_text(encoding="utf-8"))
    assert found["models"] == list(MODELS) and found["survey"] == "Gaia DR3"


def test_a_model_without_memory_for_it_stops_with_a_sentence():
    class Large:
        steps = (("classifier", None),)

        def fit(self, *_):
            raise MemoryError("Unable to allocate 745. GiB")

    one = np.zeros((1, 1), np.float32)
    with pytest.raises(PipelineError, match="745. GiB; correct that hyperparameter"):
        fit(Large(), Augmentation(0, 1), one, one, np.array(["C"]), np.array(["Ch"]))
