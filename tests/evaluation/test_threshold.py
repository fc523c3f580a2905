import numpy as np
import pytest

from asteroid_taxonomy.evaluation.threshold import (
    LEAST,
    THRESHOLDS,
    Evaluated,
    Survey,
    above_threshold,
    accuracy_of,
    lowest_threshold,
    threshold_curve,
)

EVERY = np.ones((1, 4), bool)


def curve(*rows):
    """Threshold, both accuracies, and the number of labelled asteroids they are from."""
    return [(threshold, 1, weighted, 0.0, degraded, 0.0, n)
            for threshold, weighted, degraded, n in rows]


@pytest.mark.parametrize(("rows", "threshold"), [
    ([(0.5, 0.91, 0.92, 100), (0.6, 0.95, 0.95, 90)], 0.5),
    ([(0.5, 0.89, 0.92, 100), (0.6, 0.90, 0.95, 90)], 0.6),  # the weighted one is too low
    ([(0.5, 0.92, 0.89, 100), (0.6, 0.95, 0.91, 90)], 0.6),  # the degraded one is
    ([(0.5, 0.95, 0.95, 100), (0.6, 0.80, 0.95, 90), (0.7, 0.95, 0.95, 80)], 0.7),  # once below
    ([(0.5, 0.95, 0.95, 100), (0.6, 0.0, 0.0, LEAST - 1)], 0.5),  # too few
    ([(0.5, 0.5, 0.5, 100)], 1.0),
    ([(0.5, np.nan, 0.95, 100)], 1.0),
    ([(0.5, 1.0, 1.0, LEAST - 1)], 1.0),
])
def test_the_threshold_is_the_lowest_from_which_on_both_accuracies_hold(rows, threshold):
    assert lowest_threshold(curve(*rows), 0.9) == threshold


def test_each_bin_is_weighted_by_the_asteroids_above_the_threshold_in_it():
    """100 bright ones, all correct, and 100 faint ones, half correct; the survey is 1 to 3."""
    correct = np.repeat([1, 1, 1, 0], 50)
    labelled = Evaluated.of(np.eye(2)[correct][None] * 0.8 + 0.1, np.ones(200, int),
                            np.arange(200)[None] // 100 == [[0], [1]])
    accuracy, error, asteroids = accuracy_of(labelled, 0.5, np.array([1000.0, 3000.0]))
    assert accuracy == pytest.approx(0.25 * 1 + 0.75 * 0.5)
    assert error == pytest.approx(0.75 * np.sqrt(0.5 * 0.5 / 100))
    assert asteroids == 200


def test_a_bin_without_predictions_above_the_threshold_has_no_weight():
    probabilities = np.array([[0.9, 0.1], [0.9, 0.1], [0.6, 0.4], [0.6, 0.4]])[None]
    member = np.array([[True, True, False, False], [False, False, True, True]])
    labelled = Evaluated.of(probabilities, np.array([0, 1, 1, 1]), member)
    assert accuracy_of(labelled, 0.8, np.array([1.0, 9.0]))[0] == 0.5
    nothing = accuracy_of(labelled, 0.95, np.array([1.0, 9.0]))
    assert np.isnan(nothing[0]) and np.isnan(nothing[1]) and nothing[2] == 0


def test_the_accuracy_of_one_complex_is_that_of_the_predictions_of_it():
    probabilities = np.array([[0.9, 0.1], [0.8, 0.2], [0.2, 0.8], [0.1, 0.9]])[None]
    labelled = Evaluated.of(probabilities, np.array([0, 1, 1, 1]), EVERY)
    assert [accuracy_of(labelled, 0.0, np.ones(1), target)[0] for target in (0, 1)] == [0.5, 1.0]


@pytest.fixture
def labelled():
    """40 faint asteroids, half of them correct, at .5, and 60 bright ones, all correct, at .95."""
    confidence = np.repeat([0.5, 0.95], [40, 60])
    return Evaluated.of(np.stack([confidence, 1 - confidence], axis=1)[None],
                        np.repeat([0, 1, 0], [20, 20, 60]),
                        np.repeat([0, 1], [40, 60]) == [[0], [1]])


def test_the_curve_counts_all_and_weights_by_unlabelled_asteroids(labelled):
    survey = Survey(np.zeros(1100, int), np.repeat([0.5, 0.95], [900, 200]),
                    np.repeat([0, 1], [900, 200]), np.arange(1100) >= 1000)
    found = threshold_curve(labelled, labelled, survey)
    assert [row[0] for row in found] == THRESHOLDS.tolist()
    error = pytest.approx(0.9 * np.sqrt(0.25 / 40))
    assert found[0][1:] == (1100, pytest.approx(0.9 * 0.5 + 0.1), error, pytest.approx(0.55),
                            error, 100)


def test_what_is_above_the_threshold_is_described_in_all_and_by_complex(labelled):
    survey = Survey(np.zeros(1000, int), np.repeat([0.5, 0.95], [900, 100]),
                    np.repeat([0, 1], [900, 100]), np.zeros(1000, bool))
    found = above_threshold(labelled, labelled, survey, ["C", "S"], 0.6)
    assert (found["asteroids"], found["share"], found["accuracy_weighted"]) == (100, 0.1, 1.0)
    assert found["by_complex"]["C"]["asteroids"] == 100
    assert found["by_complex"]["S"] == {
        "asteroids": 0, "share": 0.0, "accuracy_weighted": None, "accuracy_weighted_se": None,
        "accuracy_degraded": None, "accuracy_degraded_se": None}
