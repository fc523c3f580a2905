"""Folders that look like the project: for tests that run stages in-process, or through DVC."""

import json
import shutil
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from asteroid_taxonomy.asteroids import ASTEROIDS_PATH, matrix, reflectance_columns
from asteroid_taxonomy.params import merged
from stages import (
    classify,
    crossmatch,
    crossvalidate,
    evaluate,
    export,
    fetch_labels,
    fetch_source_mapping,
    fetch_spectra,
    figures,
    split,
    train,
    verify,
)
from tests.commands import call

TOP = Path(__file__).parent.parent


def simulated_params():
    """The params of `make demo`."""
    params, recipe = (yaml.safe_load((TOP / path).read_text(encoding="utf-8"))
                      for path in ("params.yaml", "experiments/simulated.yaml"))
    return merged(params, recipe)


@pytest.fixture(scope="session")
def simulated_run(tmp_path_factory):
    """A folder in which the simulated survey has been run from fetch to export; do not change."""
    folder = tmp_path_factory.mktemp("simulated")
    (folder / "experiments").mkdir()
    shutil.copy(TOP / "experiments/published.yaml", folder / "experiments")
    (folder / "params.yaml").write_text(yaml.safe_dump(simulated_params()), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for stage in (fetch_spectra, fetch_source_mapping, fetch_labels, crossmatch, split, train,
                      evaluate, export):
            stage.main()
    return folder


def run_in_a_copy(run, folder, *stages):
    """Copy a folder that was run to `folder`, and run further stages there."""
    shutil.copytree(run, folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for stage in stages:
            stage.main()
    return folder


def copy_to_work_in(run, tmp_path, monkeypatch):
    """Copy a folder that was run, and go there."""
    folder = tmp_path / "project"
    shutil.copytree(run, folder)
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def simulated_project(simulated_run, tmp_path, monkeypatch):
    """A copy of `simulated_run` as the current folder; a test may change it."""
    return copy_to_work_in(simulated_run, tmp_path, monkeypatch)


@pytest.fixture(scope="session")
def catalogued_run(simulated_run, tmp_path_factory):
    """A copy of `simulated_run` with the catalogue; do not change."""
    folder = tmp_path_factory.mktemp("catalogued") / "project"
    return run_in_a_copy(simulated_run, folder, verify, crossvalidate, figures, classify)


@pytest.fixture
def catalogued(catalogued_run, tmp_path, monkeypatch):
    """A copy of `catalogued_run` as the current folder; a test may change it."""
    return copy_to_work_in(catalogued_run, tmp_path, monkeypatch)


@pytest.fixture
def without_506_nm(catalogued):
    """The project with a catalogue in which one asteroid, this source_id, lacks 506 nm."""
    table = pq.read_table(ASTEROIDS_PATH)
    column = table["reflectance_506"].to_pylist()
    row = table["class"].to_pylist().index(None)
    column[row] = None
    place = table.schema.get_field_index("reflectance_506")
    pq.write_table(table.set_column(place, "reflectance_506", [pa.array(column, pa.float32())]),
                   ASTEROIDS_PATH)
    classify.main()
    return table["source_id"][row].as_py()


@pytest.fixture
def simulated_spectra(simulated_project):
    """float32 [n, 16], the complete spectra of the simulated survey."""
    names = reflectance_columns(simulated_params()["bands"]["wavelengths_nm"])
    table = pq.read_table(ASTEROIDS_PATH)
    return matrix(table.filter(table["complete"]), names)


@pytest.fixture
def real_asteroids():
    """The real run's table of asteroids, where this checkout has it."""
    if not (TOP / ASTEROIDS_PATH).exists():
        pytest.skip("data/asteroids.parquet is not here: dvc pull, or dvc repro with a mirror")
    counts = json.loads((TOP / crossmatch.COUNTS_PATH).read_text(encoding="utf-8"))
    if counts["survey"] != "Gaia DR3":
        pytest.skip("the run in this checkout is not of Gaia DR3")
    return pq.read_table(TOP / ASTEROIDS_PATH)


@pytest.fixture(scope="session")
def clone(tmp_path_factory):
    """A fresh clone of this repository at HEAD."""
    folder = tmp_path_factory.mktemp("fresh") / "clone"
    code, said = call(TOP, "git", "clone", "--quiet", str(TOP), str(folder))
    if code:
        pytest.skip(f"not a git checkout: {said}")
    for key, value in (("user.name", "A Student"), ("user.email", "student@example.org")):
        call(folder, "git", "config", key, value)
    return folder


@pytest.fixture(scope="session")
def demo(clone):
    """`asteroid-taxonomy demo` in that clone: its exit code and what it printed."""
    return call(clone, sys.executable, "-m", "asteroid_taxonomy", "demo")
