"""Reflectance spectra in users' files: which columns they are in, in what unit, on what grid.

Wide: one row per spectrum, one column per wavelength (374, reflectance_550, R_0.55um ...). Long:
one row per point, the columns wavelength and reflectance, and one that names the spectrum (none:
the file is one spectrum), whose rows follow each other.
"""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from asteroid_taxonomy.asteroids import matrix
from asteroid_taxonomy.console import PipelineError
from asteroid_taxonomy.own_spectra.resampling import SAME_NM, to_bands
from asteroid_taxonomy.own_spectra.tables import TableFile, open_table, readable

ID_NAMES = ("source_id", "number", "number_mp", "name", "denomination", "designation", "object",
            "target", "asteroid", "spectrum", "id")
IN_NM = {"nm": 1.0, "um": 1000.0, "angstrom": 0.1}
SPELLINGS = {"nm": "nm", "nanometer": "nm", "nanometre": "nm", "um": "um", "µm": "um", "μm": "um",
             "micron": "um", "microns": "um", "micrometer": "um", "micrometre": "um",
             "a": "angstrom", "aa": "angstrom", "å": "angstrom", "angstrom": "angstrom",
             "angstroms": "angstrom", "0.1 nm": "angstrom"}
# median of a spectrum's wavelengths, for visible and near-infrared spectra: these do not overlap
USUAL = {"um": (0.3, 5.0), "nm": (300.0, 2900.0), "angstrom": (3000.0, 50000.0)}
_UNIT = r"(?:[\s_\[(]*(?P<unit>nm|um|µm|μm|microns?|aa?|å|angstroms?)[\])]?)?"
WIDE = re.compile(rf"(?:(?:reflectance|refl|ref|r|flux|wavelength|wave|w|band|b)[\s_]*)?"
                  rf"(?P<value>\d+(?:\.\d+)?){_UNIT}", re.IGNORECASE)
LONG = re.compile(rf"(?:wavelength|wavelengths|wave|wavelen|lambda|wl){_UNIT}", re.IGNORECASE)
REFLECTANCE = ("reflectance", "reflectance_spectrum", "refl", "reflectivity", "flux", "r",
               "relative_reflectance", "normalized_reflectance", "normalised_reflectance")
MAX_POINTS = 100_000  # of one spectrum


class Batch(NamedTuple):
    """Columns that name the spectra, [n], and their reflectances in the bands, [n, bands]."""

    ids: pa.Table
    reflectance: npt.NDArray[np.floating]


def read_spectra(path: Path, bands_nm: Sequence[int], unit: str | None = None) -> Iterator[Batch]:
    """Read spectra and resample them to the bands; neither normalised nor checked for gaps.

    Parameters
    ----------
    path : Path
        CSV, Parquet, ECSV or VOTable.
    bands_nm : sequence of int
        Centres of the bands, in nm.
    unit : {"nm", "um", "angstrom"}, optional
        Of the wavelengths; else the file says it, or the numbers leave no doubt.

    Raises
    ------
    PipelineError
        The file is damaged, its columns are not those of spectra, its unit cannot be told, or one
        of its values is not a number.
    """
    table = open_table(path)
    ids = [name for name in table.names if name.lower() in ID_NAMES]
    long = [name for name in table.names if LONG.fullmatch(name.strip())]
    values = [name for name in table.names if name.lower() in REFLECTANCE]
    wide = [name for name in table.names if WIDE.fullmatch(name.strip())]
    if len(long) == 1 and values:
        return _long(table, ids, long[0], values[0], bands_nm, unit)
    if len(wide) >= 2:
        return _wide(table, ids, wide, bands_nm, unit)
    listed = ", ".join(table.names[:8]) + (" ..." if len(table.names) > 8 else "")
    raise PipelineError(
        f"{path} has the columns {listed}; expected one column per wavelength (374, "
        "reflectance_550, R_0.55um ...), or the columns wavelength and reflectance and one that "
        f"names the spectrum ({', '.join(ID_NAMES)}); rename them")


def factor_to_nm(
    path: Path, wavelengths: npt.NDArray[np.float64], said: set[str], unit: str | None
) -> float:
    """Nanometres per unit of `wavelengths`: as asked for, as the file says, or as is usual."""
    known = {SPELLINGS.get(text.strip().lower(), text) for text in said if text.strip()}
    if unit is None and len(known) == 1 and known <= set(IN_NM):
        unit = known.pop()
    if unit is None and not known:
        middle = float(np.median(wavelengths))
        unit = next((u for u, (low, high) in USUAL.items() if low <= middle <= high), None)
    if unit is None:
        why = (f"says {', '.join(sorted(known))}" if known else
               f"has wavelengths around {float(np.median(wavelengths)):g}")
        raise PipelineError(f"{path} {why}, which leaves their unit open; name it with --unit nm, "
                            "--unit um or --unit angstrom")
    return IN_NM[unit]


