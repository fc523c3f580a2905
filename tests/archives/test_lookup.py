"""The spectra of a few asteroids, for `lookup` without the catalogue."""

import pyarrow.compute as pc
import pytest

from asteroid_taxonomy.archives.lookup import fetch_spectra_of
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
    """`fetch_spectra_of` on the small survey, where either table has number and name."""
    return lambda numbers=(), names=(), source_ids=(): fetch_spectra_of(
        numbers, names, source_ids, service.url, SPECTRA, request.param, MAPPING, MAPPED)


@pytest.mark.parametrize("wanted", [
    {"numbers": [4]}, {"names": ["Vesta"]}, {"source_ids": [-4284967256]},
    {"numbers": [4], "names": ["VESTA", "no such"], "source_ids": [-4284967256, -7]}])
def test_number_name_and_source_id_find_the_same_spectrum(wanted, fetch):
    rows = sample("spectra").drop_columns("num_of_spectra")
    assert fetch(**wanted).equals(rows.filter(pc.equal(rows["number"], 4)).combine_chunks())


def test_an_apostrophe_finds_the_name_with_two(fetch):
    assert fetch(names=["O'Steen"])["name"].unique().to_pylist() == ["o''steen"]


def test_many_asteroids_come_in_several_queries(fetch, service):
    numbers = [*range(1000, 1150), 4, 433]
    assert fetch(numbers, ["eros"])["number"].unique().to_pylist() == [4, 433]


def test_an_asteroid_that_the_archive_does_not_have_gives_no_rows(fetch):
    assert fetch([10**6]).num_rows == 0


@pytest.mark.parametrize("fault", [
    {"render": lambda table: error_page("1 unresolved identifiers: x")}, {"hard_maxrec": 3}])
def test_a_fault_of_the_archive_is_an_error(fault, fetch, service):
    vars(service).update(fault)
    with pytest.raises(PipelineError, match="unresolved identifiers|rows came"):
        fetch([4])
