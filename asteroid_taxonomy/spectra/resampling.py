"""From any wavelength grid to the bands of the classifier.

Gaia's bands are 44 nm wide. Where a spectrum has two or more points inside a band (within 22 nm of
its centre), the band's reflectance is the mean over the band of the straight lines through the
points; where it has one or none, the value of those lines at the centre. So Gaia's own grid comes
back as it is. A band is covered if its centre lies on a point, between two points that are at most
66 nm apart, or at most 5 nm beyond the end of a spectrum that has points inside the band; nothing
is extrapolated.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from asteroid_taxonomy.own_spectra.marks import not_measured

WIDTH_NM = 44.0  # of a band: the step of Gaia's grid (Galluccio et al. 2022)
MAX_GAP_NM = 66.0  # one and a half steps: a spectrum that lacks a band is not bridged
BEYOND_NM = 5.0  # PRIMASS ends at 0.900 um, a band is at 902 nm
SAME_NM = 0.01  # points closer than this are one wavelength, whatever unit they were written in

Floats = npt.NDArray[np.float64]


def weights(
    grid_nm: Floats, bands_nm: Sequence[int], width_nm: float = WIDTH_NM
) -> Floats:
    """Weights [points, bands] that turn reflectances on `grid_nm` into those of the bands.

    Parameters
    ----------
    grid_nm : float64 [points]
        Ascending, in nm, no two the same.
    bands_nm : sequence of int
        Centres of the bands, in nm.
    width_nm : float
        Of a band, in nm.

    Returns
    -------
    float64 [points, bands]
        Columns that sum to 1; NaN in the column of a band that the grid does not cover.
    """
    out, half = np.zeros((len(grid_nm), len(bands_nm))), width_nm / 2
    for j, centre in enumerate(bands_nm):
        nearest = int(np.abs(grid_nm - centre).argmin()) if len(grid_nm) else 0
        inside = np.abs(grid_nm - centre) < half
        if inside.sum() <= 1 and len(grid_nm) and abs(grid_nm[nearest] - centre) < SAME_NM:
            out[nearest, j] = 1.0
        elif not _covered(grid_nm, centre) and not (
                inside.sum() > 1 and abs(grid_nm[nearest] - centre) <= BEYOND_NM):
            out[:, j] = np.nan
        elif inside.sum() <= 1:
            _add_lines(out[:, j], grid_nm, np.array([float(centre)]), np.ones(1))
        else:
            low, high = (np.clip(centre + side * half, grid_nm[0], grid_nm[-1])
                         for side in (-1, 1))
            nodes = np.unique(np.concatenate([[low], grid_nm[inside], [high]]))
            step = np.diff(nodes)
            share = (np.append(step, 0) + np.insert(step, 0, 0)) / (2 * (high - low))
            _add_lines(out[:, j], grid_nm, nodes, share)
    return out


def _covered(grid_nm: Floats, centre: float) -> bool:
    right = int(np.searchsorted(grid_nm, centre - SAME_NM))
    if right == len(grid_nm):
        return False
    if abs(grid_nm[right] - centre) <= SAME_NM:
        return True
    return right > 0 and bool(grid_nm[right] - grid_nm[right - 1] <= MAX_GAP_NM)


def _add_lines(column: Floats, grid_nm: Floats, nodes: Floats, share: Floats) -> None:
    """Add to `column` the weights of the straight lines through the points, at `nodes`."""
    left = np.clip(np.searchsorted(grid_nm, nodes, side="right") - 1, 0, len(grid_nm) - 2)
    along = (nodes - grid_nm[left]) / (grid_nm[left + 1] - grid_nm[left])
    np.add.at(column, left, share * (1 - along))
    np.add.at(column, left + 1, share * along)


def to_bands(
    grid_nm: Floats, reflectance: npt.NDArray[np.floating], bands_nm: Sequence[int],
    width_nm: float = WIDTH_NM,
) -> tuple[npt.NDArray[np.floating], npt.NDArray[np.bool_]]:
    """Resample spectra [n, points] on one grid to the bands.

    Points that were not measured (`marks.py`), are NaN or infinite are left out of their
    spectrum's grid.

    Returns
    -------
    floating [n, bands]
        NaN where not covered.
    bool [n, bands]
        Whether a mark for "not measured" would have been part of the band.
    """
    near = (grid_nm > bands_nm[0] - MAX_GAP_NM) & (grid_nm < bands_nm[-1] + MAX_GAP_NM)
    if not near.all():
        grid_nm, reflectance = grid_nm[near], reflectance[:, near]
    of_all = weights(grid_nm, bands_nm, width_nm)
    rows, marked = not_measured(reflectance)
    touched = np.zeros((len(reflectance), len(bands_nm)), bool)
    picked = of_all.argmax(axis=0) if len(grid_nm) else np.zeros(0, int)
    if len(picked) and (of_all[picked, np.arange(len(bands_nm))] == 1.0).all():
        out = np.ascontiguousarray(reflectance[:, picked])  # the grid has every band itself
        if len(rows):
            touched[rows] = marked[:, picked]
            out[touched] = np.nan
        out[np.isinf(out)] = np.nan
        return out, touched
    if len(rows):
        reflectance = reflectance.astype(float)
        reflectance[rows] = np.where(marked, np.nan, reflectance[rows])
        with np.errstate(invalid="ignore"):
            touched[rows] = marked @ np.nan_to_num(of_all) > 0
    whole = np.isfinite(reflectance)
    covered = np.isfinite(of_all).all(axis=0)
    out = np.full((len(reflectance), len(bands_nm)), np.nan)
    complete = whole.all(axis=1)
    out[np.ix_(complete, covered)] = reflectance[complete].astype(float) @ of_all[:, covered]
    broken = np.flatnonzero(~complete)
    if len(broken):
        patterns, which = np.unique(whole[broken], axis=0, return_inverse=True)
        for i, pattern in enumerate(patterns):
            rows = broken[which.ravel() == i]
            own = weights(grid_nm[pattern], bands_nm, width_nm)
            there = np.isfinite(own).all(axis=0) & bool(pattern.any())
            values = reflectance[np.ix_(rows, pattern)].astype(float)
            out[np.ix_(rows, there)] = values @ own[:, there]
    return out, touched


def normalised(
    bands: npt.NDArray[np.floating], at: int
) -> npt.NDArray[np.float32]:
    """Divide each spectrum [n, bands] by its band number `at`; all NaN where it has none."""
    by = bands[:, at, None]
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        if (by == 1).all():
            return bands.astype(np.float32, copy=False)
        return np.where(by > 0, bands / by, np.nan).astype(np.float32)
