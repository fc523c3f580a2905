import numpy as np
import pytest

from asteroid_taxonomy.evaluation.abstention import (
    LEAST,
    THRESHOLDS,
    Survey,
    accuracy_of,
    judged,
    kept_curve,
    kept_metrics,
    lowest_threshold,
)

EVERY = np.ones((1, 4), bool)


def curve(*rows):
    """Threshold, both accuracies and how many labelled asteroids they rest on."""
    return [(threshold, 1, weighted, 0.0, degraded, 0.0, n)
            for threshold, weighted, degraded, n in rows]


@pytest.mark.parametrize(("rows", "threshold"), [
    ([(0.5, 0.91, 0.92, 100), (0.6, 0.95, 0.95, 90)], 0.5),
    ([(0.5, 0.89, 0.92, 100), (0.6, 0.90, 0.95, 90)], 0.6),  # the weighted one is too low
    ([(0.5, 0.92, 0.89, 100), (0.6, 0.95, 0.91, 90)], 0.6),  # the degraded one is
    ([(0.5, 0.95, 0.95, 100), (0.6, 0.80, 0.95, 90), (0.7, 0.95, 0.95, 80)], 0.7),  # once below
    ([(0.5, 0.95, 0.95, 100), (0.6, 0.0, 0.0, LEAST - 1)], 0.5),  # too few to tell
    ([(0.5, 0.5, 0.5, 100)], 1.0),
    ([(0.5, np.nan, 0.95, 100)], 1.0),
    ([(0.5, 1.0, 1.0, LEAST - 1)], 1.0),
])
def test_the_threshold_is_the_lowest_from_which_on_both_accuracies_hold(rows, threshold):
    assert lowest_threshold(curve(*rows), 0.9) == threshold


def test_each_bin_counts_by_the_kept_asteroids_in_it():
    """100 bright ones, all right, and 100 faint ones, half right; the survey is 1 to 3."""
    right = np.repeat([1, 1, 1, 0], 50)
    labelled = judged(np.eye(2)[right][None, None] * 0.8 + 0.1, np.ones(200, int),
                      np.arange(200)[None] // 100 == [[0], [1]])
    accuracy, error, asteroids = accuracy_of(labelled, 0.5, np.array([1000.0, 3000.0]))
    assert accuracy == pytest.approx(0.25 * 1 + 0.75 * 0.5)
    assert error == pytest.approx(0.75 * np.sqrt(0.5 * 0.5 / 100))
    assert asteroids == 200


def test_a_bin_without_predictions_above_the_threshold_has_no_weight():
    probabilities = np.array([[0.9, 0.1], [0.9, 0.1], [0.6, 0.4], [0.6, 0.4]])[None, None]
    member = np.array([[True, True, False, False], [False, False, True, True]])
    labelled = judged(probabilities, np.array([0, 1, 1, 1]), member)
    assert accuracy_of(labelled, 0.8, np.array([1.0, 9.0]))[0] == 0.5
    nothing = accuracy_of(labelled, 0.95, np.array([1.0, 9.0]))
    assert np.isnan(nothing[0]) and np.isnan(nothing[1]) and nothing[2] == 0


def test_the_accuracy_of_one_class_is_that_of_the_predictions_of_it():
    probabilities = np.array([[0.9, 0.1], [0.8, 0.2], [0.2, 0.8], [0.1, 0.9]])[None, None]
    labelled = judged(probabilities, np.array([0, 1, 1, 1]), EVERY)
    assert [accuracy_of(labelled, 0.0, np.ones(1), target)[0] for target in (0, 1)] == [0.5, 1.0]


def test_an_asteroid_that_is_judged_in_several_repeats_counts_once():
    repeats = np.array([[[0.9, 0.1]] * 4, [[0.1, 0.9]] * 4])[:, None]
    accuracy, error, asteroids = accuracy_of(judged(repeats, np.zeros(4, int), EVERY), 0.0,
                                             np.ones(1))
    assert (accuracy, asteroids) == (0.5, 4)
    assert error == pytest.approx(np.sqrt(0.25 / 4))


def test_the_curve_and_the_metrics_of_a_made_up_survey_are_those_of_arithmetic():
    """40 faint labels, half right, at confidence .5, and 60 bright ones, all right, at .95."""
    confidence = np.repeat([0.5, 0.95], [40, 60])
    probabilities = np.stack([confidence, 1 - confidence], axis=1)[None, None]
    target = np.repeat([0, 1, 0], [20, 20, 60])
    bins = np.repeat([0, 1], [40, 60]) == [[0], [1]]
    labelled = judged(probabilities, target, bins)
    survey = Survey(np.zeros(1000, int), np.repeat([0.5, 0.95], [900, 100]),
                    np.repeat([0, 1], [900, 100]))
    found = kept_curve(labelled, labelled, survey)
    assert [row[0] for row in found] == THRESHOLDS.tolist()
    assert found[0][1:] == (1000, pytest.approx(0.9 * 0.5 + 0.1), pytest.approx(
        0.9 * np.sqrt(0.25 / 40)), pytest.approx(0.55), pytest.approx(0.9 * np.sqrt(0.25 / 40)),
        100)
    metrics, _ = kept_metrics(labelled, labelled, survey, ["C", "S"], wanted=0.9)
    assert metrics["abstention_threshold"] == 0.51
    assert (metrics["kept_asteroids"], metrics["kept_accuracy_weighted"]) == (100, 1.0)
    assert metrics["population_accuracy_degraded"] == pytest.approx(0.55)
    assert metrics["kept_C"] == 100 and metrics["kept_S"] == 0
    assert metrics["kept_S_accuracy_weighted"] is None
