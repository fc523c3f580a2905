"""Data augmentation: copies of the spectra to learn from, with noise of their own errors.

Labelled asteroids are bright (median S/N 104, that of all asteroids is 23). A model that also sees
copies of their spectra, with noise as large as their errors added, learns how far a faint spectrum
can be trusted (Bishop 1995, Neural Computation 7, 108). Only rows to learn from have copies.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Augmentation:
    """How many noisy copies of each spectrum, and the seed of their noise."""

    noisy_copies: int
    seed: int


def with_noisy_copies(
    reflectance: npt.NDArray[np.float32], error: npt.NDArray[np.float32],
    label: npt.NDArray[np.str_], augmentation: Augmentation,
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.str_]]:
    """The spectra, then so many times the spectra with Gaussian noise of their own errors.

    Parameters
    ----------
    reflectance, error : float32 [n, bands]
    label : str [n] or [n, 2]
    augmentation : Augmentation

    Returns
    -------
    reflectance : float32 [(copies + 1) n, bands]
    label : str [(copies + 1) n] or [(copies + 1) n, 2]
    """
    shape = (augmentation.noisy_copies, *error.shape)
    noise = np.random.default_rng(augmentation.seed).standard_normal(shape, np.float32)
    spectra = np.concatenate([reflectance[None], reflectance + noise * error])
    return (spectra.reshape(-1, error.shape[1]),
            np.concatenate([label] * (augmentation.noisy_copies + 1)))
