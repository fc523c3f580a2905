import numpy as np
import pyarrow as pa
import pytest
from joblib import parallel_config
from sklearn.dummy import DummyClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline

from asteroid_taxonomy.console import PipelineError
from asteroid_taxonomy.evaluation.baselines import NO_COPIES
from asteroid_taxonomy.evaluation.folds import (
    Candidate,
    class_pairs,
    fold_numbers,
    of_targets,
    predict_out_of_fold,
    share_of,
)
from asteroid_taxonomy.learning.sum_of_classes import SumOfClasses
from asteroid_taxonomy.learning.training_set import TrainingSet

N, BANDS = 120, 4


@pytest.fixture(autouse=True)
def one_process():
    """Fits too small for processes of their own."""
    with parallel_config("sequential"):
        yield


@pytest.fixture
def labelled():
    """Spectra that tell nothing: who has seen one knows it, who has not can only guess."""
    drawn = np.random.default_rng(0)
    rows = np.arange(N)
    target = np.repeat(["C", "S"], [40, 80])
    name = np.where(rows % 4 == 0, "B", target)
    name[target == "S"] = np.where(rows[target == "S"] % 8 == 0, "Q", "S")
    spectra = drawn.normal(1, 0.1, (N, BANDS)).astype(np.float32)
    spectra[::10, 0] = np.nan
    return TrainingSet(pa.table({"source_id": rows, "complete": ~np.isnan(spectra[:, 0])}),
                       spectra, np.zeros_like(spectra), target, name, rows, rows[:0])


def neighbour():
    return KNeighborsClassifier(1)


def test_each_asteroid_is_judged_once_per_repeat_in_folds_of_one_size(labelled):
    fold = fold_numbers(labelled, folds=5, repeats=2, seed=1)
    assert fold.shape == (2, N) and (fold[0] != fold[1]).any()
    for numbers in fold:
        for part in (labelled.target == "C", ~labelled.asteroids["complete"].to_numpy()):
            counts = np.bincount(numbers[part], minlength=5)
            assert counts.max() - counts.min() <= 2
    assert np.array_equal(fold, fold_numbers(labelled, folds=5, repeats=2, seed=1))


def test_no_model_has_seen_the_asteroid_it_judges(labelled):
    """A nearest neighbour is right about all that it has seen."""
    used = [1, 2, 3]
    model = Pipeline([("pick", "passthrough"), ("classifier", neighbour())])
    spectra = np.nan_to_num(labelled.reflectance)
    data = TrainingSet(**{**vars(labelled), "reflectance": spectra})
    seen = model.fit(spectra, data.target).predict(spectra)
    assert (seen == data.target).all()
    fold = fold_numbers(data, 5, 1, 1)
    found, _ = predict_out_of_fold(data, {("cv", 0): Candidate(model, used, NO_COPIES)}, fold, (),
                                   ("", 0), spectra[None], 0)
    right = np.array(["C", "S"])[found["cv", 0][0, 0].argmax(axis=1)] == data.target
    assert 0.3 < right.mean() < 0.75


def test_who_lacks_a_band_of_one_recipe_is_judged_by_the_others_only(labelled):
    model = Pipeline([("classifier", DummyClassifier(strategy="prior"))])
    fold = fold_numbers(labelled, 5, 1, 1)
    found, _ = predict_out_of_fold(
        labelled, {("all", 0): Candidate(model, [0, 1, 2, 3], NO_COPIES),
                   ("three", 0): Candidate(model, [1, 2, 3], NO_COPIES)}, fold, (), ("", 0),
        labelled.reflectance[None], 0)
    lacking = np.isnan(found["all", 0][0, 0]).any(axis=1)
    assert np.array_equal(lacking, np.isnan(labelled.reflectance[:, 0]))
    assert not np.isnan(found["three", 0]).any()


def test_the_first_candidate_judges_degraded_spectra_with_the_same_models(labelled):
    spectra = np.nan_to_num(labelled.reflectance)
    data = TrainingSet(**{**vars(labelled), "reflectance": spectra})
    model = Pipeline([("pick", "passthrough"), ("classifier", neighbour())])
    fold = fold_numbers(data, 4, 2, 1)
    found, shares = predict_out_of_fold(
        data, {("cv", 0): Candidate(model, range(BANDS), NO_COPIES)}, fold, (0.5,), ("cv", 0),
        np.stack([spectra, spectra[::-1]]), 0)
    assert found["cv", 0].shape == (2, 3, N, 2) and list(shares) == [0.5]
    assert np.array_equal(found["cv", 0][:, 0], found["cv", 0][:, 1])
    assert not np.array_equal(found["cv", 0][:, 0], found["cv", 0][:, 2])


def test_a_class_that_no_fold_has_learned_has_no_probability(labelled):
    name = labelled.class_name.astype("U2")
    name[5] = "Ch"
    data = TrainingSet(**{**vars(labelled), "class_name": name,
                          "reflectance": np.nan_to_num(labelled.reflectance)})
    pairs = class_pairs(data)
    assert pairs.tolist() == [["C", "B"], ["C", "C"], ["C", "Ch"], ["S", "Q"], ["S", "S"]]
    model = Pipeline([("pick", "passthrough"), ("classifier", SumOfClasses(neighbour()))])
    fold = fold_numbers(data, 3, 1, 1)
    found, _ = predict_out_of_fold(data, {("cv", 0): Candidate(model, range(BANDS), NO_COPIES)},
                                   fold, (), ("", 0), data.reflectance[None], 0)
    by_class = found["cv", 0][0, 0]
    assert by_class.shape == (N, 5) and by_class[5, 2] == 0
    assert of_targets(by_class, pairs).sum(axis=1) == pytest.approx(1.0)
    assert np.allclose(of_targets(by_class, pairs)[:, 0], by_class[:, :3].sum(axis=1))


def test_probabilities_of_targets_stay_as_they_are():
    pairs = np.array([["C", "B"], ["C", "C"], ["S", "S"]])
    of_complex = np.array([[0.2, 0.8]])
    assert of_targets(of_complex, pairs) is of_complex


def test_a_share_of_the_training_part_is_stratified_and_always_the_same():
    target, rows = np.repeat(["C", "S"], [30, 90]), np.arange(120)
    part = share_of(rows, target, 0.5, 3)
    assert (target[part] == "C").sum() == 15 and len(part) == 60
    assert np.array_equal(part, share_of(rows, target, 0.5, 3))


@pytest.mark.parametrize(("target", "share"), [(["C"] * 20 + ["S"], 0.5), (["C", "S"] * 10, 0.01)],
                         ids=["a target of one", "a share of none"])
def test_a_share_that_cannot_have_each_target_is_refused_in_a_sentence(target, share):
    with pytest.raises(PipelineError, match="both have each target: .*; change that share, or"):
        share_of(np.arange(len(target)), np.array(target), share, 1)
