"""A recipe becomes one DVC experiment, with its text as it is."""

import shutil
import sys
from pathlib import Path

import pytest
import yaml

from asteroid_taxonomy.commands import recipe
from asteroid_taxonomy.console import PipelineError
from asteroid_taxonomy.params import merged, read_yaml
from tests.project_fixtures import TOP
from tests.running import call

AWKWARD = r"Pentikäinen & Öpik, C:\new\u00e4, ${oc.env:HOME}, [x], 'y' # z"


def test_every_recipe_of_the_project_fits_the_params_and_keeps_their_comments(tmp_path):
    out = tmp_path / "params.yaml"
    for path in (TOP / "experiments").glob("*.yaml"):
        recipe.combine(TOP / "params.yaml", path, out)
        assert read_yaml(out) == merged(read_yaml(TOP / "params.yaml"), read_yaml(path)), path
        assert "# longest silence within a response" in out.read_text(encoding="utf-8"), path


@pytest.mark.parametrize(("text", "message"), [
    ("trian: {model: mlp}", "the recipe sets trian"),
    ("train: {mlp: {alhpa: 1}}", "the recipe sets alhpa"),
    ("train: {mlp: {alpha: -1}}", r"params.yaml with .*train.mlp.alpha is -1"),
    ("train: {model: mlp", "wrong.yaml is not valid YAML"),
    ("- train", "wrong.yaml should contain names and values"),
])
def test_a_wrong_recipe_is_refused_before_anything_is_written(text, message, tmp_path):
    (tmp_path / "wrong.yaml").write_text(text)
    with pytest.raises(PipelineError, match=message):
        recipe.combine(TOP / "params.yaml", tmp_path / "wrong.yaml", tmp_path / "out.yaml")
    assert not (tmp_path / "out.yaml").exists()


@pytest.fixture
def small_project(tmp_path):
    """A project in Git with one quick stage, which copies its params, and a recipe."""
    shutil.copy(TOP / "params.yaml", tmp_path)
    (tmp_path / "awkward.yaml").write_text(
        yaml.safe_dump({"split": {"seed": 7}, "fetch_labels": {"citation": AWKWARD}},
                       allow_unicode=True), encoding="utf-8")
    (tmp_path / "dvc.yaml").write_text(
        "stages: {one: {cmd: cp params.yaml copy.yaml, params: [split.seed, fetch_labels], "
        "outs: [copy.yaml: {cache: false}]}}")
    for command in (("git", "init", "--quiet"), ("git", "config", "user.name", "A"),
                    ("git", "config", "user.email", "a@example.org"),
                    (sys.executable, "-m", "dvc", "init", "--quiet"), ("git", "add", "."),
                    ("git", "commit", "--quiet", "--message", "Begin")):
        assert call(tmp_path, *command)[0] == 0
    return tmp_path


@pytest.mark.slow
def test_a_recipe_runs_as_the_experiment_of_its_name_and_writes_text_as_it_is(small_project):
    def run(*options):
        return call(small_project, sys.executable, "-m", "asteroid_taxonomy", "recipe",
                    "awkward.yaml", *options, PYTHONPATH=str(TOP))

    code, output = run()
    assert code == 0, output
    refs = call(small_project, "git", "for-each-ref", "--format=%(refname)", "refs/exps/*/*/*")[1]
    assert [Path(ref).name for ref in refs.split()] == ["awkward"]
    found = yaml.safe_load(call(small_project, "git", "show", f"{refs.strip()}:copy.yaml")[1])
    assert found["fetch_labels"]["citation"] == AWKWARD and found["split"]["seed"] == 7
    assert call(small_project, "git", "status", "--porcelain") == (0, "")
    code, output = run("--queue")
    assert code == 1 and "run dvc exp remove awkward first" in output, output
