"""Evaluate the trained models on the held-out asteroids.

Reads   data/training_set.parquet, data/predictions/<name>.parquet
Writes  reports/evaluate.json (metrics of both models), reports/holdout_predictions.csv (every
        held-out asteroid with its true and predicted target and the main model's probabilities)
"""

from pathlib import Path
from typing import Any

from asteroid_taxonomy.console import run
from asteroid_taxonomy.evaluation.metrics import predicted, scores
from asteroid_taxonomy.files import read_metadata, rounded, write_csv, write_json
from asteroid_taxonomy.learning import MAIN, VISIBLE
from asteroid_taxonomy.learning.predictions import predictions_path, read_predictions, targets
from asteroid_taxonomy.learning.training_set import Floats, TrainingSet, read_training_set
from asteroid_taxonomy.params import load_params
from asteroid_taxonomy.tables import TRAINING_SET_PATH, matrix, rows_of

METRICS_PATH = Path("reports/evaluate.json")
PREDICTED_PATH = Path("reports/holdout_predictions.csv")
STORED = ("accuracy", "balanced_accuracy", "log_loss")


def of_held_out(name: str, data: TrainingSet) -> tuple[Floats, list[str]]:
    """The model's probabilities [n, targets] of the held-out asteroids, and the targets."""
    table = read_predictions(name)
    classes = targets(table)
    wanted = data.asteroids["source_id"].to_numpy()[data.test]
    rows = rows_of(wanted, table["source_id"].to_numpy(), predictions_path(name))
    return rounded(matrix(table, [f"probability_{c}" for c in classes])[rows]), classes


def write_predicted(data: TrainingSet, probabilities: Floats, classes: list[str]) -> None:
    """Write the target and the prediction of every held-out asteroid."""
    held_out = data.asteroids.take(data.test)
    description = [held_out[c].to_pylist() for c in ("source_id", "number", "name", "target")]
    write_csv(["source_id", "number", "name", "actual", "predicted",
               *(f"probability_{name}" for name in classes)],
              ([*who, guess, *row] for *who, guess, row in zip(
                  *description, predicted(probabilities, classes), probabilities, strict=True)),
              PREDICTED_PATH)


def main() -> None:
    """Run the stage."""
    params = load_params()
    data = read_training_set(params.bands.wavelengths_nm,
                             params.train.used_bands_nm.asteroid_taxonomy)
    actual = data.target[data.test]
    found: dict[str, dict[str, Any]] = {}
    for name in (MAIN, VISIBLE):
        probabilities, classes = of_held_out(name, data)
        found[name] = scores(actual, probabilities, classes)
        if name == MAIN:
            write_predicted(data, probabilities, classes)
    write_json({"survey": read_metadata(TRAINING_SET_PATH)["survey"],
                "held_out": {"asteroids": len(actual),
                             **{key: found[MAIN][key] for key in STORED}},
                "held_out_visible": {"accuracy": found[VISIBLE]["accuracy"]}}, METRICS_PATH)
    for name, metrics in found.items():
        print(f"{name}: " + ", ".join(f"{key} {value:.3f}" for key, value in metrics.items()))
    print(f"wrote {METRICS_PATH} and {PREDICTED_PATH}: {len(actual):,} held-out asteroids")


if __name__ == "__main__":
    run(main, __doc__)
