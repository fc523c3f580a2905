"""Plain text: where the rows begin, how columns are separated, which line is the header."""

import csv
import io
import re
from collections import Counter
from collections.abc import Sequence
from itertools import groupby

import numpy as np
import pandas as pd

from asteroid_taxonomy.spectra.columns import OTHER, SPELLINGS, NotSpectra, Table, role, usual_unit

SNIFFED_LINES = 2000
SCORED_LINES = 300  # of those, for each combination of separator and decimal sign
LEAST_WIDE = 5  # numbers in a line that are wavelengths and name columns; rows of a table
NULLS = " nan NaN NAN null NULL None NA N/A - -- --- ... INDEF * ?".split(" ")  # the first: ""
# field separator (None: blanks) and decimal sign; of several that fit equally the first is taken
FORMS = [(separator, decimal) for decimal in ".," for separator in ("\t", ";", ",", "|", None)]
NUMBER = {s: re.compile(rf"(?i)[-+]?((\d+([{s}]\d*)?|[{s}]\d+)([ed][-+]?\d+)?|inf(inity)?)")
          for s in (".", ",", ".,")}  # by decimal sign; Fortran writes 1.23D-01
COMMENT = re.compile(r"^\s*(#|!|;|//|%)+")
TWO_TABLES = "has more than one table; save each in a file of its own"


