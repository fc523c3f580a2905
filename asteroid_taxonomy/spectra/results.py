"""The table of results: who each spectrum is, on the screen, and as a file."""

import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

from asteroid_taxonomy import catalogue
from asteroid_taxonomy.console import plain
from asteroid_taxonomy.own_spectra.naming import asteroid_in

SHOWN = 20  # spectra in the table on screen


def failed(path: Path, sentence: str, classes: Sequence[str]) -> pa.Table:
    """The row of a file that cannot be read."""
    none = pa.nulls(1, pa.float32())
    return pa.table(named(path, None, 1, True) | {
        **{f"probability_{name}": none for name in classes}, "complex": pa.nulls(1, pa.string()),
        "confidence": none, "abstained": [True], "model": pa.nulls(1, pa.string()),
        "note": pa.array([sentence.removeprefix(f"{path} ")])})


def named(path: Path, ids: pa.Table | None, rows: int, many: bool) -> dict[str, pa.Array]:
    """Columns that name the spectra: the file's own, or file, name and asteroid.

    Of several files, columns of different names and types become one, `name`.
    """
    given = ids.column_names if ids is not None else []
    if ids is not None and given and not many:
        return dict(zip(given, map(_texts_alike, ids.columns), strict=True))
    name = pa.array([_spelled(path.name)] * rows)
    if ids is not None and given:
        texts = [pc.fill_null(pc.cast(ids[n].combine_chunks(), pa.string()), "") for n in given]
        name = pc.utf8_trim_whitespace(pc.binary_join_element_wise(*texts, " "))
    elif rows > 1:
        name = pa.array([f"{_spelled(path.name)} {i + 1}" for i in range(rows)])
    asteroid = pa.array([asteroid_in(path.name)] * rows, pa.string())
    return ({"file": pa.array([_spelled(path)] * rows)} if many else {}) | {
        "name": name, "asteroid": asteroid}


def _spelled(path: str | Path) -> str:
    r"""A file's name as text, which a name need not be: bytes that are no UTF-8 as \xff."""
    return os.fsencode(path).decode(errors="backslashreplace")


