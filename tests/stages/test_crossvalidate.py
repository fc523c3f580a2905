import csv
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import yaml

from asteroid_taxonomy.console import PipelineError
from asteroid_taxonomy.evaluation.curves import FOLDER
from asteroid_taxonomy.files import read_json
from asteroid_taxonomy.tables import OUT_OF_FOLD_PATH
from stages import crossvalidate
from tests.cluster import two_workers
from tests.project_fixtures import FEW_REPEATS, TOP, once, run_stage, sample_params
from tests.running import environment


def small_params():
    """Two folds, one repeat, and small models."""
    params = sample_params()
    params["calibration"]["folds"] = 2
    params["crossvalidate"] |= FEW_REPEATS | {"repeats": 2, "published_seeds": 2}
    params["train"]["mlp_ensemble"] |= {"networks": 1, "max_iter": 8}
    return params


@pytest.fixture(scope="session")
def small_run(sample_run, tmp_path_factory):
    """A folder with a small cross-validation; do not change."""
    def make(folder):
        for name in ("data", "experiments"):
            shutil.copytree(sample_run / name, folder / name)
        (folder / "params.yaml").write_text(yaml.safe_dump(small_params()))
        for stage in ("calibrate", "crossvalidate"):
            run_stage(stage, folder)

    return once(tmp_path_factory, "small_crossvalidation", make)


@pytest.fixture
def small(small_run, tmp_path, monkeypatch):
    """A copy of `small_run` as the current folder."""
    monkeypatch.chdir(shutil.copytree(small_run, tmp_path / "project"))


def rows(name):
    with (FOLDER / f"{name}.csv").open() as file:
        return list(csv.DictReader(file))


def test_an_unexpected_accuracy_stops_the_stage(small):
    params = small_params()
    params["crossvalidate"] |= FEW_REPEATS | {"expected": {"accuracy": [0.9, 1]}}
    Path("params.yaml").write_text(yaml.safe_dump(params))
    with pytest.raises(PipelineError, match=r"crossvalidate: accuracy is 0\.\d+, expected 0.9"):
        crossvalidate.main()


def test_the_metrics_are_few_and_nested_and_of_complete_spectra(small):
    found = read_json(crossvalidate.METRICS_PATH)
    assert found.pop("survey") == "Gaia DR3"
    assert {key: list(block) for key, block in found.items()} == {
        "cv": ["accuracy", "accuracy_std", "balanced_accuracy", "macro_f1", "log_loss", "ece"],
        "gain": ["accuracy"]}
    models = {row["model"]: row for row in rows("models")}
    assert list(models) == ["asteroid_taxonomy", "asteroid_taxonomy_visible", "lda", "majority",
                            "published"]
    complete = np.sum(pq.read_table(OUT_OF_FOLD_PATH)["complete"].to_numpy())
    assert {row["asteroids"] for row in models.values()} == {str(complete)}
    assert float(models["majority"]["accuracy"]) < float(models["lda"]["accuracy"]) < (
        found["cv"]["accuracy"])
    assert found["gain"]["accuracy"] == pytest.approx(
        found["cv"]["accuracy"] - float(models["published"]["accuracy"]), abs=1e-4)


def test_every_table_of_plots_is_written_and_names_its_population(small):
    assert {path.stem for path in FOLDER.iterdir()} == {
        "complexes", "confusion", "faint_bias", "gains", "groups", "label_probability",
        "learning_curve", "models", "reliability", "snr"}
    groups = {row["group"]: int(row["asteroids"]) for row in rows("groups")}
    assert groups["all labelled"] == groups["complete"] + groups["incomplete"] == 3023
    assert groups["complete, S/N below 25"] < groups["S/N below 25"]
    assert sum(int(row["asteroids"]) for row in rows("snr")) == 3023
    assert len(rows("confusion")) == groups["complete"]


def test_faint_spectra_of_one_complex_are_redder(small):
    median = {(row["snr"], row["nm"]): float(row["median"]) for row in rows("faint_bias")
              if row["complex"] == "S"}
    assert median["below 17.5", "418"] > median["from 100", "418"] + 0.1
    assert median["below 17.5", "990"] > median["from 100", "990"] + 0.05


@pytest.mark.slow
@pytest.mark.loopback
def test_a_dask_cluster_gives_the_same_bytes(small, tmp_path):
    before = {path: path.read_bytes() for path in [crossvalidate.METRICS_PATH, *FOLDER.iterdir()]}
    for path in before:
        path.unlink()
    with two_workers(tmp_path) as address:
        done = subprocess.run(
            [sys.executable, "-m", "stages.crossvalidate", "--scheduler", address],
            capture_output=True, text=True, env=environment(PYTHONPATH=str(TOP)))
    assert done.returncode == 0, done.stderr
    assert {path: path.read_bytes() for path in before} == before
