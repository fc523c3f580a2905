"""Data augmentation: copies of the training spectra with noise drawn from their own errors.

Labelled asteroids are bright (median S/N 104, that of all asteroids is 23). From copies with noise
as large as the stated errors a model learns how far a faint spectrum can be trusted (Bishop 1995,
Neural Computation 7, 108). The copies of the visible model are also turned into spectra as from
the ground: less red at the red end than Gaia's, by an amount that differs between surveys, and
each with another slope. Only training spectra are copied.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from asteroid_taxonomy.learning import VISIBLE
from asteroid_taxonomy.learning.training_set import Labelled, Spectra
from asteroid_taxonomy.params import Params


@dataclass(frozen=True)
class GroundBased:
    """How spectra from the ground differ from Gaia's.

    log_ratio : float64 [bands], logarithm of the median ratio ground / Gaia; most_times : largest
    power of that ratio; slope : standard deviation per 100 nm; distance : float64 [bands], from
    the band where spectra are 1, in 100 nm.
    """

    log_ratio: npt.NDArray[np.float64]
    most_times: float
    slope: float
    distance: npt.NDArray[np.float64]


@dataclass(frozen=True)
class Augmentation:
    """Number of noisy copies of each spectrum, seed of their noise, and where they are from."""

    noisy_copies: int
    seed: int
    ground_based: GroundBased | None = None


def ground_based(params: Params) -> GroundBased | None:
    """Block `train.ground_based` of params.yaml; None where it is null."""
    block, nm = params.train.ground_based, params.bands.wavelengths_nm
    if block is None:
        return None
    return GroundBased(np.log([block.ratio.get(band, 1.0) for band in nm]), block.most_times,
                       block.slope, (np.array(nm) - params.bands.normalised_at_nm) / 100)


def augmentation(params: Params, name: str) -> Augmentation:
    """The data augmentation of the model `name`."""
    train = params.train
    return Augmentation(train.chosen.noisy_copies, train.augmentation_seed,
                        ground_based(params) if name == VISIBLE else None)


def augmented(labelled: Labelled, copies: Augmentation) -> Labelled:
    """The n spectra, followed by the copies: (copies + 1) n spectra with their labels."""
    reflectance, error, *labels = labelled
    rng, shape = np.random.default_rng(copies.seed), (copies.noisy_copies, *error.shape)
    noisy = reflectance + rng.standard_normal(shape, np.float32) * error
    if copies.ground_based is not None:
        power = rng.uniform(0, copies.ground_based.most_times, (*shape[:-1], 1))
        noisy = as_from_the_ground(noisy, copies.ground_based, power, rng)
    spectra, repeats = np.concatenate([reflectance[None], noisy]), copies.noisy_copies + 1
    return Labelled(spectra.reshape(-1, error.shape[1]), np.tile(error, (repeats, 1)),
                    *(np.tile(names, repeats) for names in labels))


def as_from_the_ground(
    reflectance: Spectra, ground: GroundBased, power: npt.ArrayLike, rng: np.random.Generator
) -> Spectra:
    """Gaia's spectra [..., bands], each times a power of the ratio and with another slope."""
    slope = rng.normal(0, ground.slope, (*reflectance.shape[:-1], 1))
    factor = np.exp(np.asarray(power) * ground.log_ratio + slope * ground.distance)
    return reflectance * factor.astype(np.float32)


def seen_from_the_ground(params: Params, reflectance: Spectra, seed: int) -> Spectra:
    """Gaia's spectra [n, bands] as the visible model meets them: the ratio once, and a slope.

    As they are where `train.ground_based` is null.
    """
    ground = ground_based(params)
    if ground is None:
        return reflectance
    return as_from_the_ground(reflectance, ground, 1.0, np.random.default_rng(seed))
