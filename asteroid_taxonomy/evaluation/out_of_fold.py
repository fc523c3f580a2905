"""What crossvalidate leaves for others: out-of-fold probabilities."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from asteroid_taxonomy.files import read_parquet, write_parquet

OUT_OF_FOLD_PATH = Path("data/out_of_fold.parquet")
FACTS = pa.schema([
    ("source_id", pa.int64()), ("number", pa.int64()), ("name", pa.string()),
    ("snr", pa.float32()), ("label_probability", pa.float32()), ("target", pa.string()),
    ("complete", pa.bool_()), ("predicted", pa.string()),
])


def write_out_of_fold(
    asteroids: pa.Table, predicted: npt.NDArray[np.str_], probabilities: npt.NDArray[np.float64],
    classes: Sequence[str], by_class: npt.NDArray[np.float64], class_names: Sequence[str],
    survey: str,
) -> None:
    """Write the labelled `asteroids`, ordered by source_id, with what was predicted of each.

    The file has the columns FACTS, probability_<target> and class_probability_<class> (float64,
    mean over the repeats).
    """
    table = asteroids.append_column("predicted", pa.array(predicted)).select(FACTS.names)
    for i, name in enumerate(classes):
        table = table.append_column(f"probability_{name}", pa.array(probabilities[:, i]))
    for i, name in enumerate(class_names):
        table = table.append_column(f"class_probability_{name}", pa.array(by_class[:, i]))
    write_parquet(table, OUT_OF_FOLD_PATH, {"survey": survey})


def read_out_of_fold() -> pa.Table:
    """Read that file, checked."""
    return read_parquet(OUT_OF_FOLD_PATH, FACTS)
