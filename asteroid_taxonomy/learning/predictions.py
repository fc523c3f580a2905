"""The probabilities that the trained models give the survey's asteroids, as train writes them."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from sklearn.pipeline import Pipeline

from asteroid_taxonomy.files import read_parquet, rounded, write_parquet
from asteroid_taxonomy.learning.models import learns_classes, members
from asteroid_taxonomy.learning.training_set import Spectra

FOLDER = Path("data/predictions")
BATCH = 4096  # spectra at a time; more is no faster and takes memory
Floats = npt.NDArray[np.float64]


class Predictions(NamedTuple):
    """Probabilities of targets, their spread over the networks, probabilities of classes.

    float64 [n, targets or classes], not rounded; [n, 0] where a model has none.
    """

    probability: Floats
    spread: Floats
    by_class: Floats


def predictions_path(name: str) -> Path:
    """Path of the predictions of the model `name`."""
    return FOLDER / f"{name}.parquet"


def predict(model: Pipeline, spectra: Spectra) -> Predictions:
    """Predict spectra [n, bands] with a fitted model, in double precision."""
    n, sums, networks = len(spectra), learns_classes(model), members(model)
    targets, classes = len(model.classes_), len(model[-1].class_names_) if sums else 0
    out = Predictions(np.empty((n, targets)), np.empty((n, targets if len(networks) > 1 else 0)),
                      np.empty((n, classes)))
    for start in range(0, n, BATCH):
        here = slice(start, start + BATCH)
        scaled = model[:-1].transform(spectra[here].astype(np.float64))
        each = np.stack([classifier.predict_proba(scaled) for classifier in networks])
        of_targets = each @ model[-1].members_ if sums else each
        out.probability[here] = of_targets.mean(axis=0)
        if len(networks) > 1:
            out.spread[here] = of_targets.std(axis=0)
        if sums:
            out.by_class[here] = each.mean(axis=0)
    return out


def write_predictions(
    model: Pipeline, predictions: Predictions, source_id: pa.ChunkedArray, survey: str, path: Path
) -> None:
    """Write columns probability_<target>, spread_<target>, class_probability_<class>, rounded."""
    classes = model.classes_.tolist()
    class_names = model[-1].class_names_.tolist() if learns_classes(model) else []
    columns = {"source_id": source_id}
    for kind, names, values in zip(("probability", "spread", "class_probability"),
                                   (classes, classes, class_names), predictions, strict=True):
        columns |= {f"{kind}_{name}": column for name, column in
                    zip(names, rounded(values).astype(np.float32).T, strict=False)}
    write_parquet(pa.table(columns), path, {"survey": survey, "classes": classes})


def read_predictions(name: str) -> pa.Table:
    """Read the predictions of the model `name`."""
    return read_parquet(predictions_path(name), pa.schema([("source_id", pa.int64())]))


def targets(table: pa.Table) -> list[str]:
    """The targets of a table with columns probability_<target>, in their order."""
    return [name.removeprefix("probability_") for name in table.column_names
            if name.startswith("probability_")]
