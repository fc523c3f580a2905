"""The fetch stages against a service without faults, and against real archives where named."""

import csv
import functools
import json
import os
import random
import re
import shutil

import numpy as np
import pyarrow.parquet as pq
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from asteroid_taxonomy.files import read_metadata
from asteroid_taxonomy.raw_tables import LABELS_PATH, SOURCE_MAPPING_PATH, SPECTRA, SPECTRA_PATH
from tests.archives.tap_service import to_csv
from tests.small_survey import GRID, NAMES, STAGES, TOP, files, run

loopback = pytest.mark.loopback
COLUMNS = yaml.safe_load((TOP / "params.yaml").read_text())["fetch_spectra"]["columns"]
AS_PYTHON = {"int64": int, "int32": int, "int8": int, "string": lambda text: text.strip() or None,
             "float": lambda text: None if np.isnan(float(text)) else np.float32(text).item()}


def as_python(row):
    """A row of text as the values it stands for; raises ValueError where it stands for none."""
    return tuple(None if text in (None, "", "null", "NaN") else AS_PYTHON[str(field.type)](text)
                 for text, field in zip(row, SPECTRA.schema, strict=True))


@loopback
@settings(max_examples=40, deadline=None,
          suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32), case=st.sampled_from([str.lower, str.upper, str.title]),
       null=st.sampled_from(["", "null", "NaN"]),
       quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
       at=st.tuples(st.integers(0, 319), st.integers(0, 7)),
       value=st.none() | st.floats().map(str) | st.integers(-9, 300).map(str)
       | st.floats(-31, 31).map("{:.9g}".format) | st.text("0123456789.e-+ nNaif", max_size=6))
def test_what_is_stored_is_what_was_served_or_the_stage_stops(
    service, project_folder, capsys, seed, case, null, quoting, at, value
):
    served = []

    def edit(names, rows):
        rows[at[0]][at[1]] = value
        served[:] = [names, rows]
        columns = random.Random(seed).sample(range(len(names)), len(names))
        shuffled = random.Random(seed).sample(rows, len(rows))
        return [case(names[i]) for i in columns], [[row[i] for i in columns] for row in shuffled]

    service.edit, service.render = edit, functools.partial(to_csv, null=null, quoting=quoting)
    SPECTRA_PATH.unlink(missing_ok=True)
    capsys.readouterr()
    if run("spectra") == 0:
        assert served[0] == list(COLUMNS.values())
        stored = zip(*pq.read_table(SPECTRA_PATH).to_pydict().values(), strict=True)
        assert list(stored) == sorted(map(as_python, served[1]), key=lambda row: (row[0], row[4]))
    else:
        assert capsys.readouterr().err.count("error: ") == 1
        assert files(project_folder) == []


@loopback
@pytest.mark.parametrize("stage, rows, jobs", [("spectra", 320, 1), ("mapping", len(NAMES), 0)])
def test_the_service_is_asked_for_a_count_and_for_no_less_than_all(
        stage, rows, jobs, service, project_folder):
    asked = []
    answer = service.answer
    service.answer = lambda adql, maxrec: asked.append((adql, maxrec)) or answer(adql, maxrec)
    assert run(stage) == 0
    (count, _), _, (query, maxrec) = asked
    assert count.split(" FROM ")[1] == query.split(" FROM ")[1]
    assert "TOP" not in query
    assert maxrec == rows + 1
    assert service.log.count("POST create") == service.log.count("POST job") == jobs
    assert service.log.count("POST sync") == 3 - jobs  # some megabytes need no job
    assert service.jobs == {}


@loopback
@pytest.mark.parametrize("rows_per_part", [16, 50, 100, 319])
def test_a_table_in_parts_is_the_table(rows_per_part, service, project_folder, monkeypatch):
    assert run("spectra") == 0
    whole = SPECTRA_PATH.read_bytes()
    params = yaml.safe_load((project_folder / "params.yaml").read_text())
    params["fetch_spectra"]["rows_per_part"] = rows_per_part
    (project_folder / "params.yaml").write_text(yaml.safe_dump(params))
    service.hard_maxrec, service.log = rows_per_part, []
    assert run("spectra") == 0
    assert SPECTRA_PATH.read_bytes() == whole
    parts = service.log.count("POST create")
    assert 320 / rows_per_part <= parts <= 20
    assert service.log.count("POST sync") >= parts  # each of them counted


@loopback
def test_more_rows_of_one_source_than_a_part_may_have_stop(service, project_folder, capsys):
    params = yaml.safe_load((project_folder / "params.yaml").read_text())
    params["fetch_spectra"]["rows_per_part"] = 15
    (project_folder / "params.yaml").write_text(yaml.safe_dump(params))
    assert run("spectra") == 1
    assert "has 16 rows of one source_id" in capsys.readouterr().err


@loopback
def test_only_sources_with_a_spectrum_are_in_the_mapping(service, project_folder):
    assert run("mapping") == 0
    assert sorted(pq.read_table(SOURCE_MAPPING_PATH)["name"].to_pylist()) == sorted(NAMES)


