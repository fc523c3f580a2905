"""Spectra in text: how the columns are set apart, and where they begin, is told from the lines.

pandas reads the rows (rows.py). What its sniffer, astropy.io.ascii's guessing and specutils do
not do, and this does by hand, is to find where they begin: prose before the data, a header in a
comment, VizieR's rows of units and dashes, no header at all, decimal commas beside any of these.
"""

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from asteroid_taxonomy.own_spectra.units import SPELLINGS, NotSpectra, role, usual_unit

SNIFFED_LINES = 2000
MAX_COLUMNS = 10_000
LEAST_WIDE = 5  # numbers in a line that are taken for wavelengths which name columns
NULLS = ["", "nan", "NaN", "NAN", "null", "NULL", "None", "NA", "N/A", "-", "--", "---", "...",
         "INDEF", "*", "?"]
# Field separator (None: blanks) and decimal sign; where several fit as well, the first is it
FORMS = (("\t", "."), (";", "."), (",", "."), ("|", "."), (None, "."),
         ("\t", ","), (";", ","), ("|", ","), (None, ","),
         (",", ","))  # "0,374","0,62"
# Fortran writes 1.23D-01 for 0.123; both signs in one file are refused where the rows are read
NUMBER = {sign: re.compile(rf"[-+]?(\d+[{sign}]?\d*|[{sign}]\d+)([eEdD][-+]?\d+)?")
          for sign in (".", ",", ".,")}
_COMMENT = re.compile(r"^\s*(#|!|;|//|%)+")


@dataclass(frozen=True)
class Layout:
    """Where the rows begin and how their fields are set apart.

    names : of the columns; `header` says whether the file names them; units : by column, as the
    file writes them; rows_at : lines before the first row; separator : None is blanks; comment :
    sign with which lines among the rows begin that are none.
    """

    names: list[str]
    header: bool
    units: dict[str, str]
    rows_at: int
    separator: str | None
    decimal: str
    comment: str | None


def sniff(lines: Sequence[str]) -> Layout:
    """Tell the layout from the first lines of a file.

    Raises
    ------
    NotSpectra
        No two lines of numbers beneath each other, or more than MAX_COLUMNS columns.
    """
    lines = [line.rstrip("\r\n") for line in lines[:SNIFFED_LINES]]
    separator, decimal, width = _form(lines)
    if width > MAX_COLUMNS:
        raise NotSpectra(f"has {width:,} columns and at most {MAX_COLUMNS:,} are read")
    fields = [_split(line, separator) for line in lines]
    number = NUMBER[decimal]
    kind = ["between" if not line.strip() or _is_comment(line, separator) else
            "row" if _is_row(f, number) and abs(len(f) - width) <= 2 else
            "between" if len(f) == width and any(map(NUMBER[".,"].fullmatch, f)) else "other"
            for f, line in zip(fields, lines, strict=True)]
    runs, at = [], 0
    for other, run in groupby(kind, key=lambda k: k == "other"):
        length = len(list(run))
        rows = [i for i in range(at, at + length) if kind[i] == "row"]
        at += length
        if not other and rows:
            runs.append(rows)
    rows = max(runs, key=len)
    first = rows[0]
    header_at = _header_line(lines, first, separator, number)
    if header_at == first:
        first = rows[1] if len(rows) > 1 else first + 1
    while (-1 if header_at is None else header_at) < first - 1 and _is_unmeasured(
            fields[first - 1], width):
        first -= 1
    width = max([len(fields[i]) for i in rows if i >= first] or [width])
    names: list[str] = []
    units: dict[str, str] = {}
    if header_at is not None:
        names = _names(lines[header_at], separator, width)
        for i in range(header_at + 1, first):  # a row of units
            below = zip(names, _split(lines[i], separator), strict=False)
            units |= {n: u for n, unit in below if (u := unit.strip("()[]").lower()) in SPELLINGS}
    for i in range(len(names), width):
        names.append(f"column {i + 1}")
    names = [name or f"column {i + 1}" for i, name in enumerate(names)]
    signs = {m[1][0] for i in range(first, len(lines))
             if kind[i] == "between" and (m := _COMMENT.match(lines[i]))}
    return Layout(names, header_at is not None, units, first, separator, decimal,
                  min(signs) if signs else None)


def _split(line: str, separator: str | None) -> list[str]:
    if separator is None:
        return line.split()
    if separator in line and '"' in line:
        return [field.strip().strip('"')
                for field in next(csv.reader([line], delimiter=separator, skipinitialspace=True))]
    return [field.strip().strip('"') for field in line.split(separator)]


def _is_comment(line: str, separator: str | None) -> bool:
    sign = _COMMENT.match(line)
    return sign is not None and sign[1] != separator


