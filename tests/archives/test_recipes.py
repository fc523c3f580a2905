"""The recipes for other label tables, each against a loopback table of that shape."""

import json
from collections import Counter

import pyarrow as pa
import pytest
import yaml

from asteroid_taxonomy.files import read_metadata
from asteroid_taxonomy.params import merged, read_yaml
from asteroid_taxonomy.tables import LABELS_PATH
from stages import crossmatch
from tests.archives.small_survey import NUMBERS, STAGES, TOP, fetched, run, tables
from tests.archives.tap_service import Service

TABLES = {  # recipe: (classes, rows)
    "pentikainen_2026": ("A B C Ch D E K L M P S V Mk Xk".split(), 1668),
    "tinaut_ruano_2026": ("A B C D E F G K L M P S V".split(), 14042),
}


@pytest.fixture(params=TABLES)
def recipe(request, service, project_folder):
    """The project under a recipe, and its params."""
    with (project_folder / "params.yaml").open() as file:
        params = merged(yaml.safe_load(file), read_yaml(TOP / f"experiments/{request.param}.yaml"))
    (project_folder / "params.yaml").write_text(yaml.safe_dump(params), encoding="utf-8")
    return request.param, params


def serve(recipe, monkeypatch, names=("Number", "Name", "Class", "pV"), rows=None):
    """The small survey with the label table of a recipe; the class of each number."""
    name, params = recipe
    classes, published = TABLES[name]
    numbers = range(1, (rows or published) + 1)
    of_number = {n: classes[n % len(classes)] for n in numbers}
    columns = [list(numbers), [f"a{n}" for n in numbers], list(of_number.values()),
               [0.1] * len(numbers)]
    service = Service(tables() | {params["fetch_labels"]["table"]: pa.table(
        columns, names=list(names))})
    monkeypatch.setenv("GAIA_TAP_URL", service.url)
    monkeypatch.setenv("VIZIER_TAP_URL", service.url)
    return service, of_number


@pytest.mark.loopback
def test_a_recipe_fetches_its_labels_and_finds_a_complex_for_each(recipe, monkeypatch):
    service, of_number = serve(recipe, monkeypatch)
    with service:
        assert [run(stage) for stage in STAGES] == [0, 0, 0]
    crossmatch.main()
    _, params = recipe
    assert fetched("labels").column_names == ["number", "class"]
    assert read_metadata(LABELS_PATH)["survey"] == params["fetch_labels"]["release"]
    complexes = {name: c for c, names in params["taxonomy"]["complexes"].items() for name in names}
    counted = Counter(complexes[of_number[n].rstrip("k")] for n in NUMBERS if n in of_number)
    counts = json.loads(crossmatch.COUNTS_PATH.read_text())
    assert {c: counts[f"labelled_{c}"] for c in "COSX"} == {c: counted[c] for c in "COSX"}


@pytest.mark.loopback
def test_a_recipe_whose_guess_is_wrong_prints_the_true_names(recipe, monkeypatch, capsys):
    with serve(recipe, monkeypatch, names=("MPC", "Name", "Type", "pV"))[0]:
        assert run("labels") == 1
    assert "MPC, Name, Type, pV" in capsys.readouterr().out


@pytest.mark.loopback
def test_a_recipe_knows_how_many_labels_were_published(recipe, monkeypatch, capsys):
    with serve(recipe, monkeypatch, rows=1000)[0]:
        assert run("labels") == 1
    assert "fetch_labels: rows is 1000, expected" in capsys.readouterr().err
