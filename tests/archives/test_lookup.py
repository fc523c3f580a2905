"""The spectra of a few asteroids, for `lookup` without the catalogue."""

import pyarrow.compute as pc
import pytest

from asteroid_taxonomy.archives.lookup import fetch_spectrum
from asteroid_taxonomy.console import PipelineError
from tests.archives.small_survey import MAPPING, SPECTRA, read_params, sample
from tests.archives.tap_service import error_page

pytestmark = pytest.mark.loopback
PARAMS = read_params()
COLUMNS = PARAMS["fetch_spectra"]["columns"]
WITHOUT = COLUMNS | {"number": None, "name": None, "num_of_spectra": None}
MAPPED = PARAMS["fetch_source_mapping"]["columns"]


@pytest.fixture(params=[COLUMNS, WITHOUT], ids=["named", "named in the mapping"])
def fetch(request, service):
    """`fetch_spectrum` on the small survey, where either table has number and name."""
    return lambda role, value: fetch_spectrum(
        role, value, service.url, SPECTRA, request.param, MAPPING, MAPPED)


@pytest.mark.parametrize(("role", "value"), [
    ("number", 4), ("name", "Vesta"), ("source_id", -4284967256)])
def test_number_name_and_source_id_find_the_same_spectrum(role, value, fetch):
    rows = sample("spectra").drop_columns("num_of_spectra")
    assert fetch(role, value).equals(rows.filter(pc.equal(rows["number"], 4)).combine_chunks())


def test_an_apostrophe_finds_the_name_with_two(fetch):
    assert fetch("name", "O'Steen")["name"].unique().to_pylist() == ["o''steen"]


def test_an_asteroid_that_the_archive_does_not_have_gives_no_rows(fetch):
    assert fetch("number", 10**6).num_rows == 0


def test_a_fault_of_the_archive_is_an_error(fetch, service):
    service.render = lambda table: error_page("1 unresolved identifiers: x")
    with pytest.raises(PipelineError, match="unresolved identifiers"):
        fetch("number", 4)
