"""The output in the pages is that of the data that are here; their commands exist."""

import json
import re
import shlex
from pathlib import Path

import pytest

from asteroid_taxonomy.cli import COMMANDS, PIPELINE_COMMANDS
from benchmarks import pages
from tests.project_fixtures import DVC_STAGES, TOP

DATA = ("data/raw/spectra.parquet", "data/asteroids.parquet", "models/asteroid_taxonomy.skops",
        "data/catalogue/gaia_dr3_taxonomy.parquet")
PAGES = [path.relative_to(TOP) for path in (TOP / "README.md", *(TOP / "docs").glob("*.md"))]


@pytest.mark.real_data
@pytest.mark.parametrize("name", pages.FROM_DATA)
def test_the_output_in_the_pages_is_that_of_this_run(name, monkeypatch):
    monkeypatch.chdir(TOP)
    if missing := [path for path in DATA if not Path(path).exists()]:
        pytest.skip(f"{missing[0]} is not here: dvc pull, or dvc repro with a mirror")
    texts = pages.texts()
    assert pages.fresh(texts, {name: pages.FROM_DATA[name]}) == texts


def commands():
    """The indented commands of the pages, in words."""
    for page in PAGES:
        for line in re.findall(r"^    (\S.*)$", (TOP / page).read_text(encoding="utf-8"), re.M):
            for command in re.split(r" && ", line.split("  #")[0]):
                try:
                    yield page, shlex.split(command)
                except ValueError:  # a line of a script over several lines
                    continue


def test_the_commands_in_the_pages_name_commands_stages_recipes_and_params_that_exist():
    params = pages.load_params(TOP / "params.yaml")
    seen = 0
    for page, words in commands():
        seen += 1
        if words[0] == "asteroid-taxonomy":
            assert words[1] in COMMANDS | PIPELINE_COMMANDS, (page, words)
        for word in words:
            if word.startswith("experiments/") and "NAME" not in word:
                assert (TOP / word).exists(), (page, words)
            if word.startswith("stages."):
                assert word.removeprefix("stages.") in DVC_STAGES, (page, words)
            if re.fullmatch(r"(?:[a-z]\w*\.)+\w+=.*", word) and "NAME" not in word:
                value = params
                for name in word.partition("=")[0].split("."):
                    value = getattr(value, name)  # AttributeError: no such key
        if words[:2] == ["dvc", "repro"]:
            assert set(words[2:]) <= {*DVC_STAGES}, (page, words)
        if words[0].startswith("make"):
            assert re.search(rf"^{words[1]}:", (TOP / "Makefile").read_text(), re.M), (page, words)
    assert seen > 50


def test_the_edits_of_the_exercises_are_possible():
    text = (TOP / "docs/walkthrough.md").read_text(encoding="utf-8")
    for file, before in re.findall(r"In `(\S+\.py)` change `([^`]+)` to", text):
        assert (TOP / file).read_text(encoding="utf-8").count(before) == 1, (file, before)


def test_the_notebook_runs_as_written(monkeypatch):
    monkeypatch.chdir(TOP / "docs")
    monkeypatch.setenv("MPLBACKEND", "Agg")
    notebook = json.loads(Path("first_look.ipynb").read_text(encoding="utf-8"))
    names: dict = {}
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            assert cell["outputs"] == []
            exec("".join(cell["source"]), names)
    assert names["prediction"].complex[0] == "S"