def _wide(
    table: TableFile, ids: Sequence[str], columns: Sequence[str], bands_nm: Sequence[int],
    unit: str | None,
) -> Iterator[Batch]:
    found = [match for name in columns if (match := WIDE.fullmatch(name.strip()))]
    wavelengths = np.array([float(match["value"]) for match in found])
    said = {match["unit"] or "" for match in found}
    if len(said) > 1:
        raise PipelineError(f"{table.path} has wavelengths with several units in its columns' "
                            "names; use one")
    grid = wavelengths * factor_to_nm(table.path, wavelengths, said, unit)
    order = np.argsort(grid)
    grid, names = grid[order], [columns[i] for i in order]
    same = np.flatnonzero(np.diff(grid) < SAME_NM)
    if len(same):
        raise PipelineError(f"{table.path} has two columns for one wavelength, {names[same[0]]!r} "
                            f"and {names[same[0] + 1]!r}; leave one out")
    with readable(table.path, "spectra"), np.errstate(over="ignore"):
        for batch in table.batches(names, ids):
            yield Batch(batch.select(ids), to_bands(grid, matrix(batch, names), bands_nm))


def _long(
    table: TableFile, ids: Sequence[str], wavelength: str, value: str, bands_nm: Sequence[int],
    unit: str | None,
) -> Iterator[Batch]:
    match = LONG.fullmatch(wavelength.strip())
    said = {match["unit"] or "" if match else "", table.units.get(wavelength, "")}
    factor: float | None = None
    keys: list[npt.NDArray[np.uint64]] = []
    with readable(table.path, "spectra"), np.errstate(over="ignore"):
        for points in _whole_spectra(table, ids, wavelength, value):
            nm = points[wavelength].to_numpy().astype(float)
            if not np.isfinite(nm).all() or (nm <= 0).any():
                raise PipelineError(f"{table.path} has a row whose {wavelength} is missing or not "
                                    "above 0; correct or remove it")
            if factor is None:
                factor = factor_to_nm(table.path, nm, said, unit)
            first = _starts(points, ids)
            batch = points.select(ids).take(pa.array(first))
            if ids:
                keys.append(_hashes(batch, ids))
            yield Batch(batch, _resampled(table.path, nm * factor, points[value], first, bands_nm))
    together = np.concatenate(keys) if keys else np.empty(0, np.uint64)
    if len(np.unique(together)) < len(together):
        raise PipelineError(f"{table.path} has spectra whose rows do not follow each other; sort "
                            f"it by {', '.join(ids)}")


def _whole_spectra(
    table: TableFile, ids: Sequence[str], wavelength: str, value: str
) -> Iterator[pa.Table]:
    """Go through the rows in batches that end where a spectrum ends."""
    rest: pa.Table | None = None
    for batch in table.batches([wavelength, value], ids):
        joined = batch if rest is None else pa.concat_tables([rest, batch])
        last = int(_starts(joined, ids)[-1]) if len(joined) else 0
        if len(joined) - last > MAX_POINTS:
            raise PipelineError(f"{table.path} has a spectrum of more than {MAX_POINTS:,} points; "
                                f"one of the columns {', '.join(ID_NAMES)} should name it")
        rest = joined.slice(last)
        if last:
            yield joined.slice(0, last)
    if rest is not None and len(rest):
        yield rest


def _hashes(table: pa.Table, ids: Sequence[str]) -> npt.NDArray[np.uint64]:
    frame = table.select(ids).to_pandas()
    return pd.util.hash_pandas_object(frame, index=False, categorize=False).to_numpy()


def _starts(points: pa.Table, ids: Sequence[str]) -> npt.NDArray[np.int64]:
    """Row numbers at which a spectrum begins."""
    if not ids:
        return np.zeros(1, np.int64)
    key = _hashes(points, ids)
    return np.append(0, np.flatnonzero(key[1:] != key[:-1]) + 1)


def _resampled(
    path: Path, nm: npt.NDArray[np.float64], values: pa.ChunkedArray,
    first: npt.NDArray[np.int64], bands_nm: Sequence[int],
) -> npt.NDArray[np.floating]:
    """Resample one spectrum after the other; those on the same grid together."""
    length = np.diff(np.append(first, len(nm)))
    order = np.lexsort((nm, np.repeat(np.arange(len(first)), length)))
    nm, reflectance = nm[order], values.to_numpy().astype(float)[order]
    close = np.flatnonzero(np.diff(nm, prepend=-np.inf) < SAME_NM)
    close = close[~np.isin(close, first)]
    if len(close):
        raise PipelineError(f"{path} has a spectrum with two values at {nm[close[0]]:g} nm; leave "
                            "one out, or name the spectra in a column")
    out = np.full((len(first), len(bands_nm)), np.nan)
    for points in np.unique(length):
        rows = np.flatnonzero(length == points)
        at = first[rows, None] + np.arange(points)
        grids, which = np.unique(nm[at], axis=0, return_inverse=True)
        for i, grid in enumerate(grids):
            here = which.ravel() == i
            out[rows[here]] = to_bands(grid, reflectance[at[here]], bands_nm)
    return out
