"""`load().predict`: what arrays of whatever kind come to."""

import re

import numpy as np
import pytest
from astropy import units

from asteroid_taxonomy import load
from asteroid_taxonomy.console import PipelineError
from asteroid_taxonomy.onnx_model.metadata import ONNX_PATH
from tests.spectra.made_up import C_LIKE, CURVES, D_LIKE, GRID, S_LIKE, finer, found
from tests.project_fixtures import TOP

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


def test_a_visible_spectrum_from_the_ground_is_answered_by_the_visible_model(model):
    whole = model.predict(NM, S_LIKE)
    visible = model.predict(*finer(S_LIKE, 10, 495, 915))
    assert (whole.model[0], visible.model[0]) == ("asteroid_taxonomy", "asteroid_taxonomy_visible")
    assert visible.complex[0] == "S" and visible.note == [None]
    alone = load(TOP / ONNX_PATH).predict(*finer(S_LIKE, 10, 495, 915))
    assert alone.complex[0] is None and alone.model[0] is None and alone.abstained[0]
    assert alone.note == ["no reflectance at 418, 462, 946, 990 nm"]


@pytest.mark.parametrize("value", [-1.0, -0.2, 0.0, 999.0, 1e300, np.inf, np.nan])
def test_a_used_band_that_holds_no_reflectance_gets_no_class_and_the_reason(model, value):
    answer = model.predict(NM, np.where(NM == 682, value, S_LIKE))
    assert answer.complex[0] is None and answer.model[0] is None and answer.abstained[0]
    assert np.isnan(answer.probabilities).all() and np.isnan(answer.confidence[0])
    said = "no reflectance at 682 nm"
    marked = "; negative, or a mark for what was not measured, at 682 nm"
    assert answer.note == [said + marked * bool(np.isfinite(value))]


def random_spectrum(rng):
    """A grid of whatever step and reach, and a curve with noise, holes, marks, negatives."""
    low, high = rng.choice([350, 400, 440, 495, 520]), rng.choice([860, 905, 930, 1000, 1050])
    grid, curve = (NM, CURVES[rng.choice(list(CURVES))])
    if rng.random() < 0.7:
        grid, curve = finer(curve, rng.choice([2.5, 5, 20, 37, 60]), low, high)
    values = rng.choice([1, 1, 0.06, 40]) * np.asarray(curve) * rng.normal(1, 0.02, len(curve))
    for spoilt in (-1.0, -9.99, -0.01, 0.0, 99.99, 999.0, 1e30, np.nan, np.inf):
        if rng.random() < 0.12:
            start = rng.integers(len(grid))
            values[start:start + rng.integers(1, 1 + len(grid) // 6)] = spoilt
    return grid, values


def test_arrays_get_the_answer_that_the_command_gives_of_the_same_spectrum_in_a_file(
        model, tmp_path):
    rng = np.random.default_rng(7)
    spectra = [random_spectrum(rng) for _ in range(600)]
    path = tmp_path / "a.csv"
    path.write_text("name,wavelength,reflectance\n" + "".join(
        f"s{i},{nm!r},{value!r}\n" for i, (grid, values) in enumerate(spectra)
        for nm, value in zip(grid.tolist(), values.tolist(), strict=True)), encoding="utf-8")
    table = found(path)
    answers = [model.predict(*spectrum) for spectrum in spectra]
    for name in ("complex", "model", "note", "abstained"):
        told = [getattr(answer, name)[0] for answer in answers]
        assert told == table[name].astype(object).where(table[name].notna(), None).tolist(), name
    columns = [f"probability_{name}" for name in model.predict(NM, S_LIKE).classes]
    np.testing.assert_allclose(np.vstack([answer.probabilities for answer in answers]),
                               table[columns], atol=1e-6)
    models, notes = table["model"].fillna("none").value_counts(), "".join(table["note"].fillna(""))
    assert len(models) == 3 and models.min() > 50, models  # every case is among them
    assert all(re.search(words, notes) for words in ("normalise by", "negative", "no reflectance"))


def test_several_spectra_at_once_get_what_each_gets_alone(model):
    rng = np.random.default_rng(8)
    spectra = np.where(rng.random((50, 16)) < 0.05, -1, rng.normal(S_LIKE, 0.05, (50, 16)))
    together = model.predict(NM, spectra)
    for i, one in enumerate(spectra):
        alone = model.predict(NM, one)
        assert (together.complex[i], together.note[i], together.model[i]) == (
            alone.complex[0], alone.note[0], alone.model[0])
        np.testing.assert_allclose(together.probabilities[i], alone.probabilities[0], atol=1e-6)
