"""From the bytes of a table to its columns by role: CSV, VOTable or Parquet, perhaps gzipped.

CSV has no types and several forms of null, and may come in ESA's form (an ECSV header) or VizieR's
(tabs, a rule of dashes below the names). Where a table has one row per asteroid with arrays of
wavelength and reflectance, it becomes one row per asteroid and wavelength.
"""

import csv
import gzip
import re
import warnings
import zlib
from collections.abc import Mapping, Sequence
from typing import IO, Any, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from astropy.io import votable
from pyarrow import csv as pa_csv

from asteroid_taxonomy.archives import RefusalError, TransientError, reported, server_message
from asteroid_taxonomy.console import one_line
from asteroid_taxonomy.tables import RawTable

NULLS = ["", "null", "NULL", "NaN", "nan"]
DELIMITERS = ",\t;|"
GZIP_MAGIC, PARQUET_MAGIC = b"\x1f\x8b", b"PAR1"
DAMAGE = (EOFError, zlib.error, gzip.BadGzipFile, csv.Error, ValueError, IndexError,
          pa.ArrowException)


class BadTable(RefusalError):
    """Not the expected table: damaged, incomplete, or a value of another type."""


class MissingColumn(BadTable):
    """A table without a column that is needed."""


def unzipped(body: IO[bytes]) -> IO[bytes]:
    """The stored bytes from their start, decompressed if they begin as gzip does."""
    body.seek(0)
    zipped = body.read(2) == GZIP_MAGIC
    body.seek(0)
    return cast(IO[bytes], gzip.GzipFile(fileobj=body)) if zipped else body


def read_rows(
    body: IO[bytes], raw: RawTable, names: Mapping[str, str], count: int | None = None
) -> pa.Table:
    """Read the columns of `raw`, which the table calls `names`, from stored bytes.

    The table may have other columns, and lack optional ones, which are left out then.

    Raises
    ------
    BadTable
        The table is damaged, lacks a column (MissingColumn) or has not `count` rows.
    TransientError, QueryError
        Nothing, or a page of HTML or an error message in place of a table.
    """
    try:
        head, stream = unzipped(body).read(1 << 16).lstrip(), unzipped(body)
        if not head:
            raise TransientError("an empty response")
        if head.startswith(b"<") and not re.search(rb"<(\w+:)?TABLE\b", head):
            raise reported(f"a page in place of a table: {server_message(head)}")
        if head.startswith(PARQUET_MAGIC):
            found = _columns(raw, names, pq.read_schema(stream).names)
            table = pq.read_table(stream, columns=list(found.values()))
        elif head.startswith(b"<"):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # about the finer points of the VOTable standard
                parsed = votable.parse(stream).get_first_table()
            return from_astropy(parsed.to_table(use_names_over_ids=True), raw, names, count)
        else:
            table, found = _read_csv(stream, raw, names)
        table = table.select(list(found.values())).rename_columns(list(found))
        return _typed(table, raw, count)
    except DAMAGE as error:
        raise BadTable(f"cut off or damaged ({one_line(error, 80)})") from None


def from_astropy(
    table: Any, raw: RawTable, names: Mapping[str, str], count: int | None = None
) -> pa.Table:
    """As read_rows, from an astropy Table."""
    columns = {}
    for role, name in _columns(raw, names, table.colnames).items():
        column = table[name]
        if column.ndim > 1 or (column.dtype == object and np.ndim(column[0])):
            columns[role] = pa.array([np.ma.asarray(row).tolist() for row in column])
        else:
            columns[role] = pa.array(np.asarray(column), mask=np.ma.getmaskarray(column))
    return _typed(pa.table(columns), raw, count)


def _columns(raw: RawTable, names: Mapping[str, str], header: Sequence[str]) -> dict[str, str]:
    """The header's spelling of each role: in any case, quoted, or as class_."""
    def bare(name: str) -> str:
        return name.strip(' "').lower().rstrip("_")

    found = {role: [name for name in header if bare(name) == bare(names[role])]
             for role in raw.schema.names}
    if absent := [names[c.role] for c in raw.columns
                  if len(found[c.role]) != 1 and not c.optional]:
        raise MissingColumn(f"no column {', '.join(absent)} (once) among "
                            f"{one_line(', '.join(header), 100) or 'none'}")
    return {role: spelled[0] for role, spelled in found.items() if len(spelled) == 1}


