from pathlib import Path

import numpy as np
import pytest

from asteroid_taxonomy.evaluation.expectations import (
    accuracy_by_bin,
    answerable,
    expected_accuracy,
)
from asteroid_taxonomy.evaluation.plot_data import PLOTS


@pytest.fixture
def plots(tmp_path, monkeypatch):
    """Write a file of the plots, in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    PLOTS.mkdir(parents=True)

    def write(name, text):
        Path(PLOTS, f"{name}.csv").write_text(text, encoding="utf-8")

    return write


def made_up(n, seed):
    """Confidence and S/N of predictions, and how probable it is that each is right."""
    drawn = np.random.default_rng(seed)
    confidence, snr = drawn.uniform(0.3, 0.99, n), 10 ** drawn.uniform(0.8, 2.3, n)
    logit = 0.7 * np.log(confidence / (1 - confidence)) + 1.2 * np.log10(snr) - 1.5
    return confidence, snr, 1 / (1 + np.exp(-logit)), drawn


def test_the_expected_accuracy_is_what_comes_true():
    confidence, snr, true, drawn = made_up(20_000, seed=1)
    others, their_snr, expected, _ = made_up(5_000, seed=2)
    found = expected_accuracy(confidence, snr, drawn.random(len(true)) < true, others, their_snr)
    assert np.abs(found - expected).max() < 0.05
    assert np.abs(found - expected).mean() < 0.01


def test_of_few_labelled_asteroids_it_is_calibrated_all_the_same():
    confidence, snr, true, drawn = made_up(600, seed=3)
    others, their_snr, expected, _ = made_up(50_000, seed=4)
    found = expected_accuracy(confidence, snr, drawn.random(len(true)) < true, others, their_snr)
    for low in np.arange(0.4, 1.0, 0.1):
        here = (found >= low) & (found < low + 0.1)
        assert found[here].mean() == pytest.approx(expected[here].mean(), abs=0.07)


def test_it_grows_with_confidence_and_with_brightness():
    confidence, snr, true, drawn = made_up(5_000, seed=5)
    found = expected_accuracy(confidence, snr, drawn.random(len(true)) < true,
                              np.array([0.4, 0.6, 0.9, 0.9]), np.array([30, 30, 30, 90]))
    assert (np.diff(found) > 0).all()


@pytest.mark.parametrize(("confidence", "snr"), [(np.nan, 50.0), (0.9, np.nan)])
def test_of_what_is_not_known_nothing_is_expected(confidence, snr):
    own, their, true, drawn = made_up(500, seed=6)
    found = expected_accuracy(own, their, drawn.random(500) < true, np.array([confidence, 0.5]),
                              np.array([snr, 20.0]))
    assert np.isnan(found[0]) and 0 < found[1] < 1


@pytest.mark.parametrize("confidence", [0.0, 1.0])
def test_a_confidence_of_nought_or_one_has_a_finite_expectation(confidence):
    own, their, true, drawn = made_up(500, seed=7)
    (found,) = expected_accuracy(own, their, drawn.random(500) < true, np.array([confidence]),
                                 np.array([0.0]))
    assert 0 < found < 1


def test_only_classes_that_are_told_often_and_mostly_rightly_are_answerable(plots):
    plots("classes", "class,asteroids,predicted,recall,precision\n"
          "A,40,31,0.5,0.6129\nB,40,29,0.5,0.9\nNA,99,90,0.5,0.4999\nV,5,0,0.0,\nS,900,880,.9,.9\n")
    assert answerable(["S", "V", "NA", "A", "B"]) == ["S", "A"]


def test_a_bin_with_too_few_labelled_asteroids_has_no_accuracy(plots):
    plots("snr", "snr,asteroids,accuracy,ece,share_of_all_asteroids\n"
          "below 20,29,0.9,0.1,0.5\nfrom 20,30,0.8,0.1,0.5\n")
    found = accuracy_by_bin(["below 20", "from 20", "unknown"])
    assert np.isnan(found[[0, 2]]).all() and found[1] == np.float32(0.8)
