"""The probabilities that the trained models give the survey's asteroids, as train writes them."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from asteroid_taxonomy.files import read_parquet, rounded, write_parquet

FOLDER = Path("data/predictions")
Floats = npt.NDArray[np.float64]


class Predictions(NamedTuple):
    """Probabilities of targets, their spread over the networks, probabilities of classes.

    float64 [n, targets or classes], not rounded; [n, 0] where a model has none. With the names of
    the targets and of the classes.
    """

    probability: Floats
    spread: Floats
    by_class: Floats
    targets: list[str]
    classes: list[str]


def predictions_path(name: str) -> Path:
    """Path of the predictions of the model `name`."""
    return FOLDER / f"{name}.parquet"


def write_predictions(
    predictions: Predictions, source_id: pa.ChunkedArray, survey: str, path: Path
) -> None:
    """Write columns probability_<target>, spread_<target>, class_probability_<class>, rounded."""
    *values, of_targets, of_classes = predictions
    columns = {"source_id": source_id}
    for kind, names, each in zip(("probability", "spread", "class_probability"),
                                 (of_targets, of_targets, of_classes), values, strict=True):
        columns |= {f"{kind}_{name}": column for name, column in
                    zip(names, rounded(each).astype(np.float32).T, strict=False)}
    write_parquet(pa.table(columns), path, {"survey": survey, "classes": of_targets})


def read_predictions(name: str) -> pa.Table:
    """Read the predictions of the model `name`."""
    return read_parquet(predictions_path(name), pa.schema([("source_id", pa.int64())]))


def targets(table: pa.Table, kind: str = "probability") -> list[str]:
    """The targets (or classes) of a table with columns <kind>_<target>, in their order."""
    return [name.removeprefix(f"{kind}_") for name in table.column_names
            if name.startswith(f"{kind}_")]
