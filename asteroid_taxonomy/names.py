"""Parse and format the numbers, names and designations of asteroids."""

import re
from collections.abc import Iterable
from difflib import get_close_matches
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

SUGGESTED = 3  # similar names, if there is no exact match
MAX_DIGITS = 18  # any number with so many digits fits into an int64
_YEAR = r"(?:1[89]|20)\d\d"
_HALF_MONTH_ORDER_CYCLE = r"[ _]?([A-HJ-Y][A-HJ-Z])[ _]?(\d{0,3})"
_SURVEY = r"(\d{4})[ _-]?(P-?L|T-?[123])"  # 2040 P-L: Palomar-Leiden and the Trojan surveys
# 1974 FV1; before 1925, A and the last digits of the year: A801 AA
PROVISIONAL = re.compile(rf"({_YEAR}|A[89]\d\d){_HALF_MONTH_ORDER_CYCLE}", re.IGNORECASE)
SURVEY = re.compile(_SURVEY, re.IGNORECASE)
# a name directly after a number has at least two letters: 67P and 1I are not asteroids
NUMBERED = re.compile(r"\((\d+)\) *(\S.*)?|(\d+)(?:\.0*)?(?: +([^\W\d].*)|([^\W\d]{2}.*))?")
# MPC's packed designations: century, year, half month, cycle, order (K01X87N is 2001 XN87)
PACKED = re.compile(r"([IJK])(\d\d)([A-HJ-Y])([\dA-Za-z])(\d)([A-HJ-Z])")
_BASE_62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


class Identity(NamedTuple):
    """Identifiers of an asteroid, at least one of the three; `name` is `normalised`."""

    number: int | None = None
    source_id: int | None = None
    name: str | None = None

    def key(self) -> tuple[str, int | str | None]:
        """Column and value for the look-up; a number takes precedence over a name."""
        if self.source_id is not None:
            return "source_id", self.source_id
        return ("number", self.number) if self.number is not None else ("name", self.name)


def normalised(name: str) -> str:
    """Normalise a name or designation for comparison.

    Ignores case, underscores, the kind of apostrophe, and whether a designation is packed (MPC).

    >>> normalised("O''Higgins"), normalised("1974_FV1"), normalised("K01X87N")
    ("o'higgins", '1974 fv1', '2001 xn87')
    """
    text = " ".join(name.replace("_", " ").split())
    if packed := PACKED.fullmatch(text):
        century, year, half, tens, unit, order = packed.groups()
        cycle = 10 * _BASE_62.index(tens) + int(unit)
        text = f"{18 + 'IJK'.index(century)}{year} {half}{order}{cycle or ''}"
    text = re.sub("['`´‘’]+", "'", text.casefold())
    if provisional := PROVISIONAL.fullmatch(text):
        return "{} {}{}".format(*provisional.groups())
    survey = SURVEY.fullmatch(text)
    return f"{survey[1]} {survey[2][0]}-{survey[2][-1]}" if survey else text


def parse(typed: str) -> Identity:
    """Parse a number, name, designation or source_id.

    >>> parse("(433) Eros").number, parse("433.0").number, parse("1974 FV1").name
    (433, 433, '1974 fv1')
    """
    text = " ".join(typed.replace("_", " ").split())
    if re.fullmatch(r"-\d{1,18}", text):
        return Identity(source_id=int(text))
    name = normalised(text)
    designated = PROVISIONAL.fullmatch(name) or SURVEY.fullmatch(name)
    numbered = None if designated else NUMBERED.fullmatch(text)
    if numbered and len(digits := numbered[1] or numbered[3]) <= MAX_DIGITS:
        rest = numbered[2] or numbered[4] or numbered[5]
        return Identity(int(digits), name=normalised(rest) if rest else None)
    return Identity(name=normalised(text.strip("()")))


def nearest(name: str, names: Iterable[str]) -> list[str]:
    """The `names` most similar to `name`, best first; none for designations."""
    if re.search(r"\d", name):
        return []
    written = {normalised(other): other for other in names if not re.search(r"\d", other)}
    return [written[close] for close in get_close_matches(normalised(name), written, SUGGESTED)]


def proper_names(names: pa.ChunkedArray) -> pa.ChunkedArray:
    """Capitalise lower-case names: Ceres, O'Higgins, Xi'an, 2010 AB1.

    Designations are converted to upper case. The letter after an apostrophe is capitalised only if
    there is a single letter before it.
    """
    titled = pc.utf8_title(names)
    parts = pc.extract_regex(names, r"^(?P<before>.*[^\W\d_]{2}')(?P<after>\w.*)$")
    joined = pc.binary_join_element_wise(
        pc.utf8_title(pc.struct_field(parts, "before")), pc.struct_field(parts, "after"), "")
    titled = pc.if_else(pc.is_valid(parts), joined, titled)
    designation = pc.match_substring_regex(names, r"^[a\d]\d{3} ([a-z]{1,2}\d*|p-l|t-[123])$")
    return pc.if_else(designation, pc.utf8_upper(names), titled)


_IN_FILE_NAME = re.compile(rf"(?<!\d)({_YEAR}){_HALF_MONTH_ORDER_CYCLE}(?![A-Za-z0-9])",
                           re.IGNORECASE)
_SURVEY_IN_FILE_NAME = re.compile(rf"(?<!\d){_SURVEY}(?![A-Za-z0-9])", re.IGNORECASE)
# not a comet (67P), not part of a date (2020-01-01), not a year followed by a number
_NUMBER_IN_FILE_NAME = re.compile(
    rf"(?:[a-z]\d_|ast|asteroid|spec|a)?[ _]?(?!{_YEAR}[ _]\d)" r"\(?0*([1-9]\d{0,6})\)?"
    r"(?!-?\d)(?!(?<=^\d)\.\d)(?![PDI](?![A-Za-z]))", re.IGNORECASE)


def asteroid_in(name: str) -> str | None:
    """Find the number or designation in a file name: a000433.[2], 10hygiea.tab, au1996FG3.txt."""
    if match := _IN_FILE_NAME.search(name):
        return f"{match[1]} {match[2].upper()}{match[3]}"
    if match := _SURVEY_IN_FILE_NAME.search(name):
        return f"{match[1]} {match[2][0].upper()}-{match[2][-1].upper()}"
    match = _NUMBER_IN_FILE_NAME.match(name)
    return match[1] if match else None
