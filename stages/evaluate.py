"""Judge the trained model on the asteroids held out of its training.

Reads   data/asteroids.parquet, models/asteroid_taxonomy.skops
Writes  reports/evaluate.json (metrics), reports/holdout_predictions.csv (every held-out asteroid
        with its true and predicted class and the probabilities; also the confusion plot's data)
"""

from pathlib import Path

from asteroid_taxonomy.console import run
from asteroid_taxonomy.evaluation.metrics import ece, per_class, predicted, scores
from asteroid_taxonomy.files import print_metrics, write_csv, write_json
from asteroid_taxonomy.learning.model_file import load_model
from asteroid_taxonomy.learning.training_set import load_training_set
from asteroid_taxonomy.params import load_params

PARAMS = ("bands", "split", "train")
METRICS_PATH = Path("reports/evaluate.json")
PREDICTIONS_PATH = Path("reports/holdout_predictions.csv")


def main() -> None:
    """Run the stage."""
    params = load_params(PARAMS)
    data = load_training_set(params["bands"]["wavelengths_nm"], params["train"]["used_bands_nm"],
                             params["split"])
    model = load_model()
    classes = list(model.classes_)
    probabilities = model.predict_proba(data.reflectance[data.test])
    actual = data.target[data.test]
    found = {"survey": model.survey_, "asteroids": len(actual),
             **scores(actual, probabilities, classes),
             "ece": ece(actual, probabilities, classes),
             **per_class(actual, probabilities, classes)}
    held_out = data.asteroids.take(data.test)
    guess = predicted(probabilities, classes)
    header = ["source_id", "number", "name", "actual", "predicted",
              *(f"probability_{name}" for name in classes)]
    write_csv(header, (
        [*row, actual[i], guess[i], *(f"{p:.4f}" for p in probabilities[i])]
        for i, row in enumerate(zip(*(held_out[c].to_pylist()
                                      for c in ("source_id", "number", "name")), strict=True))
    ), PREDICTIONS_PATH)
    write_json(found, METRICS_PATH)
    print_metrics(found)
    print(f"wrote {METRICS_PATH} and {PREDICTIONS_PATH}: {len(actual):,} held-out asteroids")


if __name__ == "__main__":
    run(main)
