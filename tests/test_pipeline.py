"""The whole pipeline, as a user runs it: in a fresh clone, through DVC."""

import json
import shutil
import sys

import pytest
import yaml

from asteroid_taxonomy.params import merged
from tests.project_fixtures import TOP
from tests.running import call, ran

pytestmark = pytest.mark.slow


def test_the_demo_runs_every_stage_and_says_where_things_lie(clone, demo):
    code, said = demo
    assert code == 0, said
    assert ran(said) == list(yaml.safe_load((clone / "dvc.yaml").read_text())["stages"])
    assert "Metrics of the SIMULATED survey" in said
    assert (clone / "demo/models/asteroid_taxonomy.onnx").exists()


def test_the_demo_leaves_tracked_files_as_they_are(clone, demo):
    assert call(clone, "git", "status", "--porcelain") == (0, "")


def test_everything_the_demo_makes_says_that_it_is_simulated(clone, demo):
    reports = clone / "demo/reports"
    for name in ("crossmatch", "evaluate", "verify"):
        assert "SIMULATED" in json.loads((reports / f"{name}.json").read_text())["survey"]
    assert "simulated" in (reports / "holdout_predictions.csv").read_text().splitlines()[1]
    assert b"SIMULATED" in (clone / "demo/models/asteroid_taxonomy.onnx").read_bytes()


def test_a_second_repro_runs_nothing(clone, demo):
    code, said = call(clone / "demo", "dvc", "repro")
    assert code == 0 and ran(said) == [], said


@pytest.mark.parametrize(("old", "new", "first"), [
    ("max_iter: 75", "max_iter: 20", "train"),
    ("Ch]", "Ch, Xx]", "crossmatch"),
    ("max_difference: ", "max_difference: 1", "verify"),
])
def test_a_changed_param_reruns_its_stage_and_what_follows(clone, demo, old, new, first):
    params = clone / "demo/params.yaml"
    text = params.read_text()
    assert text.count(old) == 1
    params.write_text(text.replace(old, new))
    code, said = call(clone / "demo", "dvc", "repro")
    params.write_text(text)
    assert code == 0, said
    assert ran(said)[0] == first
    assert not [stage for stage in ran(said) if stage.startswith("fetch")]
    assert call(clone / "demo", "dvc", "repro")[0] == 0


def test_two_forced_runs_give_identical_locks(clone, demo):
    lock = clone / "demo/dvc.lock"
    before = lock.read_bytes()
    code, said = call(clone / "demo", "dvc", "repro", "--force")
    assert code == 0, said
    assert lock.read_bytes() == before


def test_without_network_repro_ends_with_one_sentence_and_no_file(clone):
    code, said = call(clone, "dvc", "repro", "fetch_spectra",
                      GAIA_TAP_URL="http://127.0.0.1:9/tap")
    assert code != 0 and "Traceback" not in said
    errors = [line for line in said.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1
    for part in ("the Gaia archive (http://127.0.0.1:9/tap)", "GAIA_TAP_URL", "simulated"):
        assert part in errors[0]
    assert not list((clone / "data").rglob("*spectra*.parquet*"))


@pytest.mark.real_data
def test_the_published_recipe_gives_the_published_figures(real_asteroids, tmp_path):
    if not (TOP / "data/raw/spectra.parquet").exists():
        pytest.skip("data/raw is not here: dvc pull, or dvc repro with a mirror")
    shutil.copytree(TOP / "stages", tmp_path / "stages")
    shutil.copytree(TOP / "data/raw", tmp_path / "data/raw")
    params, recipe = (yaml.safe_load((TOP / path).read_text())
                      for path in ("params.yaml", "experiments/published.yaml"))
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(merged(params, recipe)))
    for stage in ("crossmatch", "train", "evaluate"):
        code, said = call(tmp_path, sys.executable, "-m", f"stages.{stage}")
        assert code == 0, said
    counts, figures = (json.loads((tmp_path / f"reports/{name}.json").read_text())
                       for name in ("crossmatch", "evaluate"))
    assert counts["complete"] == 34_577 and counts["labelled_complete"] == 1_953
    assert [counts[f"labelled_complete_{c}"] for c in "SCXO"] == [838, 533, 331, 251]
    assert (figures["asteroids"], figures["accuracy"]) == (391, 0.74936)
