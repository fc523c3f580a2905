"""data/out_of_fold.parquet: labelled asteroids, predicted by models that did not see them.

calibrate writes it; the catalogue takes from it the asteroids that the shipped model learned from.
"""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from asteroid_taxonomy.evaluation.metrics import predicted
from asteroid_taxonomy.files import read_parquet, rounded
from asteroid_taxonomy.learning.training_set import Floats, Rows
from asteroid_taxonomy.tables import OUT_OF_FOLD_PATH, matrix, rows_of

SCHEMA = pa.schema([
    ("source_id", pa.int64()), ("number", pa.int64()), ("name", pa.string()),
    ("snr", pa.float32()), ("label_probability", pa.float32()), ("target", pa.string()),
    ("complete", pa.bool_()), ("predicted", pa.string()),
])


def out_of_fold_table(
    asteroids: pa.Table, probabilities: Floats, classes: Sequence[str], by_class: Floats,
    class_names: Sequence[str],
) -> pa.Table:
    """The labelled `asteroids` with their predictions.

    Columns of SCHEMA, probability_<target> and class_probability_<class> (none where `class_names`
    is empty), float64, rounded.
    """
    guess = pa.array(predicted(probabilities, classes))
    table = asteroids.append_column("predicted", guess).select(SCHEMA.names)
    for kind, names, values in (("probability", classes, probabilities),
                                ("class_probability", class_names, by_class)):
        for name, column in zip(names, values.T, strict=False):
            table = table.append_column(f"{kind}_{name}", pa.array(column))
    return table


def read_out_of_fold() -> pa.Table:
    """Read that table."""
    return read_parquet(OUT_OF_FOLD_PATH, SCHEMA)


def of_asteroids(out_of_fold: pa.Table, source_id: Rows, columns: Sequence[str]) -> Floats:
    """The columns of that table for the asteroids `source_id`, float64 [n, columns]."""
    rows = rows_of(source_id, out_of_fold["source_id"].to_numpy(), OUT_OF_FOLD_PATH)
    return np.column_stack([out_of_fold[name].to_numpy() for name in columns])[rows]


def without_training(
    predictions: pa.Table, out_of_fold: pa.Table, in_training: Rows, columns: Sequence[str]
) -> Floats:
    """Probabilities of the survey, float64 [n, columns], rounded.

    Those of the asteroids whose source_id is `in_training` are replaced by out-of-fold ones.
    """
    found, source_id = rounded(matrix(predictions, columns)), predictions["source_id"].to_numpy()
    here = np.isin(source_id, in_training)
    found[here] = of_asteroids(out_of_fold, source_id[here], columns)
    return found
