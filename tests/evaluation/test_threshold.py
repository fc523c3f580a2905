import numpy as np
import pytest

from asteroid_taxonomy.evaluation.threshold import (
    LEAST,
    Above,
    Estimates,
    Evaluated,
    accuracy_of,
    lowest_threshold,
    most_probable,
)

EDGES = [50.0]  # of the bins: faint, bright


@pytest.mark.parametrize(("rows", "threshold"), [
    ([(0.5, 0.89, 0.92, 100), (0.6, 0.90, 0.95, 90)], 0.6),  # the weighted one is too low
    ([(0.5, 0.92, 0.89, 100), (0.6, 0.95, 0.91, 90)], 0.6),  # the degraded one is
    ([(0.5, 0.95, 0.95, 100), (0.6, 0.80, 0.95, 90), (0.7, 0.95, 0.95, 80)], 0.7),  # once below
    ([(0.5, 0.95, 0.95, 100), (0.6, 0.0, 0.0, LEAST - 1)], 0.5),  # too few
    ([(0.5, None, 0.95, 100)], 1.0),
    ([(0.5, 1.0, 1.0, LEAST - 1)], 1.0),
])
def test_the_threshold_is_the_lowest_at_which_both_accuracies_are_reached(rows, threshold):
    curve = [Above(each, 1, weighted, 0.0, degraded, 0.0, n)
             for each, weighted, degraded, n in rows]
    assert lowest_threshold(curve, 0.9) == threshold


def test_an_accuracy_that_is_too_low_within_its_standard_error_does_not_raise_the_threshold():
    curve = [Above(0.5, 1, 0.91, 0.02, 0.95, 0.0, 90), Above(0.6, 1, 0.89, 0.02, 0.95, 0.0, 80)]
    assert lowest_threshold(curve, 0.9) == 0.5
    assert lowest_threshold(curve, 0.92) == 1.0


def test_each_bin_is_weighted_by_the_asteroids_above_the_threshold_in_it():
    """100 bright ones, all correct, and 100 faint ones, half correct; the survey is 1 to 3."""
    correct = np.repeat([1, 1, 1, 0], 50)
    labelled = Evaluated(most_probable(np.eye(2)[correct][None] * 0.8 + 0.1), np.ones(200, int),
                         np.arange(200)[None] // 100 == [[0], [1]])
    accuracy, error, asteroids = accuracy_of(labelled, 0.5, np.array([1000, 3000]))
    assert accuracy == pytest.approx(0.25 * 1 + 0.75 * 0.5)
    assert error == pytest.approx(0.75 * np.sqrt(0.5 * 0.5 / 100))
    assert asteroids == 200


def test_a_bin_without_predictions_above_the_threshold_has_no_weight():
    probabilities = np.array([[0.9, 0.1], [0.9, 0.1], [0.6, 0.4], [0.6, 0.4]])[None]
    member = np.array([[True, True, False, False], [False, False, True, True]])
    labelled = Evaluated(most_probable(probabilities), np.array([0, 1, 1, 1]), member)
    assert accuracy_of(labelled, 0.8, np.array([1, 9]))[0] == 0.5
    assert accuracy_of(labelled, 0.95, np.array([1, 9])) == (None, None, 0)


@pytest.fixture
def estimates():
    """40 faint asteroids, half of them correct, at .5, and 60 bright ones, all correct, at .95.

    The survey has 900 faint ones, 100 bright ones, and 100 bright ones with a label.
    """
    def spectra(*counts):
        confidence = np.repeat([0.5, 0.95], counts)
        return np.stack([confidence, 1 - confidence], axis=1)

    return Estimates(np.stack([spectra(40, 60)] * 3), np.repeat([0, 1, 0], [20, 20, 60]),
                     np.repeat([10.0, 100.0], [40, 60]), spectra(900, 200),
                     np.repeat([10.0, 100.0], [900, 200]), np.arange(1100) >= 1000, EDGES)


def test_all_are_counted_and_unlabelled_asteroids_are_the_weights(estimates):
    weighted, error = pytest.approx(0.9 * 0.5 + 0.1), pytest.approx(0.9 * np.sqrt(0.25 / 40))
    # degraded: bright spectra represent the faint bin too
    assert estimates.above(0.3) == (0.3, 1100, weighted, error, 1.0, 0.0, 100)


def test_a_degraded_spectrum_represents_the_bins_fainter_than_its_own(estimates):
    bright = np.arange(100) >= 40
    assert np.array_equal(estimates.weighted.member, [~bright, bright])
    assert np.array_equal(estimates.degraded.member, [bright, bright])


def test_what_is_above_the_threshold_is_stored_in_all_and_by_complex(estimates):
    found = estimates.stored(0.6, ["C", "S"])
    assert (found["asteroids"], found["share"], found["accuracy_weighted"]) == (200, 2 / 11, 1.0)
    assert found["by_complex"]["C"]["asteroids"] == 200
    assert found["by_complex"]["S"] == {
        "asteroids": 0, "share": 0.0, "accuracy_weighted": None, "accuracy_weighted_se": None,
        "accuracy_degraded": None, "accuracy_degraded_se": None}
