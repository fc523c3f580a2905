"""Which columns of a table hold spectra: usual names first, then plausible values, else an error.

Wide: a row per spectrum, a column per wavelength. Long: a row per point, and columns that name the
spectrum. Side by side: a column of wavelengths and one per spectrum. Arrays: a spectrum per cell.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from astropy import units as u

from asteroid_taxonomy.console import one_line

Floats = npt.NDArray[np.float64]
_numeric = pd.api.types.is_any_real_numeric_dtype


class NotSpectra(Exception):
    """What is wrong with a file, to follow the file's name."""


@dataclass(frozen=True)
class Table:
    """A table; `header`: it names its columns; `sure`: no text suggests another quantity."""

    frame: pd.DataFrame
    units: dict[str, str] = field(default_factory=dict)
    header: bool = True
    note: str = ""
    sure: bool = True


class Spectra(NamedTuple):
    """Points of n spectra: `names` [n] has the columns that name them, `spectrum` its rows."""

    names: pd.DataFrame
    spectrum: npt.NDArray[np.int64]
    nm: Floats
    reflectance: Floats
    notes: list[str]
    guessed: npt.NDArray[np.bool_] | bool = False  # [n], whether it may be another quantity


SPELLINGS = {word: unit for unit, words in {
    "nm": "nm nanometer nanometre nanometers nanometres",
    "um": "um µm μm micron microns micrometer micrometre micrometers micrometres mum mu",
    "angstrom": "a aa å ang angs angstrom angstroms ångström 0.1nm",
    "m": "m meter metre"}.items() for word in words.split()}
IN_NM = {"nm": 1.0, "um": 1000.0, "angstrom": 0.1, "m": 1e9}
# median of a spectrum's wavelengths, for visible and near-infrared spectra: these do not overlap
USUAL = {"um": (0.3, 5.0), "nm": (300.0, 2900.0), "angstrom": (3000.0, 50000.0)}
LEAST_NM, LONGEST_NM = 50, 100_000  # of the shortest (but for strays) and median wavelength
WAVELENGTH = set("wavelength wavelengths wave wavelen lambda wl wvl wlen lam wav wavel w λ "
                 "spectralaxis wavelengthair wavelengthvac".split())
IDS = set("sourceid number numbermp name denomination designation object target targetname "
          "asteroid spectrum id file filename desig body date night epoch obs obsdate observation "
          "jd mjd run telescope instrument session visit reference source".split())
ERRORS = set("err error errors sigma sig std stddev stdev sd unc uncertainty snr flag flags var "
             "variance rms dr drefl width dev quality num imgs images weight counts fwhm".split())
REFLECTANCE = set("refl reflec reflect reflectance reflectances reflectivity".split())
BESIDE = set("relative rel normalised normalized norm scaled spectral spectrum mean average value "
             "factor at to unitless".split())
# in the name of a spectrum or an extension: errors, another quantity, or a solar analogue
OTHER = (r"(?i)^(?:dr|sd|stat)$|^hd.?\d{4}|^(?:sa|l).?\d+-\d|hyades|16.?cyg|(?<![a-z])(?:e|errs?|"
         r"errors?|sigma|unc|uncert\w*|std|rms|noise|snr|mags?|magnitudes?|flux|sun|solar|sky|star|"
         r"raw|continuum)(?![a-z])")
_UNITS = "|".join(sorted((re.escape(s) for s in SPELLINGS if s != "mu"), key=len, reverse=True))
WIDE = re.compile(rf"(?P<of>reflectance|refl|ref|r|wavelength|wave|w|band|b|)[\s_]*"
                  rf"(?P<value>\d+([.,]\d+)?)([\s_\[(]*(?P<unit>{_UNITS})[\])]?)?")
