"""Spectra of a user's file on the bands of the classifier, batch by batch.

In a long table the rows of a spectrum follow each other, in any order of wavelength. Where they
go through the wavelengths twice, they are two spectra under one name.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from asteroid_taxonomy.asteroids import matrix
from asteroid_taxonomy.own_spectra.batch import (
    AVERAGED,
    NO_WAVELENGTH,
    ONE_OF_SEVERAL,
    SEVERAL,
    Batch,
)
from asteroid_taxonomy.own_spectra.columns import Columns, find_columns
from asteroid_taxonomy.own_spectra.kinds import open_table
from asteroid_taxonomy.own_spectra.resampling import SAME_NM, to_bands
from asteroid_taxonomy.own_spectra.tables import TableFile, readable
from asteroid_taxonomy.own_spectra.units import NotSpectra

MAX_POINTS = 100_000  # of one spectrum
CONTRADICTION = 1.5  # two values at one wavelength that differ by this factor are neither
LEAST_POINTS = 4  # that two passes share


def read_spectra(
    path: Path, bands_nm: Sequence[int], width_nm: float, unit: str | None = None
) -> Iterator[Batch]:
    """Read spectra and resample them to the bands; neither normalised nor checked for gaps.

    Parameters
    ----------
    path : Path
        Text, Parquet, ECSV, VOTable or FITS.
    bands_nm : sequence of int
        Centres of the bands, in nm, ascending.
    width_nm : float
        Of a band.
    unit : {"nm", "um", "angstrom", "m"}, optional
        Of the wavelengths; else the file says it, or the numbers leave no doubt.

    Raises
    ------
    PipelineError
        The file is damaged, its columns are not those of spectra, or its unit cannot be told.
    """
    with readable(path), np.errstate(over="ignore", invalid="ignore"):
        table = open_table(path)
        columns = find_columns(table, unit)
        if columns.wavelength is None:
            yield from _wide(table, columns, bands_nm, width_nm)
        elif len(columns.values) > 1:
            yield from _side_by_side(table, columns, bands_nm, width_nm)
        else:
            yield from _long(table, columns, bands_nm, width_nm)


def _wide(
    table: TableFile, columns: Columns, bands_nm: Sequence[int], width_nm: float
) -> Iterator[Batch]:
    for batch in table.batches(columns.values, columns.ids):
        bands, touched = to_bands(columns.grid, matrix(batch, columns.values), bands_nm, width_nm)
        yield Batch(batch.select(columns.ids), bands, touched,
                    np.zeros(len(batch), np.uint8), columns.remark)


def _side_by_side(
    table: TableFile, columns: Columns, bands_nm: Sequence[int], width_nm: float
) -> Iterator[Batch]:
    """One spectrum per column, all on one grid."""
    assert columns.wavelength is not None
    whole = pa.concat_tables(table.batches([columns.wavelength, *columns.values], []))
    nm = whole[columns.wavelength].to_numpy().astype(float) * columns.to_nm
    first = np.zeros(1, np.int64)
    parts = [_resampled(nm, whole[name].to_numpy().astype(float), first, bands_nm, width_nm)
             for name in columns.values]
    bands, touched, remarks = (np.concatenate(part) for part in zip(*parts, strict=True))
    yield Batch(pa.table({"name": columns.values}), bands, touched, remarks, columns.remark)


def _long(
    table: TableFile, columns: Columns, bands_nm: Sequence[int], width_nm: float
) -> Iterator[Batch]:
    wavelength, (value,), ids = columns.wavelength, columns.values, columns.ids
    assert wavelength is not None
    keys: list[npt.NDArray[np.uint64]] = []
    for points in _whole_spectra(table, ids, wavelength, value):
        nm = points[wavelength].to_numpy().astype(float) * columns.to_nm
        named = _starts(points, ids)
        reflectance = points[value].to_numpy().astype(float)
        first = _with_restarts(nm, reflectance > 0, named)
        if ids:
            keys.append(_hashes(points.select(ids).take(pa.array(named)), ids))
        bands, touched, remarks = _resampled(
            nm, reflectance, first, bands_nm, width_nm)
        several = np.diff(np.append(np.searchsorted(first, named), len(first))) > 1
        of_name = np.searchsorted(named, first, side="right") - 1
        remarks |= np.where(several[of_name], ONE_OF_SEVERAL, 0).astype(np.uint8)
        yield Batch(points.select(ids).take(pa.array(first)), bands, touched, remarks,
                    columns.remark)
    together = np.concatenate(keys) if keys else np.empty(0, np.uint64)
    if len(np.unique(together)) < len(together):
        raise NotSpectra("has spectra whose rows do not follow each other; sort it by "
                         f"{', '.join(ids)}")


def _whole_spectra(
    table: TableFile, ids: Sequence[str], wavelength: str, value: str
) -> Iterator[pa.Table]:
    """Go through the rows in batches that end where a spectrum ends."""
    rest: pa.Table | None = None
    for batch in table.batches([wavelength, value], ids):
        joined = batch if rest is None else pa.concat_tables([rest, batch])
        last = int(_starts(joined, ids)[-1]) if len(joined) else 0
        if len(joined) - last > MAX_POINTS:
            raise NotSpectra(f"has a spectrum of more than {MAX_POINTS:,} points; a column such "
                             "as name should say where the next one begins")
        rest = joined.slice(last)
        if last:
            yield joined.slice(0, last)
    if rest is not None and len(rest):
        yield rest


def _hashes(table: pa.Table, ids: Sequence[str]) -> npt.NDArray[np.uint64]:
    frame = table.select(ids).to_pandas()
    return pd.util.hash_pandas_object(frame, index=False, categorize=False).to_numpy()


def _starts(points: pa.Table, ids: Sequence[str]) -> npt.NDArray[np.int64]:
    """Row numbers at which a name begins."""
    if not ids:
        return np.zeros(1, np.int64)
    key = _hashes(points, ids)
    return np.append(0, np.flatnonzero(key[1:] != key[:-1]) + 1)


def _with_restarts(
    nm: npt.NDArray[np.float64], measured: npt.NDArray[np.bool_], named: npt.NDArray[np.int64]
) -> npt.NDArray[np.int64]:
    """Row numbers at which a spectrum begins: names, and second passes under one name."""
    step = np.diff(nm, prepend=np.nan)
    step[named] = np.nan
    back, forth = (np.add.reduceat(sign, named) for sign in (step < 0, step > 0))
    starts = [named]
    for i in np.flatnonzero((back > 0) & (forth > 0)):
        begin, end = named[i], named[i + 1] if i + 1 < len(named) else len(nm)
        turn = (step[begin:end] > 0) if back[i] > forth[i] else (step[begin:end] < 0)
        way = np.sign(step[begin:end])
        to_and_fro = np.append([False, False], way[2:] * way[1:-1] < 0)
        own = np.where(measured, nm, np.nan)[begin:end]
        for at in (turn, to_and_fro):
            parts = np.append(np.append(0, np.flatnonzero(at)), end - begin)
            passes = [own[a:b][np.isfinite(own[a:b])]
                      for a, b in zip(parts[:-1], parts[1:], strict=True)]
            if all(_beside(a, b) for a, b in zip(passes[:-1], passes[1:], strict=True)):
                starts.append(begin + parts[1:-1])
                break
    return np.sort(np.concatenate(starts))


def _beside(one: npt.NDArray[np.float64], other: npt.NDArray[np.float64]) -> bool:
    """Whether two passes go through the same wavelengths, and not only meet at their ends."""
    if min(len(one), len(other)) < LEAST_POINTS:
        return False
    low, high = max(one.min(), other.min()), min(one.max(), other.max())
    return high - low > 0.5 * min(np.ptp(one), np.ptp(other)) and all(
        ((nm >= low) & (nm <= high)).sum() >= LEAST_POINTS for nm in (one, other))


def _resampled(
    nm: npt.NDArray[np.float64], reflectance: npt.NDArray[np.float64],
    first: npt.NDArray[np.int64], bands_nm: Sequence[int], width_nm: float,
) -> tuple[npt.NDArray[np.floating], npt.NDArray[np.bool_], npt.NDArray[np.uint8]]:
    """Resample one spectrum after the other; those on the same grid together."""
    spectra = len(first)
    remarks = np.zeros(spectra, np.uint8)
    out = np.full((spectra, len(bands_nm)), np.nan)
    touched = np.zeros(out.shape, bool)
    which = np.repeat(np.arange(spectra), np.diff(np.append(first, len(nm))))
    there = np.isfinite(nm) & (nm > 0)
    remarks[which[~there]] |= NO_WAVELENGTH
    order = np.flatnonzero(there)[np.lexsort((nm[there], which[there]))]
    nm, reflectance, which = nm[order], reflectance[order], which[order]
    again = np.zeros(len(nm), bool)
    again[1:] = (np.diff(nm) < SAME_NM) & (which[1:] == which[:-1])
    if again.any():
        nm, reflectance, which = _averaged(nm, reflectance, which, again, remarks)
    first = np.searchsorted(which, np.arange(spectra))
    length = np.diff(np.append(first, len(nm)))
    for points in np.unique(length[length > 0]):
        rows = np.flatnonzero(length == points)
        at = first[rows, None] + np.arange(points)
        grids, same = np.unique(nm[at], axis=0, return_inverse=True)
        for i, grid in enumerate(grids):
            here = same.ravel() == i
            out[rows[here]], touched[rows[here]] = to_bands(
                grid, reflectance[at[here]], bands_nm, width_nm)
    out[remarks & SEVERAL > 0] = np.nan
    return out, touched, remarks


def _averaged(
    nm: npt.NDArray[np.float64], reflectance: npt.NDArray[np.float64],
    which: npt.NDArray[np.int64], again: npt.NDArray[np.bool_], remarks: npt.NDArray[np.uint8],
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """Put the mean where one wavelength has several values; mark spectra that have many such."""
    remarks[which[again]] |= AVERAGED
    twice, all_of = (np.bincount(w, minlength=len(remarks)) for w in (which[again], which))
    remarks[(twice * 3 > all_of)] |= SEVERAL
    heads = np.flatnonzero(~again)
    marked = np.where(reflectance > 0, reflectance, np.nan)  # a mark beside a value is no value
    known = np.isfinite(marked)
    total = np.add.reduceat(np.where(known, marked, 0.0), heads)
    count = np.add.reduceat(known.astype(float), heads)
    mean = np.where(count > 0, total / np.maximum(count, 1), reflectance[heads])
    low, high = np.fmin.reduceat(marked, heads), np.fmax.reduceat(marked, heads)
    mean[high > CONTRADICTION * low] = -1.0  # as surveys mark what was not measured
    return nm[heads], mean, which[heads]
