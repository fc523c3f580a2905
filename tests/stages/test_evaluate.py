import csv
import json

import pytest

from stages import evaluate


def test_every_held_out_asteroid_is_written_with_its_probabilities(simulated_project):
    evaluate.main()
    found = json.loads(evaluate.METRICS_PATH.read_text())
    with evaluate.PREDICTIONS_PATH.open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == found["asteroids"]
    right = sum(row["actual"] == row["predicted"] for row in rows)
    assert right / len(rows) == pytest.approx(found["accuracy"], abs=1e-5)
    assert all(sum(float(row[f"probability_{c}"]) for c in "COSX") == pytest.approx(1, abs=3e-4)
               for row in rows)


def test_the_metrics_say_which_survey_they_are_of(simulated_project):
    evaluate.main()
    assert "SIMULATED" in json.loads(evaluate.METRICS_PATH.read_text())["survey"]
