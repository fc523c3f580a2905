"""Folders that look like the project: for tests that run stages in-process, or through DVC."""

import importlib
import json
import os
import shutil
import sys
import tempfile
from copy import deepcopy
from functools import cache
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from filelock import FileLock

from asteroid_taxonomy.asteroids import ASTEROIDS_PATH, matrix, reflectance_columns
from asteroid_taxonomy.files import read_metadata, write_parquet
from asteroid_taxonomy.params import merged
from tests.cluster import two_workers
from tests.running import call, start_dvc

TOP = Path(__file__).parent.parent
DVC_STAGES = yaml.safe_load((TOP / "dvc.yaml").read_text(encoding="utf-8"))["stages"]


@cache
def parsed(path):
    """What a YAML file of the project says; do not change."""
    return yaml.safe_load((TOP / path).read_text(encoding="utf-8"))


def simulated_params():
    """The params of `make demo`."""
    return deepcopy(merged(parsed("params.yaml"), parsed("experiments/simulated.yaml")))


def once(tmp_path_factory, name, make):
    """A folder that `make` has filled, for all workers of pytest-xdist: the first one makes it."""
    base = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        base = base.parent  # which the workers share
    folder, made = base / name, base / f"{name}.made"
    with FileLock(base / f"{name}.lock"):
        if not made.exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            make(folder)
            made.touch()
    return folder


def declared(stage, *keys, params):
    """The files and folders that dvc.yaml lists for a stage under `keys`, but for its code."""
    listed = [entry if isinstance(entry, str) else next(iter(entry))
              for key in keys for entry in DVC_STAGES[stage].get(key, [])]
    return [path.replace("${catalogue.name}", params["catalogue"]["name"]) for path in listed
            if not path.startswith(("stages", "asteroid_taxonomy"))]


def run_stage(stage, folder):
    """Run a stage by name for `folder`, where it finds what dvc.yaml says that it reads: no more.

    What it wrote, all that dvc.yaml says and no more, is moved to `folder`.
    """
    params = yaml.safe_load((folder / "params.yaml").read_text(encoding="utf-8"))
    with tempfile.TemporaryDirectory() as name, pytest.MonkeyPatch.context() as patch:
        alone = Path(name)
        for path in ("params.yaml", *declared(stage, "deps", params=params)):
            copy = shutil.copytree if (folder / path).is_dir() else shutil.copy
            (alone / path).parent.mkdir(parents=True, exist_ok=True)
            copy(folder / path, alone / path)
        read = {path for path in alone.rglob("*") if path.is_file()}
        patch.chdir(alone)
        importlib.import_module(f"stages.{stage}").main()
        outs = declared(stage, "outs", "metrics", params=params)
        written = {path.relative_to(alone) for path in alone.rglob("*")
                   if path.is_file() and path not in read}
        undeclared = [path for path in written
                      if not {str(path), *map(str, path.parents)} & set(outs)]
        assert undeclared == [], f"{stage} writes what dvc.yaml does not say"
        for path in written:
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.move(path, folder / path)
        assert [path for path in outs if not (folder / path).exists()] == []


def project(folder, params):
    """Make `folder` one in which stages can run."""
    shutil.copytree(TOP / "experiments", folder / "experiments")
    (folder / "params.yaml").write_text(yaml.safe_dump(params), encoding="utf-8")


@pytest.fixture(scope="session")
def simulated_run(tmp_path_factory):
    """A folder in which the simulated survey has been run from fetch to export; do not change."""
    def make(folder):
        project(folder, simulated_params())
        for stage in ("fetch_spectra", "fetch_source_mapping", "fetch_labels", "crossmatch",
                      "split", "train", "evaluate", "export"):
            run_stage(stage, folder)

    return once(tmp_path_factory, "simulated", make)


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
    def make(folder):
        shutil.copytree(simulated_run, folder, dirs_exist_ok=True)
        for stage in ("verify", "crossvalidate", "figures", "classify"):
            run_stage(stage, folder)

    return once(tmp_path_factory, "catalogued", make)


@pytest.fixture
def catalogued(catalogued_run, tmp_path, monkeypatch):
    """A copy of `catalogued_run` as the current folder; a test may change it."""
    return copy_to_work_in(catalogued_run, tmp_path, monkeypatch)


@pytest.fixture
def without_506_nm(catalogued):
    """The project with a catalogue in which one asteroid, this source_id, lacks 506 nm."""
    from stages import classify  # which takes a second, and this file is a plugin

    table = pq.read_table(ASTEROIDS_PATH)
    column = table["reflectance_506"].to_pylist()
    row = table["class"].to_pylist().index(None)
    column[row] = None
    place = table.schema.get_field_index("reflectance_506")
    write_parquet(table.set_column(place, "reflectance_506", [pa.array(column, pa.float32())]),
                  ASTEROIDS_PATH, read_metadata(ASTEROIDS_PATH))
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
    counts = json.loads((TOP / "reports/crossmatch.json").read_text(encoding="utf-8"))
    if counts["survey"] != "Gaia DR3":
        pytest.skip("the run in this checkout is not of Gaia DR3")
    return pq.read_table(TOP / ASTEROIDS_PATH)


def cloned(folder):
    """Clone this repository at HEAD into `folder`."""
    code, said = call(TOP, "git", "clone", "--quiet", str(TOP), str(folder))
    if code:
        pytest.skip(f"not a git checkout: {said}")
    for key, value in (("user.name", "A Student"), ("user.email", "student@example.org")):
        call(folder, "git", "config", key, value)


@pytest.fixture(scope="session")
def clone(tmp_path_factory):
    """A fresh clone of this repository at HEAD; leave it as it was."""
    folder = tmp_path_factory.mktemp("fresh") / "clone"
    cloned(folder)
    return folder


@pytest.fixture(scope="session")
def demo(tmp_path_factory):
    """A clone after `asteroid-taxonomy demo`, and what that printed; do not change."""
    def make(folder):
        cloned(folder)
        code, said = call(folder, sys.executable, "-m", "asteroid_taxonomy", "demo")
        assert code == 0, said
        (folder / "demo/said").write_text(said, encoding="utf-8")

    folder = once(tmp_path_factory, "demonstrated", make)
    return folder, (folder / "demo/said").read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def forced(demo, tmp_path_factory):
    """A copy of demo/ after `dvc repro --force`, and what came of it; do not change.

    The whole run is dear, so that a second `dvc repro` comes while its first stages run.
    """
    def make(folder):
        shutil.copytree(demo[0] / "demo", folder / "demo")
        first = start_dvc(folder / "demo", "repro", "--force")
        for line in first.stdout:
            if "Running stage" in line:
                break
        code, said = call(folder / "demo", sys.executable, "-m", "dvc", "repro", "verify")
        rest, _ = first.communicate()
        (folder / "told.json").write_text(json.dumps({
            "first": [first.pid, first.returncode, line + rest], "second": [code, said]}))

    folder = once(tmp_path_factory, "forced", make)
    return folder / "demo", json.loads((folder / "told.json").read_text())


@pytest.fixture
def dask_cluster(tmp_path):
    """Address of a Dask scheduler on loopback with two worker processes, and those processes."""
    pytest.importorskip("distributed")
    with two_workers(tmp_path) as running:
        yield running
