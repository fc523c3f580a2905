"""Plain text: where the rows begin, how columns are separated, which line is the header.

pandas reads the rows. Neither its sniffer nor astropy's finds a table below a preamble, a header in
a comment, VizieR's rows of units and dashes, decimal commas, or a table without a header.
"""

import csv
import io
import re
from collections.abc import Sequence
from itertools import groupby

import numpy as np
import pandas as pd

from asteroid_taxonomy.spectra.columns import SPELLINGS, NotSpectra, Table, role, usual_unit

SNIFFED_LINES = 2000
SCORED_LINES = 300  # of those, for each combination of separator and decimal sign
LEAST_WIDE = 5  # numbers in a line that are wavelengths and name columns
NULLS = ["", "nan", "NaN", "NAN", "null", "NULL", "None", "NA", "N/A", "-", "--", "---", "...",
         "INDEF", "*", "?"]
INFINITE = ("inf", "infinity")
# field separator (None: blanks) and decimal sign; of several that fit equally the first is taken
FORMS = [("\t", "."), (";", "."), (",", "."), ("|", "."), (None, "."), ("\t", ","), (";", ","),
         ("|", ","), (None, ","), (",", ",")]  # the last: "0,374","0,62"
NUMBER = {sign: re.compile(rf"[-+]?(\d+([{sign}]\d*)?|[{sign}]\d+)([eEdD][-+]?\d+)?")
          for sign in (".", ",", ".,")}  # Fortran writes 1.23D-01
COMMENT = re.compile(r"\s*(#|!|;|//|%)+")


def read_text(text: str) -> Table:
    """Read a table of numbers from plain text.

    Raises
    ------
    NotSpectra
        No line with two numbers, two columns of one name, or decimal commas beside points.
    """
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    sniffed = lines[:SNIFFED_LINES]
    separator, decimal, width = _form(sniffed)
    kinds = [_kind(line, separator, NUMBER[decimal], width) for line in sniffed]
    first, at, longest = 0, 0, 0
    for other, run in groupby(kinds, key=lambda kind: kind == "other"):
        block = list(run)
        if not other and block.count("row") > longest:
            first, longest = at + block.index("row"), block.count("row")
        at += len(block)
    header = _header_line(sniffed, first, separator, NUMBER[decimal])
    names = [] if header is None else _header_fields(lines[header], separator)
    units, rows, others, left_out = {}, [], 0, 0
    for line in lines[first if header is None else header + 1:]:
        line = line.split(" #")[0]
        fields = _split(line, separator)
        if header is not None and not rows and _names_units(fields):
            units = dict(zip(names, [unit.strip("()[]") for unit in fields], strict=False))
        elif len(fields) == width and not _is_comment(line, separator) and any(fields) and not (
                _is_dashes(fields)) or _kind(line, separator, NUMBER[decimal], width) == "row":
            rows.append(line)
            width = max(width, len(fields))
            left_out, others = left_out + others, 0
        elif line.strip() and not _is_comment(line, separator):
            others += 1  # not counted at the end: text below the table
    names = [name or f"column {i}" for i, name in enumerate((names + [""] * width)[:width], 1)]
    if twice := [name for i, name in enumerate(names) if name in names[:i]]:
        raise NotSpectra(f"has two columns {twice[0]!r}; rename one of them")
    frame = pd.read_csv(
        io.StringIO("\n".join(rows)), sep=separator or r"\s+", header=None, names=names,
        index_col=False, dtype="str", na_values=NULLS, keep_default_na=False,
        skipinitialspace=True)
    for name in names:
        frame[name] = frame[name].str.strip()
        if role(name).kind not in ("id", "night"):
            frame[name] = _numbers(frame[name], decimal)
    note = f"{left_out} lines that are no rows were left out" if left_out else ""
    return Table(frame, units, header is not None, note)


def _numbers(column: pd.Series, decimal: str) -> pd.Series:
    """A column as numbers where most of it is; NaN for a stray word."""
    texts = column.dropna()
    numbers = texts[[NUMBER[".,"].fullmatch(text) is not None or text.lstrip("+-").lower() in
                     INFINITE for text in texts]]
    if len(texts) and len(numbers) <= len(texts) / 2:
        return column
    both = numbers[numbers.str.contains("," if decimal == "." else ".", regex=False)]
    if len(both):
        raise NotSpectra(f"has {both.iloc[0][:20]} in its column {column.name}, and numbers with "
                         f"{decimal!r} for the decimal sign elsewhere; write all of them with one "
                         "sign")
    values = numbers.str.replace(decimal, ".", regex=False).str.replace("[dD]", "e", regex=True)
    return values.astype(float).reindex(column.index)


def _split(line: str, separator: str | None) -> list[str]:
    if separator is None:
        return line.split()
    if separator in line and '"' in line:
        fields = next(csv.reader([line], delimiter=separator, skipinitialspace=True))
    else:
        fields = line.split(separator)
    return [field.strip().strip('"') for field in fields]