def read_text(text: str, stem: str) -> Table:
    """Read numbers from the text of a file `stem`; NotSpectra where no line has two of them."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    sniffed = lines[:SNIFFED_LINES]
    separator, decimal, width = _form(sniffed)
    kinds = [_kind(line, separator, decimal, width) for line in sniffed]
    blocks = groupby(range(len(kinds)), key=lambda i: kinds[i] in ("prose", "units"))
    first = max(([i for i in block if kinds[i] == "row"] for _, block in blocks), key=len)[0]
    header = _header_line(sniffed, kinds, first, separator, decimal)
    names = [] if header is None else _header_fields(lines[header], separator)
    if kinds[:first if header is None else header].count("row") >= LEAST_WIDE:
        raise NotSpectra(TWO_TABLES)
    # without names of columns, the text around them has to speak of reflectances and nothing else
    above = " ".join(lines[:first if header is None else header]).lower()
    prose = " ".join(a for a, b in zip(sniffed, kinds, strict=True) if b in ("prose", "comment"))
    doubt = re.search(OTHER, stem) or re.search("[a-z]{2}", above) and "refl" not in above or (
        re.search(r"(?i)\bnot\b|\bmags?\b|magnitude|\blog|1 ?/|inverse|flux|absorb", prose))
    rows: list[str] = []
    units: dict[str, str] = {}
    below = left_out = 0
    for line in lines[first if header is None else header + 1:]:
        line = line.split(" #")[0]
        fields, kind = _split(line, separator), _kind(line, separator, decimal, width)
        again = _header_fields(line, separator) if kind in ("prose", "comment") else []
        if header is not None and not rows and (
                kind == "units" or kind == "prose" and len(fields) == len(names)):
            units = dict(zip(names, [unit.strip("()[]") for unit in fields], strict=False))
        elif len(again) == len(names) and again != names and any(
                role(name).kind == "wavelength" for name in again):
            raise NotSpectra(TWO_TABLES)
        elif kind == "row" or kind == "prose" and len(fields) == width or kind == "partly":
            rows.append(line)
            width, left_out, below = max(width, len(fields)), left_out + below, 0
        elif kind == "prose":
            below += 1  # not counted if it is text below the table
    if rows and 0 < len(names) < width:
        begins = (_split(row, separator)[0].strip('"') for row in rows)
        numbers = [int(field) for field in begins if field.isdecimal()]
        if len(set(numbers)) == len(rows):  # row names of R and pandas have no header
            if min(numbers) > 1 and usual_unit(numbers) and rows[0].lstrip()[0] != '"':
                raise NotSpectra("has a column more than its header; name all columns")
            names.insert(0, "")
    names = [name or f"column {i}" for i, name in enumerate((names + [""] * width)[:width], 1)]
    frame = pd.read_csv(
        io.StringIO("\n".join(rows)), sep=separator or r"\s+", header=None, index_col=False,
        names=names, dtype="str", na_values=NULLS, keep_default_na=False, skipinitialspace=True)
    for name in names:
        frame[name] = frame[name].str.strip()
        if role(name).kind != "id":
            frame[name] = _numbers(frame[name], decimal)
    return Table(frame, units, header is not None,
                 f"{left_out} lines between the rows were left out" if left_out else "", not doubt)


def _numbers(column: pd.Series, decimal: str) -> pd.Series:
    """A column as numbers where most of it is; NaN for a stray word."""
    texts = column.dropna()
    numbers = texts[[NUMBER[decimal].fullmatch(text) is not None for text in texts]]
    if len(texts) and len(numbers) <= len(texts) / 2:
        return column
    values = numbers.str.replace(decimal, ".", regex=False).str.replace("[dD]", "e", regex=True)
    return values.astype(float).reindex(column.index)


def _split(line: str, separator: str | None) -> list[str]:
    if separator is None:
        return line.split()
    fields = line.split(separator) if '"' not in line else next(
        csv.reader([line], delimiter=separator, skipinitialspace=True))
    return [field.strip().strip('"') for field in fields]


def _kind(line: str, separator: str | None, decimal: str, width: int | None = None) -> str:
    """What a line is: blank, comment, row, partly a row, units or prose; of any width if None."""
    sign = COMMENT.match(line)
    if not line.strip() or not line.strip("-=+: \t;,|") or sign and sign[1] != separator:
        return "comment" if sign else "blank"
    fields = _split(line, separator)
    numbers = sum(1 for f in fields if NUMBER[decimal].fullmatch(f))
    if (width is None or abs(len(fields) - width) <= 2) and (
            numbers >= 2 or numbers == 1 and any(f in NULLS for f in fields)):
        return "row"
    units = [f for f in fields if f.strip("()[]").lower() in SPELLINGS]
    nulls = all(f in NULLS for f in fields[1:]) and max(map(len, units), default=0) < 2
    if nulls or any(map(NUMBER[".,"].fullmatch, fields)):
        return "partly" if len(fields) == width else "prose"
    return "units" if units else "prose"


def _form(lines: Sequence[str]) -> tuple[str | None, str, int]:
    """Separator, decimal sign and number of columns under which most fields are numbers."""
    score = Counter[tuple[str | None, str, int]]()
    for separator, decimal in FORMS:
        for line in lines[::len(lines) // SCORED_LINES + 1]:
            if _kind(line, separator, decimal) == "row":
                fields = _split(line, separator)
                good = sum(1 for f in fields if NUMBER[decimal].fullmatch(f) or f in NULLS)
                score[separator, decimal, len(fields)] += good / len(fields)  # type: ignore
    if not score:
        raise NotSpectra("has no line with two numbers; expected wavelengths and reflectances")
    return max(score, key=lambda form: score[form])


def _header_line(lines: Sequence[str], kinds: Sequence[str], first: int, separator: str | None,
                 decimal: str) -> int | None:
    """The nearest line that names columns, which may be the first that looks like a row."""
    own = _split(lines[first], separator)
    nm = [float(re.sub("[dD]", "e", f.replace(",", "."))) for f in own
          if NUMBER[decimal].fullmatch(f)]
    roles = {role(field).kind for field in own}
    if "wavelength" in roles or len(nm) >= LEAST_WIDE and roles & {"id", "reflectance"}:
        return first
    above = [i for i in reversed(range(first)) if kinds[i] != "blank"]
    for i in sorted(above, key=lambda i: kinds[i] == "units"):
        names = [role(name).kind for name in _header_fields(lines[i], separator)]
        known = {"wavelength", "reflectance"} & set(names)
        if len(known) == 2 and -3 <= len(names) - len(own) <= 0 or len(names) == len(own) and (
                known or names.count("wide") + names.count("bare") >= LEAST_WIDE):
            return i
    way = np.sign(np.diff(nm))
    if len(nm) >= max(LEAST_WIDE, len(own) - 3) and usual_unit(nm) and abs(way.sum()) == len(way):
        return first  # name,374,418 ...
    plain = above and separator is not None and not COMMENT.match(lines[above[0]])
    last = _split(lines[above[0]], separator) if plain else []
    return above[0] if len(last) >= 2 and not all(map(NUMBER[".,"].fullmatch, last)) else None


def _header_fields(line: str, separator: str | None) -> list[str]:
    line = COMMENT.sub("", line).strip(" ")
    names = re.split(r"  +|\t", line) if separator is None else _split(line, separator)
    if separator is not None or len(names) > 1:
        return [name.strip() for name in names]
    # a unit in brackets belongs to the word before it, and "normalized" to the one behind it
    line = re.sub(r"(?i)\b(relative|normali[sz]ed|norm|mean|spectral) +(?=refl)", r"\1_", line)
    return re.findall(r"[^\s,;(\[]+(?:\s*[(\[][^()\[\]]*[)\]])?", line)
