"""Data augmentation: copies of the training spectra with noise drawn from their own errors.

Labelled asteroids are bright (median S/N 104, that of all asteroids is 23). From copies with noise
as large as the stated errors a model learns how far a faint spectrum can be trusted (Bishop 1995,
Neural Computation 7, 108). Only training spectra are copied.
"""

from dataclasses import dataclass

import numpy as np

from asteroid_taxonomy.learning.training_set import Labelled
from asteroid_taxonomy.params import Train


@dataclass(frozen=True)
class Augmentation:
    """Number of noisy copies of each spectrum, and the seed of their noise."""

    noisy_copies: int
    seed: int


def augmentation(train: Train) -> Augmentation:
    """The data augmentation of block `train` of params.yaml."""
    return Augmentation(train.chosen.noisy_copies, train.augmentation_seed)


def augmented(labelled: Labelled, copies: Augmentation) -> Labelled:
    """The n spectra, followed by the copies: (copies + 1) n spectra with their labels."""
    reflectance, error, *labels = labelled
    shape = (copies.noisy_copies, *error.shape)
    noise = np.random.default_rng(copies.seed).standard_normal(shape, np.float32)
    spectra = np.concatenate([reflectance[None], reflectance + noise * error])
    repeats = copies.noisy_copies + 1
    return Labelled(spectra.reshape(-1, error.shape[1]), np.tile(error, (repeats, 1)),
                    *(np.tile(names, repeats) for names in labels))