FLUX = re.compile(r"(?i)\blog\b|dex|erg|jy|jansky|w/|watt|photon|electron|adu|count|flux|dn\b|mag")
LEAST_POINTS = 4  # of a spectrum that is distinguished from another one
# median of the values: of a normalised reflectance; of any other; of what may be no reflectance
AROUND_1, ANY_SCALE, NO_SCALE = (0.2, 5.0), (0.0, np.inf), (np.inf, np.inf)
GUESSED = 'to confirm, use the header "wavelength reflectance", and "name" for several spectra'
EXPECTED = "expected columns wavelength and reflectance, or one per wavelength (374, R_0.55um ...)"


class Role(NamedTuple):
    """What a column holds: id, wavelength, reflectance, wide, bare, error or unknown."""

    kind: str
    unit: str = ""  # of the wavelengths, as the name says it
    value: float = 0.0  # the wavelength of a wide column


def role(name: str) -> Role:
    """What a column holds, by its name; a reflectance has no words but REFLECTANCE and BESIDE."""
    lowered = name.strip().lower()[:100]
    if match := WIDE.fullmatch(lowered):
        return Role("wide" if match["of"].startswith("r") else "bare",
                    SPELLINGS.get(match["unit"] or "", ""),
                    float(match["value"].replace(",", ".")))
    words = re.findall(r"[^\W\d_]+|[\d.]+", lowered)
    if "".join(words) in IDS or words and all(w in IDS for w in words):
        return Role("id")
    unit, stem = "", list(words)
    while stem and stem[-1] in SPELLINGS and (len(stem) > 1 or len(stem[0]) > 1):
        unit = SPELLINGS[stem.pop()]
    if "".join(stem).rstrip(".0123456789") in WAVELENGTH or not stem and unit and unit != "m":
        return Role("wavelength", unit)
    if words[:1] == ["e"] and len(words) > 1 or any(w in ERRORS or "refl" in lowered and re.search(
            "err|unc|sig|std|dev|noise", w) for w in words):
        return Role("error")
    rest = {w for i, w in enumerate(words)  # 1/reflectance is none
            if w not in SPELLINGS and (w[0].isalpha() or not i)} - BESIDE
    return Role("reflectance" if rest and rest <= REFLECTANCE and not set(name) & set("^*+=±")
                else "unknown")


def usual_unit(wavelengths: Any) -> str | None:
    """The unit in which these would be the wavelengths of a spectrum; None where in doubt."""
    middle = float(np.median(wavelengths)) if np.size(wavelengths) else 0.0
    return next((unit for unit, (low, high) in USUAL.items() if low <= middle <= high), None)


def factor_to_nm(wavelengths: Any, found: Iterable[str], unit: str | None) -> float:
    """Nanometres per unit of `wavelengths`: `unit`, the one found in a file, or the usual one."""
    texts = [str(unit)] if unit is not None else map(str.strip, found)
    known = {SPELLINGS.get(text.lower(), text) for text in texts if text}
    values = _positive(pd.Series(np.ravel(wavelengths), dtype=float))
    name = ", ".join(sorted(known))[:40] or usual_unit(values) or "of an unknown unit"
    try:
        factor = IN_NM.get(name) or float(u.Unit(name).to(u.nm))
    except (ValueError, u.UnitConversionError):
        factor = 0.0
    least, low, middle, high = np.quantile(values if len(values) else np.nan, (0, 0.03, 0.5, 1))
    pixels = least == 1 and np.array_equal(np.sort(values), np.arange(len(values)) + 1)
    if pixels or not LEAST_NM <= low * factor <= middle * factor <= LONGEST_NM:
        raise NotSpectra(f"has wavelengths from {least:g} to {high:g} {name}, which is not a "
                         "reflectance spectrum; set --unit (Python: unit=) to nm, um or angstrom")
    return factor


