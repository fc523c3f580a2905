import numpy as np
import pyarrow as pa
import pytest

from asteroid_taxonomy.evaluation.degraded import brighter, degraded_spectra
from asteroid_taxonomy.learning.training_set import TrainingSet
from asteroid_taxonomy.signal_to_noise import signal_to_noise

EDGES = [20.0, 50.0]
LEVELS = np.array([10.0, 30.0, 100.0])  # the S/N of the survey's asteroids, bin by bin
BANDS = 16


@pytest.fixture
def labelled():
    """2,000 flat spectra of S/N 80."""
    rows = np.arange(2000)
    shape = (len(rows), BANDS)
    return TrainingSet(pa.table({"source_id": rows}), np.ones(shape, np.float32),
                       np.full(shape, 1 / 80, np.float32), np.full(len(rows), "C"),
                       np.full(len(rows), "Ch"), rows, rows[:0])


@pytest.fixture
def degraded(labelled):
    """Their spectra as in each bin of a survey of 300 asteroids, float32 [3, 2000, 16]."""
    snr = np.repeat(LEVELS, 100).astype(np.float32)
    error = np.repeat(1 / snr[:, None], BANDS, axis=1)
    return degraded_spectra(labelled, error, snr, EDGES, seed=1)


def test_a_degraded_spectrum_scatters_as_the_survey_s_errors_say(labelled, degraded):
    """Its own error is in it already: what is added makes up for the rest, in squares."""
    own = 1 / 80
    for layer, level in zip(degraded, LEVELS, strict=True):
        added = np.sqrt(max(1 / level**2 - own**2, 0))
        assert layer.std() == pytest.approx(added, rel=0.02)
    measured = labelled.reflectance + np.random.default_rng(2).normal(
        0, own, labelled.reflectance.shape).astype(np.float32)
    noisy = measured + (degraded[0] - labelled.reflectance)
    found = signal_to_noise(noisy.mean(axis=0, keepdims=True), noisy.std(axis=0, keepdims=True))
    assert found[0] == pytest.approx(LEVELS[0], rel=0.03)


def test_a_spectrum_that_is_as_faint_already_stays_as_it_is(labelled, degraded):
    assert (degraded[2] != labelled.reflectance).sum() == 0  # S/N 80 in a bin of 100


def test_a_bin_without_asteroids_adds_nothing(labelled):
    error = np.full((5, BANDS), 0.1, np.float32)
    found = degraded_spectra(labelled, error, np.full(5, 10, np.float32), EDGES, seed=1)
    assert (found[0] != labelled.reflectance).any()
    assert (found[1:] == labelled.reflectance).all()


def test_bands_that_lack_a_value_still_lack_it(labelled):
    labelled.reflectance[0, 0] = labelled.error[0, 0] = np.nan
    found = degraded_spectra(labelled, np.full((5, BANDS), 0.1, np.float32),
                             np.full(5, 10, np.float32), EDGES, seed=1)
    assert np.isnan(found[:, 0, 0]).all() and np.isnan(found).sum() == 3


def test_an_asteroid_stands_for_the_bins_fainter_than_its_own():
    snr = np.array([10, 30, 100, np.nan], np.float32)
    assert brighter(snr, EDGES).tolist() == [
        [False, True, True, False], [False, False, True, False], [False, False, True, False]]
