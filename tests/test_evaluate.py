import csv
import json

import numpy as np
import pytest

from stages import evaluate


def test_metrics_of_a_perfect_model_are_one():
    found = evaluate.metrics(np.array(["C", "S"]), np.array([[0.9, 0.1], [0.2, 0.8]]), ["C", "S"])
    assert found["accuracy"] == found["balanced_accuracy"] == found["macro_f1"] == 1.0
    assert found["log_loss"] == pytest.approx(-(np.log(0.9) + np.log(0.8)) / 2)
    assert (found["support_C"], found["recall_S"]) == (1, 1.0)


def test_metrics_count_each_complex_of_its_own():
    actual = np.array(["C", "C", "S", "S"])
    probabilities = np.array([[0.9, 0.1], [0.4, 0.6], [0.3, 0.7], [0.1, 0.9]])
    found = evaluate.metrics(actual, probabilities, ["C", "S"])
    assert found["accuracy"] == 0.75
    assert (found["recall_C"], found["precision_S"]) == (0.5, pytest.approx(2 / 3))


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
