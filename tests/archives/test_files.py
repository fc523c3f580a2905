"""Tables from files: ESA's bulk download, CDS's and VizieR's tables, on disk and over http."""

import functools
import gzip
import hashlib
import shutil
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
import yaml

from asteroid_taxonomy.archives import files, places
from asteroid_taxonomy.console import PipelineError
from asteroid_taxonomy.files import write_parquet
from asteroid_taxonomy.raw_tables import (
    LABELS,
    SOURCE_MAPPING,
    SPECTRA,
    check_spectra,
    in_order,
    with_probabilities,
)

TOP = Path(__file__).parents[2]
DATA = Path(__file__).parent / "data"
PARAMS = yaml.safe_load((TOP / "params.yaml").read_text(encoding="utf-8"))
SPECTRA_COLUMNS = PARAMS["fetch_spectra"]["columns"]
MAPPING_COLUMNS = PARAMS["fetch_source_mapping"]["columns"]
LABEL_COLUMNS = PARAMS["fetch_labels"]["columns"]
REAL = TOP.parent / "shared/data"
NAMES = {-4284964326: "o''higgins", -4284856706: "nulliusinverba", -4284967206: "metis",
         -4281000026: "2010 ab1"}


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
    """Write the checksums of the files in a folder."""
    lines = [f"{hashlib.md5(path.read_bytes()).hexdigest()}  {path.name}\n"
             for path in sorted(folder.glob("*.gz"))]
    lines.append(f"{'0' * 32}  _license.html\n")  # about the data, and nobody's concern
    (folder / places.CHECKSUMS).write_text("".join(lines))


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
        threading.Thread(target=server.serve_forever, args=(0.01,)).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def spectra(location):
    return in_order(SPECTRA, files.spectra(str(location), SPECTRA_COLUMNS))


def mapping(location):
    return in_order(SOURCE_MAPPING, files.source_mapping(str(location), MAPPING_COLUMNS,
                                                         SPECTRA_COLUMNS))


def refused(read, *arguments):
    with pytest.raises(PipelineError) as error:
        read(*arguments)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_the_bulk_download_is_read_as_published(bulk):
    rows = spectra(bulk)
    assert rows.schema.equals(SPECTRA.schema)
    assert rows.num_rows == 4 * 16
    assert dict(zip(*rows.select(["source_id", "name"]).to_pydict().values(),
                    strict=True)) == NAMES
    check_spectra(rows, PARAMS["bands"]["wavelengths_nm"])
    first = rows.filter(pc.equal(rows["source_id"], -4284856706)).slice(0, 1).to_pylist()[0]
    assert (first["reflectance"], first["error"], first["flag"]) == (None, None, 2)
    assert rows.filter(pc.is_null(rows["number"])).num_rows == 16


@pytest.mark.parametrize("name", ["", "*.gz", "SsoReflectanceSpectrum_0[01].csv.gz",
                                  "../**/*.csv.gz"])
def test_a_folder_and_a_glob_name_the_same_rows(bulk, name):
    assert spectra(bulk / name).equals(spectra(bulk))


@pytest.mark.loopback
@pytest.mark.parametrize("signed", [True, False])
def test_a_folder_behind_http_gives_the_same_rows(bulk, behind_http, signed):
    if not signed:
        (bulk / places.CHECKSUMS).unlink()
    assert spectra(f"{behind_http}/{bulk.name}/").equals(spectra(bulk))


@pytest.mark.loopback
def test_one_file_behind_http_is_checked_and_read(bulk, behind_http):
    address = f"{behind_http}/{bulk.name}/SsoReflectanceSpectrum_01.csv.gz"
    assert spectra(address).equals(spectra(bulk / "SsoReflectanceSpectrum_01.csv.gz"))
    (bulk / places.CHECKSUMS).write_text(f"{'0' * 32}  SsoReflectanceSpectrum_01.csv.gz\n")
    assert "it is cut off or damaged" in refused(spectra, address)


def test_without_the_archives_mapping_the_spectra_give_number_and_name(bulk, capsys):
    rows = mapping(bulk)
    assert dict(zip(rows["source_id"].to_pylist(), rows["name"].to_pylist(),
                    strict=True)) == NAMES
    assert "number and name are those that the spectra carry" in capsys.readouterr().out


