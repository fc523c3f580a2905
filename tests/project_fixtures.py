"""Folders that look like the project, for tests that run stages in-process."""

import json
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from stages import (
    classify,
    crossmatch,
    export,
    fetch_labels,
    fetch_source_mapping,
    fetch_spectra,
    train,
)
from stages.asteroids import ASTEROIDS_PATH
from stages.bands import matrix, reflectance_columns
from stages.files import write_parquet
from stages.recipe import merged
from stages.training_set import load_training_set

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
    (folder / "data").mkdir()
    shutil.copy(TOP / "data/simulated_survey.json", folder / "data")
    (folder / "params.yaml").write_text(yaml.safe_dump(simulated_params()), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for stage in (fetch_spectra, fetch_source_mapping, fetch_labels, crossmatch, train,
                      export):
            stage.main()
    return folder


@pytest.fixture
def simulated_project(simulated_run, tmp_path, monkeypatch):
    """A copy of `simulated_run` as the current folder; a test may change it."""
    folder = tmp_path / "project"
    shutil.copytree(simulated_run, folder)
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture(scope="session")
def catalogued_run(simulated_run, tmp_path_factory):
    """A copy of `simulated_run` with the catalogue; do not change."""
    folder = tmp_path_factory.mktemp("catalogued") / "project"
    shutil.copytree(simulated_run, folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        if not classify.OUT_OF_FOLD_PATH.exists():
            stand_in_out_of_fold()
        classify.main()
    return folder


@pytest.fixture
def catalogued(catalogued_run, tmp_path, monkeypatch):
    """A copy of `catalogued_run` as the current folder; a test may change it."""
    folder = tmp_path / "project"
    shutil.copytree(catalogued_run, folder)
    monkeypatch.chdir(folder)
    return folder


def stand_in_out_of_fold():
    """Write probabilities as crossvalidate does, for the labelled asteroids."""
    params = simulated_params()
    data = load_training_set(params["bands"]["wavelengths_nm"], params["train"]["used_bands_nm"],
                             params["split"])
    p = np.random.default_rng(0).dirichlet([1, 1, 1, 1], len(data.complex)).astype(np.float32)
    write_parquet(pa.table([data.asteroids["source_id"], *p.T],
                           names=["source_id", *(f"probability_{c}" for c in "COSX")]),
                  classify.OUT_OF_FOLD_PATH, {})


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
