"""The exports, read back by astropy and, where it is installed, by STILTS."""

import shutil
import subprocess

import numpy as np
import pytest
from astropy.io import fits
from astropy.io.votable import parse_single_table
from astropy.table import Table

from asteroid_taxonomy.catalogue import read_catalogue
from stages import publish


def stilts(*arguments):
    if shutil.which("stilts") is None:
        pytest.skip("stilts is not installed (Debian package stilts)")
    done = subprocess.run(["stilts", *map(str, arguments)], capture_output=True, text=True)
    return done.returncode, done.stdout, done.stderr


@pytest.fixture
def exported(catalogued):
    publish.main()
    return read_catalogue()[0]


@pytest.mark.parametrize("path", [publish.VOTABLE_PATH, publish.FITS_PATH])
def test_the_export_has_the_same_rows_and_values(exported, path):
    back = Table.read(path)
    assert len(back) == len(exported) and back.colnames == exported.column_names
    for name in ("source_id", "number", "snr", "probability_C", "abstained"):
        ours = exported[name].to_pandas().to_numpy(dtype=float, na_value=np.nan)
        theirs = np.ma.filled(np.ma.asarray(back[name], dtype=float), np.nan)
        np.testing.assert_array_equal(ours, theirs, err_msg=name)
    assert [v.strip() for v in np.ma.filled(back["name"], "").astype(str).tolist()] == exported[
        "name"].to_pylist()


def test_the_votable_carries_ucds_descriptions_and_provenance(exported):
    table = parse_single_table(publish.VOTABLE_PATH)
    assert all(field.ucd and field.description for field in table.fields)
    text = publish.VOTABLE_PATH.read_bytes()
    assert b'name="survey" value="SIMULATED' in text and b"Mahlke, Carry" in text


def test_the_fits_header_says_what_columns_mean_and_where_they_come_from(exported):
    header = fits.getheader(publish.FITS_PATH, 1)
    assert header["TCOMM1"] == "Gaia source identifier" and header["TUCD1"].startswith("meta.id")
    assert "survey: SIMULATED" in "".join(header["COMMENT"])


def test_the_same_catalogue_gives_the_same_bytes(exported):
    before = [path.read_bytes() for path in (publish.VOTABLE_PATH, publish.FITS_PATH)]
    publish.main()
    assert [p.read_bytes() for p in (publish.VOTABLE_PATH, publish.FITS_PATH)] == before


@pytest.mark.parametrize("path", [publish.VOTABLE_PATH, publish.FITS_PATH])
def test_stilts_counts_the_same_rows(exported, path):
    code, said, _ = stilts("tpipe", f"in={path}", "omode=count")
    assert code == 0 and f"rows: {len(exported)}" in said


def test_votlint_is_silent(exported):
    code, said, complained = stilts("votlint", publish.VOTABLE_PATH)
    assert (code, said, complained) == (0, "", "")
