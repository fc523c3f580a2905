import numpy as np
import pytest

from asteroid_taxonomy.console import PipelineError
from asteroid_taxonomy.learning import MAIN, VISIBLE, model_path
from asteroid_taxonomy.learning.augmentation import augmentation
from asteroid_taxonomy.learning.model_file import load_model, save_model
from asteroid_taxonomy.learning.models import MODELS, fit, make_model, members, predict
from asteroid_taxonomy.learning.training_set import read_training_set
from asteroid_taxonomy.params import validated
from tests.project_fixtures import sample_params

SMALL = {"random_forest": {"n_estimators": 20}, "extra_trees": {"n_estimators": 20},
         "mlp_ensemble": {"networks": 2, "max_iter": 4}, "mlp": {"max_iter": 20}}
NM = sample_params()["bands"]["wavelengths_nm"]
USED = sample_params()["train"]["used_bands_nm"]


@pytest.fixture
def data(sample_project):
    """The labelled asteroids of the sample."""
    return read_training_set(NM, USED[MAIN])


def trained(name, data, **changes):
    """A small model of this name, fitted to 400 asteroids."""
    params = sample_params()
    params["train"]["model"] = name
    params["train"][name] |= SMALL.get(name, {}) | changes
    checked = validated(params)
    return fit(make_model(checked.train, NM, USED[MAIN]), data.take(data.train[:400]),
               augmentation(checked, MAIN))


@pytest.mark.parametrize("name", MODELS)
def test_every_model_predicts_the_targets_and_has_the_same_bytes_again(name, data, tmp_path):
    files = []
    for _ in range(2):
        model = trained(name, data)
        save_model(model, tmp_path / "model.skops")
        files.append((tmp_path / "model.skops").read_bytes())
    assert files[0] == files[1]
    assert load_model(tmp_path / "model.skops").classes_.tolist() == list("COSX")
    found = predict(model, data.reflectance[data.test]).probability
    assert np.allclose(found.sum(axis=1), 1) and found.dtype == np.float64
    spread = predict(model, data.reflectance[:9]).spread
    assert spread.shape == (9, 4 if name == "mlp_ensemble" else 0)


def test_a_complex_has_the_probabilities_of_its_classes(data):
    model = load_model(model_path(MAIN))
    found, complexes = predict(model, data.reflectance), sample_params()["taxonomy"]["complexes"]
    assert found.by_class.shape == (len(data.target), len(model[-1].class_names_))
    for i, name in enumerate(model.classes_):
        mine = [label in complexes[name] for label in model[-1].class_names_]
        assert np.allclose(found.by_class[:, mine].sum(axis=1), found.probability[:, i])


@pytest.mark.parametrize("name", [MAIN, VISIBLE])
def test_predictions_are_the_mean_and_the_spread_over_the_networks(name, data):
    model = load_model(model_path(name))
    found = predict(model, data.reflectance)
    scaled = model[:-1].transform(data.reflectance.astype(float))
    each = [net.predict_proba(scaled) @ model[-1].members_ for net in members(model)]
    assert len(each) == sample_params()["train"]["mlp_ensemble"]["networks"]
    assert np.allclose(found.probability, model.predict_proba(data.reflectance.astype(float)))
    assert np.allclose(found.spread, np.std(each, axis=0))


def test_a_value_missing_in_an_unused_band_changes_nothing(data):
    model, holes = load_model(model_path(MAIN)), data.reflectance.copy()
    holes[:, [0, 4, 15]] = np.nan
    one, other = (predict(model, x).probability for x in (holes, data.reflectance))
    assert (one == other).all()


def test_a_hyperparameter_that_scikit_learn_refuses_is_reported_in_one_line(data):
    with pytest.raises(PipelineError, match="refuses a hyperparameter .*; correct it") as error:
        trained("mlp_ensemble", data, early_stopping=True, validation_fraction=1e-5)
    assert len(str(error.value)) <= 200