@loopback
def test_label_probabilities_are_asked_for_as_the_service_spells_them(
    service, project_folder, capsys
):
    assert run("labels") == 0
    # class_B is Class_B there, and class_Z is not there
    assert pq.read_schema(LABELS_PATH).names == [
        "number", "class", "probability_A", "probability_B"]
    said = capsys.readouterr().out
    assert 'these columns of "J/A+A/665/A26/asteroid": Number, Name, class, class_A,' in said
    assert "going on without class_Z: the probabilities of these classes stay unknown" in said


@loopback
def test_a_file_names_what_was_published_and_never_the_mirror(service, project_folder):
    for stage in STAGES:
        assert run(stage) == 0
    assert read_metadata(SPECTRA_PATH) == {
        "survey": "Gaia DR3",
        "archive": "https://gea.esac.esa.int/tap-server/tap",
        "adql": f"SELECT {', '.join(COLUMNS.values())} FROM gaiadr3.sso_reflectance_spectrum",
        "columns": json.dumps(COLUMNS),
        "rows": "320",
        "units": '{"wavelength": "nm"}',
        "citation": "Galluccio et al. 2022, A&A 674, A35 (Gaia DR3 reflectance spectra; "
                    "2023A&A...674A..35G)",
    }
    for path in (SPECTRA_PATH, SOURCE_MAPPING_PATH, LABELS_PATH):
        assert b"127.0.0.1" not in path.read_bytes()
    labels = read_metadata(LABELS_PATH)
    assert labels["adql"] == ('SELECT "Number", "class", "class_A", "class_B" '
                              'FROM "J/A+A/665/A26/asteroid"')
    assert json.loads(labels["columns"])["probability_B"] == "class_B"


@loopback
def test_another_release_needs_params_only(service, project_folder):
    grid = list(range(400, 1000, 30))
    params = yaml.safe_load((project_folder / "params.yaml").read_text())
    params["bands"]["wavelengths_nm"] = grid
    params["fetch_spectra"].update(release="Gaia DR4", table="gaiadr4.spectra")
    names = {role: f"{role}_dr4" for role in SPECTRA.schema.names}
    params["fetch_spectra"]["columns"] = names
    params["train"]["used_bands_nm"] = dict.fromkeys(params["train"]["used_bands_nm"], grid[:5])
    params["crossmatch"]["expected"] = None
    (project_folder / "params.yaml").write_text(yaml.safe_dump(params))
    service.tables["gaiadr4.spectra"] = (list(names.values()), [
        [str(-i), str(i), f"name {i}", "9", f"{nm}.0", "1.0", "0.1", "0"]
        for i in range(1, 6) for nm in grid])
    assert run("spectra") == 0
    stored = pq.read_table(SPECTRA_PATH)
    assert stored.num_rows == 5 * 20
    assert read_metadata(SPECTRA_PATH)["survey"] == "Gaia DR4"
    assert sorted(set(stored["wavelength"].to_pylist())) == grid != GRID


@loopback
def test_plain_lines_tell_phase_rows_bytes_and_time(service, project_folder, capsys):
    service.phases = ["QUEUED", "EXECUTING", "COMPLETED"]
    assert run("spectra") == 0
    lines = capsys.readouterr().err.splitlines()
    for pattern in (r"reflectance spectra: QUEUED \[\d+ s\]", r"reflectance spectra: EXECUTING .*",
                    r"reflectance spectra: [\d,]+ of 320 rows, TRANSFER [\d.]+ MB \[\d+ s\]"):
        assert [line for line in lines if re.fullmatch(pattern, line)], lines


# -- real archives, or a mirror with the real tables ---------------------------------------------

@pytest.mark.real_data
@pytest.mark.enable_socket
@pytest.mark.skipif(not os.environ.get("GAIA_TAP_URL") or not os.environ.get("VIZIER_TAP_URL"),
                    reason="GAIA_TAP_URL and VIZIER_TAP_URL name no mirror")
@pytest.mark.parametrize(("stage", "rows", "columns"), [("labels", 4526, 18),
                                                        ("mapping", 60518, 3)])
def test_the_real_tables_come_whole(stage, rows, columns, project_folder):
    shutil.copy(TOP / "params.yaml", project_folder)
    assert run(stage) == 0
    stored = pq.read_metadata(STAGES[stage][1])
    assert (stored.num_rows, stored.num_columns) == (rows, columns)


@pytest.mark.real_data
@pytest.mark.enable_socket
@pytest.mark.skipif(not os.environ.get("TRUNCATING_TAP_URL"),
                    reason="TRUNCATING_TAP_URL names no server with a row limit below the table's")
def test_the_real_spectra_are_refused_from_a_server_that_truncates(
    project_folder, capsys, monkeypatch
):
    shutil.copy(TOP / "params.yaml", project_folder)
    monkeypatch.setenv("GAIA_TAP_URL", os.environ["TRUNCATING_TAP_URL"])
    assert run("spectra") == 1
    error, = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    assert re.search(r"said it has 968,288 rows .* but sent [\d,]+: its row limit", error)
    assert files(project_folder) == []
