from itertools import product

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from asteroid_taxonomy.spectra.columns import Spectra
from asteroid_taxonomy.spectra.resample import DOUBT, MARK, SPIKE, UNSTEADY, to_bands
from tests.project_fixtures import TOP
from tests.spectra.made_up import C_LIKE, D_LIKE, GRID, S_LIKE, finer


def bands(nm, reflectance):
    nm, reflectance = np.asarray(nm, float), np.asarray(reflectance, float)
    names = pd.DataFrame(index=range(1))
    return to_bands(Spectra(names, np.zeros(len(nm), int), nm, reflectance, [""]), GRID)


def marked(values):
    return (bands(GRID, values).touched[0] & MARK > 0).tolist()


@pytest.mark.parametrize("mark", [-1, 0, -1e30, 9.99, 999, 7.0, 0.01])
def test_a_mark_for_missing_data_is_found_however_many_there_are(mark):
    for many, curve in product((1, 5, 12), (S_LIKE, C_LIKE)):
        if mark in (7.0, 0.01) and many > 7:  # no usual mark: the rest has to outvote it
            continue
        values = [mark] * many + curve[many:]
        assert marked(values) == [True] * many + [False] * (16 - many)


@pytest.mark.parametrize("scale", [0.04, 100])
def test_a_reflectance_of_any_scale_is_no_mark(scale):
    assert not any(marked([scale * v for v in S_LIKE]))


@pytest.mark.parametrize(("begin", "end"), [(400, 700), (600, 1030)])
def test_a_value_repeated_beyond_the_end_is_a_mark(begin, end):
    for curve in (S_LIKE, D_LIKE):
        nm, values = finer(curve)
        inside = (nm >= begin) & (nm <= end)
        repeated = bands(nm, np.interp(nm, nm[inside], values[inside]))
        assert repeated.covered_nm[0] == pytest.approx([begin, end], abs=6)
        lost = np.isnan(repeated.reflectance[0])
        assert lost[3:-2].any() and (repeated.touched[0, lost] & MARK)[1:-1].all()


def test_three_equal_bands_at_an_end_are_marks():
    """np.interp onto Gaia's own bands; two may be equal by chance."""
    assert marked([*D_LIKE[:14], D_LIKE[13], D_LIKE[13]]) == [False] * 13 + [True] * 3
    assert not any(marked([*D_LIKE[:15], D_LIKE[14]]))


@pytest.mark.parametrize("last", [[], [np.nan], [-1, np.nan, 0]])
@pytest.mark.parametrize("decimals", [2, 9])
def test_values_repeated_before_a_missing_one_or_of_two_decimals_are_marks(last, decimals):
    for curve, way in product((S_LIKE, D_LIKE), (1, -1)):
        nm, values = finer(curve)
        measured = nm <= 700 if way > 0 else nm >= 600
        values = np.interp(nm, nm[measured], values[measured].round(decimals))
        values[::-way][:len(last)] = last[::-1]
        found = bands(nm, values)
        assert found.covered_nm[0] == pytest.approx([400, 700] if way > 0 else [600, 1030], abs=16)


@pytest.mark.parametrize("flat", [lambda x: 1 - 2.5e-7 * x**2, lambda x: 1 + 2.5e-7 * x**2,
                                  lambda x: 1 + 5e-5 * x, lambda x: 1 - 5e-5 * x])
def test_a_flat_spectrum_of_two_decimals_has_no_marks(flat):
    nm = np.arange(440, 921, 2.5)
    assert not bands(nm, flat(nm - 700).round(2)).touched.any()


def test_a_few_equal_values_at_an_end_and_a_constant_are_no_marks():
    assert not any(marked([1.0] * 16) + marked([*C_LIKE[:13], 1.0, 1.0, 1.0]))


@pytest.mark.parametrize("shift", [1, 2.5, 4])
def test_spectra_sorted_into_one_scatter_and_a_noisy_spectrum_does_not(shift):
    (nm, values), (other_nm, other) = finer(C_LIKE, 5), finer(S_LIKE, 5)
    noise = np.random.default_rng(2).normal(1, 0.03, len(nm))
    assert not bands(nm, values * noise).touched.any()
    order = np.argsort([*nm, *other_nm + shift])
    both = bands(np.array([*nm, *other_nm + shift])[order], np.array([*values, *other])[order])
    assert (both.touched[:, 1:] & DOUBT).all() and both.notes[0] == UNSTEADY