def _read_csv(
    stream: IO[bytes], raw: RawTable, names: Mapping[str, str]
) -> tuple[pa.Table, dict[str, str]]:
    line = b"#"
    while line.startswith(b"#") or (line and not line.strip()):
        line = stream.readline(1 << 16)
    text = line.decode("utf-8-sig", "replace").strip("\r\n")
    delimiter = max(DELIMITERS, key=text.count)
    header = [name.strip() for name in next(csv.reader([text], delimiter=delimiter), [])]
    found, start = _columns(raw, names, header), stream.tell()
    for _ in range(2):  # VizieR's rule of dashes, perhaps below a line of units
        if set(stream.readline(1 << 16).decode("latin-1").strip()) - {delimiter} == {"-"}:
            start = stream.tell()

    def read(types: Mapping[str, pa.DataType]) -> pa.Table:
        stream.seek(start)
        return pa_csv.open_csv(
            stream, pa_csv.ReadOptions(column_names=header),
            pa_csv.ParseOptions(delimiter=delimiter), pa_csv.ConvertOptions(
                include_columns=list(types), column_types=types, null_values=NULLS,
                strings_can_be_null=True)).read_all()

    try:
        return read({found[f.name]: f.type for f in raw.schema if f.name in found}), found
    except pa.ArrowInvalid:  # padded, arrays, or wrong
        return read(dict.fromkeys(found.values(), pa.string())), found


def _typed(table: pa.Table, raw: RawTable, count: int | None) -> pa.Table:
    """Columns in the types of `raw`, one row per asteroid and wavelength; nulls are null."""
    if count not in (None, len(table)):
        raise BadTable(f"{len(table):,} rows received, COUNT(*) is {count:,}: a row limit of the "
                       "service, or the table has changed")
    columns = {role: _cells(table[role], raw.schema.field(role).type)
               for role in table.column_names}
    if lists := {role: values for role, values in columns.items()
                 if pa.types.is_nested(values.type)}:
        lengths, *others = map(pc.list_value_length, lists.values())
        if lengths.null_count or any(not each.equals(lengths) for each in others):
            raise BadTable(f"the arrays {', '.join(lists)} of an asteroid differ in length")
        asteroid = pc.list_parent_indices(next(iter(lists.values())).combine_chunks())
        columns = {role: pc.list_flatten(values) if role in lists else values.take(asteroid)
                   for role, values in columns.items()}
    for role, values in columns.items():
        type_ = raw.schema.field(role).type
        is_float = pa.types.is_floating(type_)
        try:
            values = values.cast(type_, safe=not is_float)
        except pa.ArrowInvalid as error:
            raise BadTable(f"column {role}: {one_line(error, 80)}") from None
        if is_float and pc.any(pc.is_nan(values)).as_py():
            values = pc.if_else(pc.is_nan(values), None, values)
        columns[role] = values
    return pa.table(columns)


def _cells(values: pa.ChunkedArray, type_: pa.DataType) -> pa.ChunkedArray:
    """Trimmed text, with nulls; lists from cells such as [374.0, null] or 374 418."""
    if pa.types.is_binary(values.type):
        values = values.cast(pa.string())
    if not pa.types.is_string(values.type):
        return values
    values = pc.utf8_trim_whitespace(values)
    values = pc.if_else(pc.is_in(values, pa.array(NULLS)), None, values)
    is_list = pc.any(pc.match_substring_regex(values, r"^[\[({]|\d[,;\s]+\S")).as_py()
    if pa.types.is_string(type_) or not is_list:
        return values
    inner = pc.utf8_trim(values, characters=" \t[](){}")
    return pc.split_pattern_regex(pc.replace_substring_regex(inner, "(?i)null|--", "nan"),
                                  r"[,;\s]+")
