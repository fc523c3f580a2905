"""Which columns of a table hold the spectra: usual names first, then plausible values, else ask.

Wide: one row per spectrum, one column per wavelength (374, reflectance_550, R_0.55um ...). Long:
one row per point, a column of wavelengths and one of reflectances, and columns that name the
spectrum (none: the file is one spectrum). Side by side: one column per spectrum. Without a header:
wavelength, reflectance, error, or wavelength, band width, reflectance, error.
"""

import re
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pandas as pd

from asteroid_taxonomy.own_spectra.tables import TableFile, refuse_lists
from asteroid_taxonomy.own_spectra.units import NotSpectra, Role, factor_to_nm, role, usual_unit

LEAST_POINTS = 4  # of a spectrum that a column of text sets apart
FINE_NM = 5  # wide tables have no finer grid: pandas' 374.1 is no wavelength beside 374 and 418
PLAUSIBLE = (0.2, 5.0)  # the median of a reflectance that is around 1
EXPECTED = ("expected a column of wavelengths and one called reflectance, or one column per "
            "wavelength (374, reflectance_550, R_0.55um ...); rename them")


@dataclass(frozen=True)
class Columns:
    """Where the spectra are.

    ids : columns that name them; values : of reflectances, several in a wide table or side by
    side; wavelength : column of wavelengths (None: wide); grid : wavelengths of a wide table's
    values, nm, ascending; to_nm : factor for the column of wavelengths; remark : what is to be
    said of the choice.
    """

    ids: list[str]
    values: list[str]
    to_nm: float
    wavelength: str | None = None
    grid: npt.NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    remark: str | None = None


def find_columns(table: TableFile, unit: str | None) -> Columns:
    """Tell which columns hold the spectra.

    Raises
    ------
    NotSpectra
        None do, several may, or their wavelengths leave the unit open.
    """
    if not table.header:
        return _by_position(table, unit)
    roles = {name: role(name) for name in table.names}
    lists = [n for n, r in roles.items()
             if r.kind in ("wavelength", "reflectance") and n not in table.sample]
    if len(lists) > 1:
        refuse_lists(lists)
    ids = [n for n, r in roles.items() if r.kind in ("id", "night")]
    long = [n for n, r in roles.items() if r.kind == "wavelength" and n in table.sample]
    wide = {n: r for n, r in roles.items() if r.kind == "wide"}
    named = any(r.kind == "reflectance" for r in roles.values())
    if len(long) == 1 and (named or len(wide) < 5):
        return _long(table, roles, ids, long[0], unit)
    if len(wide) >= 2:
        return _wide(table, wide, ids, unit)
    listed = ", ".join(table.names[:8]) + (" ..." if len(table.names) > 8 else "")
    if len(long) > 1:
        raise NotSpectra(f"has the columns {' and '.join(long)}, each of which could be the "
                         "wavelength; leave one")
    raise NotSpectra(f"has the columns {listed}; {EXPECTED}")


def _number(table: TableFile, name: str) -> npt.NDArray[np.float64]:
    """The first rows of a column; empty where it does not hold numbers."""
    if name not in table.sample or not pd.api.types.is_numeric_dtype(table.sample[name]):
        return np.empty(0)
    return table.sample[name].to_numpy(float, na_value=np.nan)


def _plausible(table: TableFile, name: str) -> bool:
    values = _number(table, name)
    values = values[np.isfinite(values) & (values > 0)]
    return len(values) > 0 and PLAUSIBLE[0] <= float(np.median(values)) <= PLAUSIBLE[1]


def _varies(table: TableFile, name: str) -> bool:
    return len(np.unique(_number(table, name))) > 2


def _wide(
    table: TableFile, wide: dict[str, Role], ids: list[str], unit: str | None
) -> Columns:
    # pandas renames the second column of a name to 374.1: an error, or another spectrum
    again = {n for n in wide if (m := re.fullmatch(r"(.+)\.[1-9]", n)) and m[1] in wide}
    remark = None
    base = [r.value for n, r in wide.items() if n not in again]
    coarse = len(base) > 1 and float(np.median(np.abs(np.diff(np.sort(base))))) >= FINE_NM
    if again and (coarse or len(again) * 2 == len(wide)):
        remark = "columns such as " + min(sorted(again), key=len) + " were left out"
        wide = {n: r for n, r in wide.items() if n not in again}
    exact = {n: r for n, r in wide.items() if r.exact}
    chosen = exact if len(exact) >= 2 else wide
    said = {r.unit for r in chosen.values()}
    if len(said) > 1:
        raise NotSpectra("has wavelengths with several units in its columns' names; use one")
    wavelengths = np.array([r.value for r in chosen.values()])
    factor = factor_to_nm(wavelengths, said, unit)
    order = np.argsort(wavelengths, kind="stable")
    grid, names = wavelengths[order] * factor, [list(chosen)[i] for i in order]
    same = np.flatnonzero(np.diff(grid) < 0.01)
    if len(same):
        raise NotSpectra(f"has two columns for one wavelength, {names[same[0]]!r} and "
                         f"{names[same[0] + 1]!r}; leave one out")
    return Columns(ids, names, factor, grid=grid, remark=remark)


