"""The labelled asteroids a model learns from, and the split that holds some of them out.

Labelled asteroids are bright (median S/N 113, that of all asteroids is 23). A model that also sees
copies of their spectra, with noise as large as their errors added, learns how far a faint spectrum
can be trusted (Bishop 1995, Neural Computation 7, 108). Only rows to learn from have copies.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from sklearn.model_selection import train_test_split

from stages.asteroids import read_asteroids
from stages.bands import error_columns, matrix, reflectance_columns, used_band_numbers

FACTS = ("source_id", "number", "name", "snr", "label_probability", "target", "complete")


@dataclass(frozen=True)
class TrainingSet:
    """Labelled asteroids that have every band the model uses, ordered by source_id.

    asteroids : pyarrow.Table [n], columns FACTS; reflectance, error : float32 [n, bands], NaN only
    in bands the model does not use; target : str [n]; train, test : int64 row numbers of the two
    parts.
    """

    asteroids: pa.Table
    reflectance: npt.NDArray[np.float32]
    error: npt.NDArray[np.float32]
    target: npt.NDArray[np.str_]
    train: npt.NDArray[np.int64]
    test: npt.NDArray[np.int64]


def load_training_set(
    wavelengths_nm: Sequence[int], used_nm: Sequence[int], split: dict[str, Any]
) -> TrainingSet:
    """Read the labelled asteroids and split them, stratified by target.

    Parameters
    ----------
    wavelengths_nm, used_nm : sequence of int
        The grid, and the bands that must be present, in nm.
    split : dict
        test_fraction and seed of params.yaml.
    """
    used = used_band_numbers(wavelengths_nm, used_nm)
    bands, errors = reflectance_columns(wavelengths_nm), error_columns(wavelengths_nm)
    asteroids = read_asteroids(wavelengths_nm, [*FACTS, *bands, *errors])
    asteroids = asteroids.filter(pc.is_valid(asteroids["target"])).sort_by("source_id")
    whole = ~np.isnan(matrix(asteroids, bands)[:, used]).any(axis=1)
    asteroids = asteroids.filter(pa.array(whole))
    names = asteroids["target"].to_numpy().astype(str)
    train, test = train_test_split(
        np.arange(len(names)), test_size=split["test_fraction"], random_state=split["seed"],
        stratify=names,
    )
    return TrainingSet(asteroids.select(FACTS), matrix(asteroids, bands),
                       matrix(asteroids, errors), names, train, test)


def with_noisy_copies(
    data: TrainingSet, copies: int, seed: int
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.str_]]:
    """The spectra, then `copies` times the spectra with Gaussian noise of their own errors.

    Returns
    -------
    reflectance : float32 [(copies + 1) n, bands]
    target : str [(copies + 1) n]
    """
    noise = np.random.default_rng(seed).standard_normal((copies, *data.error.shape), np.float32)
    spectra = np.concatenate([data.reflectance[None], data.reflectance + noise * data.error])
    return spectra.reshape(-1, data.error.shape[1]), np.tile(data.target, copies + 1)


def rows_with_copies(
    chosen: npt.NDArray[np.int64], asteroids: int, copies: int
) -> npt.NDArray[np.int64]:
    """The rows of `with_noisy_copies` that belong to the `chosen` of so many asteroids."""
    return np.concatenate([chosen + i * asteroids for i in range(copies + 1)])
