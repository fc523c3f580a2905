"""The fetch stages against a service without faults, from the sample, and the real archives."""

import json
import os
import re
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from asteroid_taxonomy.archives import tap
from asteroid_taxonomy.files import read_metadata
from asteroid_taxonomy.tables import LABELS_PATH, SPECTRA_PATH
from tests.archives.small_survey import (
    LABELS,
    SPECTRA,
    STAGES,
    TOP,
    edit_params,
    fetched,
    read_params,
    run,
    sample,
)

loopback = pytest.mark.loopback


@loopback
@pytest.mark.parametrize("stage", ["spectra", "source_mapping"])
def test_each_table_is_counted_and_stored_in_order(stage, service, project_folder):
    assert run(stage) == 0
    assert fetched(stage).replace_schema_metadata().equals(sample(stage).combine_chunks())
    assert service.log.count("POST sync") == 1 and service.log.count("POST create") == 1


@loopback
def test_parts_by_source_id_give_the_same_bytes(service, project_folder):
    assert run("spectra") == 0
    whole = SPECTRA_PATH.read_bytes()
    edit_params(fetch_spectra={"rows_per_part": 100})
    service.hard_maxrec = 100
    assert run("spectra") == 0
    assert SPECTRA_PATH.read_bytes() == whole


@loopback
def test_label_probabilities_are_queried_as_the_service_spells_them(
    service, project_folder, capsys
):
    assert run("labels") == 0
    assert fetched("labels").column_names[-1] == "probability_X"
    printed = capsys.readouterr().out
    assert f"lists these columns of {LABELS}: Number, class, class_A" in printed
    assert "the label table has no class_Z: these probabilities are unknown" in printed


@loopback
def test_a_mirror_with_another_table_name_gives_the_same_bytes(
    service, project_folder, monkeypatch
):
    assert run("labels") == 0
    first = LABELS_PATH.read_bytes()
    service.database.execute(f"ALTER TABLE {LABELS} RENAME TO mirror_labels")
    service.listed = False
    monkeypatch.setenv("LABELS_TABLE", "mirror_labels")
    assert run("labels") == 0
    assert LABELS_PATH.read_bytes() == first


@loopback
def test_a_file_names_what_was_published_and_never_the_mirror(service, project_folder):
    for stage in STAGES:
        assert run(stage) == 0
        assert b"127.0.0.1" not in Path(f"data/raw/{stage}.parquet").read_bytes()
    columns = read_params()["fetch_spectra"]["columns"]
    names = [columns[role] for role in fetched("spectra").column_names]
    metadata = read_metadata(SPECTRA_PATH)
    assert json.loads(metadata.pop("columns")) == columns
    assert metadata == {
        "survey": "Gaia DR3", "archive": "https://gea.esac.esa.int/tap-server/tap",
        "adql": f"SELECT {', '.join(names)} FROM {SPECTRA}",
        "rows": "320", "units": '{"wavelength": "nm"}',
        "citation": read_params()["fetch_spectra"]["citation"]}
    assert read_metadata(LABELS_PATH)["adql"].startswith('SELECT "Number", "class", "class_A"')


@loopback
def test_identities_may_be_in_the_source_mapping_only(service, project_folder):
    edit_params(fetch_spectra={"columns": {"number": None, "name": None, "num_of_spectra": None}},
                fetch_source_mapping={"columns": {"num_of_spectra": "num_of_spectra"}})
    service.database.execute("ALTER TABLE gaiadr3.sso_source ADD COLUMN num_of_spectra INT")
    service.database.execute("UPDATE gaiadr3.sso_source SET num_of_spectra = 9")
    assert run("spectra") == run("source_mapping") == 0
    assert fetched("spectra").column_names == [
        "source_id", "wavelength", "reflectance", "error", "flag"]
    assert fetched("source_mapping")["num_of_spectra"].unique().to_pylist() == [9]


