"""Judge what the trained models say of the asteroids held out of their training.

Reads   data/training_set.parquet, data/predictions/<name>.parquet
Writes  reports/evaluate.json and evaluate_visible.json (metrics of the two models),
        reports/holdout_predictions.csv (every held-out asteroid with its true and predicted class
        and the main model's probabilities; also the confusion plot's data)
"""

from pathlib import Path
from typing import Any

import numpy as np

from asteroid_taxonomy.asteroids import rows_of
from asteroid_taxonomy.console import PipelineError, run
from asteroid_taxonomy.evaluation.arrays import Floats, Strings
from asteroid_taxonomy.evaluation.metrics import (
    ece,
    per_class,
    predicted,
    scores,
)
from asteroid_taxonomy.files import print_metrics, read_metadata, write_csv, write_json
from asteroid_taxonomy.files.atomic_write import together
from asteroid_taxonomy.learning.predictions import (
    SURVEY,
    predictions_path,
    probabilities_of,
    read_predictions,
)
from asteroid_taxonomy.learning.training_set import (
    TRAINING_SET_PATH,
    TrainingSet,
    read_training_set,
)
from asteroid_taxonomy.params import load_params

PARAMS = ("bands.wavelengths_nm", "train.used_bands_nm", "evaluate")
MAIN = "asteroid_taxonomy"
PREDICTED_PATH = Path("reports/holdout_predictions.csv")


def metrics_path(name: str) -> Path:
    """Where the metrics of the model `name` go."""
    return Path(f"reports/evaluate{name.removeprefix(MAIN)}.json")


def of_held_out(name: str, data: TrainingSet) -> tuple[Floats, list[str]]:
    """The model's probabilities [n, targets] of the held-out asteroids, and the targets."""
    table, classes = read_predictions(name)
    rows, probabilities, _ = probabilities_of(table, SURVEY, classes)
    wanted = data.asteroids["source_id"].to_numpy()[data.test]
    return probabilities[rows_of(wanted, rows["source_id"].to_numpy(), predictions_path(name),
                                 "train")], classes


def write_predicted(
    data: TrainingSet, actual: Strings, probabilities: Floats, classes: list[str]
) -> None:
    """Write every held-out asteroid with its label and what was predicted."""
    held_out = data.asteroids.take(data.test)
    identity = zip(*(held_out[c].to_pylist() for c in ("source_id", "number", "name")),
                   strict=True)
    write_csv(
        ["source_id", "number", "name", "actual", "predicted",
         *(f"probability_{name}" for name in classes)],
        ([*who, label, guess, *(f"{p:.4f}" for p in row)] for who, label, guess, row in zip(
            identity, actual, predicted(probabilities, classes), probabilities, strict=True)),
        PREDICTED_PATH)


def check_learned(metrics: dict[str, Any], actual: Strings, margin: float | None) -> None:
    """Stop where a model tells little more than the most frequent class; margin null: no check.

    Raises
    ------
    PipelineError
        Its accuracy is not above the majority's share by `margin`.
    """
    majority = float(np.unique(actual, return_counts=True)[1].max() / len(actual))
    if margin is not None and metrics["accuracy"] < majority + margin:
        raise PipelineError(
            f"the model is right for {metrics['accuracy']:.1%} of the held-out asteroids, and "
            f"naming the most frequent class would be for {majority:.1%}: less than "
            f"evaluate.above_majority ({margin:g}) better, as where labels belong to other "
            "asteroids; check the label table and the source mapping, or lower that margin")


@together()
def main() -> None:
    """Run the stage."""
    params = load_params(PARAMS)
    for name, used_nm in params["train"]["used_bands_nm"].items():
        data = read_training_set(params["bands"]["wavelengths_nm"], used_nm)
        actual = data.target[data.test]
        probabilities, classes = of_held_out(name, data)
        metrics = {"survey": read_metadata(TRAINING_SET_PATH)["survey"],
                   "asteroids": len(actual), **scores(actual, probabilities, classes),
                   "ece": ece(actual, probabilities, classes),
                   **per_class(actual, probabilities, classes)}
        check_learned(metrics, actual, params["evaluate"]["above_majority"])
        write_json(metrics, metrics_path(name))
        print(f"{name}:")
        print_metrics(metrics)
        if name == MAIN:
            write_predicted(data, actual, probabilities, classes)
        print(f"wrote {metrics_path(name)}: {len(actual):,} held-out asteroids")


if __name__ == "__main__":
    run(main, __doc__)