def _texts_alike(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Text of each of Arrow's types as that of the first: what is done to text is done to all."""
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    text = pa.types.is_large_string(kind) or pa.types.is_string_view(kind)
    return column.cast(pa.string() if text else kind)


def beside(ids: Mapping[str, Any], found: Mapping[str, Any]) -> dict[str, Any]:
    """Columns that name the spectra, then what was found; one of a name that is taken gets a _."""
    out: dict[str, Any] = {}
    for name, column in ids.items():
        while name in found or name in out:
            name += "_"
        out[name] = column
    return out | dict(found)


def harmless(table: pa.Table) -> pa.Table:
    """Put ' before names that a spreadsheet would take for a formula."""
    for i, column in enumerate(table.columns):
        if pa.types.is_string(column.type):
            formula = pc.and_(pc.match_substring_regex(column, r"^[=+\-@\t\r]"),
                              pc.invert(pc.match_substring_regex(column, r"^[-+]?[0-9.]+$")))
            quoted = pc.binary_join_element_wise(pa.scalar("'"), column, "")
            table = table.set_column(i, table.column_names[i], pc.if_else(formula, quoted, column))
    return table


class Writer(Protocol):
    """Takes the result piece by piece."""

    def write_table(self, table: pa.Table) -> None:
        """Write a few rows."""


class _CSVWriter:
    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self.file = pa.csv.CSVWriter(path, schema)

    def write_table(self, table: pa.Table) -> None:
        self.file.write_table(harmless(table))

    def close(self) -> None:
        self.file.close()


class _Whole:
    """Keeps the result until its end: astropy writes a table at once."""

    def __init__(self) -> None:
        self.parts: list[pa.Table] = []

    def write_table(self, table: pa.Table) -> None:
        self.parts.append(table)


def _parquet(path: Path, schema: pa.Schema) -> pq.ParquetWriter:
    # numbers that hardly repeat: a dictionary of them takes time and no less disk
    texts = [column.name for column in schema if pa.types.is_string(column.type)]
    return pq.ParquetWriter(path, schema, use_dictionary=texts)


STREAMED: dict[str, Callable[[Path, pa.Schema], Any]] = {".parquet": _parquet, ".csv": _CSVWriter}
WHOLE = (".vot", ".fits")
ENDINGS = ", ".join([*STREAMED, *WHOLE[:-1]]) + f" or {WHOLE[-1]}"


@contextmanager
def writer(
    path: Path, ending: str, schema: pa.Schema, classes: Sequence[str], facts: Mapping[str, str]
) -> Iterator[Writer]:
    """Open a file of the kind that `ending` names; `facts` say what the table is made from."""
    said = described(schema, classes)
    if ending in STREAMED:
        opened = STREAMED[ending](path, said.with_metadata(dict(facts)))
        try:
            yield opened
        finally:
            opened.close()
        return
    whole = _Whole()
    yield whole
    from asteroid_taxonomy.votable_fits import WRITERS  # half a second that others need not wait

    table = pa.concat_tables(whole.parts)
    columns = [_plain_type(column) for column in table.columns]
    WRITERS[ending](pa.table(columns, pa.schema([
        field.with_type(column.type) for field, column in zip(said, columns, strict=True)])),
        facts, "own_spectra", path)


def described(schema: pa.Schema, classes: Sequence[str]) -> pa.Schema:
    """Put unit, UCD and description into each field's metadata, as the catalogue has them."""
    as_there = {c.name: c for c in catalogue.columns(classes, "")}
    own = {"file": ("meta.file", "File that the spectrum is in"),
           "asteroid": ("meta.id", "Number or designation in the file's name"),
           **{f"probability_{name}": ("stat.probability", f"Probability of complex {name}")
              for name in classes},
           **{name: as_there[name][3:] for name in ("complex", "confidence")},
           "abstained": (as_there["abstained"].ucd,
                         as_there["abstained"].description
                         + ", or a mark for what was not measured lies in a band that was used"),
           "model": ("meta.software", "ONNX file that classified the spectrum"),
           "note": (as_there["reason"].ucd, "What is doubtful, or why there is no class")}
    out = []
    for field in schema:
        ucd, description = own.get(field.name, ("meta.id", "Name of the spectrum, as in the file"))
        out.append(field.with_metadata({"unit": "", "ucd": ucd, "description": description}))
    return pa.schema(out)


def _plain_type(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Text, bool and numbers that both formats know; names of any other type as text."""
    kind = column.type
    if pa.types.is_integer(kind) and kind != pa.uint64():
        return column.cast(pa.int64())
    if kind in (pa.string(), pa.float32(), pa.float64()) or (
            kind == pa.bool_() and not column.null_count):
        return column
    texts = [None if value is None else str(value) for value in column.to_pylist()]
    return pa.chunked_array([pa.array(texts, pa.string())])


def show(table: pa.Table, classes: Sequence[str]) -> None:
    """Print a few rows of the result."""
    ids = [n for n in table.column_names[:table.column_names.index(f"probability_{classes[0]}")]
           if n not in ("file", "asteroid")]
    print(f"  {'spectrum':28}" + "".join(f"{name:>7}" for name in classes) + "  complex")
    for i, row in enumerate(table.to_pylist(), 1):
        name = " ".join(str(row[key]) for key in ids if row[key] is not None) or f"spectrum {i}"
        figures = "".join("      -" if row[f"probability_{c}"] is None
                          else f"{row[f'probability_{c}']:7.3f}" for c in classes)
        doubt = "?" if row["abstained"] and row["complex"] else ""
        print(plain(f"  {name[:28]:28}{figures}  {(row['complex'] or '-') + doubt:8}"
                        f"{row['note'] or ''}").rstrip())


@dataclass
class Counts:
    """What has been classified so far, and the first rows of it."""

    spectra: int = 0
    with_class: int = 0
    kept: int = 0
    elsewhere: int = 0
    unread: int = 0
    first: pa.Table | None = None

    def add(self, table: pa.Table, not_normalised: int) -> None:
        """Count the rows of a part of the result, and those that were not 1 where they should."""
        self.spectra += len(table)
        self.with_class += len(table) - table["complex"].null_count
        self.kept += len(table) - int(np.count_nonzero(table["abstained"].to_numpy()))
        self.elsewhere += not_normalised
        if self.first is None or len(self.first) < SHOWN:
            more = table.slice(0, SHOWN)
            self.first = more if self.first is None else pa.concat_tables([self.first, more])


def report(
    counts: Counts, classes: Sequence[str], normalised_at_nm: int, output: Path | None
) -> None:
    """Print the first rows and what has become of all."""
    assert counts.first is not None
    show(counts.first.slice(0, SHOWN), classes)
    if counts.spectra > SHOWN:
        print(f"  ... and {counts.spectra - SHOWN:,} more")
    if counts.elsewhere:
        print(f"  {counts.elsewhere:,} of {counts.spectra:,} were not 1 at "
              f"{normalised_at_nm} nm and have been normalised")
    if counts.unread:
        files = f"{counts.unread:,} file{'s' * (counts.unread > 1)}"
        print(f"{files} could not be read; the column note says why", file=sys.stderr)
    print(f"{f'wrote {output}: ' if output else ''}{counts.spectra:,} "
          f"spectr{'um' if counts.spectra == 1 else 'a'}, "
          f"{counts.with_class:,} with a class, {counts.kept:,} of them kept (not abstained)")
