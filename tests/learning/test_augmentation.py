import numpy as np

from asteroid_taxonomy.learning.augmentation import Augmentation, augmented
from asteroid_taxonomy.learning.training_set import Labelled

N = 2000
CLASSES = np.array(["Q", "Ch"])[np.arange(N) % 2]
SPECTRA = Labelled(np.ones((N, 4), np.float32),
                   np.full((N, 4), [0.01, 0.1, 0.0, np.nan], np.float32),
                   np.array(["S", "C"])[np.arange(N) % 2], CLASSES)


def test_noisy_copies_differ_by_their_errors_and_belong_to_their_asteroid():
    spectra, error, _, class_name = augmented(SPECTRA, Augmentation(2, seed=3))
    assert spectra.shape == error.shape == (3 * N, 4) and spectra.dtype == np.float32
    assert (spectra[:N] == SPECTRA.reflectance).all()
    for copy in (spectra[N:2 * N], spectra[2 * N:]):
        assert np.allclose((copy - SPECTRA.reflectance)[:, :2].std(axis=0), [0.01, 0.1], rtol=0.05)
        assert (copy[:, 2] == 1).all() and np.isnan(copy[:, 3]).all()
    assert not np.array_equal(spectra[N:2 * N, :2], spectra[2 * N:, :2])
    assert class_name.tolist() == 3 * CLASSES.tolist()


def test_no_copies_leave_everything_as_it_is():
    for before, after in zip(SPECTRA, augmented(SPECTRA, Augmentation(0, seed=3)), strict=True):
        np.testing.assert_array_equal(before, after)
