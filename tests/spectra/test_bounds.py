"""Files that mean harm: nothing is fetched, nothing unpacked without end, nothing shown raw."""

import base64
import gzip
import io
import time

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astropy.io import fits
from astropy.table import Table

from asteroid_taxonomy.commands.classify import classify_files
from asteroid_taxonomy.console import PipelineError
from tests.own_spectra.made_up import GRID, S_LIKE, found, rows, text

FIELDS = "".join(f'<FIELD name="{nm}" datatype="float"/>' for nm in GRID)
VOTABLE = ('<?xml version="1.0"?><VOTABLE version="1.3" '
           'xmlns="http://www.ivoa.net/xml/VOTable/v1.3"><RESOURCE><TABLE{}>{}<DATA>{}</DATA>'
           "</TABLE></RESOURCE></VOTABLE>")


def refused(path):
    started = time.monotonic()
    with pytest.raises(PipelineError) as error:
        classify_files([path], path.parent / "out.parquet")
    assert time.monotonic() - started < 20
    sentence = str(error.value)
    assert sentence.isprintable() and not (path.parent / "out.parquet").exists()
    return sentence


@pytest.mark.parametrize("form", ["BINARY", "BINARY2", "FITS"])
@pytest.mark.parametrize("href", ["http://127.0.0.1:9/x", "https://example.org/x", "ftp://a/x",
                                  "file:///etc/passwd"])
def test_rows_in_another_place_are_never_fetched(tmp_path, monkeypatch, form, href):
    monkeypatch.setattr("urllib.request.urlopen", lambda *a, **k: pytest.fail("asked"))
    path = tmp_path / "a.vot"
    path.write_text(VOTABLE.format("", FIELDS, f'<{form}><STREAM href="{href}"/></{form}>'))
    assert "in another file" in refused(path)


def test_an_entity_does_not_hide_a_place(tmp_path, monkeypatch):
    monkeypatch.setattr("urllib.request.urlopen", lambda *a, **k: pytest.fail("asked"))
    path = tmp_path / "a.vot"
    hidden = "&#60;&#83;TREAM href='http://127.0.0.1:9/x'/>"
    content = VOTABLE.format("", FIELDS, "<BINARY>&s;</BINARY>").replace(
        "<VOTABLE", f'<!DOCTYPE VOTABLE [<!ENTITY s "{hidden}">]><VOTABLE', 1)
    path.write_text(content)
    refused(path)


def test_rows_packed_inside_a_votable_are_refused(tmp_path):
    bomb = base64.b64encode(gzip.compress(bytes(64 * 1_000_000))).decode()
    path = tmp_path / "a.vot"
    path.write_text(VOTABLE.format("", FIELDS, f'<BINARY><STREAM encoding="gzip">{bomb}</STREAM>'
                                   "</BINARY>"))
    assert "packed inside" in refused(path)


@pytest.mark.parametrize("content", [
    VOTABLE.format(' nrows="2000000000"', FIELDS, "<TABLEDATA></TABLEDATA>"),
    VOTABLE.format("", '<FIELD name="374" datatype="float" arraysize="200000000"/>',
                   "<TABLEDATA><TR><TD>1</TD></TR></TABLEDATA>"),
    VOTABLE.format("", '<FIELD name="374" datatype="float" arraysize="9000"/>',
                   "<TABLEDATA>" + "<TR><TD>1</TD></TR>" * 90_000 + "</TABLEDATA>"),
    VOTABLE.format("", "".join(f'<FIELD name="{i}" datatype="float"/>' for i in range(60_000)),
                   "<TABLEDATA></TABLEDATA>"),
    VOTABLE.format("", FIELDS, "<TABLEDATA>" + "<TR/>" * 100_001 + "</TABLEDATA>"),
])
def test_a_votable_out_of_bounds_is_refused_soon(tmp_path, monkeypatch, content):
    monkeypatch.setattr("asteroid_taxonomy.own_spectra.astropy_tables.MAX_CELLS", 100_000)
    (tmp_path / "a.vot").write_text(content)
    assert "at most" in refused(tmp_path / "a.vot")


@pytest.mark.parametrize("name", ["a.ecsv.gz", "a.csv.gz", "a.vot.gz", "a.fits.gz"])
def test_a_small_file_that_unpacks_without_end_is_refused(tmp_path, name):
    start = {"a.ecsv.gz": b"# %ECSV 1.0\n# ---\n# datatype:\n# - {name: wavelength, datatype: "
                          b"float64}\n# - {name: reflectance, datatype: float64}\n"
                          b"wavelength reflectance\n",
             "a.csv.gz": b"wavelength,reflectance\n",
             "a.vot.gz": b"<VOTABLE>", "a.fits.gz": b"SIMPLE  =                    T"}[name]
    row = b"550 1.0\n" if "ecsv" in name else b"550,1.0\n"
    with gzip.open(tmp_path / name, "wb", compresslevel=1) as file:
        file.write(start)
        for _ in range(250):
            file.write(row * 125_000)
    sentence = refused(tmp_path / name)
    assert "MB" in sentence or "more than 100,000 points" in sentence


