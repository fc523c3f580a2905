import os
from pathlib import Path

import pytest
import yaml

from asteroid_taxonomy.commands.recipe import dvc, flat, overrides
from asteroid_taxonomy.console import PipelineError
from asteroid_taxonomy.params import merged


def test_a_recipe_changes_the_keys_it_names_and_no_other():
    params = {"train": {"model": "mlp", "mlp": {"alpha": 1.0, "max_iter": 5}},
              "split": {"seed": 1}}
    assert merged(params, {"train": {"mlp": {"alpha": 2.0}}}) == {
        "train": {"model": "mlp", "mlp": {"alpha": 2.0, "max_iter": 5}}, "split": {"seed": 1}}


def test_a_key_that_params_do_not_have_is_refused():
    with pytest.raises(PipelineError, match="sets trian"):
        merged({"train": {}}, {"trian": {}})


def test_the_complexes_of_a_recipe_replace_those_of_params():
    params, recipe = ({"taxonomy": {"unknown_class": None, "complexes": complexes}}
                      for complexes in ({"C": ["C"], "O": ["D"]}, {"C": ["C", "D"], "M": ["E"]}))
    assert merged(params, recipe) == recipe
    assert list(overrides(recipe)) == [
        "taxonomy.unknown_class=null", "~taxonomy.complexes",
        '+taxonomy.complexes.C=["C", "D"]', '+taxonomy.complexes.M=["E"]']


def test_nested_keys_are_written_with_dots():
    assert list(flat({"a": {"b": {"c": 1}}, "d": [2]})) == [("a.b.c", 1), ("d", [2])]


def test_dvc_runs_with_this_python_without_an_activated_environment(tmp_path, monkeypatch, capfd):
    monkeypatch.setenv("PATH", os.defpath)
    assert dvc("--version", folder=tmp_path) == 0
    assert capfd.readouterr().out.startswith("3.")


@pytest.mark.parametrize("path", sorted(Path("experiments").glob("*.yaml")), ids=lambda p: p.stem)
def test_every_recipe_fits_the_params(path):
    params = yaml.safe_load(Path("params.yaml").read_text())
    recipe = yaml.safe_load(path.read_text())
    assert merged(params, recipe) != params
