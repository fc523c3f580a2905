"""Judge what the trained model says of the asteroids held out of its training.

Reads   data/training_set.parquet, data/predictions.parquet
Writes  reports/evaluate.json (metrics), reports/holdout_predictions.csv (every held-out asteroid
        with its true and predicted class and the probabilities; also the confusion plot's data)
"""

from pathlib import Path

from asteroid_taxonomy.asteroids import rows_of
from asteroid_taxonomy.console import run
from asteroid_taxonomy.evaluation.metrics import ece, per_class, predicted, scores
from asteroid_taxonomy.files import print_metrics, read_metadata, write_csv, write_json
from asteroid_taxonomy.learning.predictions import (
    PREDICTIONS_PATH,
    SURVEY,
    probabilities_of,
    read_predictions,
)
from asteroid_taxonomy.learning.training_set import TRAINING_SET_PATH, read_training_set
from asteroid_taxonomy.params import load_params

PARAMS = ("bands.wavelengths_nm", "train.used_bands_nm")
METRICS_PATH = Path("reports/evaluate.json")
PREDICTED_PATH = Path("reports/holdout_predictions.csv")


def main() -> None:
    """Run the stage."""
    params = load_params(PARAMS)
    data = read_training_set(params["bands"]["wavelengths_nm"], params["train"]["used_bands_nm"])
    held_out, actual = data.asteroids.take(data.test), data.target[data.test]
    table, classes = read_predictions()
    rows, of_survey, _ = probabilities_of(table, SURVEY, classes)
    probabilities = of_survey[rows_of(held_out["source_id"].to_numpy(),
                                      rows["source_id"].to_numpy(), PREDICTIONS_PATH, "train")]

    metrics = {"survey": read_metadata(TRAINING_SET_PATH)["survey"], "asteroids": len(actual),
               **scores(actual, probabilities, classes),
               "ece": ece(actual, probabilities, classes),
               **per_class(actual, probabilities, classes)}
    identity = zip(*(held_out[c].to_pylist() for c in ("source_id", "number", "name")),
                   strict=True)
    write_csv(
        ["source_id", "number", "name", "actual", "predicted",
         *(f"probability_{name}" for name in classes)],
        ([*who, label, guess, *(f"{p:.4f}" for p in row)] for who, label, guess, row in zip(
            identity, actual, predicted(probabilities, classes), probabilities, strict=True)),
        PREDICTED_PATH)
    write_json(metrics, METRICS_PATH)
    print_metrics(metrics)
    print(f"wrote {METRICS_PATH} and {PREDICTED_PATH}: {len(actual):,} held-out asteroids")


if __name__ == "__main__":
    run(main)
