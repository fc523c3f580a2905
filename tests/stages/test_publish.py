"""The exports, read back by astropy and, where it is installed, by STILTS."""

import shutil
import subprocess

import numpy as np
import pyarrow as pa
import pytest
from astropy.io import fits
from astropy.io.votable import parse_single_table
from astropy.table import Table

from asteroid_taxonomy.catalogue import catalogue_path, read_catalogue
from stages import publish
from tests.project_fixtures import copy_to_work_in, run_stage, simulated_params

NAME = simulated_params()["catalogue"]["name"]
VOTABLE_PATH, FITS_PATH = (catalogue_path(NAME).with_suffix(end) for end in (".vot", ".fits"))


def stilts(*arguments):
    if shutil.which("stilts") is None:
        pytest.skip("stilts is not installed (Debian package stilts)")
    done = subprocess.run(["stilts", *map(str, arguments)], capture_output=True, text=True)
    return done.returncode, done.stdout, done.stderr


@pytest.fixture(scope="module")
def published_run(catalogued_run, tmp_path_factory):
    """A copy of `catalogued_run` with the exports; do not change."""
    folder = tmp_path_factory.mktemp("published") / "project"
    shutil.copytree(catalogued_run, folder)
    run_stage("publish", folder)
    return folder


@pytest.fixture
def exported(published_run, tmp_path, monkeypatch):
    """The catalogue, in a copy of that folder as the current one."""
    copy_to_work_in(published_run, tmp_path, monkeypatch)
    return read_catalogue(NAME)[0]


@pytest.mark.parametrize("path", [VOTABLE_PATH, FITS_PATH])
def test_the_export_has_the_same_rows_and_values(exported, path):
    back = Table.read(path)
    assert len(back) == len(exported) and back.colnames == exported.column_names
    numeric = [field.name for field in exported.schema if not pa.types.is_string(field.type)]
    assert {"source_id", "number", "snr", "probability_C", "abstained"} < set(numeric)
    for name in numeric:
        ours = exported[name].to_pandas().to_numpy(dtype=float, na_value=np.nan)
        theirs = np.ma.filled(np.ma.asarray(back[name], dtype=float), np.nan)
        np.testing.assert_array_equal(ours, theirs, err_msg=name)
    for name in set(exported.column_names) - set(numeric):
        theirs = np.ma.filled(back[name], "").astype(str).tolist()
        assert [v.strip() for v in theirs] == exported[name].fill_null("").to_pylist(), name


def test_the_votable_carries_ucds_descriptions_and_provenance(exported):
    table = parse_single_table(VOTABLE_PATH)
    assert all(field.ucd and field.description for field in table.fields)
    text = VOTABLE_PATH.read_bytes()
    assert b'name="survey" value="SIMULATED' in text and b'name="labels"' in text
    assert b"Mahlke, Carry" in text


def test_the_fits_header_says_what_columns_mean_and_where_they_come_from(exported):
    header = fits.getheader(FITS_PATH, 1)
    assert header["TCOMM1"] == "Source identifier of the survey"
    assert header["TUCD1"].startswith("meta.id")
    assert "survey: SIMULATED" in "".join(header["COMMENT"])


def test_the_same_catalogue_gives_the_same_bytes(exported):
    before = [path.read_bytes() for path in (VOTABLE_PATH, FITS_PATH)]
    publish.main()
    assert [p.read_bytes() for p in (VOTABLE_PATH, FITS_PATH)] == before


@pytest.mark.parametrize("path", [VOTABLE_PATH, FITS_PATH])
def test_stilts_counts_the_same_rows(exported, path):
    code, said, _ = stilts("tpipe", f"in={path}", "omode=count")
    assert code == 0 and f"rows: {len(exported)}" in said


def test_votlint_is_silent(exported):
    code, said, complained = stilts("votlint", VOTABLE_PATH)
    assert (code, said, complained) == (0, "", "")
