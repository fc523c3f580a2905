import numpy as np
import pyarrow as pa
import pytest

from asteroid_taxonomy.evaluation.degraded import degraded_spectra
from asteroid_taxonomy.learning.training_set import TrainingSet

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


def degraded(labelled, snr):
    snr = np.asarray(snr, np.float32)
    return degraded_spectra(labelled, np.repeat(1 / snr[:, None], BANDS, axis=1), snr, EDGES, 1)


def test_noise_is_added_until_the_errors_are_those_of_the_survey(labelled):
    """A spectrum's own error is in it already, and one that is as faint already stays as it is."""
    found = degraded(labelled, np.repeat(LEVELS, 100))
    for layer, level in zip(found, LEVELS, strict=True):
        added = np.sqrt(max(1 / level**2 - 1 / 80**2, 0))
        assert layer.std() == pytest.approx(added, rel=0.02)
    assert (found[2] == labelled.reflectance).all()  # S/N 80 in a bin of 100


def test_a_bin_without_asteroids_adds_nothing_and_a_missing_band_stays_missing(labelled):
    labelled.reflectance[0, 0] = labelled.error[0, 0] = np.nan
    found = degraded(labelled, np.full(5, 10))
    assert np.isnan(found[:, 0, 0]).all() and np.isnan(found).sum() == 3
    assert (found[0, 1:] != labelled.reflectance[1:]).any()
    assert (found[1:, 1:] == labelled.reflectance[1:]).all()
