import os
import signal
import subprocess
import sys

import numpy as np
import pyarrow.parquet as pq
import pytest
import yaml

from asteroid_taxonomy.files import rounded
from asteroid_taxonomy.learning import MAIN, VISIBLE, model_path
from asteroid_taxonomy.learning.model_file import load_model
from asteroid_taxonomy.learning.models import predict
from asteroid_taxonomy.learning.predictions import read_predictions, targets
from asteroid_taxonomy.tables import ASTEROIDS_PATH, has_bands, matrix, reflectance_columns
from stages import train
from tests.project_fixtures import TOP, sample_params
from tests.running import environment

NAMES = (MAIN, VISIBLE)
NM = sample_params()["bands"]["wavelengths_nm"]
USED = sample_params()["train"]["used_bands_nm"]


def change(project, **changes):
    """Change keys of the block `train` in the project's params.yaml."""
    params = yaml.safe_load((project / "params.yaml").read_text())
    for key, value in changes.items():
        params["train"][key] = params["train"][key] | value if isinstance(value, dict) else value
    (project / "params.yaml").write_text(yaml.safe_dump(params))


@pytest.mark.parametrize("name", NAMES)
def test_the_predictions_are_those_of_the_model_file_rounded(sample_project, name):
    table, model = read_predictions(name), load_model(model_path(name))
    asteroids = pq.read_table(ASTEROIDS_PATH)
    asteroids = asteroids.filter(has_bands(asteroids, USED[name]))
    assert table["source_id"].equals(asteroids["source_id"])
    assert targets(table) == model.classes_.tolist() == list("COSX")
    found = predict(model, matrix(asteroids, reflectance_columns(NM)))
    assert found.targets == list("COSX")
    assert targets(table, "class_probability") == found.classes == model[-1].class_names_.tolist()
    for kind, values in zip(("probability", "spread", "class_probability"), found[:3],
                            strict=True):
        stored = matrix(table, [f"{kind}_{c}" for c in targets(table, kind)])
        assert np.array_equal(stored, rounded(values).astype(np.float32))


def test_a_model_that_learns_targets_has_no_class_probabilities(sample_project, capsys):
    change(sample_project, model="logistic_regression")
    train.main()
    names = read_predictions(MAIN).column_names
    assert names == ["source_id", *(f"probability_{c}" for c in "COSX")]
    printed = capsys.readouterr().out
    assert "to 2,418 asteroids (C, O, S, X), 13 bands, 605 held out" in printed


def test_training_again_gives_the_same_bytes_and_only_the_visible_model_is_for_the_ground(
        sample_project):
    before = {name: model_path(name).read_bytes() for name in NAMES}
    train.main()
    assert {name: model_path(name).read_bytes() for name in NAMES} == before
    change(sample_project, ground_based=None)
    train.main()
    assert model_path(MAIN).read_bytes() == before[MAIN]
    assert model_path(VISIBLE).read_bytes() != before[VISIBLE]


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_a_stage_that_is_stopped_ends_in_one_line_and_leaves_no_process(sample_project, signum):
    change(sample_project, mlp_ensemble={"max_iter": 100_000})
    with subprocess.Popen([sys.executable, "-m", "stages.train"], start_new_session=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          env=environment(PYTHONPATH=str(TOP), PYTHONUNBUFFERED="1")) as stage:
        assert "mlp_ensemble" in stage.stdout.readline()  # printed while the models are fitted
        stage.send_signal(signum)
        _, printed = stage.communicate()
    assert stage.returncode == 128 + signum and len(printed.splitlines()) == 1
    with pytest.raises(ProcessLookupError):
        os.killpg(stage.pid, 0)
