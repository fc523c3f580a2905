import numpy as np
import pytest

from asteroid_taxonomy.evaluation import bins, metrics

CLASSES = ["C", "S"]
ACTUAL = np.array(["C", "C", "S", "S"])
FOUND = np.array([[0.9, 0.1], [0.4, 0.6], [0.3, 0.7], [0.1, 0.9]])


def test_metrics_of_a_perfect_model_are_one():
    found = metrics.scores(np.array(["C", "S"]), np.array([[0.9, 0.1], [0.2, 0.8]]), CLASSES)
    assert found["accuracy"] == found["balanced_accuracy"] == found["macro_f1"] == 1.0
    assert found["log_loss"] == pytest.approx(-(np.log(0.9) + np.log(0.8)) / 2)


def test_a_stored_probability_of_0_counts_as_half_of_the_last_digit():
    found = metrics.scores(np.array(["C", "S"]), np.array([[0.0, 1.0], [0.0, 1.0]]), CLASSES)
    assert found["log_loss"] == pytest.approx(-np.log(5e-6) / 2, rel=1e-3)


def test_each_class_has_metrics_of_its_own_and_no_precision_where_it_is_never_predicted():
    found = metrics.by_class(ACTUAL, metrics.predicted(FOUND, CLASSES), ["B", *CLASSES])
    assert found["C"] == {"asteroids": 2, "predicted": 1, "precision": 1.0, "recall": 0.5,
                          "f1": pytest.approx(2 / 3)}
    assert found["S"]["precision"] == pytest.approx(2 / 3)
    assert (found["B"]["predicted"], found["B"]["precision"]) == (0, None)


def test_confidence_that_comes_true_has_no_calibration_error():
    sure = np.array([[0.75, 0.25]] * 4)
    assert metrics.ece(np.array(["C", "C", "C", "S"]), sure, CLASSES) == 0.0
    assert metrics.ece(np.array(["S"] * 4), sure, CLASSES) == 0.75


def test_the_coverage_curve_starts_with_the_most_confident():
    accuracy, threshold = metrics.coverage_curve(ACTUAL, FOUND, CLASSES)
    assert accuracy.tolist() == [1.0, 1.0, 1.0, 0.75]
    assert threshold.tolist() == [0.9, 0.9, 0.7, 0.6]


def test_the_corrected_error_is_larger_than_that_of_independent_folds():
    differences = [0.01, 0.03, -0.01, 0.02, 0.0]
    usual = np.std(differences, ddof=1) / np.sqrt(5)
    corrected = metrics.corrected_error(differences, folds=5)
    assert corrected == pytest.approx(usual * np.sqrt(1 + 5 / 4))


def test_a_value_on_an_edge_belongs_to_the_bin_above_and_nan_to_unknown():
    edges, value = [20.0, 30.0], np.array([19.9, 20.0, 30.0, np.nan], np.float32)
    assert bins.names(edges) == ["below 20", "20 to 30", "from 30", "unknown"]
    assert bins.numbers(value, edges).tolist() == [0, 1, 2, 3]
    assert bins.counts(value, edges).tolist() == [1, 1, 1, 1]
