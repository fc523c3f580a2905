import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from asteroid_taxonomy import console
from asteroid_taxonomy.console import PipelineError
from asteroid_taxonomy.files import atomic_write as module
from asteroid_taxonomy.files import (
    read_csv,
    read_json,
    read_metadata,
    read_parquet,
    sha256,
    write_csv,
    write_json,
    write_parquet,
)
from asteroid_taxonomy.files.atomic_write import atomic, together

TOP = Path(__file__).parent.parent
SPECTRA = pa.table({
    "source_id": pa.array(range(300), pa.int64()),
    "reflectance": pa.array(np.linspace(0.5, 1.5, 300), pa.float32()),
    "name": [f"name {i % 7}" for i in range(300)],
    "nothing": pa.nulls(300, pa.float32()),
})
ABOUT = {"survey": "Gaia DR3", "citation": ["one", "two"]}


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder with the project's dvc.yaml, as the current one."""
    (tmp_path / "dvc.yaml").write_text((TOP / "dvc.yaml").read_text(encoding="utf-8"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(console, "written", [])
    monkeypatch.setattr(module, "written", console.written)
    return tmp_path


@pytest.fixture
def stored(here):
    path = Path("data/asteroids.parquet")
    write_parquet(SPECTRA, path, ABOUT)
    return path


def visible(folder="."):
    return sorted(str(path.relative_to(folder)) for path in Path(folder).rglob("*")
                  if path.is_file() and path.name != "dvc.yaml")


def test_a_writer_that_fails_leaves_the_file_as_it_was(here):
    Path("out").write_text("before")
    with pytest.raises(ZeroDivisionError), atomic(Path("out")) as part:
        part.write_text("after")
        raise ZeroDivisionError
    assert Path("out").read_text() == "before" and visible() == ["out"]


def test_two_writers_to_one_file_never_meet(here):
    with atomic(Path("out")) as one, atomic(Path("out")) as other:
        assert one != other
        one.write_text("one")
        other.write_text("other")
    assert Path("out").read_text() == "one" and visible() == ["out"]


def test_four_processes_write_one_table_and_it_is_whole(here):
    write = ("import sys, pyarrow as pa; from pathlib import Path\n"
             "from asteroid_taxonomy.files import write_parquet\n"
             "for _ in range(10):\n"
             "    write_parquet(pa.table({'a': [sys.argv[1]] * 50_000}), Path('t.parquet'), {})")
    writers = [subprocess.Popen([sys.executable, "-c", write, str(i)],
                                env={**os.environ, "PYTHONPATH": str(TOP)}) for i in range(4)]
    assert [writer.wait() for writer in writers] == [0] * 4
    assert read_parquet(Path("t.parquet"), pa.schema([("a", pa.string())])).num_rows == 50_000
    assert visible() == ["t.parquet"]


def test_a_link_that_was_planted_is_not_written_through(here):
    Path("victim").write_text("mine")
    for name in (".out.part", "out"):
        Path(name).symlink_to("victim")
    with atomic(Path("out")) as part:
        part.write_text("new")
    assert Path("victim").read_text() == "mine" and Path("out").read_text() == "new"
    assert not Path("out").is_symlink()


def test_a_new_file_has_the_permissions_that_the_umask_asks_for(here):
    before = os.umask(0o002)
    try:
        write_json({"a": 1}, Path("out.json"))
    finally:
        os.umask(before)
    assert Path("out.json").stat().st_mode & 0o777 == 0o664


@pytest.mark.parametrize("fails", [0, 1, 2, 3])
def test_files_written_together_appear_all_or_not_at_all(here, fails):
    def write(number):
        with atomic(Path(f"figures/{number}.svg")) as part:
            part.write_text("half")
            if number == fails:
                raise OSError(errno.ENOSPC, "No space left on device", str(part))

    try:
        with together():
            for number in range(3):
                write(number)
            assert not any(Path(f"figures/{number}.svg").exists() for number in range(3))
    except OSError:
        assert visible() == [] and console.what_is_left() == "nothing was written"
    else:
        assert visible() == [f"figures/{number}.svg" for number in range(3)] and fails == 3
        assert console.what_is_left().startswith("only figures/0.svg, figures/1.svg, figures/2")


def test_a_folder_where_one_of_several_files_should_be_keeps_all_of_them_away(here):
    Path("b").mkdir()
    with pytest.raises(IsADirectoryError), together():
        for name in ("a", "b"):
            with atomic(Path(name)) as part:
                part.write_text(name)
    assert visible() == []


def test_the_same_rows_give_the_same_bytes_and_the_rows_come_back(stored):
    first = sha256(stored)
    write_parquet(SPECTRA, stored, ABOUT)
    assert sha256(stored) == first
    assert read_parquet(stored, SPECTRA.schema).equals(SPECTRA)
    assert read_metadata(stored) == {"survey": "Gaia DR3", "citation": '["one", "two"]'}


def test_any_parquet_reader_can_check_the_pages(stored):
    """Parquet's own checksums; ours covers the headers and the footer too."""
    data = bytearray(stored.read_bytes())
    place = pq.read_metadata(stored).row_group(0).column(1).data_page_offset + 60
    data[place] ^= 1
    stored.write_bytes(data)
    with pytest.raises(OSError, match="CRC"):
        pq.ParquetFile(stored, page_checksum_verification=True).read()


@settings(max_examples=500, suppress_health_check=[HealthCheck.function_scoped_fixture],
          deadline=None)
@given(st.data())
def test_a_bit_that_flips_is_told_and_never_read_as_other_data(stored, data):
    whole = stored.read_bytes()
    place = data.draw(st.integers(0, len(whole) - 1))
    changed = bytearray(whole)
    changed[place] ^= 1 << data.draw(st.integers(0, 7))
    stored.write_bytes(changed)
    try:
        with pytest.raises(PipelineError, match=r"^data/asteroids.parquet .*; delete it and run "
                                                r"`dvc repro crossmatch` to make it anew$"):
            read_parquet(stored, SPECTRA.schema)
        with pytest.raises(PipelineError):
            read_metadata(stored)
    finally:
        stored.write_bytes(whole)


@pytest.mark.parametrize("damage, said", [
    (lambda whole: whole[:-1], "checksum differs"),
    (lambda whole: whole[:100], "checksum differs"),
    (lambda whole: b"", "is not a readable Parquet file"),
    (lambda whole: b"PAR1", "checksum differs"),
    (lambda whole: whole + b"\n", "checksum differs"),
    (lambda whole: b"<html>not found</html>", "checksum differs"),
    (lambda whole: whole * 2, "checksum differs"),
    (lambda whole: whole[:50] + whole[60:], "checksum differs"),
])
def test_a_file_that_is_not_as_it_was_written_is_told(stored, damage, said):
    stored.write_bytes(damage(stored.read_bytes()))
    for read in (lambda: read_parquet(stored, SPECTRA.schema), lambda: read_metadata(stored)):
        with pytest.raises(PipelineError, match=said):
            read()


def test_a_table_that_another_program_wrote_is_told(stored):
    pq.write_table(pq.read_table(stored).slice(0, 10), stored)
    with pytest.raises(PipelineError, match="is not as this pipeline wrote it"):
        read_parquet(stored, SPECTRA.schema)


@pytest.mark.parametrize("table, measured, said", [
    (SPECTRA.drop_columns("name"), (), "has no column name"),
    (SPECTRA.set_column(0, "source_id", [SPECTRA["source_id"].cast(pa.int32())]), (),
     "has int32 in the column source_id, expected int64"),
    (SPECTRA.slice(0, 0), (), "has no rows"),
    (SPECTRA, ("reflectance", "nothing"), "has nothing but nulls in the column nothing"),
])
def test_a_table_with_other_content_is_told(stored, table, measured, said):
    write_parquet(table, stored, ABOUT)
    with pytest.raises(PipelineError, match=f"asteroids.parquet {said}.*dvc repro crossmatch`"):
        read_parquet(stored, SPECTRA.schema, measured=measured)


def test_what_a_file_does_not_say_is_told_when_it_is_asked_for(stored):
    with pytest.raises(PipelineError, match="asteroids.parquet does not say labels; delete it"):
        read_metadata(stored)["labels"]


@pytest.mark.parametrize("read, path, stage", [
    (lambda p: read_parquet(p, SPECTRA.schema), "data/raw/labels.parquet", " fetch_labels"),
    (read_metadata, "data/asteroids.parquet", " crossmatch"),
    (read_json, "reports/verify.json", " verify"),
    (lambda p: read_csv(p, {"snr": str}), "reports/crossvalidation/snr.csv", " crossvalidate"),
    (read_metadata, "data/catalogue/gaia_dr3_taxonomy.parquet", " classify"),
    (read_json, "elsewhere.json", ""),
])
def test_a_file_that_is_not_there_is_told_with_the_stage_that_makes_it(here, read, path, stage):
    with pytest.raises(PipelineError, match=f"^{path} does not exist; run `dvc repro{stage}` to"):
        read(Path(path))


@pytest.mark.parametrize("content, said", [
    ('{"survey": "x", "accuracy": 0.7', "is not readable JSON"),
    ("", "is not readable JSON"),
    ("{}", "should hold figures by name and does not"),
    ("[1, 2]", "should hold figures by name and does not"),
    ("null", "should hold figures by name and does not"),
    ('{"accuracy": "high"}', "should say a number for accuracy, but says 'high'"),
    ('{"accuracy": NaN}', "should say a number for accuracy, but says 'nan'"),
    ('{"accuracy": 1e999}', "should say a number for accuracy, but says 'inf'"),
    ('{"accuracy": [0.7]}', "should say a number for accuracy"),
    ('{"accuracy": {"C": 0.7}}', "should say a number for accuracy"),
    ('{"survey": 3}', "should say a text for survey, but says '3'"),
    (b"\xff\xfe", "is not readable JSON"),
    ("[" * 100_000, "is not readable JSON"),
    ('{"accuracy": "0.7"}', "should say a number for accuracy"),
])
def test_metrics_that_are_damaged_are_told(here, content, said):
    path = Path("reports/verify.json")
    path.parent.mkdir()
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(PipelineError, match=f"^reports/verify.json {said}.*`dvc repro verify`"):
        read_json(path)


def test_metrics_come_back_and_one_that_is_not_there_is_told(here):
    path = Path("reports/verify.json")
    write_json({"survey": "x", "accuracy": 0.123456, "none": None, "ok": True}, path)
    found = read_json(path)
    assert found == {"survey": "x", "accuracy": 0.12346, "none": None, "ok": True}
    with pytest.raises(PipelineError, match="^reports/verify.json does not say ece; delete it"):
        found["ece"]
    write_json({"models": ["mlp"], "accuracy": 0.7}, path)
    assert read_json(path, nested=["models"])["models"] == ["mlp"]


def test_metrics_of_another_matrix_kernel_name_it(here, monkeypatch):
    monkeypatch.setenv("ASTEROID_TAXONOMY_KERNEL", "Zen")
    write_json({"accuracy": 0.7}, Path("m.json"))
    assert json.loads(Path("m.json").read_text()) == {"accuracy": 0.7, "kernel": "Zen"}


COLUMNS = {"snr": str, "asteroids": int, "accuracy": float}


@pytest.mark.parametrize("content, said", [
    ("snr,asteroids,accuracy\nbelow 20,3,0.5\n20 to 30,4,0.", "is cut off"),
    ("", "is cut off"),
    ("snr,asteroids,accuracy\n", "has no rows"),
    ("snr,asteroids\nbelow 20,3\n", "has no column accuracy"),
    ("snr,asteroids,accuracy\nbelow 20,three,0.5\n", "is not a readable table"),
    ("snr,asteroids,accuracy\nbelow 20,,0.5\n", "is not a readable table"),
    ("snr,asteroids,accuracy\nbelow 20,3,high\n", "is not a readable table"),
    ("snr,asteroids,accuracy\nbelow 20,3,1e999\n", "has an infinite number in the column acc"),
    ("snr,asteroids,accuracy\nbelow 20,3,0.5,7,8\na,1\n\"\n", "is not a readable table"),
    (b"snr,asteroids,accuracy\n\xff\xfe,3,0.5\n", "is not a readable table"),
    ("\n", "is not a readable table"),
])
def test_a_table_of_plot_data_that_is_damaged_is_told(here, content, said):
    path = Path("reports/crossvalidation/snr.csv")
    path.parent.mkdir(parents=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(PipelineError, match=f"^{path} {said}.*`dvc repro crossvalidate`"):
        read_csv(path, COLUMNS)


def test_plot_data_come_back_with_their_types(here):
    path = Path("snr.csv")
    write_csv(["snr", "asteroids", "accuracy", "more"],
              [["NA", 3, 0.5, ""], ["20 to 30", 4, None, ""]], path)
    table = read_csv(path, COLUMNS)
    assert list(table["snr"]) == ["NA", "20 to 30"] and list(table["asteroids"]) == [3, 4]
    assert table["accuracy"][0] == 0.5 and np.isnan(table["accuracy"][1])
    assert list(table.columns) == list(COLUMNS)
