import os
import shutil
import sys
from pathlib import Path

import pytest
import yaml

from asteroid_taxonomy.commands import recipe
from asteroid_taxonomy.console import PipelineError
from asteroid_taxonomy.params import merged
from tests.project_fixtures import TOP
from tests.running import call


def test_a_recipe_changes_the_keys_it_names_and_no_other():
    params = {"train": {"model": "mlp", "mlp": {"alpha": 1.0, "max_iter": 5}},
              "split": {"seed": 1}}
    assert merged(params, {"train": {"mlp": {"alpha": 2.0}}}) == {
        "train": {"model": "mlp", "mlp": {"alpha": 2.0, "max_iter": 5}}, "split": {"seed": 1}}


def test_a_key_that_params_do_not_have_is_refused():
    with pytest.raises(PipelineError, match="sets trian"):
        merged({"train": {}}, {"trian": {}})


def test_the_complexes_of_a_recipe_replace_those_of_params():
    params, chosen = ({"taxonomy": {"unknown_class": None, "complexes": complexes}}
                      for complexes in ({"C": ["C"], "O": ["D"]}, {"C": ["C", "D"], "M": ["E"]}))
    assert merged(params, chosen) == chosen
    assert list(recipe.overrides(chosen)) == [
        "taxonomy.unknown_class=null", "~taxonomy.complexes",
        '+taxonomy.complexes.C=["C", "D"]', '+taxonomy.complexes.M=["E"]']


def test_nested_keys_are_written_with_dots():
    assert list(recipe.flat({"a": {"b": {"c": 1}}, "d": [2]})) == [("a.b.c", 1), ("d", [2])]


def test_dvc_runs_with_this_python_without_an_activated_environment(tmp_path, monkeypatch, capfd):
    monkeypatch.setenv("PATH", os.defpath)
    monkeypatch.chdir(tmp_path)
    assert recipe.dvc("--version") == 0
    assert capfd.readouterr().out.startswith("3.")


@pytest.mark.parametrize("path", sorted(Path("experiments").glob("*.yaml")), ids=lambda p: p.stem)
def test_every_recipe_fits_the_params(path):
    params = yaml.safe_load(Path("params.yaml").read_text())
    assert merged(params, recipe.read_recipe(path)) != params


@pytest.mark.parametrize("path", sorted(Path("experiments").glob("*.yaml")), ids=lambda p: p.stem)
def test_a_recipe_that_claims_an_accuracy_says_of_which_training(path):
    said = yaml.safe_load(path.read_text()).get("calibration", {})
    assert ("kept_accuracy" in said) == ("trained_as" in said)


def test_outside_a_checkout_there_is_a_sentence(tmp_path, monkeypatch):
    for name in ("params.yaml", "experiments"):
        (shutil.copytree if (TOP / name).is_dir() else shutil.copy)(TOP / name, tmp_path / name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    with pytest.raises(PipelineError, match="git ls-files.*Git checkout of the project"):
        recipe.main(["experiments/published.yaml"])


@pytest.fixture
def project(tmp_path):
    """A project whose one stage takes no time, in Git, with a recipe."""
    (tmp_path / "stages").mkdir()
    (tmp_path / "stages/one.py").write_text(
        "import pathlib, yaml\n"
        "seed = yaml.safe_load(pathlib.Path('params.yaml').read_text())['split']['seed']\n"
        "assert seed != 13\npathlib.Path('one.json').write_text('{\"seed\": %d}' % seed)\n")
    shutil.copy(TOP / "params.yaml", tmp_path)
    (tmp_path / "seven.yaml").write_text("split: {seed: 7}\n")
    (tmp_path / "dvc.yaml").write_text(yaml.safe_dump({"stages": {"one": {
        "cmd": "python stages/one.py", "deps": ["stages/one.py"], "params": ["split.seed"],
        "metrics": [{"one.json": {"cache": False}}]}}}))
    for command in (("init", "--quiet"), ("config", "user.name", "A"),
                    ("config", "user.email", "a@example.org")):
        call(tmp_path, "git", *command)
    call(tmp_path, sys.executable, "-m", "dvc", "init", "--quiet")
    call(tmp_path, "git", "add", ".")
    assert call(tmp_path, "git", "commit", "--quiet", "--message", "Begin")[0] == 0
    return tmp_path


def runs(folder, *arguments):
    return call(folder, sys.executable, "-m", "asteroid_taxonomy", "recipe", *arguments,
                PYTHONPATH=str(TOP))


def experiments(folder):
    """Their names, where `dvc exp list` finds them: it takes half a second."""
    refs = call(folder, "git", "for-each-ref", "--format=%(refname)", "refs/exps/*/*/*")[1]
    return [ref.rsplit("/", 1)[1] for ref in refs.split()]


@pytest.mark.slow
def test_a_recipe_can_be_run_again_and_a_failure_keeps_what_there_was(project):
    for words in ("Ran experiment", "has taken the place"):
        code, said = runs(project, "seven.yaml")
        assert code == 0 and words in said and "conflicts" not in said, said
        assert experiments(project) == ["seven"]
    code, said = runs(project, "seven.yaml", "-S", "split.seed=13")
    assert code != 0 and experiments(project) == ["seven"], said
    code, said = runs(project, "seven.yaml", "--queue")
    assert code == 1 and "dvc exp remove seven" in said
    assert runs(project, "seven.yaml", "--name", "other")[0] == 0
    listed = call(project, sys.executable, "-m", "dvc", "exp", "list", "--name-only")[1].split()
    assert sorted(experiments(project)) == sorted(listed) == ["other", "seven"]
    assert call(project, "git", "status", "--porcelain") == (0, "")


@pytest.mark.slow
def test_code_that_git_does_not_know_is_named(project):
    (project / "stages/made_up.py").write_text("EXTRA = 1\n")
    code, said = runs(project, "seven.yaml")
    assert code == 0 and "Git does not know stages/made_up.py" in said, said
