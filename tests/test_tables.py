"""What must hold for the rows of a raw table."""

import numpy as np
import pyarrow as pa
import pytest

from asteroid_taxonomy import tables
from asteroid_taxonomy.console import PipelineError
from asteroid_taxonomy.params import FetchSpectra
from tests.archives.small_survey import read_params, sample

NM = list(range(374, 1035, 44))
MAPPING = pa.table([[-3, -2, -1], [3, None, 1], ["c", None, "a"]],
                   schema=tables.SOURCE_MAPPING.only({"source_id", "number", "name"}).schema)
RAW = tables.SOURCE_MAPPING.only(MAPPING.column_names)


def with_value(table, column, row, value):
    cells = table[column].to_pylist()
    cells[row] = value
    return table.set_column(table.column_names.index(column), column,
                            pa.array(cells, table.schema.field(column).type))


def test_rows_are_put_in_order_whatever_the_order_and_chunks():
    shuffled = pa.concat_tables([MAPPING.slice(2), MAPPING.slice(0, 2)])
    ordered = tables.in_order(RAW, shuffled)
    assert ordered.equals(MAPPING) and ordered["name"].num_chunks == 1
    with pytest.raises(PipelineError, match="source mapping: no rows"):
        tables.in_order(RAW, MAPPING.slice(0, 0))


@pytest.mark.parametrize(("column", "value", "message"), [
    ("source_id", None, "source_id is null in 1 of 3 rows"),
    ("source_id", -3, "source_id not unique in 1 of 3 rows, e.g. source_id -3"),
    ("number", -1, "number is outside 0 ... 9 in 1 of 3 rows, e.g. source_id -2")])
def test_a_row_that_cannot_be_is_named(column, value, message):
    with pytest.raises(PipelineError) as error:
        tables.in_order(RAW, with_value(MAPPING, column, 1, value), {"number": (0, 9)})
    assert message in str(error.value).replace("of 2 rows", "of 3 rows")


@pytest.mark.parametrize(("row", "column", "value", "message"), [
    (0, "wavelength", 375, "wavelength is not on the grid"),
    (2, "name", "b", "name differs between the bands of a source in"),
    (2, "number", None, "number differs between the bands of a source in"),
    (3, "reflectance", None, "reflectance is null where its error is not in 1 of 320"),
    (4, "reflectance", 1.01, "reflectance is not 1 at 550 nm in 1 of 20"),
    (4, "reflectance", np.nan, "reflectance is not 1 at 550 nm in 1 of 20")])
def test_spectra_that_cannot_be_are_named(row, column, value, message):
    rows = with_value(sample("spectra"), column, row, value)
    with pytest.raises(PipelineError) as error:
        tables.check_spectra(rows, NM, 550)
    assert message in str(error.value) and len(str(error.value)) <= 200


def test_whole_spectra_give_their_reflectances_and_one_that_lacks_a_band_is_named():
    rows = with_value(sample("spectra"), "error", 5, None)
    reflectance = tables.check_spectra(rows, NM, 550)
    assert reflectance.shape == (20, 16)
    assert np.array_equal(reflectance.ravel(), rows["reflectance"].to_numpy(), equal_nan=True)
    with pytest.raises(PipelineError, match="source lacks one of 16 wavelengths in 1 of 20 rows"):
        tables.check_spectra(rows.slice(1), NM, 550)


def test_the_bounds_of_params_hold_for_the_sample_and_refuse_what_cannot_be():
    bounds = FetchSpectra.model_validate(read_params()["fetch_spectra"]).bounds
    rows = sample("spectra")
    tables.in_order(tables.SPECTRA, rows, bounds)
    for column, value in (("reflectance", -1000), ("reflectance", np.inf), ("error", 0)):
        with pytest.raises(PipelineError, match=f"{column} is (outside|infinite)"):
            tables.in_order(tables.SPECTRA, with_value(rows, column, 7, value), bounds)


def test_expectations_name_what_differs_and_by_how_much(capsys):
    measured = {"asteroids": 7, "median": {418: 0.5, 990: 1.5}}
    tables.compare("fetch", measured, None)
    printed = capsys.readouterr().out
    assert "fetch.expected is null; measured: asteroids 7, median.418 0.5" in printed
    tables.compare("fetch", measured, {"asteroids": (7, 7), "median": {418: None}})
    for expected, message in (({"asteroids": (8, 9)}, "asteroids is 7, expected 8 ... 9"),
                              ({"median": {418: (0.6, 1)}}, "median 418 is 0.5, expected 0.6"),
                              ({"other": (0, 1)}, "other is unknown")):
        with pytest.raises(PipelineError, match=f"fetch: {message}"):
            tables.compare("fetch", measured, expected)


def test_rows_are_found_by_source_id():
    known = np.array([5, 3, 9])
    assert tables.rows_of(np.array([9, 5]), known, tables.ASTEROIDS_PATH).tolist() == [2, 0]
    with pytest.raises(PipelineError, match="lacks 1 asteroids, e.g. source_id 4;"):
        tables.rows_of(np.array([4]), known, tables.ASTEROIDS_PATH)


def test_bands_are_listed_by_wavelength():
    mask = np.array([[True, False, True], [False] * 3, [True] * 3])
    assert tables.band_lists(mask, [374, 418, 1034]) == ["374, 1034", "", "374, 418, 1034"]