def test_the_archives_mapping_is_used_where_it_lies_there(bulk, capsys):
    own = mapping(bulk)
    capsys.readouterr()
    shutil.copy(DATA / "bulk/SsoSource_00.csv", bulk)
    assert mapping(bulk).equals(own)  # hygiea has no spectrum
    assert capsys.readouterr().out == ""
    assert spectra(bulk).num_rows == 4 * 16


def test_column_names_are_found_in_any_case(bulk, tmp_path):
    plain = tmp_path / "plain.csv"
    text = (DATA / "bulk/SsoReflectanceSpectrum_01.csv").read_text()
    plain.write_text(text.replace("reflectance_spectrum_flag\n", "Reflectance_Spectrum_FLAG\n"))
    assert spectra(plain).equals(spectra(bulk / "*_01.csv.gz"))


def cut(path):
    path.write_bytes(path.read_bytes()[:-20])


def cut_and_sign(path):
    cut(path)
    sign(path.parent)


def flip_a_digit(path):
    text = gzip.decompress(path.read_bytes()).replace(b",374.0,", b",x374.0,", 1)
    path.write_bytes(gzip.compress(text, mtime=0))
    sign(path.parent)


def rename_a_column(path):
    for other in path.parent.glob("*.gz"):
        text = gzip.decompress(other.read_bytes()).replace(b",wavelength,", b",lambda,")
        other.write_bytes(gzip.compress(text, mtime=0))
    sign(path.parent)


@pytest.mark.parametrize(("damage", "sentence"), [
    (Path.unlink, "names 1 files that are not there, e.g. SsoReflectanceSpectrum_00.csv.gz"),
    (cut, "it is cut off or damaged; download it again"),
    (cut_and_sign, "is cut off or damaged (Compressed file ended before"),
    (flip_a_digit, "invalid value 'x374.0'"),
    (rename_a_column, "reflectance_spectrum_err, lambda, reflectance_spectrum_flag"),
])
def test_a_damaged_download_stops_with_a_sentence(bulk, damage, sentence):
    damage(bulk / "SsoReflectanceSpectrum_00.csv.gz")
    assert sentence in refused(spectra, bulk)


@pytest.mark.parametrize("location", ["nowhere", "*.fits", ""])
def test_a_location_without_files_is_named(tmp_path, monkeypatch, location):
    monkeypatch.chdir(tmp_path)
    assert f"GAIA_FILES is '{location}', where there is no file" in refused(
        files.spectra, location, SPECTRA_COLUMNS)


@pytest.mark.loopback
@pytest.mark.parametrize(("path", "sentence"), [
    ("nothing.csv.gz", "is not there (404); check the address"),
    ("nothing/", "is not there (404); check the address"),
    ("empty/", "where there is no file"),
])
def test_an_address_without_files_is_named(behind_http, tmp_path, path, sentence):
    (tmp_path / "empty").mkdir()
    assert sentence in refused(spectra, f"{behind_http}/{path}")


@pytest.mark.loopback
def test_a_dead_server_is_one_sentence(behind_http, monkeypatch):
    monkeypatch.setattr(places, "RETRIES", places.RETRIES.new(total=1, backoff_factor=0))
    assert "could not be downloaded" in refused(spectra, "http://127.0.0.1:9/bulk/")


# -- labels ---------------------------------------------------------------------------------------

def labels(location):
    return files.labels(str(location), LABEL_COLUMNS)


@pytest.mark.parametrize("name", ["asteroid.dat", "asteroid.txt", "asteroid.dat.gz"])
def test_the_label_table_of_cds_is_read_with_its_readme(cds, name):
    content = (cds / "asteroid.dat").read_bytes()
    (cds / "asteroid.dat").unlink()
    (cds / name).write_bytes(gzip.compress(content) if name.endswith("gz") else content)
    rows = labels(cds)
    assert rows.equals(labels(cds / name))
    assert rows.schema.equals(with_probabilities(list(LABEL_COLUMNS["probabilities"])).schema)
    assert rows["number"].to_pylist() == [4, 13, 16, 858, None]
    assert rows["class"].to_pylist() == ["V", "Ch", "Mk", "L", "S"]
    assert rows["probability_V"].to_pylist() == pytest.approx([.99, 0, 0, 0, 6.8e-4])


@pytest.mark.loopback
@pytest.mark.parametrize("path", ["", "asteroid.dat"])
def test_the_label_table_of_cds_is_read_over_http(cds, behind_http, path):
    assert labels(f"{behind_http}/{cds.name}/{path}").equals(labels(cds))


