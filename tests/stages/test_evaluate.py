import csv

import pyarrow.parquet as pq
import pytest

from asteroid_taxonomy.console import PipelineError
from asteroid_taxonomy.files import read_json, read_metadata, write_parquet
from asteroid_taxonomy.learning import MAIN
from asteroid_taxonomy.learning.predictions import predictions_path
from stages import evaluate


def test_every_held_out_asteroid_is_written_with_its_probabilities(sample_project):
    found = read_json(evaluate.METRICS_PATH)["held_out"]
    with evaluate.PREDICTED_PATH.open() as file:
        rows = list(csv.DictReader(file))
    table = pq.read_table("data/training_set.parquet")
    held_out = table.filter(table["held_out"])
    assert sorted(int(row["source_id"]) for row in rows) == held_out["source_id"].to_pylist()
    assert len(rows) == found["asteroids"] == 605
    correct = sum(row["actual"] == row["predicted"] for row in rows)
    assert correct / len(rows) == pytest.approx(found["accuracy"], abs=1e-5)
    assert all(sum(float(row[f"probability_{c}"]) for c in "COSX") == pytest.approx(1, abs=3e-4)
               for row in rows)


def test_the_metrics_are_few_and_nested_and_name_the_survey(sample_project):
    found = read_json(evaluate.METRICS_PATH)
    assert found.pop("survey") == "Gaia DR3"
    assert {key: list(block) for key, block in found.items()} == {
        "held_out": ["asteroids", "accuracy", "balanced_accuracy", "log_loss"],
        "held_out_visible": ["accuracy"]}
    assert found["held_out"]["accuracy"] > 0.75  # the sample has every labelled asteroid


def replaced(change):
    """Let `change` replace the table of predictions of the main model."""
    path = predictions_path(MAIN)
    write_parquet(change(pq.read_table(path)), path, read_metadata(path))


def test_predictions_that_lack_a_held_out_asteroid_stop_the_stage(sample_project):
    replaced(lambda table: table.slice(0, 10))
    with pytest.raises(PipelineError, match=r"lacks \d+ asteroids, .* run dvc repro"):
        evaluate.main()
