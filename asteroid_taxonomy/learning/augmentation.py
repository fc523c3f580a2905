"""Data augmentation: copies of the training spectra with noise drawn from their own errors.

From copies with noise as large as the stated errors a model learns how far a faint spectrum can be
trusted (Bishop 1995, Neural Computation 7, 108). Gaia spectra are redder at the red end than those
of ground-based surveys: copies for the visible model look like the latter, by a varying amount.
"""

from typing import NamedTuple

import numpy as np

from asteroid_taxonomy.learning import VISIBLE
from asteroid_taxonomy.learning.training_set import Labelled, Spectra
from asteroid_taxonomy.params import BandParams, GroundBased, Params


class Augmentation(NamedTuple):
    """Number of noisy copies of each spectrum, seed, and how ground-based spectra differ."""

    noisy_copies: int
    seed: int
    ground_based: GroundBased | None = None
    bands: BandParams | None = None


def augmentation(params: Params, name: str) -> Augmentation:
    """The data augmentation of the model `name` of params.yaml."""
    train = params.train
    return Augmentation(train.chosen.noisy_copies, train.augmentation_seed,
                        train.ground_based if name == VISIBLE else None, params.bands)


def augmented(labelled: Labelled, copies: Augmentation) -> Labelled:
    """The n spectra, followed by the copies: (copies + 1) n spectra with their labels."""
    reflectance, error, *labels = labelled
    shape = (copies.noisy_copies, *error.shape)
    rng = np.random.default_rng(copies.seed)
    noisy = reflectance + rng.standard_normal(shape, np.float32) * error
    if copies.ground_based is not None and copies.bands is not None:
        noisy = as_ground_based(noisy, copies.ground_based, copies.bands, rng)
    repeats = copies.noisy_copies + 1
    return Labelled(np.concatenate([reflectance, *noisy]), np.tile(error, (repeats, 1)),
                    *(np.tile(names, repeats) for names in labels))


def as_ground_based(
    reflectance: Spectra, ground: GroundBased, bands: BandParams, rng: np.random.Generator
) -> Spectra:
    """Gaia spectra, float32 [..., bands], each times a power of the ratio ground-based / Gaia.

    And times a slope, random as within a survey.
    """
    nm = np.array(bands.wavelengths_nm)
    log_ratio = np.log([ground.ratio.get(band, 1.0) for band in bands.wavelengths_nm])
    each = (*reflectance.shape[:-1], 1)
    power = rng.uniform(0, ground.max_power, each)
    slope = rng.normal(0, ground.slope, each) * (nm - bands.normalised_at_nm) / 100
    return reflectance * np.exp(power * log_ratio + slope).astype(np.float32)
