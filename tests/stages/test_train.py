import multiprocessing
import os
import signal
import sys
import time

import numpy as np
import pyarrow.parquet as pq
import pytest
import yaml

from asteroid_taxonomy.asteroids import used_band_numbers
from asteroid_taxonomy.console import PipelineError
from asteroid_taxonomy.learning import predictions
from asteroid_taxonomy.learning.model_file import load_model, model_path
from asteroid_taxonomy.learning.predictions import SURVEY, predictions_path, probabilities_of
from stages import train
from tests.project_fixtures import simulated_params

PARAMS = simulated_params()
USED_NM = PARAMS["train"]["used_bands_nm"]
GRID = PARAMS["bands"]["wavelengths_nm"]


def change(project, **changes):
    """Change keys of the block `train` in the project's params.yaml."""
    params = yaml.safe_load((project / "params.yaml").read_text())
    for key, value in changes.items():
        if isinstance(value, dict):
            params["train"][key] |= value
        else:
            params["train"][key] = value
    (project / "params.yaml").write_text(yaml.safe_dump(params))


def test_training_twice_gives_the_same_bytes(simulated_project):
    files = [*map(model_path, USED_NM), *map(predictions_path, USED_NM)]
    first = [path.read_bytes() for path in files]
    train.main()
    assert [path.read_bytes() for path in files] == first


def test_the_class_counts_are_printed(simulated_project, capsys):
    change(simulated_project, mlp_ensemble={"networks": 1, "max_iter": 1})
    train.main()
    printed = capsys.readouterr().out
    for name, used_nm in USED_NM.items():
        (line,) = [line for line in printed.splitlines() if f"wrote {model_path(name)}:" in line]
        assert all(f"{target} " in line for target in "COSX") and "120 held out" in line
        assert f"{len(used_nm)} bands" in line and "6,000 asteroids" in line


@pytest.mark.parametrize("name", USED_NM)
def test_the_predictions_are_what_the_model_file_says_of_every_asteroid(
        simulated_project, simulated_spectra, name):
    table, classes = predictions.read_predictions(name)
    model = load_model(model_path(name))
    assert classes == model.classes_.tolist() == list("COSX")
    rows, single, double = probabilities_of(table, SURVEY, classes)
    asteroids = pq.read_table("data/asteroids.parquet")
    complete = asteroids["complete"].to_numpy()
    assert rows["source_id"].equals(asteroids["source_id"])
    assert np.allclose(single[complete], model.predict_proba(simulated_spectra), rtol=0,
                       atol=1e-6)
    assert np.allclose(single, double, rtol=0, atol=1e-4)


@pytest.mark.parametrize("name", USED_NM)
def test_the_predictions_hold_stress_inputs_and_of_these_no_spread(simulated_project, name):
    table = pq.read_table(predictions_path(name)).to_pandas()
    held_out = 120
    assert table["input"].value_counts().to_dict() == {
        SURVEY: 6000, "zeros_and_ones": 2,
        **dict.fromkeys(("thousandth", "thousandfold", "unused_nan"), held_out)}
    of_survey = table["input"] == SURVEY
    assert (table["source_id"].notna() == of_survey).all()
    for c in "COSX":
        assert (table[f"spread_{c}"].notna() == of_survey).all()
        assert table[f"spread_{c}"][of_survey].between(0, 0.5).all()


def test_stress_inputs_hide_all_bands_that_a_model_does_not_use():
    used = used_band_numbers(GRID, USED_NM["asteroid_taxonomy_visible"])
    spectra = np.ones((3, 16), np.float32)
    found = predictions.stress_inputs(spectra, used)
    assert (np.isnan(found["unused_nan"]).sum(axis=1) == 16 - len(used)).all()
    assert (found["thousandfold"] == 1000).all() and (found["zeros_and_ones"][0] == 0).all()


def test_a_typo_in_the_model_names_the_choices(simulated_project):
    change(simulated_project, model="mpl")
    with pytest.raises(PipelineError, match="train.model is \"mpl\", and should be 'mlp_ens"):
        train.main()


@pytest.mark.parametrize(("model", "hyperparameters", "reason"), [
    ("mlp", {"alhpa": 1.0}, "train.mlp.*alhpa"),
    ("mlp", {"alpha": -1.0}, "train.mlp.alpha is -1.0, and should be greater"),
    ("svc", {"learn": "class", "noisy_copies": 0, "calibration_folds": 50},  # of one V
     "train in params.yaml was refused by scikit-learn: .* correct that hyperparameter"),
])
def test_a_wrong_hyperparameter_stops_with_a_sentence(
        simulated_project, model, hyperparameters, reason):
    change(simulated_project, model=model, **{model: hyperparameters})
    with pytest.raises(PipelineError, match=reason):
        train.main()


def test_what_to_learn_is_a_class_or_a_target(simulated_project):
    change(simulated_project, model="mlp", mlp={"learn": "complex"})
    with pytest.raises(PipelineError, match="train.mlp.learn is .complex., and should be 'class'"):
        train.main()


def test_a_band_that_the_grid_lacks_stops_with_its_wavelength(simulated_project):
    change(simulated_project, used_bands_nm={"asteroid_taxonomy": [418, 555]})
    with pytest.raises(PipelineError, match="555"):
        train.main()


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the copies have no patched fit")
def test_a_fit_that_is_killed_stops_with_a_sentence(simulated_project, monkeypatch):
    monkeypatch.setattr(train, "fit", lambda *_: os.kill(os.getpid(), signal.SIGKILL))
    with pytest.raises(PipelineError, match="was killed, most likely for want of memory; make"):
        train.main()


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the copies have no patched fit")
def test_a_stage_that_is_stopped_does_not_wait_for_its_fits(simulated_project, monkeypatch):
    def stop(signum, frame):
        raise KeyboardInterrupt

    monkeypatch.setattr(train, "fit", lambda *_: time.sleep(60))
    signal.signal(signal.SIGALRM, stop)
    signal.alarm(2)
    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        train.main()
    assert time.monotonic() - started < 30 and not multiprocessing.active_children()
