import numpy as np
import pytest

from asteroid_taxonomy.evaluation.conformal import cross_checked, in_set, least_probability, limits

EDGES = [25.0, 60.0]


@pytest.fixture
def labelled():
    """Probabilities of 3 targets, the targets, and S/N; bright ones are easy."""
    drawn = np.random.default_rng(0)
    target, snr = drawn.integers(3, size=9000), 10 ** drawn.uniform(0.8, 2.3, 9000)
    logits = drawn.normal(0, 1, (9000, 3)) + np.eye(3)[target] * np.log10(snr)[:, None]
    p = np.exp(logits)
    return np.round(p / p.sum(axis=1, keepdims=True), 5), target, snr


def test_each_target_is_covered_in_each_group_of_snr(labelled):
    p, target, snr = labelled
    half = np.arange(9000) < 4500
    least = least_probability(p[half], target[half], snr[half], EDGES, 0.9)
    found = in_set(p[~half], snr[~half], EDGES, least)[np.arange(4500), target[~half]]
    for k in range(3):
        for faint in (True, False):
            here = (target[~half] == k) & ((snr[~half] < 25) == faint)
            assert found[here].mean() == pytest.approx(0.9, abs=0.035)


def test_the_cross_check_uses_limits_from_the_other_folds(labelled):
    p, target, snr = labelled
    fold = np.arange(9000) % 5
    found = cross_checked(p, target, snr, EDGES, 0.9, fold, "ABC")
    assert list(found) == ["all", "A", "B", "C"]
    assert all(share == pytest.approx(0.9, abs=0.01) for share in found.values())
    worse = np.where((fold == 0)[:, None], p[:, ::-1], p)  # one fold of another kind
    assert cross_checked(worse, target, snr, EDGES, 0.9, fold, "ABC")["all"] < 0.89


def test_a_target_with_too_few_asteroids_is_never_excluded():
    few = np.full((8, 2), 0.5), np.zeros(8, int), np.full(8, 30.0), EDGES, 0.9
    assert limits(*few, ["C", "S"]) == {"snr_below": [25, 60, None], "C": [0, 0, 0],
                                        "S": [0, 0, 0]}


def test_the_limit_is_the_probability_that_nine_of_ten_reach():
    p = np.linspace(0.1, 1, 10)[:, None] * [[1, 0]]
    assert least_probability(p, np.zeros(10, int), np.ones(10), [], 0.9)[0, 0] == 0.1
    assert least_probability(p, np.zeros(10, int), np.ones(10), [], 0.8)[0, 0] == 0.2


def test_a_set_is_never_empty_and_of_unknown_snr_the_widest():
    least = np.array([[0.1, 0.3], [0.4, 0.4], [0.6, 0.6]])
    found = in_set(np.full((4, 2), [0.55, 0.45]), np.array([10, 30, 100, np.nan]), EDGES, least)
    assert found.tolist() == [[True, True], [True, True], [True, False], [True, True]]