def refuse_flux(name: str, unit: str) -> None:
    """Refuse a column whose unit is that of a flux, not of a reflectance."""
    unit = unit.strip() or "".join(re.findall(r"[(\[]([^()\[\]]*)[)\]]$", name.strip()))
    parsed = u.Unit("" if unit[:1].isdigit() else unit, parse_strict="silent")  # at 0.55um
    if FLUX.search(unit) or parsed.physical_type not in ("dimensionless", "unknown"):
        raise NotSpectra(f"has {unit[:40]} for the unit of {name[:50]!r}: that is a "
                         "flux, not a reflectance; divide it by the spectrum of a solar analogue")


def find_spectra(table: Table, unit: str | None) -> Spectra:
    """Find the spectra in a table; NotSpectra where there are none, or in case of doubt."""
    frame, roles = table.frame, {name: role(name) for name in table.frame}
    if not len(frame):
        raise NotSpectra("has a header and no rows; there is nothing to classify")
    if arrays := [n for n in frame if frame[n].dtype == object and frame[n].map(np.ndim).any()]:
        return _of_arrays(table, arrays, unit)
    if not table.header:
        return _by_position(table, unit)
    wide = {n: r for n, r in roles.items() if r.kind in ("wide", "bare")}
    wavelengths = [n for n, r in roles.items() if r.kind == "wavelength" and _numeric(frame[n])]
    if len(wavelengths) > 1:
        raise NotSpectra(f"has the columns {_listed(wavelengths)}, each of which could be the "
                         "wavelength; leave one")
    if wavelengths and (len(wide) <= LEAST_POINTS or usual_unit(_positive(frame[wavelengths[0]]))):
        return _long(table, roles, wavelengths[0], unit)
    if len(wide) >= 2:
        return _wide(table, wide, unit)
    raise NotSpectra(f"has the columns {_listed(frame)}; {EXPECTED}")


def _wide(table: Table, wide: dict[str, Role], unit: str | None) -> Spectra:
    frame, names, n = table.frame, list(wide), len(table.frame)
    grid = np.array([r.value for r in wide.values()])
    grid = grid * factor_to_nm(grid, {r.unit for r in wide.values()}, unit)
    ids = [c for c in frame if role(c).kind == "id"] or [
        c for c in frame if c not in wide and not _numeric(frame[c])]
    bare = any(r.kind == "bare" for r in wide.values())
    others = [c for c in frame if role(c).kind in ("unknown", "wavelength") and _numeric(frame[c])]
    for name in names:
        refuse_flux(name, table.units.get(name, ""))
    twice = np.diff(np.sort(grid)).min() < 0.5  # pandas calls a second column 374.1
    if twice or bare and (others and not ids or len(np.unique(np.sign(np.diff(grid)))) > 1):
        raise NotSpectra(f"has the columns {_listed(others[:1] + names)}, not clearly one for "
                         "each wavelength, in order; call them reflectance_374 and so on")
    if bare and not ids and 1 < n <= LEAST_POINTS:
        raise NotSpectra("has rows that could be reflectances and errors of one spectrum; save a "
                         "row for each point, with a header")
    return _checked(Spectra(frame[ids], np.repeat(np.arange(n), len(grid)), np.tile(grid, n),
                            _numbers(frame, names).ravel(), [""] * n),
                    ANY_SCALE if not bare else AROUND_1 if table.sure else NO_SCALE)


def _long(table: Table, roles: dict[str, Role], wavelength: str, unit: str | None) -> Spectra:
    frame = table.frame
    ids = _naming(frame, [n for n, r in roles.items() if r.kind == "id" or r.kind == "unknown"
                          and not _numeric(frame[n]) and frame[n].nunique() > 1], wavelength)
    to_nm = factor_to_nm(frame[wavelength], {roles[wavelength].unit,
                                             table.units.get(wavelength, "")}, unit)
    named = [n for n, r in roles.items() if r.kind == "reflectance"]
    for name in named or [n for n in frame if "flux" in n.lower()]:
        refuse_flux(name, table.units.get(name, ""))
    values = named or [n for n, r in roles.items() if n not in ids and _around_1(frame[n])
                       and r.kind in ("unknown", "wide", "bare")]
    if not values or ids and len(values) > 1:
        raise NotSpectra(f"has {'more than one' if values else 'no'} column that could be the "
                         f"reflectance among {_listed(frame)}; call one reflectance")
    scale, note = (ANY_SCALE, "") if named else (
        NO_SCALE, f"reflectance taken from {_listed(values)}")
    if len(values) > 1:  # a spectrum each
        ids, values, frame = ["name"], [""], frame.melt([wavelength], values, "name", "")
    return _points(frame, ids, wavelength, values[0], to_nm, note, scale)