@pytest.mark.parametrize("factor", [0.7, 0.85, 1.2])
def test_an_infrared_part_on_another_scale_is_found_and_an_absorption_band_is_not(factor):
    nm, values = finer(S_LIKE, 5)
    values *= np.random.default_rng(3).normal(1, 0.005, len(nm))
    assert not bands(nm, values * (1 - 0.4 * np.exp(-((nm - 930) / 60) ** 2))).touched.any()
    joined = bands(nm, np.where(nm > 840, factor * values, values))
    assert joined.notes[0] == UNSTEADY
    assert np.array(GRID)[joined.touched[0] & DOUBT > 0].tolist() in ([814, 858], [858])


def test_missing_values_are_no_marks_and_marks_alone_are():
    assert not any(marked([np.nan, np.inf, *S_LIKE[2:]]))
    assert all(marked([999.0] * 16)) and all(marked([-1.0] * 16))


def test_gaias_own_grid_comes_back_as_it_is():
    np.testing.assert_array_equal(bands(GRID, S_LIKE).reflectance[0], S_LIKE)


def test_a_finer_grid_is_averaged_over_the_band():
    nm = np.arange(340, 1070, 2.0)
    np.testing.assert_allclose(bands(nm, 0.5 + nm / 1100).reflectance[0],
                               0.5 + np.array(GRID) / 1100, atol=1e-12)


@pytest.mark.parametrize(("low", "high", "first", "last"), [
    (400, 900, 418, 902), (418, 858, 418, 858)])
def test_nothing_is_extrapolated(low, high, first, last):
    found = bands(*finer(S_LIKE, 2.5, low, high))
    covered = np.array(GRID)[np.isfinite(found.reflectance[0])]
    assert (covered[0], covered[-1]) == (first, last)
    assert found.covered_nm[0].tolist() == [low, high]


@pytest.mark.parametrize(("step", "at", "factor"), [
    (2.5, range(144, 149), 2.0), (2.5, [60], 5.0), (2.5, [60], 0.4), (5.0, [40, 41], 1.5),
    (20.0, [15], 3.0)])
def test_spikes_are_left_out_and_reported(step, at, factor):
    for curve in (S_LIKE, C_LIKE, D_LIKE):
        nm, values = finer(curve, step)
        spoilt = values.copy()
        spoilt[list(at)] *= factor
        before, after = bands(nm, values), bands(nm, spoilt)
        assert after.touched.any() and not before.touched.any()
        np.testing.assert_allclose(after.reflectance, before.reflectance, atol=0.02)


@pytest.mark.parametrize(("curve", "noise"), [(S_LIKE, 0.005), (C_LIKE, 0.03), (D_LIKE, 0.08)])
def test_noise_and_absorption_bands_are_no_spikes(curve, noise):
    nm, values = finer(curve, 2.5)
    values = values * np.random.default_rng(3).normal(1, noise, len(nm))
    values *= 1 - 0.3 * np.exp(-((nm - 920) / 60) ** 2)  # as deep as a V type's
    assert not (bands(nm, values).touched & SPIKE).any()


def test_a_pixel_that_hardly_changes_its_band_is_left_out_without_a_note():
    nm, values = finer(S_LIKE, 0.5)
    spoilt = values.copy()
    spoilt[[300, 301]] *= 1.4
    found = bands(nm, spoilt)
    assert not found.touched.any()
    np.testing.assert_allclose(found.reflectance, bands(nm, values).reflectance, atol=1e-3)


def test_two_values_at_most_wavelengths_are_several_spectra():
    found = bands(np.repeat(GRID, 2), np.ravel([S_LIKE, C_LIKE], "F"))
    assert np.isnan(found.reflectance).all() and "several spectra" in found.notes[0]
    assert np.isfinite(bands(np.repeat(GRID, 2), np.repeat(S_LIKE, 2)).reflectance).all()


def test_gaias_spectra_have_neither_marks_nor_spikes_in_the_bands_that_are_used():
    rows = pq.read_table(TOP / "data/sample/spectra.parquet").to_pandas()
    n = rows["source_id"].nunique()
    points = Spectra(pd.DataFrame(index=range(n)), rows["source_id"].factorize()[0],
                     rows["wavelength"].to_numpy(float),
                     rows["reflectance"].to_numpy(float), [""] * n)
    touched = to_bands(points, GRID).touched[:, 1:15]
    assert not (touched & MARK).any() and (touched & SPIKE).any(axis=1).mean() < 0.005
