"""The labelled asteroids as stage split wrote them: spectra, targets, and who is held out."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from asteroid_taxonomy import tables
from asteroid_taxonomy.console import PipelineError
from asteroid_taxonomy.files import read_parquet

Spectra = npt.NDArray[np.float32]  # [n, bands]
Floats = npt.NDArray[np.floating]
Strings = npt.NDArray[np.str_]
Rows = npt.NDArray[np.int64]
Booleans = npt.NDArray[np.bool_]


class Labelled(NamedTuple):
    """Labelled spectra: reflectance and error float32 [n, bands], target and class str [n]."""

    reflectance: Spectra
    error: Spectra
    target: Strings
    class_name: Strings


@dataclass(frozen=True)
class TrainingSet:
    """Labelled asteroids that have every band that a model uses, ordered by source_id.

    asteroids : of training_schema; reflectance, error : [n, bands], NaN in bands that no model
    uses; train, test : rows of the training part and of the held-out asteroids, each shuffled.
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

    PipelineError where one of them lacks a band of `used_nm`.
    """
    path = tables.TRAINING_SET_PATH
    table = read_parquet(path, tables.training_schema(wavelengths_nm))
    table = table.filter(pc.is_valid(table["held_out"]))
    if not tables.has_bands(table, used_nm, with_errors=True).all():
        raise PipelineError(f"{path} lacks a used band in some spectra; run dvc repro split")
    held_out, order = table["held_out"].to_numpy(), np.argsort(table["place"], kind="stable")
    target, class_name = (table[name].to_numpy().astype(str)
                          for name in ("target", "class_without_flags"))
    return TrainingSet(
        table, tables.matrix(table, tables.reflectance_columns(wavelengths_nm)),
        tables.matrix(table, tables.error_columns(wavelengths_nm)), target, class_name,
        order[~held_out[order]], order[held_out[order]])
