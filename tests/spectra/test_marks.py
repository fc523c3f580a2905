import numpy as np
import pytest

from asteroid_taxonomy.spectra.marks import USUAL, not_measured
from tests.spectra.made_up import C_LIKE, S_LIKE


def marked(values):
    rows, where = not_measured(np.array([values]))
    return where[0].tolist() if len(rows) else [False] * len(values)


@pytest.mark.parametrize("mark", [-1, -9.99, -99, -999, 0, -0.9999, -1e30, *USUAL.tolist(), 7.0,
                                  0.01])
@pytest.mark.parametrize("curve", [S_LIKE, C_LIKE])
def test_a_mark_is_found_however_many_there_are(mark, curve):
    for many in (1, 5, 12):
        if mark in (7.0, 0.01) and many > 7:  # not a usual mark: the rest has to outvote it
            continue
        values = [mark] * many + curve[many:]
        assert marked(values) == [True] * many + [False] * (16 - many)


@pytest.mark.parametrize("scale", [0.04, 1, 30, 100])
def test_reflectance_of_any_scale_is_no_mark(scale):
    assert not any(marked([scale * v for v in S_LIKE]))


def test_missing_values_are_no_marks():
    assert not any(marked([np.nan, np.inf, *S_LIKE[2:]]))


def test_a_spectrum_of_marks_alone_is_all_marks():
    assert all(marked([999.0] * 16)) and all(marked([-1.0] * 16))


@pytest.mark.real_data
def test_no_band_of_gaia_that_the_classifier_uses_is_taken_for_a_mark(real_asteroids):
    from asteroid_taxonomy.asteroids import matrix, reflectance_columns
    from tests.spectra.made_up import GRID

    spectra = matrix(real_asteroids, reflectance_columns(GRID))
    _, where = not_measured(spectra)
    assert not where[:, 1:15].any()
