"""What the trained model says, as numbers: the table that train writes for others to judge.

So that no stage but export loads the model. `input` tells which spectra a row belongs to: the
survey's own ("survey"), or one of the stress inputs, which no survey has.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from asteroid_taxonomy.asteroids import matrix
from asteroid_taxonomy.files import read_parquet, write_parquet

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

FOLDER = Path("data/predictions")
BATCH = 1024  # spectra at a time; more is no faster and takes memory
SURVEY = "survey"  # the name of the input that holds every asteroid with the used bands
Spectra = npt.NDArray[np.float32]  # [n, bands]
Probabilities = npt.NDArray[np.floating]  # [n, targets]


def predictions_path(name: str) -> Path:
    """Where the predictions of the model `name` lie."""
    return FOLDER / f"{name}.parquet"


def stress_inputs(spectra: Spectra, used: Sequence[int]) -> dict[str, Spectra]:
    """Inputs that no survey has: constants, spectra out of scale, NaN in every unused band."""
    return {
        "zeros_and_ones": np.stack([np.zeros_like(spectra[0]), np.ones_like(spectra[0])]),
        "thousandth": spectra * np.float32(1e-3), "thousandfold": spectra * np.float32(1e3),
        "unused_nan": without_unused(spectra, used),
    }


def without_unused(spectra: Spectra, used: Sequence[int]) -> Spectra:
    """A copy of `spectra` with NaN in every column that is not `used`."""
    out = np.full_like(spectra, np.nan)
    out[:, used] = spectra[:, used]
    return out


def in_batches(
    predict: Callable[[Spectra], Probabilities], spectra: Spectra
) -> Probabilities:
    """Probabilities [n, targets] of all `spectra`, BATCH of them at a time."""
    starts = range(0, len(spectra), BATCH)
    return np.concatenate([predict(spectra[start:start + BATCH]) for start in starts])


def spread(model: "Pipeline", spectra: Spectra) -> Probabilities | None:
    """Standard deviation [n, targets] of the probabilities over the networks of an ensemble.

    None of a model that is no ensemble.
    """
    classifier = model.steps[-1][1]
    members = getattr(classifier, "members_", None)
    networks = getattr(getattr(classifier, "estimator", classifier), "estimators_", None)
    if networks is None or not all(hasattr(net, "coefs_") for net in networks):
        return None
    scaled = in_batches(model[:-1].transform, spectra)
    each = np.stack([in_batches(net.predict_proba, scaled) for net in networks])
    return (each if members is None else each @ members).std(axis=0)


class Predictions(NamedTuple):
    """Probabilities of all inputs, one below the other, in float32 and in float64, [n, targets].

    The float64 ones tell what single precision costs. spread : of SURVEY, which comes first.
    """

    single: Probabilities
    double: Probabilities
    spread: Probabilities | None


def predict(model: "Pipeline", inputs: dict[str, Spectra]) -> Predictions:
    """What a fitted model makes of all `inputs`, SURVEY among them."""
    single = np.concatenate([in_batches(model.predict_proba, x) for x in inputs.values()])
    double = np.concatenate([in_batches(lambda b: model.predict_proba(b.astype(np.float64)), x)
                             for x in inputs.values()])
    return Predictions(single, double, spread(model, inputs[SURVEY]))


def write_predictions(
    predictions: Predictions, classes: Sequence[str], source_id: pa.Array,
    inputs: dict[str, Spectra], survey: str, path: Path,
) -> None:
    """Write what `predict` gave; `source_id` is that of the rows of SURVEY, others have none."""
    lengths = [len(x) for x in inputs.values()]
    total = sum(lengths)
    spreads = {} if predictions.spread is None else {
        f"spread_{name}": pa.array(np.pad(column, (0, total - len(column))),
                                   mask=np.arange(total) >= len(column))
        for name, column in zip(classes, predictions.spread.astype(np.float32).T, strict=True)}
    write_parquet(pa.table({
        "input": pa.array(np.repeat(list(inputs), lengths)),
        "source_id": pa.concat_arrays([source_id, pa.nulls(total - len(source_id), pa.int64())]),
        **{f"probability_{name}": predictions.single[:, i].astype(np.float32)
           for i, name in enumerate(classes)},
        **{f"probability_{name}_float64": predictions.double[:, i]
           for i, name in enumerate(classes)},
        **spreads,
    }), path, {"survey": survey, "classes": list(classes)})


def read_predictions(name: str) -> tuple[pa.Table, list[str]]:
    """Read the table of model `name`; also give the targets, in the order of its output.

    Raises
    ------
    PipelineError
        No such file, or a damaged one.
    """
    table = read_parquet(predictions_path(name), pa.schema([("input", pa.string()),
                                                      ("source_id", pa.int64())]))
    return table, [column.removeprefix("probability_") for column in table.column_names
                   if column.startswith("probability_") and not column.endswith("_float64")]


def probabilities_of(
    table: pa.Table, name: str, classes: Sequence[str]
) -> tuple[pa.Table, Probabilities, Probabilities]:
    """The rows of one input, and their probabilities [n, targets] in float32 and float64."""
    rows = table.filter(pc.equal(table["input"], name))
    double = np.column_stack([rows[f"probability_{c}_float64"].to_numpy() for c in classes])
    return rows, matrix(rows, [f"probability_{c}" for c in classes]), double


def spreads(
    source_id: npt.NDArray[np.int64], classes: Sequence[str], name: str
) -> dict[str, npt.NDArray[np.float32]]:
    """What `spread` gave for these asteroids, by target; NaN where the model `name` had none."""
    table, _ = read_predictions(name)
    rows = table.filter(pc.is_valid(table["source_id"]))
    out = {c: np.full(len(source_id), np.nan, dtype=np.float32) for c in classes}
    _, here, there = np.intersect1d(source_id, rows["source_id"].to_numpy(), return_indices=True)
    for c, values in out.items():
        if f"spread_{c}" in rows.column_names:
            values[here] = rows[f"spread_{c}"].to_numpy()[there]
    return out
