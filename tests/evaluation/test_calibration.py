import numpy as np
import pytest

from asteroid_taxonomy.evaluation.calibration import expected_accuracy, fit_expected_accuracy


def made_up(n, seed):
    """Confidence and S/N of predictions, the probability that each is correct, and a generator."""
    drawn = np.random.default_rng(seed)
    confidence, snr = drawn.uniform(0.5, 0.99, n), 10 ** drawn.uniform(0.8, 2.3, n)
    logit = 0.7 * np.log(confidence / (1 - confidence)) + 1.2 * np.log10(snr) - 1.5
    return confidence, snr, 1 / (1 + np.exp(-logit)), drawn


def fitted(n, unknown=0):
    confidence, snr, true, drawn = made_up(n, seed=1)
    snr[:unknown] = np.nan
    target = (drawn.random(n) > true).astype(int)  # 0, the likeliest, is correct
    return {"expected_accuracy": fit_expected_accuracy(
        np.column_stack([confidence, 1 - confidence]), target, snr)}


@pytest.mark.parametrize(("n", "largest"), [(20_000, 0.05), (600, 0.15)])
def test_the_expected_accuracy_is_what_comes_true(n, largest):
    confidence, snr, true, _ = made_up(5_000, seed=2)
    found = expected_accuracy(confidence, snr, fitted(n, unknown=5))
    assert np.abs(found - true).max() < largest
    assert np.abs(found - true).mean() < largest / 3


def test_unknown_confidence_or_snr_has_no_expectation_and_an_extreme_one_a_finite_one():
    found = expected_accuracy(np.array([np.nan, 0.9, 0.0, 1.0]), np.array([50, np.nan, 0, 0.0]),
                              fitted(500))
    assert np.isnan(found[:2]).all() and (0 <= found[2:]).all() and (found[2:] <= 1).all()
