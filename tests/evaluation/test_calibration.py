import numpy as np
import pytest

from asteroid_taxonomy.evaluation.calibration import expected_accuracy, fit_expected_accuracy


def made_up(n, seed):
    """Confidence and S/N of predictions, the probability that each is correct, and a generator."""
    drawn = np.random.default_rng(seed)
    confidence, snr = drawn.uniform(0.3, 0.99, n), 10 ** drawn.uniform(0.8, 2.3, n)
    logit = 0.7 * np.log(confidence / (1 - confidence)) + 1.2 * np.log10(snr) - 1.5
    return confidence, snr, 1 / (1 + np.exp(-logit)), drawn


def fitted(n, seed=1):
    confidence, snr, true, drawn = made_up(n, seed)
    return {"expected_accuracy": fit_expected_accuracy(confidence, snr, drawn.random(n) < true)}


@pytest.mark.parametrize(("n", "largest"), [(20_000, 0.05), (600, 0.15)])
def test_the_expected_accuracy_is_what_comes_true(n, largest):
    confidence, snr, true, _ = made_up(5_000, seed=2)
    found = expected_accuracy(confidence, snr, fitted(n))
    assert np.abs(found - true).max() < largest
    assert np.abs(found - true).mean() < largest / 3


def test_it_grows_with_confidence_and_with_snr():
    found = expected_accuracy(np.array([0.4, 0.6, 0.9, 0.9]), np.array([30, 30, 30, 90]),
                              fitted(5_000))
    assert (np.diff(found) > 0).all()


@pytest.mark.parametrize(("confidence", "snr"), [(np.nan, 50.0), (0.9, np.nan)])
def test_nothing_is_expected_where_confidence_or_snr_is_unknown(confidence, snr):
    found = expected_accuracy(np.array([confidence, 0.5]), np.array([snr, 20.0]), fitted(500))
    assert np.isnan(found[0]) and 0 < found[1] < 1


@pytest.mark.parametrize("confidence", [0.0, 1.0])
def test_a_confidence_of_0_or_1_has_a_finite_expectation(confidence):
    (found,) = expected_accuracy(np.array([confidence]), np.array([0.0]), fitted(500))
    assert 0 <= found <= 1


def test_labelled_asteroids_of_unknown_snr_do_not_stop_the_fit():
    confidence, snr, true, drawn = made_up(500, 3)
    snr[:5] = np.nan
    assert set(fit_expected_accuracy(confidence, snr, drawn.random(500) < true)) == {
        "intercept", "logit_confidence", "log10_snr"}
