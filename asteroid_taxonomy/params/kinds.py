"""The kinds of value that params.yaml has: numbers in a range, names, texts, lists in order."""

from collections.abc import Callable
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, WrapValidator


def must(holds: Callable[[Any], bool], otherwise: str) -> AfterValidator:
    """What must hold for a value, and what to say of one for which it does not."""
    def check(value: Any) -> Any:
        if not holds(value):
            raise ValueError(otherwise)
        return value
    return AfterValidator(check)


def _is_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # brackets that hold no address, a port that is no number
        return False


def either(word: str) -> WrapValidator:
    """The word, or else what the kind asks for that this stands beside."""
    def check(value: Any, kind: Callable[[Any], Any]) -> Any:
        try:
            return word if value == word else kind(value)
        except ValueError:
            raise ValueError(f"should be {word} or a number above 0") from None
    return WrapValidator(check)


def number(**bounds: Any) -> Any:
    """A number, left as it is: 20 does not become 20.0 in what is printed."""
    return Annotated[float, Field(strict=True, allow_inf_nan=False, **bounds),
                     WrapValidator(lambda value, check: (check(value), value)[1])]


def whole(low: int, high: int = 1_000_000_000) -> Any:
    """A whole number, also one that is written 1e3."""
    return Annotated[int, Field(strict=True, ge=low, le=high), BeforeValidator(
        lambda v: int(v) if isinstance(v, float) and v.is_integer() else v)]


def listed(of: Any, least: int = 1, most: int | None = None) -> Any:
    """A list of so many values."""
    return Annotated[list[of], Field(min_length=least, max_length=most)]


def ascending(of: Any, least: int = 1, most: int | None = None) -> Any:
    """A list of so many values in ascending order."""
    return Annotated[listed(of, least, most), must(
        lambda v: all(a < b for a, b in zip(v, v[1:], strict=False)),
        "should be in ascending order, each value once")]


def _range() -> Any:
    return Annotated[listed(number(), 2, 2), must(
        lambda v: v[0] <= v[1], "should be [lowest, highest]")]


RANGE = _range()
TEXT = Annotated[str, must(lambda v: v != "" and v == v.strip() and v.isprintable(),
                            "should be a text in one line, without blanks at its ends")]
NAME = Annotated[str, must(
    lambda v: v.isascii() and v.replace("_", "").replace("-", "").isalnum(),
    "should be a name of letters, digits, - and _")]
URL = Annotated[TEXT, must(_is_url, "should be the address of a service, https://...")]
NAMES = Annotated[list[NAME], must(lambda v: len(set(v)) == len(v), "should have each once")]
SECONDS = number(gt=0, le=7 * 86_400)
POSITIVE, SHARE = number(gt=0, le=1e6), number(gt=0, lt=1)
SEED, NM = whole(0, 2**32 - 1), whole(1, 1_000_000)
