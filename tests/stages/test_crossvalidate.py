import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import yaml

from asteroid_taxonomy.evaluation.folds import fold_numbers
from asteroid_taxonomy.evaluation.out_of_fold import OUT_OF_FOLD_PATH
from asteroid_taxonomy.evaluation.plot_data import PLOTS
from asteroid_taxonomy.learning.training_set import Learning, load_training_set, with_noisy_copies
from stages import crossvalidate, figures

TOP = Path(__file__).parent.parent
OUTS = (crossvalidate.METRICS_PATH, OUT_OF_FOLD_PATH, PLOTS, figures.FIGURES,
        figures.MEAN_SPECTRA_PATH)


@pytest.fixture
def training_set(simulated_project):
    params = yaml.safe_load(Path("params.yaml").read_text())
    return load_training_set(params["bands"]["wavelengths_nm"], params["train"]["used_bands_nm"],
                             params["split"])


def outs():
    """Every file that crossvalidate and figures wrote."""
    files = [file for out in OUTS for file in ([out] if out.is_file() else sorted(out.iterdir()))]
    return {file: file.read_bytes() for file in files}


def test_each_asteroid_is_judged_once_per_repeat_by_models_that_have_not_seen_it(training_set):
    fold = fold_numbers(training_set, folds=5, repeats=2, seed=1)
    assert fold.shape == (2, len(training_set.target)) and (fold[0] != fold[1]).any()
    counts = np.array([np.bincount(f, minlength=5) for f in fold])
    assert counts.max() - counts.min() <= 8


def test_noisy_copies_differ_by_their_errors_and_belong_to_their_asteroid(training_set):
    n = len(training_set.target)
    spectra, label = with_noisy_copies(training_set.reflectance, training_set.error,
                                       training_set.label, Learning(2, 3, "class"))
    assert (spectra[:n] == training_set.reflectance)[:, 1].all()
    away = (spectra[n:2 * n] - training_set.reflectance) / training_set.error
    assert np.nanstd(away) == pytest.approx(1, abs=0.05)
    assert label.tolist() == 3 * training_set.label.tolist()
    target = with_noisy_copies(training_set.reflectance, training_set.error, training_set.label,
                               Learning(0, 3, "target"))[1]
    assert target.tolist() == training_set.target.tolist()


@pytest.mark.slow
def test_the_same_bytes_come_from_one_core_and_from_all(simulated_project):
    found = []
    for cores in ("1", "2"):
        # in processes of their own: pytest may have loaded NumPy before the package pins kernels
        for stage in ("crossvalidate", "figures"):
            subprocess.run([sys.executable, "-m", f"stages.{stage}"], check=True,
                           capture_output=True, env={**os.environ, "PYTHONPATH": str(TOP),
                                                     "LOKY_MAX_CPU_COUNT": cores})
        found.append(outs())
    assert found[0] == found[1]
    found = json.loads(crossvalidate.METRICS_PATH.read_text())
    assert next(iter(found)) == "survey" and "SIMULATED" in found["survey"]
    table = pq.read_table(OUT_OF_FOLD_PATH)
    assert table.num_rows >= found["asteroids"]
    total = sum(table[f"probability_{c}"].to_numpy() for c in "COSX")
    assert np.allclose(total, 1)


def test_the_params_hold_the_measured_abstention_threshold():
    params = yaml.safe_load((TOP / "params.yaml").read_text(encoding="utf-8"))
    measured = json.loads((TOP / "reports/metrics.json").read_text(encoding="utf-8"))
    assert params["calibration"]["abstention_threshold"] == pytest.approx(
        measured["abstention_threshold"], abs=0.0006), "paste what crossvalidate prints"


def test_a_temperature_would_not_lower_the_log_loss():
    found = json.loads((TOP / "reports/metrics.json").read_text(encoding="utf-8"))
    assert found["cv_log_loss_with_temperature"] > found["cv_log_loss"] - 0.001, (
        "a temperature helps: fold it into the exported graph")
