"""Judge the trained model on the asteroids held out of its training.

Reads   data/asteroids.parquet, models/asteroid_taxonomy.skops
Writes  reports/evaluate.json (metrics), reports/holdout_predictions.csv (every held-out asteroid
        with its true and predicted complex and the probabilities; also the confusion plot's data)
"""

from pathlib import Path

import numpy as np
import numpy.typing as npt
from sklearn.metrics import (
    accuracy_score,
    balanced_accuracy_score,
    f1_score,
    log_loss,
    precision_recall_fscore_support,
)

from stages.cli import run
from stages.files import load_params, write_csv, write_json
from stages.model_file import load_model
from stages.training_set import load_training_set

PARAMS = ("bands", "split", "train")
METRICS_PATH = Path("reports/evaluate.json")
PREDICTIONS_PATH = Path("reports/holdout_predictions.csv")


def metrics(
    actual: npt.NDArray[np.str_], probabilities: npt.NDArray[np.floating], classes: list[str]
) -> dict[str, float]:
    """Accuracy, balanced accuracy, macro-F1, log-loss (nat), and figures per complex.

    Parameters
    ----------
    actual : str [n]
        The labels.
    probabilities : float [n, classes]
        The model's probabilities.
    classes : list of str
        Names of the columns, alphabetical.
    """
    predicted = np.asarray(classes)[probabilities.argmax(axis=1)]
    per_class = precision_recall_fscore_support(actual, predicted, labels=classes,
                                                zero_division=0.0)
    out = {
        "asteroids": len(actual),
        "accuracy": float(accuracy_score(actual, predicted)),
        "balanced_accuracy": float(balanced_accuracy_score(actual, predicted)),
        "macro_f1": float(f1_score(actual, predicted, average="macro", labels=classes)),
        "log_loss": float(log_loss(actual, probabilities, labels=classes)),
    }
    for i, name in enumerate(classes):
        precision, recall, f1, support = (column[i] for column in per_class)
        out |= {f"precision_{name}": float(precision), f"recall_{name}": float(recall),
                f"f1_{name}": float(f1), f"support_{name}": int(support)}
    return out


def main() -> None:
    """Run the stage."""
    params = load_params(PARAMS)
    data = load_training_set(params["bands"]["wavelengths_nm"], params["train"]["used_bands_nm"],
                             params["split"])
    model = load_model()
    classes = list(model.classes_)
    probabilities = model.predict_proba(data.reflectance[data.test])
    actual = data.complex[data.test]
    found = {"survey": model.survey_, **metrics(actual, probabilities, classes)}
    held_out = data.asteroids.take(data.test)
    predicted = np.asarray(classes)[probabilities.argmax(axis=1)]
    header = ["source_id", "number", "name", "actual", "predicted",
              *(f"probability_{name}" for name in classes)]
    write_csv(header, (
        [*row, actual[i], predicted[i], *(f"{p:.4f}" for p in probabilities[i])]
        for i, row in enumerate(zip(*(held_out[c].to_pylist()
                                      for c in ("source_id", "number", "name")), strict=True))
    ), PREDICTIONS_PATH)
    write_json(found, METRICS_PATH)
    for name, value in found.items():
        print(f"  {name}: {value:.4f}" if isinstance(value, float) else f"  {name}: {value}")
    print(f"wrote {METRICS_PATH} and {PREDICTIONS_PATH}: {len(actual):,} held-out asteroids")


if __name__ == "__main__":
    run(main)
