"""The whole pipeline, as a user runs it: in a fresh clone, through DVC."""

import hashlib
import json
import platform
import re
import shutil
import sys

import pytest
import yaml

from asteroid_taxonomy.params import merged, read_yaml
from tests.project_fixtures import DVC_STAGES, TOP, project, run_stage
from tests.running import call, ran

pytestmark = pytest.mark.slow
PUBLISHED = ("fetch_spectra", "fetch_source_mapping", "fetch_labels", "crossmatch", "split",
             "train", "evaluate")


def read(folder, name):
    return json.loads((folder / f"reports/{name}.json").read_text(encoding="utf-8"))


def test_the_demo_runs_every_stage_and_what_its_last_screen_names_works(demo):
    folder, output = demo
    assert set(ran((folder / "demo/run.log").read_text(encoding="utf-8"))) == set(DVC_STAGES)
    stages, _, screen = output.partition("\n\n")
    assert {line.split()[0] for line in stages.splitlines()[1:]} == set(DVC_STAGES)
    accuracy = read(folder / "demo", "metrics")["cv"]["accuracy"]
    for words in (f"{accuracy:.1%} ±", "Eros", "Hebe", "demo/reports/index.html", "params.yaml"):
        assert words in screen
    assert len(screen.splitlines()) <= 15 and max(map(len, screen.splitlines())) <= 99
    assert (folder / "demo/reports/index.html").exists()
    assert call(folder, "git", "status", "--porcelain") == (0, "")
    for command in (["lookup", "Eros"], ["classify", "../docs/433_eros.txt"]):
        code, output = call(folder / "demo", sys.executable, "-m", "asteroid_taxonomy", *command)
        assert code == 0 and re.search(r"\bS\b", output), output


def test_the_demo_has_the_metrics_of_the_committed_run(demo):
    exact = platform.machine() == "x86_64" and sys.version_info[:2] == (3, 11)
    for name, block, tolerance in (("evaluate", "held_out", 0.0005 if exact else 0.01),
                                   ("metrics", "cv", 0.01)):  # of one repeat
        found, committed = (read(folder, name)[block] for folder in (demo[0] / "demo", TOP))
        assert found["accuracy"] == pytest.approx(committed["accuracy"], abs=tolerance)


def test_an_independent_run_gives_the_same_bytes(demo, catalogued_run):
    locked = yaml.safe_load((demo[0] / "demo/dvc.lock").read_text())["stages"]
    files = {out["path"]: out["md5"] for stage, entry in locked.items() for out in entry["outs"]
             if stage not in ("crossvalidate", "report") and not out["md5"].endswith(".dir")}
    assert {path: hashlib.md5((catalogued_run / path).read_bytes()).hexdigest()
            for path in files} == files


def test_a_stage_that_fails_in_the_demo_is_shown_with_the_end_of_the_log(demo, tmp_path):
    folder = shutil.copytree(demo[0], tmp_path / "clone")
    (folder / "stages/report.py").write_text("raise SystemExit('no paper left')\n")
    code, output = call(folder, sys.executable, "-m", "asteroid_taxonomy", "demo")
    assert code == 1 and "no paper left" in output and "demo/run.log" in output
    assert len(output.splitlines()) < 40


def test_after_a_committed_run_the_documented_way_back_restores_everything(
        demo, clone, tmp_path):
    folder = shutil.copytree(clone, tmp_path / "clone")
    # a run of one's own, whose dvc.lock is not the committed one
    shutil.copytree(demo[0] / "demo", folder, dirs_exist_ok=True,
                    ignore=shutil.ignore_patterns("config", "tmp", "run.log", "output.txt"))

    def dvc(*arguments):
        code, output = call(folder, sys.executable, "-m", "dvc", *arguments)
        assert code == 0, output
        return output

    assert call(folder, "git", "commit", "--all", "--message", "My run")[0] == 0
    committed = (folder / "dvc.lock").read_bytes()
    code, output = call(folder, sys.executable, "-m", "asteroid_taxonomy", "recipe",
                        "experiments/no_augmentation.yaml", "evaluate")
    assert code == 0 and ran(output) == ["train", "evaluate"], output
    assert call(folder, "git", "status", "--porcelain") == (0, "")
    dvc("exp", "apply", "no_augmentation")
    assert "noisy_copies: 0" in (folder / "params.yaml").read_text(encoding="utf-8")
    assert (folder / "dvc.lock").read_bytes() != committed
    assert call(folder, "git", "checkout", ".")[0] == 0
    dvc("checkout")
    assert (folder / "dvc.lock").read_bytes() == committed
    assert "up to date" in dvc("status") and ran(dvc("repro")) == []
    assert (folder / "reports/index.html").exists()


def test_the_published_recipe_gives_the_published_figures(tmp_path):
    params = merged(read_yaml(TOP / "params.yaml"), read_yaml(TOP / "experiments/published.yaml"))
    project(tmp_path, params)
    for stage in PUBLISHED:
        run_stage(stage, tmp_path)
    predictions = (tmp_path / "reports/holdout_predictions.csv").read_text().splitlines()
    column = {name: i for i, name in enumerate(predictions[0].split(","))}
    rows = [line.split(",") for line in predictions[1:]]
    correct = sum(row[column["actual"]] == row[column["predicted"]] for row in rows)
    assert (len(rows), correct) == (391, 293)
    assert read(tmp_path, "evaluate")["held_out"]["accuracy"] == 0.74936
