"""From any wavelength grid to the bands of the classifier, without markers and spikes.

A band's reflectance is the mean over the band of the straight lines through two or more points in
it; with fewer the value at its centre: Gaia's own grid is not changed. A centre has to be at a
point, between two at most 66 nm apart, or 5 nm beyond the end of a spectrum with points inside.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from asteroid_taxonomy.spectra.columns import LEAST_NM, Floats, Spectra, join

WIDTH_NM = 44.0  # of a band: the step of Gaia's grid (Galluccio et al. 2022)
MAX_GAP_NM = 66.0  # one and a half steps: a spectrum that lacks a band is not bridged
BEYOND_NM = 5.0  # PRIMASS ends at 0.900 um, a band is at 902 nm
SAME_NM = 0.01  # points closer than this are one wavelength, whatever unit they were written in
CONTRADICTION = 1.5  # two values at one wavelength that differ by this factor are neither
TWICE_SHARE, TWICE_FACTOR = 0.12, 1.02  # of wavelengths, with values so far apart: two spectra
# missing-data markers: beyond these times the median; used bands of Gaia DR3 are in 0.4 ... 2.7
LOW, HIGH = 0.05, 5.0
USUAL_MARKS = np.array([10.0**n - 10.0**-m for n in range(1, 7) for m in range(4)]  # 9.99, 999
                       + [1e20, 1e30], np.float32)
# spikes differ from the running median by this share of it, with fewer points in the window by the
# second one, and by so many times the scatter of the spectrum around its running median
SPIKE_NM, SPIKE_SHARE, COARSE_SHARE, FINE_POINTS, SIGMAS = 80.0, 0.25, 0.5, 9, 6.0
TAIL_NM, TAIL_POINTS, TAIL_RUNS = 22.0, 3, 2  # equal values at an end: span, least, times others
NOISE, NOISE_QUANTILE = 0.08, 0.9  # off the mean of the neighbours; 98% of surveys: below 0.065
# a step between two points, and between the medians of so many nm on both sides, relative to the
# median and to the scatter of the steps: parts of a spectrum on different scales
JUMP, JUMP_SIGMAS, JUMP_NM = 0.1, 7.0, 25.0
SPIKE_IN_BAND = 0.02  # change of a band by the spikes ignored that is worth a note and abstaining
MARK, SPIKE, FAR, DOUBT = 1, 2, 4, 8  # bits of Bands.touched; predict.answer sets FAR, too
UNSTEADY = "points scatter or jump: smooth the spectrum, or separate its parts or several spectra"
SEVERAL = 'many wavelengths have two values: several spectra; distinguish them in a column "name"'


class Bands(NamedTuple):
    """Spectra on the bands: NaN where not covered; `touched` has bits of what is doubtful."""

    reflectance: Floats  # [n, bands]
    touched: npt.NDArray[np.uint8]  # [n, bands]
    covered_nm: Floats  # [n, 2], first and last wavelength that was measured
    notes: npt.NDArray[np.object_]


def to_bands(spectra: Spectra, bands_nm: Sequence[int], width_nm: float = WIDTH_NM) -> Bands:
    """Resample spectra to bands with these centres (ascending) and this width."""
    (_, spectrum, nm, reflectance, notes, guessed), n = spectra, len(spectra.notes)
    out = Bands(np.full((n, len(bands_nm)), np.nan), np.zeros((n, len(bands_nm)), np.uint8),
                np.full((n, 2), np.nan), np.array(notes, object))
    there = np.isfinite(nm) & (nm >= LEAST_NM)
    order = np.flatnonzero(there)[np.lexsort((nm[there], spectrum[there]))]
    nm, reflectance, spectrum = nm[order], reflectance[order].astype(float), spectrum[order]
    again = (np.diff(nm, prepend=-1) < SAME_NM) & (np.diff(spectrum, prepend=-1) == 0)
    averaged, left_out, twice = spectrum[again], spectra.spectrum[~there], np.zeros(n, bool)
    if again.any():
        values = pd.Series(np.where(reflectance > 0, reflectance, np.nan))
        groups = values.groupby((~again).cumsum())
        nm, spectrum, mean = nm[~again], spectrum[~again], groups.mean().to_numpy()
        reflectance = np.where(np.isnan(mean), reflectance[~again], mean)  # all are markers
        factor = (groups.max() / groups.min()).to_numpy()
        reflectance[factor > CONTRADICTION] = -1.0  # a marker
        twice = np.bincount(spectrum[factor > TWICE_FACTOR], minlength=n) > (
            TWICE_SHARE * np.bincount(spectrum, minlength=n))
    ends = np.searchsorted(spectrum, np.arange(n + 1))
    same_grid: dict[bytes, list[int]] = {}
    for row, (begin, end) in enumerate(pairwise(ends)):
        same_grid.setdefault(nm[begin:end].tobytes(), []).append(row)
    for rows in map(np.array, same_grid.values()):
        at = ends[rows, None] + np.arange(ends[rows[0] + 1] - ends[rows[0]])
        if at.size:
            with np.errstate(all="ignore"):  # numbers that overflow are not classified
                _on_one_grid(nm[at[0]], reflectance[at], bands_nm, width_nm, rows, out)
    for which, text in ((left_out, "rows without a plausible wavelength were left out"),
                        (averaged, "values at the same wavelength were averaged"),
                        (np.flatnonzero((out.touched & DOUBT).any(axis=1)), UNSTEADY)):
        for row in np.unique(which):
            out.notes[row] = join(out.notes[row], text)
    out.reflectance[twice], out.notes[twice] = np.nan, SEVERAL
    out.touched[np.broadcast_to(guessed, n)] |= DOUBT
    return out


def _on_one_grid(grid: Floats, reflectance: Floats, bands_nm: Sequence[int], width_nm: float,
                 rows: npt.NDArray[np.intp], out: Bands) -> None:
    """Resample spectra [k, points] of one grid into the `rows` of `out`."""
    marked = _marks(grid, reflectance)
    reflectance = np.where(marked | ~np.isfinite(reflectance), np.nan, reflectance)
    measured = np.where(np.isnan(reflectance), np.nan, grid)
    out.covered_nm[rows] = np.stack([np.fmin.reduce(measured, 1), np.fmax.reduce(measured, 1)], 1)
    near = (grid > bands_nm[0] - MAX_GAP_NM) & (grid < bands_nm[-1] + MAX_GAP_NM)
    grid, reflectance, marked = grid[near], reflectance[:, near], marked[:, near]
    spikes = _spikes(grid, reflectance)
    of_all = np.nan_to_num(weights(grid, bands_nm, width_nm))
    unsteady = _unsteady(grid, reflectance, width_nm)
    out.touched[rows] = np.where(marked @ of_all > 0, MARK, 0) | np.where(
        spikes @ of_all > SPIKE_IN_BAND, SPIKE, 0) | np.where(unsteady @ of_all > 0, DOUBT, 0)
    whole = ~np.isnan(reflectance) & (spikes == 0)
    patterns, which = np.unique(whole, axis=0, return_inverse=True)
    for i, pattern in enumerate(patterns):
        own, these = weights(grid[pattern], bands_nm, width_nm), which.ravel() == i
        if pattern.any():  # a band that is not covered has the weights NaN
            out.reflectance[rows[these]] = reflectance[np.ix_(these, pattern)] @ own


def _unsteady(grid: Floats, reflectance: Floats, width_nm: float) -> npt.NDArray[np.bool_]:
    """Where spectra [k, points] jump or scatter; nowhere with less than 1.7 points to a band."""
    if len(grid) < 3 or np.median(np.diff(grid)) > 0.6 * width_nm:
        return np.zeros(reflectance.shape, bool)
    points = pd.DataFrame(reflectance.T)
    off = (points - (points.shift() + points.shift(-1)) / 2).abs()
    noisy = off.quantile(NOISE_QUANTILE) > NOISE * points.median()
    steps, n = points.diff(), max(round(JUMP_NM / float(np.median(np.diff(grid)))), 2)
    before = points.rolling(n, min_periods=1).median().shift()
    after = points[::-1].rolling(n, min_periods=1).median()[::-1]
    least = np.maximum(JUMP * points.median(), JUMP_SIGMAS * 1.4826 * steps.abs().median())
    jumps = (steps.abs() > least) & (np.sign(steps) * (after - before) > least)
    return (jumps | noisy).to_numpy().T


def _marks(grid: Floats, reflectance: Floats) -> npt.NDArray[np.bool_]:
    """Where spectra [k, points] have a missing-data marker, or repeat a value to their end."""
    usual = np.isin(reflectance.astype(np.float32), USUAL_MARKS)
    finite, above = np.isfinite(reflectance), reflectance > 0
    likely = pd.DataFrame(np.where(finite & above & ~usual, reflectance, np.nan).T)
    median = likely.quantile(0.5, interpolation="lower").to_numpy()[:, None]
    far = (reflectance > HIGH * median) | (reflectance < LOW * median)
    often = usual.sum(axis=1, keepdims=True) >= TAIL_POINTS
    marks = finite & (~above | far | (usual & (often | np.isnan(median))))
    for own, values in zip(marks, reflectance, strict=True):
        at = np.flatnonzero(np.isfinite(values) & ~own)
        steps = np.diff(values[at].astype(np.float32), prepend=np.nan, append=np.nan)
        n = np.diff(np.flatnonzero(steps))  # points of each run of equal values
        if n[1:-1].sum() >= TAIL_POINTS:
            most = max(TAIL_POINTS - 1, TAIL_RUNS * n[1:-1].max())
            for run in (at[:n[0]], at[-n[-1]:]):
                own[run] = len(run) > most and np.ptp(grid[run]) > TAIL_NM
    return marks


def _spikes(grid: Floats, reflectance: Floats) -> Floats:
    """How far spikes of spectra [k, points] are from the running median, 0 where there is none."""
    out = np.zeros(reflectance.shape)
    if len(grid) < 3:
        return out
    window = max(round(SPIKE_NM / float(np.median(np.diff(grid)))), 4) // 2 * 2 + 1
    least = SPIKE_SHARE if window >= FINE_POINTS else COARSE_SHARE
    spectra = pd.DataFrame(reflectance.T)
    filled = spectra.ffill().bfill()
    jumps = (filled.diff().abs() > least / 2 * filled).any()  # a spike begins with a jump
    spectra = spectra.loc[:, jumps]
    off = (spectra / spectra.rolling(window, center=True, min_periods=1).median() - 1).abs()
    found = off > np.maximum(least, SIGMAS * 1.4826 * off.median())
    if window < FINE_POINTS:  # Gaia's outer bands, for one, are known to be off
        found.iloc[[0, 1, -2, -1]] = False
    out[jumps] = off.where(found, 0.0).to_numpy().T
    return out


def weights(grid_nm: Floats, bands_nm: Sequence[int], width_nm: float = WIDTH_NM) -> Floats:
    """Weights [points, bands] of points on an ascending grid in bands; NaN: band not covered."""
    out, half = np.zeros((len(grid_nm), len(bands_nm))), width_nm / 2
    for j, centre in enumerate(bands_nm):
        inside = np.abs(grid_nm - centre) < half
        right = int(np.searchsorted(grid_nm, centre - SAME_NM))
        covered = right < len(grid_nm) and (grid_nm[right] - centre <= SAME_NM or (
            right > 0 and grid_nm[right] - grid_nm[right - 1] <= MAX_GAP_NM))
        if len(grid_nm) < 2 or not covered and not (
                inside.sum() > 1 and np.abs(grid_nm - centre).min() <= BEYOND_NM):
            out[:, j] = np.nan
            continue
        nodes, share = np.array([float(centre)]), np.ones(1)
        if inside.sum() > 1:
            low, high = np.clip([centre - half, centre + half], grid_nm[0], grid_nm[-1])
            nodes = np.unique([low, *grid_nm[inside], high])
            step = np.diff(nodes)
            share = (np.append(step, 0) + np.insert(step, 0, 0)) / (2 * (high - low))
        left = np.clip(np.searchsorted(grid_nm, nodes, side="right") - 1, 0, len(grid_nm) - 2)
        along = (nodes - grid_nm[left]) / (grid_nm[left + 1] - grid_nm[left])
        np.add.at(out[:, j], left, share * (1 - along))
        np.add.at(out[:, j], left + 1, share * along)
    return out
