"""`load().predict`: arrays of any kind."""

import re
from types import SimpleNamespace

import astropy.units as u
import numpy as np
import pytest
from astropy.table import Column

from asteroid_taxonomy import load
from asteroid_taxonomy.console import PipelineError
from asteroid_taxonomy.onnx_model.metadata import ONNX_PATH
from tests.project_fixtures import TOP
from tests.spectra.made_up import C_LIKE, CURVES, D_LIKE, GRID, S_LIKE, finer, found

NM = np.array(GRID, float)
FINE = finer(S_LIKE, 0.5)


@pytest.fixture(scope="module")
def model():
    return load()


@pytest.mark.parametrize(("wavelengths", "reflectance", "complexes"), [
    (NM, [S_LIKE, C_LIKE, D_LIKE], "SCO"),
    (NM[::-1] * 10, S_LIKE[::-1], "S"),
    (NM / 1000 * u.um, S_LIKE * u.dimensionless_unscaled, "S"),
    (Column(NM * 10, unit="Angstrom"), Column(S_LIKE), "S"),
    ((299792.458 / NM) * u.THz, 100 * np.array(S_LIKE) * u.percent, "S"),
    (GRID, (100 * np.array(S_LIKE)).astype(np.uint8), "S"),
    (NM, [None, *S_LIKE[1:]], "S"),
    (FINE[0] / 1000, FINE[1], "S"),
    ([*GRID, 550], [*S_LIKE, 1.02], "S"),
    ([NM, NM + 3], [S_LIKE, np.interp(NM + 3, NM, C_LIKE)], "SC"),
])
def test_spectra_of_any_type_get_the_class_of_their_numbers(
        model, wavelengths, reflectance, complexes):
    assert "".join(model.predict(wavelengths, reflectance).complex) == complexes


def test_a_spectrum_object_is_taken_with_its_units(model):
    spectrum = SimpleNamespace(spectral_axis=NM / 1000 * u.um, flux=S_LIKE * u.one)
    assert model.predict(spectrum).complex[0] == "S"
    flux = SimpleNamespace(spectral_axis=NM * u.nm, flux=S_LIKE * u.Jy)
    with pytest.raises(PipelineError, match="Jy for the unit .* a flux, not a reflectance"):
        model.predict(flux)


def test_masked_values_were_not_measured(model):
    masked = np.ma.masked_array(S_LIKE, mask=[nm in (638, 682) for nm in GRID])
    assert model.predict(NM, masked).note.tolist() == ["no reflectance at 638, 682 nm"]


@pytest.mark.parametrize(("wavelengths", "reflectance", "unit", "message"), [
    (NM, [S_LIKE, C_LIKE[:9]], None, "as many reflectances"),
    (NM, np.ones((2, 2, 16)), None, "as many reflectances"),
    (None, S_LIKE, None, "as many reflectances"),
    (NM, S_LIKE * u.Unit("W m-2 um-1"), None, "a flux, not a reflectance"),
    (NM * u.kg, S_LIKE, None, "not convertible"),
    (NM / 7, S_LIKE, None, "of an unknown unit"),
])
def test_what_is_no_spectrum_is_refused(model, wavelengths, reflectance, unit, message):
    with pytest.raises(PipelineError, match=message):
        model.predict(wavelengths, reflectance, unit)


def test_a_visible_spectrum_is_classified_by_the_visible_model(model):
    whole = model.predict(NM, S_LIKE)
    visible = model.predict(*finer(S_LIKE, 10, 495, 915))
    assert (whole.model[0], visible.model[0]) == ("asteroid_taxonomy", "asteroid_taxonomy_visible")
    assert visible.complex[0] == "S" and visible.note[0] == ""
    alone = load(TOP / ONNX_PATH).predict(*finer(S_LIKE, 10, 495, 915))
    assert alone.complex[0] is None and alone.model[0] is None and alone.abstained[0]
    assert alone.note.tolist() == ["covers 495-915 nm; 418-990 nm are needed"]


@pytest.mark.parametrize("value", [-0.2, 999.0, np.nan])
def test_a_used_band_without_reflectance_gets_no_class_and_the_reason(model, value):
    answer = model.predict(NM, np.where(NM == 682, value, S_LIKE))
    assert answer.complex[0] is None and answer.model[0] is None and answer.abstained[0]
    assert np.isnan(answer.probabilities).all() and np.isnan(answer.confidence[0])
    mark = "; values at or below 0 or missing-data markers ignored at 682 nm"
    assert answer.note[0] == "no reflectance at 682 nm" + mark * bool(np.isfinite(value))


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


def test_arrays_get_the_answer_of_the_same_spectrum_in_a_file(model, tmp_path):
    rng = np.random.default_rng(7)
    spectra = [random_spectrum(rng) for _ in range(200)]
    path = tmp_path / "a.csv"
    path.write_text("name,wavelength,reflectance\n" + "".join(
        f"s{i},{nm!r},{value!r}\n" for i, (grid, values) in enumerate(spectra)
        for nm, value in zip(grid.tolist(), values.tolist(), strict=True)), encoding="utf-8")
    table = found(path)
    answers = [model.predict(*spectrum).to_pandas() for spectrum in spectra]
    for name in ("complex", "model", "note", "abstained", "complex_set", "class"):
        assert [answer[name][0] for answer in answers] == table[name].tolist(), name
    columns = [f"probability_{name}" for name in model.predict(NM, S_LIKE).classes]
    np.testing.assert_array_equal(np.vstack([answer[columns] for answer in answers]),
                                  table[columns])
    models, notes = table["model"].value_counts(), "".join(table["note"])
    assert len(models) == 3 and models.min() > 15, models  # every case is among them
    assert all(re.search(words, notes) for words in ("are needed", "at or below 0", "spikes"))


def test_the_answer_as_a_table_and_as_a_plot(model):
    answer = model.predict(NM, [S_LIKE, C_LIKE])
    table = answer.to_pandas()
    assert table["complex"].tolist() == ["S", "C"] and list(table)[:4] == [
        f"probability_{name}" for name in answer.classes]
    assert (table["complex_set"].str.split().str.len() > 0).all()
    axes, = answer.plot(1, "made up").axes
    assert axes.get_title().startswith("made up: C at 0.") and len(axes.lines) == 4
