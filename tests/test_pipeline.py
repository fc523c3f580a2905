"""The whole pipeline, as a user runs it: in a fresh clone, through DVC."""

import json
import shutil
import sys
from functools import reduce
from operator import getitem

import pytest
import yaml

from asteroid_taxonomy.params import merged
from tests.project_fixtures import TOP
from tests.running import call, ran

pytestmark = pytest.mark.slow


@pytest.fixture
def demonstrated(demo):
    """The folder demo/ of a clone."""
    return demo[0] / "demo"


def test_the_demo_runs_every_stage_and_says_in_ten_lines_where_things_lie(demo):
    folder, said = demo
    stages = list(yaml.safe_load((folder / "dvc.yaml").read_text())["stages"])
    assert ran((folder / "demo/run.log").read_text()) == stages
    shown, _, end = said.partition("\n\n")
    assert [line.split()[0] for line in shown.splitlines()] == stages
    assert len(end.splitlines()) <= 10 and "SIMULATED" in end
    for path in ("demo/reports/index.html", "demo/reports/model_card.md", "docs/walkthrough.md"):
        assert path in end and (folder / path).exists()


def test_the_demo_leaves_tracked_files_as_they_are(demo):
    assert call(demo[0], "git", "status", "--porcelain") == (0, "")


def test_everything_the_demo_makes_says_that_it_is_simulated(demonstrated):
    for name in ("crossmatch", "evaluate", "verify"):
        assert "SIMULATED" in json.loads(
            (demonstrated / f"reports/{name}.json").read_text())["survey"]
    held_out = (demonstrated / "reports/holdout_predictions.csv").read_text().splitlines()
    assert "simulated" in held_out[1]
    assert b"SIMULATED" in (demonstrated / "models/asteroid_taxonomy.onnx").read_bytes()


def test_a_second_repro_runs_nothing(demonstrated, tmp_path):
    shutil.copytree(demonstrated, tmp_path / "demo")  # others look at the first one meanwhile
    code, said = call(tmp_path / "demo", "dvc", "repro")
    assert code == 0 and ran(said) == [], said


def test_a_demo_that_fails_shows_the_end_of_what_dvc_said(demo, tmp_path):
    folder = tmp_path / "clone"
    shutil.copytree(demo[0], folder)
    script = folder / "stages/publish.py"
    script.write_text("raise SystemExit('no paper left')\n")
    code, said = call(folder, sys.executable, "-m", "asteroid_taxonomy", "demo")
    assert code == 1 and "no paper left" in said and "run.log say why" in said
    assert len(said.splitlines()) < 30


@pytest.mark.parametrize(("key", "value", "target", "rerun"), [
    ("train.mlp_ensemble.max_iter", 9, [],
     {"train", "evaluate", "export", "verify", "cyberether", "crossvalidate", "figures",
      "classify", "publish", "report"}),
    ("taxonomy.complexes.C", "Xx", ["verify"], {"crossmatch", "export", "verify"}),
    ("verify.max_difference", 2e-5, [], {"verify"}),
])
def test_a_changed_param_reruns_its_stage_and_what_follows(
        demonstrated, tmp_path, key, value, target, rerun):
    folder = tmp_path / "demo"
    shutil.copytree(demonstrated, folder)
    params = yaml.safe_load((folder / "params.yaml").read_text())
    *blocks, last = key.split(".")
    block = reduce(getitem, blocks, params)
    assert block[last] != value
    block[last] = [*block[last], value] if isinstance(block[last], list) else value
    (folder / "params.yaml").write_text(yaml.safe_dump(params))
    code, said = call(folder, "dvc", "repro", *target)
    assert code == 0 and set(ran(said)) == rerun, said


def test_two_forced_runs_give_identical_locks(demonstrated, forced):
    folder, told = forced
    stages = list(yaml.safe_load((folder / "dvc.yaml").read_text())["stages"])
    assert ran(told["first"][2]) == stages
    assert (folder / "dvc.lock").read_bytes() == (demonstrated / "dvc.lock").read_bytes()


def test_without_network_repro_ends_with_one_sentence_and_no_file(clone, tmp_path):
    # in a clone of its own: what it waits for is half an hour by params.yaml
    code, said = call(tmp_path, "git", "clone", "--quiet", str(clone), "clone")
    assert code == 0, said
    clone = tmp_path / "clone"
    text = (clone / "params.yaml").read_text()
    (clone / "params.yaml").write_text(text.replace("deadline_s: 1800", "deadline_s: 3"))
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
    for folder in ("stages", "asteroid_taxonomy"):
        shutil.copytree(TOP / folder, tmp_path / folder)
    shutil.copytree(TOP / "data/raw", tmp_path / "data/raw")
    params, recipe = (yaml.safe_load((TOP / path).read_text())
                      for path in ("params.yaml", "experiments/published.yaml"))
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(merged(params, recipe)))
    for stage in ("crossmatch", "split", "train", "evaluate"):
        code, said = call(tmp_path, sys.executable, "-m", f"stages.{stage}")
        assert code == 0, said
    counts, figures = (json.loads((tmp_path / f"reports/{name}.json").read_text())
                       for name in ("crossmatch", "evaluate"))
    assert counts["complete"] == 34_577 and counts["labelled_complete"] == 1_953
    assert [counts[f"labelled_complete_{c}"] for c in "SCXO"] == [838, 533, 331, 251]
    assert (figures["asteroids"], figures["accuracy"]) == (391, 0.74936)
