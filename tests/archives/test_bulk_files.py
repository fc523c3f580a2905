"""Tables from files: ESA's bulk download, CDS's and VizieR's tables, on disk and over http."""

import functools
import gzip
import hashlib
import shutil
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.archives.small_survey import TOP, VARIABLES, edit_params, fetched, run

DATA = Path(__file__).parent / "data"
REAL = TOP.parent / "shared/data"
IDENTITIES = {-4284964326: "o''higgins", -4284856706: "nulliusinverba", -4284967206: "metis",
              -4281000026: "2010 ab1"}


@pytest.fixture(autouse=True)
def no_other_way(monkeypatch, project_folder):
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def bulk(tmp_path):
    """A folder as ESA's bulk download leaves it: gzipped, checksums beside the files."""
    folder = tmp_path / "sso_reflectance_spectrum"
    folder.mkdir()
    for path in sorted((DATA / "bulk").glob("SsoReflectance*.csv")):
        (folder / f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes(), mtime=0))
    sign(folder)
    return folder


def sign(folder):
    """Write the checksums of the files in a folder, and of one that is about them."""
    lines = [f"{hashlib.md5(path.read_bytes()).hexdigest()}  {path.name}\n"
             for path in sorted(folder.glob("*.gz"))]
    (folder / "_MD5SUM.txt").write_text("".join(lines) + f"{'0' * 32}  _license.html\n")


@pytest.fixture
def cds(tmp_path):
    """A folder with the label table as CDS has it, and its ReadMe."""
    return Path(shutil.copytree(DATA / "cds", tmp_path / "J_A+A_665_A26"))


@pytest.fixture
def behind_http(tmp_path, monkeypatch):
    """The folder of the test behind http, with index pages."""
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr(SimpleHTTPRequestHandler, "log_message", lambda *args: None)
    handler = functools.partial(SimpleHTTPRequestHandler, directory=tmp_path)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def fetch(stage, location, monkeypatch):
    """The exit code of a fetch stage from files, and what it stored."""
    monkeypatch.setenv("LABELS_FILE" if stage == "labels" else "GAIA_FILES", str(location))
    code = run(stage)
    return code, None if code else fetched(stage)


def refused(stage, location, monkeypatch, capsys):
    """The error message of a fetch stage."""
    assert fetch(stage, location, monkeypatch)[0] == 1
    lines = capsys.readouterr().err.splitlines()
    assert sum(line.startswith("error: ") for line in lines) == 1
    return lines[-1]


@pytest.mark.parametrize("name", ["", "../**/*.csv.gz"])
def test_a_folder_and_a_glob_are_read_as_published(bulk, name, monkeypatch):
    _, rows = fetch("spectra", bulk / name, monkeypatch)
    assert rows.num_rows == 4 * 16
    assert dict(zip(rows["source_id"].to_pylist(), rows["name"].to_pylist(),
                    strict=True)) == IDENTITIES
    assert rows["number"].null_count == 16 and rows["reflectance"].null_count == 2


@pytest.mark.loopback
def test_a_folder_behind_http_gives_the_same_bytes(bulk, behind_http, monkeypatch):
    fetch("spectra", bulk, monkeypatch)
    expected = Path("data/raw/spectra.parquet").read_bytes()
    fetch("spectra", f"{behind_http}/{bulk.name}/", monkeypatch)
    assert Path("data/raw/spectra.parquet").read_bytes() == expected


@pytest.mark.loopback
@pytest.mark.parametrize(("path", "message"), [
    ("sso_reflectance_spectrum/", "another MD5"), ("nothing/", "no such file"),
    ("nothing.csv.gz", "no such file")])
def test_an_address_without_the_file_is_one_message_without_the_password(
    path, message, bulk, behind_http, monkeypatch, capsys
):
    (bulk / "_MD5SUM.txt").write_text(f"{'0' * 32}  SsoReflectanceSpectrum_01.csv.gz\n")
    address = behind_http.replace("//", "//me:secret@") + f"/{path}"
    error = refused("spectra", address, monkeypatch, capsys)
    assert message in error and "secret" not in error


def test_a_location_without_files_is_named(monkeypatch, capsys):
    location = "~nosuchuser/x"
    error = refused("spectra", location, monkeypatch, capsys)
    assert f"GAIA_FILES={location}" in error and "no such file" in error


def cut(path):
    path.write_bytes(path.read_bytes()[:-20])


def cut_and_sign(path):
    cut(path)
    sign(path.parent)


