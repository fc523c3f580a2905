"""Project folders for tests: a run of the sample, stage by stage, and clones of the repository."""

import importlib
import json
import os
import shutil
import sys
import tempfile
from pathlib import Path

import pytest
import yaml
from filelock import FileLock

from asteroid_taxonomy.console import set_environment
from asteroid_taxonomy.params import PARAMS, merged, read_yaml
from tests.running import call
from tests.watching_params import params_read

set_environment()  # before any test imports NumPy
TOP = Path(__file__).parent.parent
DVC_STAGES = yaml.safe_load((TOP / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
MODEL_STAGES = ("fetch_spectra", "fetch_source_mapping", "fetch_labels", "crossmatch", "split",
                "train", "evaluate", "calibrate", "export")
LATER_STAGES = tuple(stage for stage in DVC_STAGES if stage not in MODEL_STAGES)
FEW_REPEATS = {"repeats": 1, "published_seeds": 1, "learning_curve": [0.5]}


def sample_params():
    """The params of `make demo`, as nested dicts; yours to change."""
    return merged(read_yaml(TOP / PARAMS), read_yaml(TOP / "experiments/sample.yaml"))


def once(tmp_path_factory, name, make):
    """A folder that `make(folder)` has filled, shared by the workers of pytest-xdist."""
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
    """The files and folders that dvc.yaml lists for a stage under `keys`, without the code."""
    listed = [entry if isinstance(entry, str) else next(iter(entry))
              for key in keys for entry in DVC_STAGES[stage].get(key, [])]
    return [path.replace("${catalogue.name}", params["catalogue"]["name"]) for path in listed
            if not path.startswith(("stages", "asteroid_taxonomy"))]


def run_stage(stage, folder):
    """Run a stage in-process with only its declared inputs; move its outputs to `folder`.

    Fails where it writes a file that dvc.yaml does not declare, or lacks one that it does. The
    params that it read are written to <folder>/params_read/<stage>.json.
    """
    params = yaml.safe_load((folder / PARAMS).read_text(encoding="utf-8"))
    with tempfile.TemporaryDirectory() as name, pytest.MonkeyPatch.context() as patch:
        alone = Path(name)
        for path in (str(PARAMS), *declared(stage, "deps", params=params)):
            source = folder / path if (folder / path).exists() else TOP / path
            (alone / path).parent.mkdir(parents=True, exist_ok=True)
            (shutil.copytree if source.is_dir() else shutil.copy)(source, alone / path)
        inputs = {path for path in alone.rglob("*") if path.is_file()}
        patch.chdir(alone)
        with params_read() as read:
            importlib.import_module(f"stages.{stage}").main()
        outs = declared(stage, "outs", "metrics", params=params)
        written = {path.relative_to(alone) for path in alone.rglob("*")
                   if path.is_file() and path not in inputs}
        assert [path for path in written
                if not {path.as_posix(), *(p.as_posix() for p in path.parents)} & set(outs)] == []
        for path in written:
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.move(path, folder / path)
        assert [path for path in outs if not (folder / path).exists()] == []
    (folder / "params_read").mkdir(exist_ok=True)
    (folder / f"params_read/{stage}.json").write_text(json.dumps(sorted(read)))


def project(folder, params=None):
    """Make `folder` one in which stages run: with these params (default: the sample's)."""
    (folder / PARAMS).write_text(yaml.safe_dump(params or sample_params()), encoding="utf-8")
    shutil.copytree(TOP / "data/sample", folder / "data/sample")
    shutil.copytree(TOP / "experiments", folder / "experiments")


def _working_copy(run, tmp_path, monkeypatch):
    folder = shutil.copytree(run, tmp_path / "project")
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture(scope="session")
def sample_run(tmp_path_factory):
    """A folder in which the sample has been run from the fetches to export; do not change."""
    def make(folder):
        project(folder)
        for stage in MODEL_STAGES:
            run_stage(stage, folder)

    return once(tmp_path_factory, "sample", make)


@pytest.fixture
def sample_project(sample_run, tmp_path, monkeypatch):
    """A copy of `sample_run` as the current folder; a test may change it."""
    return _working_copy(sample_run, tmp_path, monkeypatch)


@pytest.fixture(scope="session")
def catalogued_run(sample_run, tmp_path_factory):
    """A copy of `sample_run` with all other stages run, few fits; do not change."""
    def make(folder):
        shutil.copytree(sample_run, folder, dirs_exist_ok=True)
        params = sample_params()
        params["crossvalidate"] |= FEW_REPEATS
        (folder / PARAMS).write_text(yaml.safe_dump(params), encoding="utf-8")
        for stage in LATER_STAGES:
            run_stage(stage, folder)

    return once(tmp_path_factory, "catalogued", make)


@pytest.fixture
def catalogued(catalogued_run, tmp_path, monkeypatch):
    """A copy of `catalogued_run` as the current folder; a test may change it."""
    return _working_copy(catalogued_run, tmp_path, monkeypatch)


def cloned(folder):
    """Clone this repository at HEAD into `folder`."""
    code, output = call(TOP, "git", "clone", "--quiet", str(TOP), str(folder))
    if code:
        pytest.skip(f"not a Git checkout: {output}")
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
    """A clone after `asteroid-taxonomy demo`, and what that printed; do not change.

    Its recipe asks for few fits: all of them take most of the time of a demo.
    """
    def make(folder):
        cloned(folder)
        with (folder / "experiments/sample.yaml").open("a", encoding="utf-8") as recipe:
            recipe.write(f"crossvalidate: {json.dumps(FEW_REPEATS)}\n")
        assert call(folder, "git", "commit", "--quiet", "--all", "--message", "Few")[0] == 0
        code, output = call(folder, sys.executable, "-m", "asteroid_taxonomy", "demo")
        assert code == 0, output
        (folder / "demo/output.txt").write_text(output, encoding="utf-8")

    folder = once(tmp_path_factory, "demonstrated", make)
    return folder, (folder / "demo/output.txt").read_text(encoding="utf-8")
