"""The table that split writes: labelled asteroids, what is learned of each, who is held out."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from asteroid_taxonomy.asteroids import (
    error_columns,
    matrix,
    reflectance_columns,
    used_band_numbers,
)
from asteroid_taxonomy.files import read_parquet, sha256

TRAINING_SET_PATH = Path("data/training_set.parquet")
IDENTITY = ("source_id", "number", "name", "snr", "class_without_flags", "label_probability",
            "target", "complete", "held_out")


def schema(wavelengths_nm: Sequence[int]) -> pa.Schema:
    """Columns of the table, in the order of source_id.

    Those of asteroids.py, and target (what a model is to tell: a complex, or a class without
    flags) and held_out (true: no model may learn from it; null: it lacks a band that the model
    uses, and is neither learned from nor judged by), and place (int32, in the shuffled order in
    which the asteroids of its part are learned from or judged).
    """
    return pa.schema([
        ("source_id", pa.int64()), ("number", pa.int64()), ("name", pa.string()),
        ("snr", pa.float32()), ("class_without_flags", pa.string()),
        ("label_probability", pa.float32()), ("target", pa.string()), ("complete", pa.bool_()),
        ("held_out", pa.bool_()), ("place", pa.int32()),
        *((name, pa.float32()) for name in reflectance_columns(wavelengths_nm)),
        *((name, pa.float32()) for name in error_columns(wavelengths_nm)),
    ])


@dataclass(frozen=True)
class TrainingSet:
    """Labelled asteroids that have every band the model uses, ordered by source_id.

    asteroids : pyarrow.Table [n], columns IDENTITY; reflectance, error : float32 [n, bands], NaN
    only in bands the model does not use; target, class_name : str [n]; train, test : int64 row
    numbers of those to learn from and of those held out, each shuffled.
    """

    asteroids: pa.Table
    reflectance: npt.NDArray[np.float32]
    error: npt.NDArray[np.float32]
    target: npt.NDArray[np.str_]
    class_name: npt.NDArray[np.str_]
    train: npt.NDArray[np.int64]
    test: npt.NDArray[np.int64]


def has_bands(
    table: pa.Table, wavelengths_nm: Sequence[int], used_nm: Sequence[int]
) -> npt.NDArray[np.bool_]:
    """Whether each asteroid of `table` has a reflectance in every band of `used_nm`, bool [n]."""
    used = [reflectance_columns(wavelengths_nm)[i]
            for i in used_band_numbers(wavelengths_nm, used_nm)]
    return np.asarray(np.isfinite(matrix(table, used)).all(axis=1))


def read_training_set(
    wavelengths_nm: Sequence[int], used_nm: Sequence[int]
) -> TrainingSet:
    """Read the labelled asteroids that a model with the bands `used_nm` can use.

    Raises
    ------
    PipelineError
        No such file, a damaged one, or one of another grid.
    """
    table = read_parquet(TRAINING_SET_PATH, schema(wavelengths_nm))
    whole = has_bands(table, wavelengths_nm, used_nm)
    table = table.filter(pc.and_(pa.array(whole), pc.is_valid(table["held_out"])))
    out, order = table["held_out"].to_numpy(), np.argsort(table["place"].to_numpy(), kind="stable")
    return TrainingSet(
        table.select(IDENTITY), matrix(table, reflectance_columns(wavelengths_nm)),
        matrix(table, error_columns(wavelengths_nm)), table["target"].to_numpy().astype(str),
        table["class_without_flags"].to_numpy().astype(str), order[~out[order]], order[out[order]])


def trained_as(train: Mapping[str, Any]) -> str:
    """Twelve hexadecimal digits that stand for the training set and block `train` of a stage.

    What was measured of a model holds for a model of the same digits, and for no other.
    """
    text = json.dumps([train, sha256(TRAINING_SET_PATH)], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]
