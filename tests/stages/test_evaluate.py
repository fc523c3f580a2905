import csv
import json

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
import yaml

from asteroid_taxonomy.console import PipelineError
from asteroid_taxonomy.files import read_metadata, write_parquet
from asteroid_taxonomy.learning.predictions import SURVEY, predictions_path
from stages import evaluate
from tests.project_fixtures import simulated_params

NAMES = list(simulated_params()["train"]["used_bands_nm"])


def test_every_held_out_asteroid_is_written_with_its_probabilities(simulated_project):
    found = json.loads(evaluate.metrics_path(evaluate.MAIN).read_text())
    with evaluate.PREDICTED_PATH.open() as file:
        rows = list(csv.DictReader(file))
    table = pq.read_table("data/training_set.parquet")
    held_out = table.filter(table["held_out"])
    assert sorted(int(row["source_id"]) for row in rows) == held_out["source_id"].to_pylist()
    assert len(rows) == found["asteroids"] == 120
    right = sum(row["actual"] == row["predicted"] for row in rows)
    assert right / len(rows) == pytest.approx(found["accuracy"], abs=1e-5)
    assert all(sum(float(row[f"probability_{c}"]) for c in "COSX") == pytest.approx(1, abs=3e-4)
               for row in rows)


@pytest.mark.parametrize("name", NAMES)
def test_the_metrics_say_which_survey_they_are_of(simulated_project, name):
    found = json.loads(evaluate.metrics_path(name).read_text())
    assert found["survey"].startswith("SIMULATED") and found["asteroids"] == 120


def test_the_metrics_of_each_model_have_a_file_of_their_own():
    assert [str(evaluate.metrics_path(name)) for name in NAMES] == [
        "reports/evaluate.json", "reports/evaluate_visible.json"]


def replaced(name, change):
    """Let `change` replace the table of predictions of a model."""
    path = predictions_path(name)
    write_parquet(change(pq.read_table(path)), path, read_metadata(path))


def test_predictions_that_lack_a_held_out_asteroid_stop_the_stage(simulated_project):
    replaced(NAMES[0], lambda table: table.filter(pc.not_equal(table["input"], SURVEY)))
    with pytest.raises(PipelineError, match="lacks 120 asteroids .* run `dvc repro train`"):
        evaluate.main()


def test_a_model_that_learned_nothing_stops_the_stage(simulated_project):
    def shuffled(table):
        order = np.random.default_rng(0).permutation(6000)
        for i, column in enumerate(table.column_names):
            if column.startswith("probability"):
                values = table[column].to_numpy().copy()
                values[:6000] = values[order]
                table = table.set_column(i, column, pa.array(values))
        return table

    replaced(NAMES[0], shuffled)
    with pytest.raises(PipelineError, match="the most frequent class would be .*above_majority"):
        evaluate.main()
    params = simulated_params()
    params["evaluate"]["above_majority"] = None
    with open("params.yaml", "w", encoding="utf-8") as file:
        yaml.safe_dump(params, file)
    evaluate.main()
