import numpy as np
import pytest

from asteroid_taxonomy.learning.augmentation import Augmentation, with_noisy_copies

N = 2000
SPECTRA, ERROR = np.ones((N, 4), np.float32), np.full((N, 4), [0.01, 0.1, 0.0, np.nan], np.float32)
LABEL = np.array([["S", "Q"], ["C", "Ch"]])[np.arange(N) % 2]


def test_noisy_copies_differ_by_their_errors_and_belong_to_their_asteroid():
    spectra, label = with_noisy_copies(SPECTRA, ERROR, LABEL, Augmentation(2, seed=3))
    assert spectra.shape == (3 * N, 4) and spectra.dtype == np.float32
    assert (spectra[:N] == SPECTRA).all()
    for copy in (spectra[N:2 * N], spectra[2 * N:]):
        assert np.allclose((copy - SPECTRA)[:, :2].std(axis=0), ERROR[0, :2], rtol=0.05)
        assert (copy[:, 2] == 1).all() and np.isnan(copy[:, 3]).all()
    assert not np.array_equal(spectra[N:2 * N, :2], spectra[2 * N:, :2])
    assert label.tolist() == 3 * LABEL.tolist()


@pytest.mark.parametrize("label", [LABEL, LABEL[:, 0]])
def test_no_copies_leave_everything_as_it_is(label):
    spectra, same = with_noisy_copies(SPECTRA, ERROR, label, Augmentation(0, seed=3))
    assert np.array_equal(spectra, SPECTRA) and np.array_equal(same, label)


def test_another_seed_draws_other_noise():
    one, two, again = (with_noisy_copies(SPECTRA, ERROR, LABEL, Augmentation(1, seed))[0]
                       for seed in (1, 2, 1))
    assert np.array_equal(one, again, equal_nan=True)
    assert not np.array_equal(one[:, :2], two[:, :2])
