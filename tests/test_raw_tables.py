"""What must hold for the rows of a raw table."""

import numpy as np
import pyarrow as pa
import pytest

from asteroid_taxonomy.console import PipelineError
from asteroid_taxonomy.raw_tables import (
    LABELS,
    SPECTRA,
    check_spectra,
    column_names,
    in_order,
    stored_metadata,
    with_probabilities,
)
from tests.small_survey import GRID


def spectra(grid=GRID, **columns):
    """Three sources, sorted; `columns` replace some."""
    n = 3 * len(grid)
    content = {
        "source_id": np.repeat([-30, -20, -10], len(grid)),
        "number": np.repeat([4, 1, 9], len(grid)),
        "name": np.repeat(["vesta", "ceres", "metis"], len(grid)),
        "num_of_spectra": np.full(n, 12),
        "wavelength": np.tile(np.array(grid, dtype=float), 3),
        "reflectance": np.ones(n),
        "error": np.full(n, 0.01),
        "flag": np.zeros(n, dtype=np.int8),
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
        check_spectra(table, grid)
    return str(stop.value)


def test_sixteen_bands_pass():
    check_spectra(spectra(), GRID)


def test_another_release_passes_with_its_own_grid():
    grid = list(range(400, 1000, 30))
    check_spectra(spectra(grid), grid)
    assert "is not one of 374 ... 1034 nm" in refusal(spectra(grid))


def test_a_source_without_a_number_or_name_passes():
    check_spectra(spectra(number=[None] * 16 + [1] * 16 + [9] * 16,
                          name=["vesta"] * 16 + [None] * 32), GRID)


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
    ("number", 5), ("number", None), ("name", "pallas"), ("name", None),
    ("num_of_spectra", 13)])
def test_what_differs_within_a_source_is_refused(column, value):
    assert f"column {column} differs between the bands of one source" in refusal(
        changed(column, 20, value))


def test_spectra_without_any_reflectance_pass():
    check_spectra(spectra(reflectance=[None] * 48), GRID)


def test_the_sources_are_named_once_each():
    said = refusal(spectra(number=np.tile([1, 2], 24)))
    assert "in 45 of 48 rows, e.g. source_id -30, -20, -10;" in said


COLUMNS = {"number": "Number", "class": "class", "probabilities": {"A": "class_A", "Z": "pZ"}}


def test_probabilities_stand_behind_the_required_columns_under_their_classes():
    raw = with_probabilities(["A"])
    assert raw.schema.names == ["number", "class", "probability_A"]
    assert column_names(raw, COLUMNS) == {
        "number": "Number", "class": "class", "probability_A": "class_A"}


@pytest.mark.parametrize("probabilities", [None, {}])
def test_a_label_table_need_not_have_probabilities(probabilities):
    assert column_names(LABELS, {**COLUMNS, "probabilities": probabilities}) == {
        "number": "Number", "class": "class"}


def test_rows_in_any_order_and_any_pieces_are_stored_alike():
    table = spectra()
    pieces = pa.concat_tables([table.slice(20), table.slice(0, 20)])
    came = in_order(SPECTRA, pieces)
    assert came.equals(table)
    assert {column.num_chunks for column in came.columns} == {1}


@pytest.mark.parametrize(("adql", "survey"), [("SELECT", "DR9"), (None, "SIMULATED")])
def test_a_file_says_where_it_comes_from(adql, survey):
    published = {"release": "DR9", "service": "https://x.example/tap", "citation": "A 2022",
                 "columns": {name: f"{name}_there" for name in SPECTRA.schema.names}}
    said = stored_metadata(SPECTRA, spectra(), published, adql)
    assert said["survey"].startswith(survey)
    assert (said.get("archive"), said.get("adql")) == (
        ("https://x.example/tap", "SELECT") if adql else (None, None))
    assert said["columns"]["flag"] == "flag_there"
    assert (said["rows"], said["units"]) == ("48", {"wavelength": "nm"})
