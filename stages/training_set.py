"""The labelled asteroids a model learns from, and the split that holds some of them out."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from sklearn.model_selection import train_test_split

from stages.asteroids import read_asteroids
from stages.bands import matrix, reflectance_columns, used_band_numbers

FACTS = ("source_id", "number", "name", "snr", "class", "label_probability", "complex")


@dataclass(frozen=True)
class TrainingSet:
    """Labelled asteroids that have every band the model uses, ordered by source_id.

    asteroids : pyarrow.Table [n], columns FACTS and the bands; reflectance : float32 [n, bands],
    NaN only in bands the model does not use; complex : str [n]; train, test : int64 row numbers of
    the two parts.
    """

    asteroids: pa.Table
    reflectance: npt.NDArray[np.float32]
    complex: npt.NDArray[np.str_]
    train: npt.NDArray[np.int64]
    test: npt.NDArray[np.int64]


def load_training_set(
    wavelengths_nm: Sequence[int], used_nm: Sequence[int], split: dict[str, Any]
) -> TrainingSet:
    """Read the labelled asteroids and split them, stratified by complex.

    Parameters
    ----------
    wavelengths_nm, used_nm : sequence of int
        The grid, and the bands that must be present, in nm.
    split : dict
        test_fraction and seed of params.yaml.
    """
    used = used_band_numbers(wavelengths_nm, used_nm)
    bands = reflectance_columns(wavelengths_nm)
    asteroids = read_asteroids(wavelengths_nm, [*FACTS, *bands])
    asteroids = asteroids.filter(pc.is_valid(asteroids["complex"])).sort_by("source_id")
    reflectance = matrix(asteroids, bands)
    whole = ~np.isnan(reflectance[:, used]).any(axis=1)
    asteroids, reflectance = asteroids.filter(pa.array(whole)), reflectance[whole]
    names = asteroids["complex"].to_numpy().astype(str)
    train, test = train_test_split(
        np.arange(len(names)), test_size=split["test_fraction"], random_state=split["seed"],
        stratify=names,
    )
    return TrainingSet(asteroids, reflectance, names, train, test)
