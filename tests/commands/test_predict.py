"""`load().predict`: what arrays of whatever kind come to."""

import numpy as np
import pytest
from astropy import units

from asteroid_taxonomy import load
from asteroid_taxonomy.console import PipelineError
from tests.own_spectra.made_up import C_LIKE, D_LIKE, GRID, S_LIKE

NM = np.array(GRID, float)


@pytest.fixture(scope="module")
def model():
    return load()


@pytest.mark.parametrize(("wavelengths", "reflectance", "complexes"), [
    (NM, [S_LIKE, C_LIKE, D_LIKE], "SCO"),
    (NM[::-1], S_LIKE[::-1], "S"),
    (NM * units.nm, S_LIKE, "S"),
    (GRID, (100 * np.array(S_LIKE)).astype(np.uint8), "S"),
    (NM, [None, *S_LIKE[1:]], "S"),
])
def test_spectra_of_any_type_get_the_class_of_their_numbers(
        model, wavelengths, reflectance, complexes):
    assert "".join(model.predict(wavelengths, reflectance).complex) == complexes


def test_what_is_masked_was_not_measured(model):
    masked = np.ma.masked_array(S_LIKE, mask=[nm in (638, 682) for nm in GRID])
    assert model.predict(NM, masked).note == ["no reflectance at 638, 682 nm"]


@pytest.mark.parametrize(("wavelengths", "reflectance", "sentence"), [
    (NM / 1000, S_LIKE, "as in um; multiply them by 1000"),
    (NM / 1000 * units.um, S_LIKE, "as in um; multiply them by 1000"),
    (NM * 10, S_LIKE, "as in angstrom; multiply them by 0.1"),
    (NM, ["a"] * 16, "as numbers"),
    (NM, [S_LIKE, C_LIKE[:9]], "each spectrum of as many"),
    ({"nm": 1}, S_LIKE, "as numbers"),
    (NM, np.ones((2, 2, 16)), "but they came as"),
    (None, S_LIKE, "but they came as"),
    ([*GRID, 550], [*S_LIKE, 1], "each once"),
])
def test_what_is_no_spectrum_gets_a_sentence(model, wavelengths, reflectance, sentence):
    with pytest.raises(PipelineError, match=sentence):
        model.predict(wavelengths, reflectance)
