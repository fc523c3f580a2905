"""Tables in files that users bring: CSV, Parquet, ECSV and VOTable, read in batches.

CSV and Parquet are streamed, whatever their size. astropy reads ECSV and VOTable whole, which
takes several times the file's size in memory: larger ones are refused, with the way to Parquet.
"""

import csv
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from asteroid_taxonomy.console import PipelineError

BATCH_ROWS = 1 << 16
BLOCK_BYTES = 1 << 22  # of a CSV file; its first block holds the header
WHOLE_BYTES = 200_000_000  # the largest file that is read whole
NULLS = ["", "nan", "NaN", "NAN", "null", "NULL", "None", "NA", "N/A", "--"]
COMPRESSIONS = (".gz", ".bz2", ".zst")


@dataclass(frozen=True)
class TableFile:
    """A table that has been opened: names and units of its columns, and how to go through it.

    batches : takes the names of number columns and of text columns, yields tables of these.
    """

    path: Path
    names: list[str]
    units: Mapping[str, str]
    batches: Callable[[Sequence[str], Sequence[str]], Iterator[pa.Table]]


@contextmanager
def readable(path: Path, what: str) -> Iterator[None]:
    """Turn whatever a parser says of a damaged file into one sentence."""
    try:
        yield
    except PipelineError:
        raise
    except FileNotFoundError:
        raise PipelineError(f"{path} does not exist; check the path") from None
    except Exception as error:  # parsers raise what they like where a file is damaged
        said = " ".join(str(error).split())[:300] or type(error).__name__
        raise PipelineError(f"{path} cannot be read as {what}: {said}; correct the file, or save "
                            "it anew") from None


def open_table(path: Path) -> TableFile:
    """Open a file by its ending.

    Raises
    ------
    PipelineError
        No such file, an ending that is not known, an empty or a damaged file.
    """
    endings = [s for s in path.suffixes if s.lower() not in COMPRESSIONS]
    opened = OPENERS.get(endings[-1].lower() if endings else "")
    if opened is None:
        raise PipelineError(f"{path} should end in {', '.join(OPENERS)} (CSV and ECSV also in "
                            f"these with .gz), which says what it is; rename or convert it")
    what, opener = opened
    with readable(path, what):
        if path.is_dir():
            raise PipelineError(f"{path} is a folder; name one file in it")
        if path.stat().st_size == 0:
            raise PipelineError(f"{path} is empty; save it anew")
        found = opener(path)
    twice = sorted({name for name in found.names if found.names.count(name) > 1})
    if twice:
        raise PipelineError(f"{path} has two columns {twice[0]!r}; rename one of them")
    return found


def _open_csv(path: Path) -> TableFile:
    with pa.input_stream(str(path), compression="detect") as stream:
        text = stream.read(BLOCK_BYTES).decode("utf-8-sig", errors="replace")
    lines = text.split("\n")
    header = next((i for i, s in enumerate(lines) if s.strip() and not s.startswith("#")), None)
    if header is None:
        raise PipelineError(f"{path} has no header line; the first line should name the columns")
    first = lines[header]
    delimiter = max(",;\t", key=first.count)
    names = [name.strip() for name in next(csv.reader([first.strip("\r")],
                                                                delimiter=delimiter))]

    def batches(numbers: Sequence[str], texts: Sequence[str]) -> Iterator[pa.Table]:
        types = dict.fromkeys(numbers, pa.float64()) | dict.fromkeys(texts, pa.string())
        reader = pa.csv.open_csv(
            pa.input_stream(str(path), compression="detect"),
            pa.csv.ReadOptions(block_size=BLOCK_BYTES, column_names=names, skip_rows=header + 1,
                               use_threads=True),
            pa.csv.ParseOptions(delimiter=delimiter),
            pa.csv.ConvertOptions(column_types=types, include_columns=[*numbers, *texts],
                                  null_values=NULLS, strings_can_be_null=True),
        )
        for batch in reader:
            for start in range(0, batch.num_rows, BATCH_ROWS):
                yield pa.Table.from_batches([batch.slice(start, BATCH_ROWS)])

    return TableFile(path, names, {}, batches)


def _open_parquet(path: Path) -> TableFile:
    # one row group may be the whole file: read it through a buffer, not at once
    file = pq.ParquetFile(path, buffer_size=1 << 20, pre_buffer=False,
                          page_checksum_verification=True)
    schema = file.schema_arrow
    units = {field.name: (field.metadata or {}).get(b"unit", b"").decode() for field in schema}

    def batches(numbers: Sequence[str], texts: Sequence[str]) -> Iterator[pa.Table]:
        for name in numbers:
            _must_be_a_number(path, schema.field(name))
        for batch in file.iter_batches(BATCH_ROWS, columns=[*numbers, *texts]):
            yield pa.Table.from_batches([batch])

    return TableFile(path, schema.names, units, batches)


def _open_whole(path: Path, form: str) -> TableFile:
    from astropy.table import Table  # half a second that CSV and Parquet need not wait for

    size = path.stat().st_size
    if size > WHOLE_BYTES:
        raise PipelineError(f"{path} has {size / 1e6:,.0f} MB; above {WHOLE_BYTES / 1e6:.0f} MB "
                            "only CSV and Parquet are read, in pieces; convert it, for instance "
                            f"with `stilts tcopy {path} {path.stem}.csv`")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what is readable and not quite to the standard
        table = Table.read(path, format=form)
    units = {name: str(table[name].unit or "") for name in table.colnames}

    def batches(numbers: Sequence[str], texts: Sequence[str]) -> Iterator[pa.Table]:
        whole = pa.table({name: _to_arrow(table[name]) for name in (*numbers, *texts)})
        for name in numbers:
            _must_be_a_number(path, whole.schema.field(name))
        for start in range(0, len(whole), BATCH_ROWS):
            yield whole.slice(start, BATCH_ROWS)

    return TableFile(path, list(table.colnames), units, batches)


def _to_arrow(column: Any) -> pa.Array:
    mask = np.asarray(getattr(column, "mask", np.zeros(len(column), bool)))
    values = np.asarray(column)
    if values.ndim > 1:
        raise PipelineError(f"column {column.name!r} has an array in each row; give each "
                            "wavelength a column or a row of its own")
    if values.dtype.kind in "SUO":
        return pa.array([None if m else v.decode() if isinstance(v, bytes) else str(v)
                         for v, m in zip(values.tolist(), mask, strict=True)], pa.string())
    return pa.array(values.astype(values.dtype.newbyteorder("=")), mask=mask)


def _must_be_a_number(path: Path, field: pa.Field) -> None:
    if not (pa.types.is_integer(field.type) or pa.types.is_floating(field.type)):
        raise PipelineError(f"column {field.name!r} of {path} holds {field.type}, expected "
                            "numbers; correct it")


OPENERS: dict[str, tuple[str, Callable[[Path], TableFile]]] = {
    ".csv": ("CSV", _open_csv),
    ".parquet": ("Parquet", _open_parquet),
    ".ecsv": ("ECSV", lambda path: _open_whole(path, "ascii.ecsv")),
    ".vot": ("VOTable", lambda path: _open_whole(path, "votable")),
    ".votable": ("VOTable", lambda path: _open_whole(path, "votable")),
    ".xml": ("VOTable", lambda path: _open_whole(path, "votable")),
}
