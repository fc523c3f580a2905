import json
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import psutil
import pyarrow.parquet as pq
import pytest
import yaml

from asteroid_taxonomy.evaluation.abstention import calibration
from asteroid_taxonomy.evaluation.out_of_fold import OUT_OF_FOLD_PATH
from asteroid_taxonomy.evaluation.plot_data import PLOTS
from stages import crossvalidate
from tests.project_fixtures import TOP, simulated_params
from tests.running import environment

OUTS = (crossvalidate.METRICS_PATH, OUT_OF_FOLD_PATH, PLOTS)


def outs():
    """Every file that crossvalidate wrote."""
    files = [file for out in OUTS for file in ([out] if out.is_file() else sorted(out.iterdir()))]
    return {file: file.read_bytes() for file in files}


def busy(process):
    """Whether a Dask worker is in the middle of its fits: to start takes half a second of CPU."""
    return sum(psutil.Process(process.pid).cpu_times()[:2]) > 3


def metrics():
    return json.loads(crossvalidate.METRICS_PATH.read_text())


@pytest.mark.slow
@pytest.mark.loopback
def test_the_same_bytes_come_from_one_core_from_two_and_from_a_cluster_that_loses_a_worker(
        simulated_project, dask_cluster):
    params = simulated_params()
    params["crossvalidate"] |= {"folds": 2, "repeats": 2, "published_seeds": 2}
    (simulated_project / "params.yaml").write_text(yaml.safe_dump(params))
    address, workers = dask_cluster

    def start(*arguments, cores="2"):
        # in a process of its own: pytest may have loaded NumPy before the package pins kernels
        return subprocess.Popen(
            [sys.executable, "-m", "stages.crossvalidate", *arguments], text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            env=environment(PYTHONPATH=str(TOP), LOKY_MAX_CPU_COUNT=cores))

    found = []
    for arguments, cores in (((), "1"), ((), "2"), (("--scheduler", address), "2")):
        running = start(*arguments, cores=cores)
        if arguments:
            while running.poll() is None and not busy(workers[0]):
                time.sleep(0.05)
            workers[0].kill()
        said, _ = running.communicate(timeout=120)
        assert running.returncode == 0, said
        found.append(outs())
    assert found[0] == found[1] == found[2]


def test_every_labelled_asteroid_is_judged_out_of_fold(catalogued):
    table, labelled = pq.read_table(OUT_OF_FOLD_PATH), pq.read_table("data/training_set.parquet")
    assert table["source_id"].equals(labelled["source_id"])
    assert table["target"].equals(labelled["target"])
    for kind in ("probability_", "class_probability_"):
        columns = [name for name in table.column_names if name.startswith(kind)]
        assert np.allclose(sum(table[name].to_numpy() for name in columns), 1)
    classes = {name.removeprefix("class_probability_") for name in columns}
    assert classes == set(labelled["class_without_flags"].to_pylist())
    likeliest = np.array(list("COSX"))[np.stack(
        [table[f"probability_{c}"].to_numpy() for c in "COSX"]).argmax(axis=0)]
    assert likeliest.tolist() == table["predicted"].to_pylist()


def test_the_metrics_start_with_the_survey_and_judge_complete_spectra(catalogued):
    found, table = metrics(), pq.read_table(OUT_OF_FOLD_PATH).to_pandas()
    assert next(iter(found)) == "survey" and "SIMULATED" in found["survey"]
    complete = table[table["complete"]]
    assert found["asteroids"] == len(complete)
    right = (complete["predicted"] == complete["target"]).mean()
    assert found["cv_accuracy"] == pytest.approx(right, abs=0.01)  # a mean over folds
    assert found["majority_cv_accuracy"] < found["cv_accuracy"]
    assert not [name for name, value in found.items() if name.startswith("cv_") and value is None]


def test_the_threshold_keeps_what_the_curve_says(catalogued):
    found, curve = metrics(), pd.read_csv(PLOTS / "kept.csv")
    threshold = found["abstention_threshold"]
    (row,) = curve[np.isclose(curve["threshold"], threshold)].to_dict("records")
    assert found["kept_asteroids"] == row["kept"]
    wanted = simulated_params()["crossvalidate"]["abstention_accuracy"]
    for name in ("weighted", "degraded"):
        assert found[f"kept_accuracy_{name}"] == pytest.approx(row[f"accuracy_{name}"], abs=1e-4)
        assert found[f"kept_accuracy_{name}"] >= wanted
    assert sum(found[f"kept_{c}"] for c in "COSX") == found["kept_asteroids"]


def test_the_params_hold_what_was_measured_of_abstention():
    params = yaml.safe_load((TOP / "params.yaml").read_text(encoding="utf-8"))
    measured = json.loads((TOP / "reports/metrics.json").read_text(encoding="utf-8"))
    assert params["calibration"] == calibration(
        measured, sorted(params["taxonomy"]["complexes"]), [*params["train"]["used_bands_nm"]],
    ), "paste what crossvalidate prints"
