from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline

from asteroid_taxonomy.evaluation import folds
from asteroid_taxonomy.evaluation.baselines import NO_COPIES
from asteroid_taxonomy.learning.sum_of_classes import SumOfClasses
from asteroid_taxonomy.learning.training_set import TrainingSet

N, BANDS = 120, 4


@pytest.fixture
def labelled():
    """Random spectra: who has seen one knows its target, who has not can only guess."""
    drawn, rows = np.random.default_rng(0), np.arange(N)
    target = np.repeat(["C", "S"], [40, 80])
    name = np.where(rows % 4 == 0, "B", target)
    name[target == "S"] = np.where(rows[target == "S"] % 8 == 0, "Q", "S")
    spectra = drawn.normal(1, 0.1, (N, BANDS)).astype(np.float32)
    return TrainingSet(pa.table({"source_id": rows, "complete": rows % 10 != 0}), spectra,
                       np.zeros_like(spectra), target, name, rows, rows[:0])


def found(data, fold, classifier=None, used=range(BANDS), extra=None):
    """Out-of-fold probabilities by a nearest neighbour, or by another classifier."""
    model = Pipeline([("pick", "passthrough"),
                      ("classifier", classifier or KNeighborsClassifier(1))])
    jobs = {"cv": folds.Job(model, NO_COPIES, used, fold, extra)}
    return folds.out_of_fold(data, jobs, "sequential")["cv"]


def test_folds_have_one_size_and_each_target_and_are_the_same_again(labelled):
    fold = folds.fold_numbers(labelled, 5, seed=1)
    for part in (labelled.target == "C", ~labelled.asteroids["complete"].to_numpy()):
        counts = np.bincount(fold[part], minlength=5)
        assert counts.max() - counts.min() <= 2
    assert np.array_equal(fold, folds.fold_numbers(labelled, 5, seed=1))
    assert (fold != folds.fold_numbers(labelled, 5, seed=2)).any()


def test_no_model_has_seen_the_asteroid_it_predicts(labelled):
    """A nearest neighbour is correct for all that it has seen."""
    p = found(labelled, folds.fold_numbers(labelled, 5, 1))
    correct = np.array(["C", "S"])[p[0].argmax(axis=1)] == labelled.target
    assert 0.3 < correct.mean() < 0.75


def test_a_spectrum_that_lacks_a_band_is_predicted_by_the_models_that_do_not_need_it(labelled):
    labelled.reflectance[::10, 0] = np.nan
    fold = folds.fold_numbers(labelled, 5, 1)
    prior = DummyClassifier(strategy="prior")
    every, three = (found(labelled, fold, prior, used) for used in (range(BANDS), [1, 2, 3]))
    assert np.array_equal(np.isnan(every[0]).any(axis=1), np.arange(N) % 10 == 0)
    assert not np.isnan(three).any()


def test_other_spectra_of_the_same_asteroids_are_predicted_by_the_same_models(labelled):
    spectra, fold = labelled.reflectance, folds.fold_numbers(labelled, 4, 1)
    p = found(labelled, fold, extra=np.stack([spectra, spectra[::-1]]))
    assert p.shape == (3, N, 2)
    assert np.array_equal(p[0], p[1]) and not np.array_equal(p[0], p[2])


def test_a_class_that_is_in_one_fold_only_has_no_probability_there(labelled):
    name = labelled.class_name.astype("U2")
    name[5] = "Ch"
    data = replace(labelled, class_name=name)
    pairs = folds.class_pairs(data)
    assert pairs.tolist() == [["C", "B"], ["C", "C"], ["C", "Ch"], ["S", "Q"], ["S", "S"]]
    (by_class,) = found(data, folds.fold_numbers(data, 3, 1),
                        SumOfClasses(KNeighborsClassifier(1)))
    assert by_class.shape == (N, 5) and by_class[5, 2] == 0
    of_targets = folds.of_targets(by_class, pairs)
    assert np.allclose(of_targets[:, 0], by_class[:, :3].sum(axis=1)) and of_targets.shape[1] == 2
