"""The labelled asteroids a model learns from, and the split that holds some of them out.

Labelled asteroids are bright (median S/N 113, that of all asteroids is 23). A model that also sees
copies of their spectra, with noise as large as their errors added, learns how far a faint spectrum
can be trusted (Bishop 1995, Neural Computation 7, 108). Only rows to learn from have copies.

A label is the target and, behind a colon, the class without feature flags: X:M. A model may learn
the classes and give the targets (`sum_of_classes.py`); what judges it is the target alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from sklearn.model_selection import train_test_split

from asteroid_taxonomy.asteroids import (
    error_columns,
    matrix,
    read_asteroids,
    reflectance_columns,
    used_band_numbers,
)
from asteroid_taxonomy.console import PipelineError
from asteroid_taxonomy.learning.sum_of_classes import target_of

FACTS = ("source_id", "number", "name", "snr", "class_without_flags", "label_probability",
         "target", "complete")
LEARN = ("class", "target")


@dataclass(frozen=True)
class TrainingSet:
    """Labelled asteroids that have every band the model uses, ordered by source_id.

    asteroids : pyarrow.Table [n], columns FACTS; reflectance, error : float32 [n, bands], NaN only
    in bands the model does not use; target, label : str [n]; train, test : int64 row numbers of
    the two parts.
    """

    asteroids: pa.Table
    reflectance: npt.NDArray[np.float32]
    error: npt.NDArray[np.float32]
    target: npt.NDArray[np.str_]
    label: npt.NDArray[np.str_]
    train: npt.NDArray[np.int64]
    test: npt.NDArray[np.int64]


@dataclass(frozen=True)
class Learning:
    """What a model learns from: noisy copies, drawn with a seed, labelled by class or target."""

    noisy_copies: int
    noise_seed: int
    learn: str


def learning(train: dict[str, Any]) -> Learning:
    """Read block `train` of params.yaml; the model's own block goes before what stands for all.

    Raises
    ------
    PipelineError
        `learn` is neither class nor target.
    """
    found = Learning(**{key: (train.get(train["model"]) or {}).get(key, train[key])
                        for key in Learning.__annotations__})
    if found.learn not in LEARN:
        raise PipelineError(f"learn of train.{train['model']} in params.yaml is {found.learn!r}, "
                            f"expected {' or '.join(LEARN)}; set it to one of these")
    return found


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
    target = asteroids["target"].to_numpy().astype(str)
    label = pc.binary_join_element_wise(asteroids["target"], asteroids["class_without_flags"], ":")
    train, test = train_test_split(
        np.arange(len(target)), test_size=split["test_fraction"], random_state=split["seed"],
        stratify=target,
    )
    return TrainingSet(asteroids.select(FACTS), matrix(asteroids, bands),
                       matrix(asteroids, errors), target, label.to_numpy().astype(str),
                       train, test)


def with_noisy_copies(
    reflectance: npt.NDArray[np.float32], error: npt.NDArray[np.float32],
    label: npt.NDArray[np.str_], how: Learning,
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.str_]]:
    """The spectra, then so many times the spectra with Gaussian noise of their own errors.

    Parameters
    ----------
    reflectance, error : float32 [n, bands]
    label : str [n]
        As in TrainingSet.
    how : Learning

    Returns
    -------
    reflectance : float32 [(copies + 1) n, bands]
    label : str [(copies + 1) n]
        Or the target alone, where that is what is learned.
    """
    shape = (how.noisy_copies, *error.shape)
    noise = np.random.default_rng(how.noise_seed).standard_normal(shape, np.float32)
    spectra = np.concatenate([reflectance[None], reflectance + noise * error])
    names = label if how.learn == "class" else target_of(label)
    return spectra.reshape(-1, error.shape[1]), np.tile(names, how.noisy_copies + 1)
