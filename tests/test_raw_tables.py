"""What must hold for the rows of a raw table."""

import numpy as np
import pyarrow as pa
import pytest

from asteroid_taxonomy.console import PipelineError
from asteroid_taxonomy.raw_tables import LABELS, SPECTRA, check_spectra, with_optional
from tests.small_survey import GRID

BOUNDS = (-30.0, 30.0)


def spectra(grid=GRID, **columns):
    """Three sources, sorted; `columns` replace some."""
    n = 3 * len(grid)
    content = {
        "source_id": np.repeat([-30, -20, -10], len(grid)),
        "number_mp": np.repeat([4, 1, 9], len(grid)),
        "denomination": np.repeat(["vesta", "ceres", "metis"], len(grid)),
        "num_of_spectra": np.full(n, 12),
        "wavelength": np.tile(np.array(grid, dtype=float), 3),
        "reflectance_spectrum": np.ones(n),
        "reflectance_spectrum_err": np.full(n, 0.01),
        "reflectance_spectrum_flag": np.zeros(n, dtype=np.int8),
    }
    return pa.table([pa.array(v, t.type) for v, t in
                     zip((content | columns).values(), SPECTRA.schema, strict=True)],
                    schema=SPECTRA.schema)


def changed(column, row, value):
    """`spectra()` with one value changed."""
    values = spectra()[column].to_pylist()
    values[row] = value
    return spectra(**{column: values})


def refusal(table, grid=GRID):
    with pytest.raises(PipelineError) as stop:
        check_spectra(table, grid, BOUNDS)
    return str(stop.value)


def test_sixteen_bands_pass():
    check_spectra(spectra(), GRID, BOUNDS)


def test_another_release_passes_with_its_own_grid():
    grid = list(range(400, 1000, 30))
    check_spectra(spectra(grid), grid, BOUNDS)
    assert "is not one of 374 ... 1034 nm" in refusal(spectra(grid))


def test_a_source_without_a_number_or_name_passes():
    check_spectra(spectra(number_mp=[None] * 16 + [1] * 16 + [9] * 16,
                          denomination=["vesta"] * 16 + [None] * 32), GRID, BOUNDS)


def test_a_band_twice_is_named_with_its_source():
    said = refusal(changed("wavelength", 17, 374.0))
    assert "reflectance spectra: column wavelength comes twice in 1 of 48 rows" in said
    assert "source_id -20;" in said


def test_a_band_too_few_is_named_with_its_source():
    said = refusal(spectra().slice(0, 47))
    assert "has not exactly 16 values in 1 of 3 sources, e.g. source_id -10;" in said


@pytest.mark.parametrize("nm", [550.0001, 0.0, -374.0, 1078.0, float("inf")])
def test_a_wavelength_off_the_grid_is_refused(nm):
    assert "wavelength is not one of 374 ... 1034 nm in 1 of 48" in refusal(
        changed("wavelength", 20, nm))


@pytest.mark.parametrize(("column", "value"), [
    ("number_mp", 5), ("number_mp", None), ("denomination", "pallas"), ("denomination", None),
    ("num_of_spectra", 13)])
def test_what_differs_within_a_source_is_refused(column, value):
    assert f"column {column} differs between the bands of one source" in refusal(
        changed(column, 20, value))


@pytest.mark.parametrize("value", [30.01, -30.01, 1e30, -1e30])
def test_a_reflectance_out_of_bounds_is_refused(value):
    assert "reflectance_spectrum is outside -30 ... 30 in 1 of 48" in refusal(
        changed("reflectance_spectrum", 0, value))


@pytest.mark.parametrize("value", [-0.3, 20.0, None])
def test_a_reflectance_within_bounds_or_null_passes(value):
    check_spectra(changed("reflectance_spectrum", 0, value), GRID, BOUNDS)


def test_spectra_without_any_reflectance_pass():
    check_spectra(spectra(reflectance_spectrum=[None] * 48), GRID, BOUNDS)


def test_the_sources_are_named_once_each():
    said = refusal(spectra(reflectance_spectrum=np.full(48, 99.0)))
    assert "in 48 of 48 rows, e.g. source_id -30, -20, -10;" in said


def test_optional_columns_stand_behind_the_required_ones():
    assert with_optional(LABELS, ["class_A"]).schema.names == ["Number", "class", "class_A"]
