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


@pytest.mark.loopback
@pytest.mark.parametrize("recipe", TABLES)
def test_a_recipe_fetches_its_labels_and_finds_a_complex_for_each(
    recipe, service, project_folder, monkeypatch
):
    path, (classes, rows) = project_folder / "params.yaml", TABLES[recipe]
    params = merged(read_yaml(path), read_yaml(TOP / f"experiments/{recipe}.yaml"))
    path.write_text(yaml.safe_dump(params), encoding="utf-8")
    of_number = {n: classes[n % len(classes)] for n in range(1, rows + 1)}
    labels = pa.table({"Number": list(of_number), "Class": list(of_number.values())})
    with Service(tables() | {params["fetch_labels"]["table"]: labels}) as with_labels:
        monkeypatch.setenv("VIZIER_TAP_URL", with_labels.url)
        assert [run(stage) for stage in STAGES] == [0, 0, 0]
    crossmatch.main()
    assert fetched("labels").column_names == ["number", "class"]
    assert read_metadata(LABELS_PATH)["survey"] == params["fetch_labels"]["release"]
    complexes = {name: c for c, names in params["taxonomy"]["complexes"].items() for name in names}
    counted = Counter(complexes[of_number[n].rstrip("k")] for n in NUMBERS if n in of_number)
    counts = json.loads(crossmatch.COUNTS_PATH.read_text())
    assert {c: counts[f"labelled_{c}"] for c in "COSX"} == {c: counted[c] for c in "COSX"}
