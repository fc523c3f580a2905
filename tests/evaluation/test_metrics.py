import numpy as np
import pytest

from asteroid_taxonomy.evaluation import bins, metrics

CLASSES = ["C", "S"]
ACTUAL = np.array(["C", "C", "S", "S"])
FOUND = np.array([[0.9, 0.1], [0.4, 0.6], [0.3, 0.7], [0.1, 0.9]])


def test_a_stored_probability_of_0_counts_as_half_of_the_last_digit():
    found = metrics.scores(np.array(["C", "S"]), np.array([[0.0, 1.0], [0.0, 1.0]]), CLASSES)
    assert found["log_loss"] == pytest.approx(-np.log(5e-6) / 2, rel=1e-3)


def test_each_class_has_metrics_of_its_own_and_no_precision_where_it_is_never_predicted():
    never = np.column_stack([np.zeros(4), FOUND])
    found = metrics.by_class(ACTUAL, never, ["B", *CLASSES])
    assert found["C"] == {"asteroids": 2, "predicted": 1, "precision": 1.0, "recall": 0.5}
    assert found["S"]["precision"] == pytest.approx(2 / 3)
    assert (found["B"]["predicted"], found["B"]["precision"]) == (0, None)


def test_confidence_that_comes_true_has_no_calibration_error():
    sure = np.array([[0.75, 0.25]] * 4)
    assert metrics.ece(np.array(["C", "C", "C", "S"]), sure, CLASSES) == 0.0
    assert metrics.ece(np.array(["S"] * 4), sure, CLASSES) == 0.75


def test_the_corrected_error_is_larger_than_that_of_independent_folds():
    differences = np.array([0.01, 0.03, -0.01, 0.02, 0.0])
    usual = np.std(differences, ddof=1) / np.sqrt(5)
    corrected = metrics.corrected_error(differences, folds=5)
    assert corrected == pytest.approx(usual * np.sqrt(1 + 5 / 4))


def test_a_value_on_an_edge_belongs_to_the_bin_above_and_nan_to_unknown():
    edges, value = [20.0, 30.0], np.array([19.9, 20.0, 30.0, np.nan], np.float32)
    assert bins.names(edges) == ["below 20", "20 to 30", "from 30", "unknown"]
    assert bins.numbers(value, edges).tolist() == [0, 1, 2, 3]
    assert [name for name, group in bins.groups(value, edges).items() if group[3]] == ["unknown"]
