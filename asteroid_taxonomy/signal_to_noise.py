"""The signal to noise of a spectrum: one number for how far it can be trusted."""

import numpy as np
import numpy.typing as npt


def signal_to_noise(
    reflectance: npt.NDArray[np.float32], error: npt.NDArray[np.float32]
) -> npt.NDArray[np.float32]:
    """Median over the bands that are present of reflectance / error, float32 [rows].

    NaN where a spectrum has no band at all.
    """
    ratio = reflectance / error
    out = np.full(len(ratio), np.nan, dtype=np.float32)
    some = ~np.isnan(ratio).all(axis=1)
    out[some] = np.nanmedian(ratio[some], axis=1)
    return out