@pytest.mark.parametrize(("damage", "message"), [
    (Path.unlink, "lacks 1 files that its _MD5SUM.txt lists, e.g. SsoReflectanceSpectrum_00.csv"),
    (cut, "SsoReflectanceSpectrum_00.csv.gz: another MD5"),
    (cut_and_sign, "cut off or damaged (Compressed file ended before"),
])
def test_a_damaged_download_is_one_message(bulk, damage, message, monkeypatch, capsys):
    damage(bulk / "SsoReflectanceSpectrum_00.csv.gz")
    assert message in refused("spectra", bulk, monkeypatch, capsys)


def test_the_mapping_is_of_its_own_files_or_of_the_spectra(bulk, monkeypatch, capsys):
    _, own = fetch("source_mapping", bulk, monkeypatch)
    assert dict(zip(own["source_id"].to_pylist(), own["name"].to_pylist(),
                    strict=True)) == IDENTITIES
    assert "number and name are those that the spectra have" in capsys.readouterr().out
    shutil.copy(DATA / "bulk/SsoSource_00.csv", bulk)
    assert fetch("source_mapping", bulk, monkeypatch)[1].equals(own)  # hygiea has no spectrum
    assert "those that the spectra have" not in capsys.readouterr().out


def test_spectra_without_identities_need_the_files_of_the_mapping(bulk, monkeypatch, capsys):
    edit_params(fetch_spectra={"columns": {"number": None, "name": None, "num_of_spectra": None}},
                fetch_source_mapping={"columns": {"num_of_spectra": "num_of_spectra"}})
    assert "add the files of that table" in refused("source_mapping", bulk, monkeypatch, capsys)
    lines = [f"{source_id},null,{name},9\n" for source_id, name in IDENTITIES.items()]
    (bulk / "SsoSource_00.csv").write_text(
        "source_id,number_mp,denomination,num_of_spectra\n" + "".join(lines))
    assert fetch("source_mapping", bulk, monkeypatch)[1]["num_of_spectra"].to_pylist() == [9] * 4
    assert fetch("spectra", bulk, monkeypatch)[1].column_names == [
        "source_id", "wavelength", "reflectance", "error", "flag"]


# -- labels ---------------------------------------------------------------------------------------

@pytest.mark.loopback
@pytest.mark.parametrize("name", ["asteroid.dat", "asteroid.txt.gz"])
def test_the_label_table_of_cds_is_read_with_its_readme(cds, behind_http, name, monkeypatch):
    content = (cds / "asteroid.dat").read_bytes()
    (cds / "asteroid.dat").unlink()
    (cds / name).write_bytes(gzip.compress(content) if name.endswith("gz") else content)
    _, rows = fetch("labels", cds, monkeypatch)
    assert rows["number"].to_pylist() == [4, 13, 16, 858, None]
    assert rows["class"].to_pylist() == ["V", "Ch", "Mk", "L", "S"]
    assert rows["probability_V"].to_pylist() == pytest.approx([.99, 0, 0, 0, 6.8e-4])
    assert len(rows.column_names) == 18
    assert fetch("labels", f"{behind_http}/{cds.name}/{name}", monkeypatch)[1].equals(rows)


def test_the_authors_csv_is_read_and_absent_probabilities_are_reported(
    tmp_path, monkeypatch, capsys
):
    (tmp_path / "authors.csv").write_text(
        "number,name,class_,class_A\n4,Vesta,V,1.1e-05\n13,Egeria,Ch,0.0\n,2008 CA6,S,\n")
    _, rows = fetch("labels", tmp_path / "authors.csv", monkeypatch)
    assert rows.to_pydict() == {
        "number": [4, 13, None], "class": ["V", "Ch", "S"],
        "probability_A": [pytest.approx(1.1e-5), 0, None]}
    assert "the label table has no class_B" in capsys.readouterr().out


@pytest.mark.parametrize(("content", "message"), [
    ("Number,type\n4,V\n", "t.dat has no column class (once) among Number, type"),
    ("", "t.dat: an empty response"),
])
def test_what_is_not_a_label_table_is_one_message(tmp_path, content, message, monkeypatch, capsys):
    (tmp_path / "t.dat").write_text(content)
    assert message in refused("labels", tmp_path / "t.dat", monkeypatch, capsys)


@pytest.mark.real_data
@pytest.mark.skipif(not REAL.is_dir(), reason="the archives' files are not beside the project")
@pytest.mark.parametrize(("stage", "folder"), [
    ("spectra", "gaia_dr3_sso"), ("source_mapping", "gaia_dr3_sso"), ("labels", "mahlke2022")])
def test_the_real_files_give_the_rows_of_the_last_run(stage, folder, monkeypatch):
    stored = TOP / f"data/raw/{stage}.parquet"
    if not stored.exists():
        pytest.skip(f"{stored} is not here")
    Path("params.yaml").write_text((TOP / "params.yaml").read_text())
    assert fetch(stage, REAL / folder, monkeypatch)[1].equals(pq.read_table(stored))