def _by_position(table: Table, unit: str | None) -> Spectra:
    """Spectra of a table without a header."""
    frame = table.frame
    numbers = [n for n in frame if len(_positive(frame[n]))]
    if len(numbers) < 2:
        raise NotSpectra(f"has no header and fewer than two columns of numbers; {EXPECTED}")
    wavelength, *others = numbers
    others = [n for n in others if (frame[n] % 1 > 0).any() and frame[n].nunique() > 1] or others
    middle = [float(np.median(_positive(frame[n]))) for n in others]
    around_1 = [_around_1(frame[n]) for n in others]
    at = 0
    if len(others) > 1 and around_1[1] and not around_1[0]:  # a band width may come before
        few = len(np.unique(_positive(frame[others[0]]))) <= max(2, len(frame) / 2)
        at = int(few or len(others) > 2 and middle[2] < middle[1] / 2)
    value, rest = others[at], np.array(middle[at + 1:]) / middle[at]
    # an error is smaller than its reflectance, counts are far greater, wavelengths are sorted
    if len(rest) > 2 or ((rest >= 0.5) & (rest < 200)).any() or not around_1[at] and any(
            around_1) or len(rest) and len(set(np.sign(np.diff(frame[value])))) == 1:
        raise NotSpectra(f"has no header, and its columns {', '.join(others[:4])} could be "
                         "reflectances or errors; begin it with: wavelength reflectance error")
    ids = _naming(frame, [n for n in frame if not _numeric(frame[n])], wavelength)
    to_nm = factor_to_nm(frame[wavelength], [table.units.get(wavelength, "")], unit)
    return _points(frame, ids, wavelength, value, to_nm,
                   f"no header: {value} was used as the reflectance",
                   AROUND_1 if table.sure else NO_SCALE)


def _naming(frame: pd.DataFrame, texts: list[str], nm: str) -> list[str]:
    """Which columns of `texts` name spectra; with fewer wavelengths for each they name points."""
    return [n for n in texts
            if frame.groupby(n, observed=True)[nm].nunique().median() >= LEAST_POINTS]


def _points(frame: pd.DataFrame, ids: list[str], wavelength: str, value: str, to_nm: float,
            note: str, scale: tuple[float, float]) -> Spectra:
    """Points of a long table: a spectrum for each name, and for each pass under one name."""
    codes = frame.groupby(ids, sort=False, dropna=False, observed=True).ngroup().to_numpy() \
        if ids else np.zeros(len(frame), np.int64)
    order = np.argsort(codes, kind="stable")
    nm, reflectance = _numbers(frame, [wavelength, value])[order].T
    starts, notes = [], []
    for begin, end in pairwise([*np.flatnonzero(np.diff(codes[order], prepend=-1)), len(nm)]):
        passes = _passes(np.where(reflectance[begin:end] > 0, nm[begin:end], np.nan))
        starts += [begin, *(begin + passes)]
        several = "one of several spectra under this name" * bool(len(passes))
        notes += [join(note, several)] * (len(passes) + 1)
    spectrum = np.repeat(np.arange(len(starts)), np.diff([*starts, len(nm)]))
    return _checked(Spectra(frame[ids].iloc[order[starts]].reset_index(drop=True), spectrum,
                            nm * to_nm, reflectance, notes), scale)