DELIMITED = {
    "vizier.tsv": "#\n#   VizieR Astronomical Server\n#Table\tJ_A+A_665_A26_asteroid:\n\n"
                  "Name\tNumber\tclass\tclass_A\n \t \t \t \n----------\t------\t---\t------\n"
                  "Vesta     \t     4\tV  \t1.1e-05\nEgeria    \t    13\tCh \t0.0e+00\n"
                  "2008 CA6  \t      \tS  \t       \n\n",
    "vizier.csv": 'Name,Number,class,class_A\n"Vesta",4,"V",1.1e-05\n"Egeria",13,"Ch",0\n'
                  '"2008 CA6",,"S",\n',
    "authors.csv": "number,name,class_,class_A\n4,Vesta,V,1.1e-05\n13,Egeria,Ch,0.0\n"
                   ",2008 CA6,S,\n",
    "authors.txt": "number|name|CLASS|class_A\r\n4|Vesta|V|1.1e-05\r\n13|Egeria|Ch|0.0\r\n"
                   "null|2008 CA6|S|NaN\r\n",
}


@pytest.mark.parametrize("name", DELIMITED)
def test_a_delimited_label_table_is_read_whoever_wrote_it(tmp_path, name):
    (tmp_path / name).write_text(DELIMITED[name], newline="")
    rows = labels(tmp_path)
    assert rows["number"].to_pylist() == [4, 13, None]
    assert rows["class"].to_pylist() == ["V", "Ch", "S"]
    assert rows.column_names == [*LABELS.schema.names, "probability_A"]
    assert rows["probability_A"].to_pylist() == [pytest.approx(1.1e-5), 0, None]


def test_a_label_table_without_probabilities_is_a_label_table(tmp_path):
    (tmp_path / "t.csv").write_text("Number,class\n4,V\n")
    rows = files.labels(str(tmp_path), {"number": "Number", "class": "class",
                                        "probabilities": None})
    assert rows.to_pylist() == [{"number": 4, "class": "V"}]


@pytest.mark.parametrize(("name", "content", "sentence"), [
    ("t.csv", "Number,type\n4,V\n", "have"),
    ("t.csv", "", "no header that could be read"),
    ("t.csv", b"\x00\xff\x00" * 99, "no header that could be read"),
    ("t.csv", "Number,class\nfour,V\n", "the number of an asteroid is not int64"),
    ("t.dat", "Vesta 4 V\n", "put CDS's ReadMe beside a table of fixed width"),
])
def test_what_is_not_a_label_table_stops_with_a_sentence(tmp_path, name, content, sentence):
    content = content if isinstance(content, bytes) else content.encode()
    (tmp_path / name).write_bytes(content)
    assert sentence.replace("have", "t.csv has") in refused(labels, tmp_path)


def test_two_label_tables_in_a_folder_are_not_guessed_between(tmp_path):
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_text("Number,class\n4,V\n")
    assert "a.csv, b.csv; name one of these files in LABELS_FILE" in refused(labels, tmp_path)


# -- the real tables ------------------------------------------------------------------------------

@pytest.mark.real_data
@pytest.mark.skipif(not REAL.is_dir(), reason="../shared/data is not here")
@pytest.mark.parametrize("table", ["spectra", "source_mapping", "labels"])
def test_the_real_files_give_the_bytes_that_tap_gave(tmp_path, table):
    stored = TOP / f"data/raw/{table}.parquet"
    if not stored.exists():
        pytest.skip(f"{stored} is not here: dvc pull, or dvc repro with a mirror")
    over_tap = pq.read_table(stored).replace_schema_metadata(None)
    if table == "labels":
        rows = labels(REAL / "mahlke2022")
        raw = with_probabilities(list(LABEL_COLUMNS["probabilities"]))
        rows = in_order(raw, rows)
    else:
        rows = {"spectra": spectra, "source_mapping": mapping}[table](REAL / "gaia_dr3_sso")
    if table == "spectra":
        # the loopback copy of the archive takes "null" out of (11059) Nulliusinverba
        names = pc.replace_substring_regex(over_tap["name"], "^iusinverba$", "nulliusinverba")
        over_tap = over_tap.set_column(2, "name", names)
    for content, path in ((rows, tmp_path / "files"), (over_tap, tmp_path / "tap")):
        write_parquet(content, path, {})
    assert (tmp_path / "files").read_bytes() == (tmp_path / "tap").read_bytes()
