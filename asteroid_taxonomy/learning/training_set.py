"""The labelled asteroids as stage split wrote them: spectra, targets, and who is held out."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from asteroid_taxonomy.console import PipelineError
from asteroid_taxonomy.files import read_parquet
from asteroid_taxonomy.tables import (
    TRAINING_SET_PATH,
    error_columns,
    has_bands,
    matrix,
    reflectance_columns,
    training_schema,
)

Spectra = npt.NDArray[np.float32]  # [n, bands]
Floats = npt.NDArray[np.floating]
Strings = npt.NDArray[np.str_]
Rows = npt.NDArray[np.int64]
Booleans = npt.NDArray[np.bool_]
DESCRIPTION = ("source_id", "number", "name", "snr", "class_without_flags", "label_probability",
               "target", "complete", "held_out")


class Labelled(NamedTuple):
    """Labelled spectra: reflectance and error float32 [n, bands], target and class str [n]."""

    reflectance: Spectra
    error: Spectra
    target: Strings
    class_name: Strings


@dataclass(frozen=True)
class TrainingSet:
    """Labelled asteroids that have every band that a model uses, ordered by source_id.

    asteroids : pyarrow.Table [n], columns DESCRIPTION; reflectance, error : float32 [n, bands],
    NaN only in bands that no model uses; target, class_name : str [n]; train, test : int64 row
    numbers of the training part and of the held-out asteroids, each shuffled.
    """

    asteroids: pa.Table
    reflectance: Spectra
    error: Spectra
    target: Strings
    class_name: Strings
    train: Rows
    test: Rows

    def take(self, rows: Rows) -> Labelled:
        """The spectra and labels of these rows."""
        return Labelled(self.reflectance[rows], self.error[rows], self.target[rows],
                        self.class_name[rows])


def read_training_set(wavelengths_nm: Sequence[int], used_nm: Sequence[int]) -> TrainingSet:
    """Read the labelled asteroids that are in the training part or held out.

    Parameters
    ----------
    wavelengths_nm, used_nm : sequence of int
        The grid, and the bands of it that a model uses, nm.

    Raises
    ------
    PipelineError
        No such file, a damaged one, one of another grid, or one from which no model can be made:
        a used band without a value, or a part with fewer than two targets.
    """
    table = read_parquet(TRAINING_SET_PATH, training_schema(wavelengths_nm))
    table = table.filter(pc.is_valid(table["held_out"]))
    held_out = table["held_out"].to_numpy()
    target = table["target"].to_numpy().astype(str)
    if (min(len(set(target[held_out])), len(set(target[~held_out]))) < 2
            or not has_bands(table, used_nm, with_errors=True).all()):
        raise PipelineError(f"{TRAINING_SET_PATH} lacks targets in one of its parts, or a used "
                            "band in some of its spectra; delete it and run dvc repro")
    order = np.argsort(table["place"].to_numpy(), kind="stable")
    return TrainingSet(
        table.select(DESCRIPTION), matrix(table, reflectance_columns(wavelengths_nm)),
        matrix(table, error_columns(wavelengths_nm)), target,
        table["class_without_flags"].to_numpy().astype(str), order[~held_out[order]],
        order[held_out[order]])
