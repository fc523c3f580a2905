"""The recipes for other label tables, each against a loopback table of that shape."""

import json
from collections import Counter

import pyarrow.parquet as pq
import pytest
import yaml

from asteroid_taxonomy.files import read_metadata
from asteroid_taxonomy.params import merged
from asteroid_taxonomy.raw_tables import LABELS_PATH
from stages import crossmatch
from tests.small_survey import NAMES, STAGES, TOP, run

TABLES = {  # recipe: (classes, rows)
    "pentikainen_2026": ("A B C Ch D E K L M P S V Mk Xk".split(), 1668),
    "tinaut_ruano_2026": ("A B C D E F G K L M P S V".split(), 14042),
}


@pytest.fixture
def recipe(request, service, project_folder):
    """The project under a recipe, whose label table the service has; and the recipe."""
    classes, rows = TABLES[request.param]
    laid_over = yaml.safe_load((TOP / f"experiments/{request.param}.yaml").read_text("utf-8"))
    params = yaml.safe_load((project_folder / "params.yaml").read_text("utf-8"))
    params["fetch_spectra"]["expected"] = None
    params = merged(params, laid_over)
    (project_folder / "params.yaml").write_text(yaml.safe_dump(params), encoding="utf-8")
    service.tables[params["fetch_labels"]["table"]] = (
        ["Number", "Name", "Class", "pV"],
        [[str(i + 1), f"a{i + 1}", classes[i % len(classes)], ".1"] for i in range(rows)])
    return params


@pytest.mark.loopback
@pytest.mark.parametrize("recipe", TABLES, indirect=True, ids=str)
def test_a_recipe_fetches_its_labels_and_finds_a_complex_for_each(recipe, request):
    classes, rows = TABLES[request.node.callspec.params["recipe"]]
    for stage in STAGES:
        assert run(stage) == 0
    crossmatch.main()
    labels = pq.read_table(LABELS_PATH)
    assert (labels.column_names, labels.num_rows) == (["number", "class"], rows)
    assert set(labels["class"].to_pylist()) == set(classes)
    assert read_metadata(LABELS_PATH)["survey"] == recipe["fetch_labels"]["release"]
    numbered = len(NAMES) - 1
    complexes = {name: c for c, names in recipe["taxonomy"]["complexes"].items() for name in names}
    counted = Counter(complexes[classes[i % len(classes)].rstrip("k")] for i in range(numbered))
    counts = json.loads(crossmatch.COUNTS_PATH.read_text())
    assert {c: counts[f"labelled_{c}"] for c in "COSX"} == {c: counted[c] for c in "COSX"}


@pytest.mark.loopback
@pytest.mark.parametrize("recipe", TABLES, indirect=True, ids=str)
def test_a_recipe_whose_guess_is_wrong_is_told_the_true_names(recipe, service, capsys):
    _, rows = service.tables[recipe["fetch_labels"]["table"]]
    service.tables[recipe["fetch_labels"]["table"]] = (["MPC", "Name", "Type", "pV"], rows)
    assert run("labels") == 1
    assert "MPC, Name, Type, pV" in capsys.readouterr().err


@pytest.mark.loopback
@pytest.mark.parametrize("recipe", TABLES, indirect=True, ids=str)
def test_a_recipe_knows_how_many_labels_were_published(recipe, service, capsys):
    names, rows = service.tables[recipe["fetch_labels"]["table"]]
    service.tables[recipe["fetch_labels"]["table"]] = (names, rows[:1000])
    assert run("labels") == 1
    assert "fetch_labels: rows is 1000, expected" in capsys.readouterr().err