def _kind(line: str, separator: str | None, number: re.Pattern[str], width: int) -> str:
    fields = _split(line, separator)
    if not line.strip() or _is_comment(line, separator):
        return "between"
    if _is_row(fields, number) and abs(len(fields) - width) <= 2:
        return "row"
    partly = len(fields) == width and any(map(NUMBER[".,"].fullmatch, fields))
    return "between" if partly else "other"


def _is_comment(line: str, separator: str | None) -> bool:
    sign = COMMENT.match(line)
    return sign is not None and sign[1] != separator


def _is_null(field: str) -> bool:
    return field in NULLS or field.lstrip("+-").lower() in INFINITE


def _is_row(fields: Sequence[str], number: re.Pattern[str]) -> bool:
    numbers = sum(1 for f in fields if number.fullmatch(f))
    return numbers >= 2 or (numbers == 1 and any(map(_is_null, fields)))


def _is_dashes(fields: Sequence[str]) -> bool:
    return any(fields) and not any(field.strip("-=") for field in fields)


def _names_units(fields: Sequence[str]) -> bool:
    return any(f.strip("()[]").lower() in SPELLINGS for f in fields) and not any(
        map(NUMBER[".,"].fullmatch, fields))


def _form(lines: Sequence[str]) -> tuple[str | None, str, int]:
    """Separator, decimal sign and number of columns under which most fields are numbers."""
    best: tuple[float, str | None, str, int] = (0.0, None, ".", 0)
    for separator, decimal in FORMS:
        score: dict[int, float] = {}
        for line in lines[::len(lines) // SCORED_LINES + 1]:
            fields = _split(line, separator)
            if not _is_comment(line, separator) and _is_row(fields, NUMBER[decimal]):
                good = sum(1 for f in fields if NUMBER[decimal].fullmatch(f) or _is_null(f))
                score[len(fields)] = score.get(len(fields), 0.0) + good / len(fields)
        width = max(score, key=lambda n: score[n], default=0)
        if width and score[width] > best[0]:
            best = (score[width], separator, decimal, width)
    if not best[0]:
        raise NotSpectra("has no line with two numbers; expected a table of wavelengths and "
                         "reflectances")
    return best[1:]


def _header_line(
    lines: Sequence[str], first: int, separator: str | None, number: re.Pattern[str]
) -> int | None:
    """The nearest line that names a wavelength, a reflectance or an identifier.

    It may be the first that looks like a row, of a table with a column per wavelength.
    """
    own = _split(lines[first], separator)
    if any(role(field).kind in ("id", "wavelength", "reflectance") for field in own):
        return first
    above = [i for i in reversed(range(first)) if lines[i].strip()]
    if above and _is_dashes(dashes := _split(lines[above[0]], separator)):
        table = [i for i in above[1:] if not COMMENT.match(lines[i])
                 and len(_split(lines[i], separator)) == len(dashes)]
        units = bool(table) and _names_units(_split(lines[table[0]], separator))
        return table[min(int(units), len(table) - 1)] if table else None
    kinds = {i: [role(name).kind for name in _header_fields(lines[i], separator)] for i in above}
    for i, found in kinds.items():
        if {"wavelength", "reflectance"} <= set(found) and abs(len(found) - len(own)) <= 3:
            return i
    for i, found in kinds.items():
        if len(found) == len(own) and (found.count("wide") >= LEAST_WIDE
                                       or {"wavelength", "reflectance"} & set(found)):
            return i
    if _names_a_grid(own, number):
        return first
    if not above or separator is None or COMMENT.match(lines[above[0]]):
        return None
    last = _split(lines[above[0]], separator)
    return above[0] if len(last) >= 2 and not all(map(NUMBER[".,"].fullmatch, last)) else None


def _names_a_grid(fields: Sequence[str], number: re.Pattern[str]) -> bool:
    """Whether a line of numbers names the columns of a wide table: name,374,418 ..."""
    values = [float(re.sub("[dD]", "e", f.replace(",", "."))) for f in fields
              if number.fullmatch(f)]
    step = np.diff(values)
    return len(values) >= max(LEAST_WIDE, len(fields) - 3) and bool(
        usual_unit(values) and ((step > 0).all() or (step < 0).all()))


def _header_fields(line: str, separator: str | None) -> list[str]:
    sign = COMMENT.match(line)
    line = line[sign.end() if sign else 0:].strip(" ")
    if separator is not None:
        return _split(line, separator)
    names = re.split(r"  +|\t", line.strip())
    for other in (",", ";"):
        if len(names) == 1 and other in line:
            return _split(line, other)
    # a unit in brackets belongs to the word before it
    return [name.strip() for name in names] if len(names) > 1 else re.findall(
        r"[^\s(\[]+(?:\s*[(\[][^()\[\]]*[)\]])?", line)