def _counts_rows(table: TableFile, name: str, wavelength: str) -> bool:
    """Whether an identifier has another value on each row, which names points and not spectra.

    It may begin again with each spectrum, where the wavelength turns back.
    """
    values = table.sample[name] if name in table.sample else pd.Series()
    if len(values) < 2 or values.isna().any():
        return False
    if values.is_unique:
        return True
    turns = np.sign(np.diff(_number(table, wavelength)))
    step = np.diff(_number(table, name)) if len(_number(table, name)) else np.zeros(len(turns))
    return bool((step == 1).mean() > 0.5 and turns[0]
                and (turns == np.where(step == 1, turns[0], -turns[0])).all())


def _sets_apart(table: TableFile, name: str, ids: list[str], wavelength: str) -> bool:
    """Whether a column of text, whatever its name, has a value for each of several spectra."""
    if name not in table.sample or len(_number(table, name)) or table.sample[name].isna().any():
        return False
    keys = [table.sample[n] for n in (*ids, name) if n in table.sample]
    nm = pd.Series(_number(table, wavelength)).groupby(keys)
    if nm.ngroups < 2 or nm.ngroups == (table.sample.groupby(ids).ngroups if ids else 1) \
            or nm.count().min() < LEAST_POINTS:
        return False
    low, high = nm.min(), nm.max()
    return float(high.min() - low.max()) > 0.5 * float((high - low).min())


def _long(
    table: TableFile, roles: dict[str, Role], ids: list[str], wavelength: str, unit: str | None
) -> Columns:
    ids = [name for name in ids if not _counts_rows(table, name, wavelength)]
    ids += [n for n, r in roles.items()
            if r.kind == "unknown" and _sets_apart(table, n, ids, wavelength)]
    nm = _number(table, wavelength)
    nm = nm[np.isfinite(nm) & (nm > 0)]
    if not len(nm) and len(table.sample):
        raise NotSpectra(f"has no number above 0 in its column {wavelength}; correct it")
    to_nm = factor_to_nm(nm, {roles[wavelength].unit, table.units.get(wavelength, "")}, unit) \
        if len(nm) else 1.0
    exact = [n for n, r in roles.items() if r.kind == "reflectance" and r.exact]
    other = [n for n, r in roles.items() if r.kind == "reflectance" and not r.exact
             and (_varies(table, n) or len(table.sample) < 3)]  # ref may number a reference
    for candidates in (exact, other):
        if len(candidates) > 1:
            candidates = [n for n in candidates if _plausible(table, n)]
        if len(candidates) == 1:
            return Columns(ids, candidates, to_nm, wavelength)
        if candidates:
            raise NotSpectra(f"has the columns {' and '.join(candidates[:5])}, each of which "
                             "could be the reflectance; leave one, or call it reflectance")
        if exact:
            break
    beside = [n for n, r in roles.items() if r.kind == "unknown" and _plausible(table, n)
              and _varies(table, n)]
    apart = [n for n, r in roles.items() if r.kind in ("other", "wide") and len(_number(table, n))]
    if beside and not apart and not ids and len(beside) > 1:
        return Columns([], beside, to_nm, wavelength)
    if len(beside) == 1 and not apart:
        return Columns(ids, beside, to_nm, wavelength,
                       remark=f"the column {beside[0]!r} was taken for the reflectance")
    unsure = [*beside, *apart]
    if unsure:
        raise NotSpectra(f"has no column called reflectance, and {' and '.join(unsure[:5])} may "
                         "be something else; call the one that is reflectance so")
    listed = ", ".join(table.names[:8])
    raise NotSpectra(f"has the columns {listed}; {EXPECTED}")


def _by_position(table: TableFile, unit: str | None) -> Columns:
    """Columns of a table without a header."""
    ids = [n for n in table.names if not len(_number(table, n)) and n in table.sample
           and table.sample[n].notna().any()]
    numbers: list[str] = [n for n in table.names if np.isfinite(_number(table, n)).any()]
    first = _number(table, numbers[0]) if numbers else np.empty(0)
    if len(numbers) > 2 and np.array_equal(np.diff(first), np.ones(len(first) - 1)) and \
            usual_unit(_number(table, numbers[1])) and first[0] in (0, 1):
        numbers = numbers[1:]  # a number for each row
    if len(numbers) < 2:
        raise NotSpectra("has no header and fewer than two columns of numbers; expected "
                         "wavelength and reflectance")
    wavelength, second, *more = numbers
    nm = _number(table, wavelength)
    to_nm = factor_to_nm(nm[np.isfinite(nm) & (nm > 0)], {table.units.get(wavelength, "")}, unit)
    value = second
    if more and not (_plausible(table, second) and _varies(table, second)) \
            and _plausible(table, more[0]) and _varies(table, more[0]):
        if not _is_width(table, second, more):
            raise NotSpectra("has no header, and its second and third columns of numbers could "
                             "each be the reflectance; begin it with a line such as wavelength "
                             "reflectance error")
        value = more[0]
    return Columns(ids, [value], to_nm, wavelength)


def _is_width(table: TableFile, name: str, more: list[str]) -> bool:
    """Whether a column of a few values, or one before a reflectance and its error, is a width.

    A reflectance in percent or an albedo, which is not around 1 either, has many values.
    """
    values = _number(table, name)
    if len(np.unique(values)) <= max(2, len(values) / 2):
        return True
    reflectance, error = (_number(table, n) for n in (*more, name)[:2])
    return len(more) > 1 and float(np.nanmedian(error)) < float(np.nanmedian(reflectance)) / 2