def _checked(spectra: Spectra, scale: tuple[float, float]) -> Spectra:
    """Say which spectra may be another quantity: by their name, or a median beyond `scale`."""
    values = pd.Series(np.where(spectra.reflectance > 0, spectra.reflectance, np.nan))
    median = values.groupby(spectra.spectrum).median().reindex(range(len(spectra.notes)))
    other = [spectra.names[name].astype("str").str.contains(OTHER) for name in spectra.names]
    guessed = np.logical_or.reduce([median < scale[0], median > scale[1], *other])
    notes = [join(n, GUESSED * g) for n, g in zip(spectra.notes, guessed.tolist(), strict=True)]
    return spectra._replace(notes=notes, guessed=guessed)


def _passes(nm: Floats) -> npt.NDArray[np.int64]:
    """Where a second pass through the same wavelengths begins; nm is NaN where not measured."""
    there = np.flatnonzero(np.isfinite(nm))
    way = np.sign(np.diff(nm[there]))
    turns = np.flatnonzero(way == (-1 if way.sum() > 0 else 1)) + 1
    if len(there) < LEAST_POINTS * (len(turns) + 1):  # in no order
        turns = turns[:0]
    now, *others = np.split(nm[there], turns)
    begin: list[int] = []
    for turn, part in zip(there[turns], others, strict=True):
        low, high = max(now.min(), part.min()), min(now.max(), part.max())
        inside = [((each >= low) & (each <= high)).sum() for each in (now, part)]
        if min(inside) >= LEAST_POINTS and high - low >= 0.5 * min(np.ptp(now), np.ptp(part)):
            begin, now = [*begin, turn], part
        else:  # they only meet at their ends
            now = np.concatenate([now, part])
    return np.array(begin, np.int64)


def _of_arrays(table: Table, arrays: list[str], unit: str | None) -> Spectra:
    """Spectra of a table with one in each row, its points in arrays."""
    frame, n = table.frame, len(table.frame)
    size = {name: [np.size(cell) for cell in frame[name]] for name in arrays}
    found = [name for kind in ("wavelength", "reflectance") for name in arrays
             if role(name).kind == kind]
    if [role(name).kind for name in found] != ["wavelength", "reflectance"] or (
            size[found[0]] != size[found[1]]):
        raise NotSpectra(f"has arrays in its columns {_listed(arrays)}; expected one called "
                         "wavelength and one called reflectance, of the same length in each row")
    nm, reflectance = (np.concatenate([np.ravel(cell).astype(float) for cell in frame[name]])
                       for name in found)
    refuse_flux(found[1], table.units.get(found[1], ""))
    nm *= factor_to_nm(nm, {role(found[0]).unit, table.units.get(found[0], "")}, unit)
    names = [c for c in frame if c not in arrays and (
        role(c).kind == "id" or not _numeric(frame[c]))]
    return _checked(Spectra(frame[names], np.repeat(np.arange(n), size[found[0]]), nm, reflectance,
                            [""] * n), ANY_SCALE)


def _numbers(frame: pd.DataFrame, names: list[str]) -> Floats:
    """Columns of numbers, [rows, columns]."""
    if texts := [name for name in names if not _numeric(frame[name])]:
        raise NotSpectra(f"has text in its column {texts[0][:60]!r}, expected numbers; correct it")
    return frame[names].to_numpy(float)


def _positive(column: pd.Series) -> Floats:
    values = column.to_numpy(float) if _numeric(column) else np.empty(0)
    return values[np.isfinite(values) & (values > 0)]


def _around_1(column: pd.Series) -> bool:
    values = _positive(column)
    return len(np.unique(values)) > 2 and AROUND_1[0] <= float(np.median(values)) <= AROUND_1[1]


def join(*notes: str) -> str:
    """Join notes, but for empty ones."""
    return one_line("; ".join(note for note in notes if note))


def _listed(names: Iterable[str]) -> str:
    return one_line(", ".join(map(str, names)), 80)
