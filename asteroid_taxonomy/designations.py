"""What people call an asteroid, and which of its names that is.

(433) Eros, 433 Eros, 433, eros, O'Higgins, 1974_FV1, 1974FV1, and Gaia's source_id, which is
negative. Names are compared as `normalised` writes them, so that case, underscores and the way an
apostrophe is written do not matter.
"""

import re
from collections.abc import Iterable
from difflib import get_close_matches
from typing import NamedTuple

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
