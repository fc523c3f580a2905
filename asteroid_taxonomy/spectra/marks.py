"""Numbers that stand for "not measured": -1, -9.99, -99, 0, 99.99, 999 and their kin.

Surveys write them into the middle of a spectrum. A reflectance at or below 0 is none; one that is
five times that of the rest of its spectrum, or a twentieth of it, is not one either: of the
60,518 spectra of Gaia DR3 none is beyond 0.4 ... 2.7 of its median in a band that the classifier
uses, and no asteroid's spectrum is.
"""

import numpy as np
import numpy.typing as npt

HIGH, LOW = 5.0, 0.05  # of the median of what was measured
# left out of that median: a spectrum may have more marks than reflectances
USUAL = np.array([9, 9.9, 9.99, 9.999, 99, 99.9, 99.99, 99.999, 999, 999.9, 999.99, 999.999, 9999,
                  9999.9, 9999.99, 99999, 999999, 1e20, 1e30], np.float32)


def not_measured(
    reflectance: npt.NDArray[np.floating]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """Find the marks in spectra [n, points] of one grid.

    Returns
    -------
    int64 [m]
        Row numbers of the spectra that have any.
    bool [m, points]
        Where they are in these.
    """
    if not reflectance.size:
        return np.empty(0, np.int64), np.empty((0, reflectance.shape[1]), bool)
    lowest = np.fmin.reduce(reflectance, axis=1)
    highest = np.fmax.reduce(reflectance, axis=1)
    # no value is beyond the bounds of the median unless one is of those of another value
    with np.errstate(over="ignore", invalid="ignore"):
        sound = (lowest > 0) & (highest <= HIGH * lowest) & (highest < USUAL[0])
    doubtful = np.flatnonzero(~sound & ~np.isnan(lowest))
    values = reflectance[doubtful].astype(np.float64)
    there = np.isfinite(values)
    low = there & ~(values > 0)
    usual = there & np.isin(reflectance[doubtful].astype(np.float32), USUAL)
    ordered = np.sort(np.where(there & ~low & ~usual, values, np.nan), axis=1)
    count = np.isfinite(ordered).sum(axis=1)
    median = ordered[np.arange(len(ordered)), np.maximum(count - 1, 0) // 2]
    with np.errstate(invalid="ignore"):
        far = (values > HIGH * median[:, None]) | (values < LOW * median[:, None])
    marks = low | (there & far) | (usual & (count == 0)[:, None])
    some = marks.any(axis=1)
    return doubtful[some], marks[some]