def test_a_line_without_end_is_refused(tmp_path):
    (tmp_path / "a.csv").write_bytes(b"wavelength,reflectance\n" + b"1" * 30_000_000)
    refused(tmp_path / "a.csv")


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_sixty_thousand_columns_are_refused_soon(tmp_path, kind):
    names = [f"{i / 100 + 300:.2f}" for i in range(60_000)]
    path = tmp_path / f"a.{kind}"
    if kind == "csv":
        path.write_text(",".join(names) + "\n" + ",".join(["1.0"] * 60_000) + "\n")
    else:
        pq.write_table(pa.table({n: [1.0] for n in names}), path)
    assert "at most 10,000" in refused(path)


@pytest.mark.parametrize("ids", [
    pa.array([[1, 2]]), pa.array([{"a": 1}]), pa.array([b"\x00\xff"]),
    pa.array([[(1, 2)]], pa.map_(pa.int64(), pa.int64())),
    pa.array([b"ab"], pa.binary(2)),
])
def test_identifiers_that_are_no_names_get_a_sentence(tmp_path, ids):
    pq.write_table(pa.table({"name": ids, **{str(nm): [v] for nm, v in zip(GRID, S_LIKE,
                                                                          strict=True)}}),
                   tmp_path / "a.parquet")
    assert "expected numbers or text that name the spectra" in refused(tmp_path / "a.parquet")


def test_fits_tables_that_claim_rows_they_lack_are_refused(tmp_path):
    buffer = io.BytesIO()
    Table({"wavelength": [1.0], "reflectance": [1.0]}).write(buffer, format="fits")
    content = buffer.getvalue().replace(b"NAXIS2  =                    1",
                                        b"NAXIS2  =           2000000000")
    (tmp_path / "a.fits").write_bytes(content)
    assert "at most" in refused(tmp_path / "a.fits")


def test_a_cube_is_no_spectrum(tmp_path):
    fits.PrimaryHDU(np.ones((3, 3))).writeto(tmp_path / "a.fits")
    assert "neither a table nor a one-dimensional spectrum" in refused(tmp_path / "a.fits")


def test_fields_named_by_wavelength_without_an_id_are_read(tmp_path):
    cells = "".join(f"<TD>{v}</TD>" for v in S_LIKE)
    (tmp_path / "a.vot").write_text(VOTABLE.format(
        "", FIELDS, f"<TABLEDATA><TR>{cells}</TR></TABLEDATA>"))
    assert found(tmp_path / "a.vot")["complex"].tolist() == ["S"]


@pytest.mark.parametrize("name", ["=1+2", "+1", "-x", "@SUM(A1)", "-2+3+cmd|' /C calc'!A0"])
def test_names_that_a_spreadsheet_would_run_are_quoted_in_csv(tmp_path, name):
    table = [[name, *row] for row in rows(GRID, S_LIKE)]
    path = tmp_path / "a.tsv"
    path.write_bytes(text(table, "\t", header=("name", "wavelength", "reflectance")))
    classify_files([path], tmp_path / "out.csv")
    cell = (tmp_path / "out.csv").read_text().splitlines()[1].split('"')[1]
    assert cell == (name if name == "+1" else f"'{name}")


def test_a_negative_source_id_stays_a_number_in_csv(tmp_path):
    path = tmp_path / "a.csv"
    table = [["-4284922", *row] for row in rows(GRID, S_LIKE)]
    path.write_bytes(text(table, ",", header=("source_id", "wavelength", "reflectance")))
    classify_files([path], tmp_path / "out.csv")
    assert '"-4284922"' in (tmp_path / "out.csv").read_text()


def test_control_characters_never_reach_the_terminal(tmp_path, capsys):
    table = [["a\x1b[2Jb\x07", *row] for row in rows(GRID, S_LIKE)]
    path = tmp_path / "a.tsv"
    path.write_bytes(text(table, "\t", header=("name", "wavelength", "reflectance")))
    found(path)
    (tmp_path / "out.parquet").unlink()
    (tmp_path / "b.csv").write_text("na\x1b[31mme,class,x\nx,1,2\ny,2,3\n")
    assert "na [31mme" in refused(tmp_path / "b.csv")
    said = capsys.readouterr()
    assert "\x1b" not in said.out + said.err and "\x07" not in said.out