def _is_row(fields: Sequence[str], number: re.Pattern[str]) -> bool:
    numbers = sum(1 for f in fields if number.fullmatch(f))
    return len(fields) >= 2 and numbers >= 1 and (
        numbers >= 2 or sum(map(_is_null, fields)) >= 1)


def _is_null(field: str) -> bool:
    return field in NULLS or field.lstrip("+-").lower() in ("inf", "infinity")


def _is_unmeasured(fields: Sequence[str], width: int) -> bool:
    """Whether a line is a row in which hardly anything was measured, or with another sign."""
    numbers = sum(1 for f in fields if NUMBER[".,"].fullmatch(f))
    known = numbers + sum(map(_is_null, fields))
    units = any(f.strip("()[]").lower() in SPELLINGS for f in fields)
    # a spectrum may be called A, as Angstrom is
    return len(fields) == width and any(fields) and known > width / 2 and not (
        _is_dashes(fields) or (units and not numbers))


def _form(lines: Sequence[str]) -> tuple[str | None, str, int]:
    """Separator, decimal sign and number of columns under which most fields are numbers."""
    best: tuple[float, str | None, str, int] = (0.0, None, ".", 0)
    for separator, decimal in FORMS:
        number = NUMBER[decimal]
        score: dict[int, float] = {}
        for line in lines:
            fields = _split(line, separator)
            if not _is_comment(line, separator) and _is_row(fields, number):
                share = sum(1 for f in fields if number.fullmatch(f) or _is_null(f)) / len(fields)
                score[len(fields)] = score.get(len(fields), 0.0) + share
        width = max(score, key=lambda n: score[n], default=0)
        if width and score[width] > best[0]:
            best = (score[width], separator, decimal, width)
    if not best[0]:
        raise NotSpectra("has no line with two numbers; expected a table of wavelengths and "
                         "reflectances")
    return best[1:]


def _names_a_grid(fields: Sequence[str], number: re.Pattern[str]) -> bool:
    """Whether a line of numbers names the columns of a wide table: name,374,418 ..."""
    values = [float(re.sub("[dD]", "e", f.replace(",", "."))) for f in fields
              if number.fullmatch(f)]
    step = np.diff(values)
    return len(values) >= max(LEAST_WIDE, len(fields) - 3) and bool(
        usual_unit(values) and ((step > 0).all() or (step < 0).all()))


def _header_line(
    lines: Sequence[str], first: int, separator: str | None, number: re.Pattern[str]
) -> int | None:
    """The nearest line that names a wavelength, a reflectance or an identifier.

    It may be the first that looks like a row, of a table with a column per wavelength.
    """
    own = _split(lines[first], separator)
    if any(role(field).kind in ("id", "wavelength", "reflectance") for field in own):
        return first
    above = [i for i in range(first) if lines[i].strip()]
    if above and _is_dashes(_split(lines[above[-1]], separator)):
        width = len(_split(lines[above[-1]], separator))
        table = [i for i in above[:-1] if len(_split(lines[i], separator)) == width
                 and not _COMMENT.match(lines[i])]
        return table[-2] if len(table) > 1 else table[-1] if table else None
    named = {i: [role(name).kind for name in _header_fields(lines[i], separator)]
             for i in reversed(above)}
    for i, found in named.items():
        if {"wavelength", "reflectance"} <= set(found) and abs(len(found) - len(own)) <= 3:
            return i
    for i, found in named.items():
        if len(found) == len(own) and (found.count("wide") >= LEAST_WIDE
                                       or {"wavelength", "reflectance"} & set(found)):
            return i
    if _names_a_grid(own, number):
        return first
    last = above[-1] if above else -1
    plain = last >= 0 and separator is not None and not _COMMENT.match(lines[last])
    words = [f for f in _split(lines[last], separator) if not NUMBER[".,"].fullmatch(f)]
    return last if plain and words and len(_split(lines[last], separator)) >= 2 else None


def _is_dashes(fields: Sequence[str]) -> bool:
    return any(fields) and all(re.fullmatch("-+", field) for field in fields if field)


def _header_fields(line: str, separator: str | None) -> list[str]:
    line = _COMMENT.sub("", line, count=1).strip(" ")
    if separator is not None:
        return _split(line, separator)
    wide = re.split(r"\s{2,}|\t", line.strip())
    if len(wide) > 1:
        return wide
    # a unit in brackets belongs to the word before it
    for other in (",", ";"):
        if other in line:
            return _split(line, other)
    return re.findall(r"[^\s(\[]+(?:\s*[(\[][^)\]]*[)\]])?", line)


def _names(line: str, separator: str | None, width: int) -> list[str]:
    return _header_fields(line, separator)[:width]
