import numpy as np
import pytest

from asteroid_taxonomy.evaluation import accuracy_by_bin as bins
from asteroid_taxonomy.evaluation import metrics as scores
from asteroid_taxonomy.evaluation.abstention import abstention_threshold
from asteroid_taxonomy.evaluation.fold_scores import headline

CLASSES = ["C", "S"]
ACTUAL = np.array(["C", "C", "S", "S"])
FOUND = np.array([[0.9, 0.1], [0.4, 0.6], [0.3, 0.7], [0.1, 0.9]])


def test_figures_of_a_perfect_model_are_one():
    found = scores.scores(np.array(["C", "S"]), np.array([[0.9, 0.1], [0.2, 0.8]]), CLASSES)
    assert found["accuracy"] == found["balanced_accuracy"] == found["macro_f1"] == 1.0
    assert found["log_loss"] == pytest.approx(-(np.log(0.9) + np.log(0.8)) / 2)
    assert found["brier"] == pytest.approx(0.05)


def test_each_class_has_figures_of_its_own():
    found = scores.per_class(ACTUAL, FOUND, CLASSES)
    assert (found["recall_C"], found["precision_S"]) == (0.5, pytest.approx(2 / 3))
    assert (found["support_C"], scores.scores(ACTUAL, FOUND, CLASSES)["accuracy"]) == (2, 0.75)


def test_the_second_guess_counts_for_top_2_accuracy():
    found = scores.scores(np.array(["A", "B"]), np.array([[0.4, 0.5, 0.1], [0.5, 0.1, 0.4]]),
                          ["A", "B", "C"])
    assert (found["accuracy"], found["top_2_accuracy"]) == (0.0, 0.5)


def test_confidence_that_comes_true_has_no_calibration_error():
    sure = np.array([[0.75, 0.25]] * 4)
    assert scores.ece(np.array(["C", "C", "C", "S"]), sure, CLASSES) == 0.0
    assert scores.ece(np.array(["S"] * 4), sure, CLASSES) == 0.75


def test_the_coverage_curve_starts_with_the_most_confident():
    accuracy, threshold = scores.coverage_curve(ACTUAL, FOUND, CLASSES)
    assert accuracy.tolist() == [1.0, 1.0, 1.0, 0.75]
    assert threshold.tolist() == [0.9, 0.9, 0.7, 0.6]


@pytest.mark.parametrize(("wanted", "threshold"), [(0.9, 0.7), (0.7, 0.6), (1.1, 1.0)])
def test_the_threshold_is_the_lowest_that_keeps_the_accuracy(wanted, threshold):
    curve = scores.coverage_curve(ACTUAL, FOUND, CLASSES)
    assert abstention_threshold(*curve, wanted) == threshold


def test_the_corrected_error_is_larger_than_that_of_independent_folds():
    differences = [0.01, 0.03, -0.01, 0.02, 0.0]
    usual = np.std(differences, ddof=1) / np.sqrt(5)
    corrected = scores.corrected_error(differences, folds=5)
    assert corrected == pytest.approx(usual * np.sqrt(1 + 5 / 4))


def test_a_value_on_an_edge_belongs_to_the_bin_above_and_nan_to_unknown():
    edges, value = [20.0, 30.0], np.array([19.9, 20.0, 30.0, np.nan], np.float32)
    assert bins.names(edges) == ["below 20", "20 to 30", "from 30", "unknown"]
    assert bins.numbers(value, edges).tolist() == [0, 1, 2, 3]
    assert bins.shares(value, edges) == dict.fromkeys(bins.names(edges), 0.25)


def test_the_gain_is_over_the_mean_of_the_seeds_and_over_the_first_alone():
    fold, half = np.array([[0, 1, 0, 1]]), np.full((1, 4, 2), 0.5)
    sure = np.eye(2)[np.searchsorted(CLASSES, ACTUAL)][None] * 0.98 + 0.01
    found = headline(ACTUAL, {"cv": [sure], "published": [half, sure]}, fold, CLASSES, "cv",
                     "published")
    assert found["gain_log_loss_one_seed"] == pytest.approx(np.log(2) - found["cv_log_loss"])
    assert found["gain_log_loss"] == pytest.approx(found["gain_log_loss_one_seed"] / 2)
