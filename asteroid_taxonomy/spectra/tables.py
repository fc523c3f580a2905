"""A table in a file that a user brings: its columns, its first rows, and how to go through it."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

import pandas as pd
import pyarrow as pa

from asteroid_taxonomy.console import PipelineError, plain
from asteroid_taxonomy.own_spectra.units import NotSpectra

BATCH_ROWS = 1 << 14  # more are no faster, and each holds some 10 MB until it is written
SAMPLE_ROWS = 2000


@dataclass(frozen=True)
class TableFile:
    """A table that has been opened: its columns, its first rows, and how to go through it.

    names : of the columns; units : by column, where the file says one; sample : the first rows,
    with the types that the columns have or seem to have; header : whether the file names its
    columns; batches : takes the names of number columns and of text columns, yields tables.
    """

    names: list[str]
    sample: pd.DataFrame
    batches: Callable[[Sequence[str], Sequence[str]], Iterator[pa.Table]]
    units: Mapping[str, str] = field(default_factory=dict)
    header: bool = True


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Turn whatever a parser says of a damaged file into one sentence."""
    try:
        yield
    except PipelineError:
        raise
    except NotSpectra as problem:
        raise PipelineError(plain(f"{path} {problem}")) from None
    except FileNotFoundError:
        raise PipelineError(plain(f"{path} does not exist; check the path")) from None
    except Exception as error:  # parsers raise what they like where a file is damaged
        said = " ".join(str(error).split())[:300] or type(error).__name__
        raise PipelineError(plain(f"{path} cannot be read: {said}; correct the file, or save "
                                      "it anew")) from None


def refuse_twins(names: Sequence[str]) -> None:
    """Refuse two columns of one name."""
    twice = sorted(name for name, count in Counter(names).items() if count > 1)
    if twice:
        raise NotSpectra(f"has two columns {twice[0]!r}; rename one of them")


def refuse_lists(names: Sequence[str]) -> NoReturn:
    """Refuse columns that hold a whole spectrum in each row."""
    raise NotSpectra(f"has lists in its columns {', '.join(names[:5])}; save it with a row for "
                     "each point of a spectrum, and a column that names the spectrum")


def bound(count: int, what: str, most: int) -> None:
    """Refuse more than `most` of something."""
    if count > most:
        raise NotSpectra(f"has {count:,} {what}, and at most {most:,} are read; give the spectra "
                         "alone, a row each")


def must_be_a_number(column: pa.Field) -> None:
    """Refuse a column that cannot hold wavelengths or reflectances."""
    if not (pa.types.is_integer(column.type) or pa.types.is_floating(column.type)):
        raise NotSpectra(f"has {column.type} in its column {column.name!r}, expected numbers; "
                         "correct it")


def must_be_a_name(column: pa.Field) -> None:
    """Refuse a column that cannot name spectra: lists, structs, bytes."""
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    if pa.types.is_nested(kind) or pa.types.is_binary(kind) or pa.types.is_large_binary(kind) \
            or pa.types.is_fixed_size_binary(kind):
        raise NotSpectra(f"has {column.type} in its column {column.name!r}, expected numbers or "
                         "text that name the spectra; leave it out or convert it")
