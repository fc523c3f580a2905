"""Numbers, names and designations of asteroids: as typed, as files are called, as printed.

(433) Eros, 433 Eros, 433, eros, O'Higgins, 1974_FV1, 1974FV1, and Gaia's source_id, which is
negative. Names are compared as `normalised` writes them, so that case, underscores and the way an
apostrophe is written do not matter.
"""

import re
from collections.abc import Iterable
from difflib import get_close_matches
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

SUGGESTED = 3  # names, where none is the one asked for
# year, half month, order, cycle: 1974 FV1; no asteroid was designated so before 1892
PROVISIONAL = re.compile(r"((?:1[89]|20)\d\d) ?([a-hj-y][a-hj-z]) ?(\d*)", re.IGNORECASE)
OF_A_SURVEY = re.compile(r"\d{4} (p-l|t-[123])", re.IGNORECASE)  # 2040 P-L: Palomar-Leiden
NUMBERED = re.compile(r"\((\d+)\)(?: *(\S.*))?|(\d+)(?: +([^\W\d].*))?")
MAX_DIGITS = 18  # of a number that an int64 holds, whatever its digits are


class Asked(NamedTuple):
    """What was asked for: of the three at least one, `name` as `normalised` writes it."""

    number: int | None = None
    source_id: int | None = None
    name: str | None = None

    def most_telling(self) -> tuple[str, int | str | None]:
        """The role by which to look the asteroid up, and its value."""
        if self.source_id is not None:
            return "source_id", self.source_id
        return ("number", self.number) if self.number is not None else ("name", self.name)


def normalised(name: str) -> str:
    """Write a name or a designation in the one way in which names are compared.

    >>> normalised("O''Higgins"), normalised("1974_FV1"), normalised("2000YL29")
    ("o'higgins", '1974 fv1', '2000 yl29')
    """
    text = re.sub("['`´‘’]+", "'", _spaced(name).casefold())
    provisional = PROVISIONAL.fullmatch(text)
    return "{} {}{}".format(*provisional.groups()) if provisional else text


def parse(asked: str) -> Asked:
    """Take apart what somebody typed.

    >>> parse("(433) Eros"), parse("-4284962966"), parse("1974 FV1")
    (Asked(number=433, source_id=None, name='eros'), \
Asked(number=None, source_id=-4284962966, name=None), \
Asked(number=None, source_id=None, name='1974 fv1'))
    """
    text = _spaced(asked)
    if re.fullmatch(r"-\d{1,18}", text):
        return Asked(source_id=int(text))
    designation = PROVISIONAL.fullmatch(text) or OF_A_SURVEY.fullmatch(text)
    numbered = None if designation else NUMBERED.fullmatch(text)
    if numbered and len(numbered[1] or numbered[3]) <= MAX_DIGITS:
        name = numbered[2] or numbered[4]
        return Asked(int(numbered[1] or numbered[3]), name=normalised(name) if name else None)
    return Asked(name=normalised(text.strip("()")))


def nearest(name: str, names: Iterable[str]) -> list[str]:
    """Give the names most like `name`, best first, as they are written in `names`."""
    written = {normalised(other): other for other in names}
    return [written[close] for close in get_close_matches(normalised(name), written, SUGGESTED)]


def _spaced(text: str) -> str:
    return " ".join(text.replace("_", " ").split())


def proper_names(names: pa.ChunkedArray) -> pa.ChunkedArray:
    """Names with capitals, from names in lower case: Ceres, O'Higgins, Xi'an, 2010 AB1.

    Designations are written in capitals. After an apostrophe a letter is a capital only where a
    single one stands before it.
    """
    titled = pc.utf8_title(names)
    parts = pc.extract_regex(names, r"^(?P<before>.*[^\W\d_]{2}')(?P<after>\w.*)$")
    apart = pc.is_valid(parts)
    joined = pc.binary_join_element_wise(
        pc.utf8_title(pc.struct_field(parts, "before")), pc.struct_field(parts, "after"), "")
    titled = pc.if_else(apart, joined, titled)
    designation = pc.match_substring_regex(names, r"^\d{4} ([a-z]{1,2}\d*|p-l|t-[123])$")
    return pc.if_else(designation, pc.utf8_upper(names), titled)


_DESIGNATION = re.compile(r"(?<!\d)(1[89]\d\d|20\d\d)[ _]?([A-HJ-Y][A-HJ-Z])[ _]?(\d{0,3})"
                          r"(?![A-Za-z0-9])", re.IGNORECASE)
_SURVEY = re.compile(r"(?<!\d)(\d{4})[ _-]?(P-?L|T-?[123])(?![A-Za-z0-9])", re.IGNORECASE)
_NUMBER = re.compile(r"(?:[a-z]\d_|ast|asteroid|spec|a)?[ _]?\(?0*([1-9]\d{0,6})\)?"
                     r"(?!-?\d)(?!(?<=^\d)\.\d)", re.IGNORECASE)


def asteroid_in(name: str) -> str | None:
    """The number or provisional designation in a file's name: a000433.[2], au1996FG3.txt."""
    if match := _DESIGNATION.search(name):
        return f"{match[1]} {match[2].upper()}{match[3]}"
    if match := _SURVEY.search(name):
        return f"{match[1]} {match[2].upper()[0]}-{match[2][-1].upper()}"
    match = _NUMBER.match(name)
    return match[1] if match else None