@loopback
def test_arrays_give_the_long_table(service, project_folder):
    assert run("spectra") == 0
    whole = SPECTRA_PATH.read_bytes()
    banded = ["wavelength", "reflectance_spectrum", "reflectance_spectrum_err",
              "reflectance_spectrum_flag"]
    service.database.execute(
        "CREATE TABLE gaiadr3.arrays AS "
        "SELECT source_id, number_mp, denomination, num_of_spectra, "
        + ", ".join(f"list({c} ORDER BY wavelength)::VARCHAR AS {c}" for c in banded)
        + f" FROM {SPECTRA} GROUP BY ALL")
    edit_params(fetch_spectra={"table": "gaiadr3.arrays"})
    assert run("spectra") == 0
    assert fetched("spectra").equals(pq.read_table(pa.BufferReader(whole)))


@loopback
def test_plain_lines_show_phase_rows_and_bytes(service, project_folder, capsys, monkeypatch):
    monkeypatch.setattr(tap, "SHOWN_BYTES", 0)
    service.phases = ["QUEUED", "QUEUED", "EXECUTING", "COMPLETED"]
    assert run("spectra") == 0
    printed = capsys.readouterr().err
    for line in ("QUEUED", "EXECUTING", "TRANSFER 0.0 MB"):
        assert re.search(rf"^reflectance spectra: {line} \[\d+ s\]$", printed, re.MULTILINE)


def test_the_sample_gives_the_tables_of_the_archives(project_folder):
    params = project_folder / "params.yaml"
    params.write_text(params.read_text().replace("source: archives", "source: sample"))
    shutil.copytree(TOP / "data/sample", project_folder / "data/sample")
    for stage in STAGES:
        assert run(stage) == 0
        stored = Path(f"data/raw/{stage}.parquet")
        assert fetched(stage).equals(pq.read_table(f"data/sample/{stage}.parquet"))
        published = read_metadata(Path(f"data/sample/{stage}.parquet"))
        published.pop("checksum", None)
        assert read_metadata(stored) == published
    assert fetched("labels").num_rows == 4526


# -- a server with the real tables, named by the environment --------------------------------------

@pytest.mark.real_data
@pytest.mark.enable_socket
@pytest.mark.skipif(not os.environ.get("GAIA_TAP_URL") or not os.environ.get("VIZIER_TAP_URL"),
                    reason="GAIA_TAP_URL and VIZIER_TAP_URL name no mirror")
@pytest.mark.parametrize(("stage", "rows", "columns"), [
    ("labels", 4526, 18), ("source_mapping", 60518, 3), ("spectra", 968288, 8)])
def test_the_real_tables_come_whole(stage, rows, columns, project_folder):
    shutil.copy(TOP / "params.yaml", project_folder)
    assert run(stage) == 0
    stored = pq.read_metadata(f"data/raw/{stage}.parquet")
    assert (stored.num_rows, stored.num_columns) == (rows, columns)
    of_sample = pq.read_table(TOP / f"data/sample/{stage}.parquet")
    if stage != "labels":
        in_sample = pc.is_in(fetched(stage)["source_id"], of_sample["source_id"].unique())
        assert fetched(stage).filter(in_sample).combine_chunks().equals(of_sample)


@pytest.mark.real_data
@pytest.mark.enable_socket
@pytest.mark.skipif(not os.environ.get("TRUNCATING_TAP_URL"),
                    reason="TRUNCATING_TAP_URL names no server with a row limit below the table's")
def test_the_real_spectra_are_refused_if_truncated(project_folder, capsys, monkeypatch):
    shutil.copy(TOP / "params.yaml", project_folder)
    monkeypatch.setenv("GAIA_TAP_URL", os.environ["TRUNCATING_TAP_URL"])
    assert run("spectra") == 1
    assert "COUNT(*) is 968,288: a row limit" in capsys.readouterr().err
    assert not Path("data").exists()
