"""From the bytes of a table to its columns by role: CSV, VOTable or Parquet, perhaps gzipped.

CSV has no types and several forms of null, and may come in ESA's form (an ECSV header) or VizieR's
(tabs, a rule of dashes below the names). Where a table has one row per asteroid with arrays of
wavelength and reflectance, it becomes one row per asteroid and wavelength.
"""

import csv
import gzip
import warnings
import zlib
from collections.abc import Iterable, Mapping, Sequence
from typing import IO, Any, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from astropy.io import votable
from pyarrow import csv as pa_csv

from asteroid_taxonomy.console import one_line
from asteroid_taxonomy.tables import RawTable

NULLS = ["", "null", "NULL", "NaN", "nan"]
DELIMITERS = ",\t;|"
GZIP_MAGIC, PARQUET_MAGIC = b"\x1f\x8b", b"PAR1"


class BadTable(Exception):
    """Not the expected table: damaged, or a value of another type."""


class MissingColumn(BadTable):
    """A table without a column that is needed."""


def unzipped(body: IO[bytes]) -> IO[bytes]:
    """The stored bytes from their start, decompressed if they begin as gzip does."""
    body.seek(0)
    zipped = body.read(2) == GZIP_MAGIC
    body.seek(0)
    return cast(IO[bytes], gzip.GzipFile(fileobj=body)) if zipped else body


def peek(body: IO[bytes]) -> bytes:
    """The first bytes of the table; BadTable where they cannot be decompressed."""
    try:
        return unzipped(body).read(1 << 16)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise BadTable(f"cut off or damaged ({error})") from None


def match_columns(names: Mapping[str, str], header: Iterable[str]) -> dict[str, str]:
    """Find how a header spells the columns named by role, in any case, quoted, or as class_.

    Returns
    -------
    dict
        The header's spelling by role, of the roles that it has once.
    """
    spelled: dict[str, list[str]] = {}
    for name in header:
        spelled.setdefault(_bare(name), []).append(name)
    return {role: found[0] for role, name in names.items()
            if len(found := spelled.get(_bare(name), [])) == 1}


def _bare(name: str) -> str:
    return name.strip(' "').lower().rstrip("_")


def read_rows(body: IO[bytes], raw: RawTable, names: Mapping[str, str]) -> pa.Table:
    """Read the columns of `raw` from stored bytes; the table may have others.

    Parameters
    ----------
    body : binary file
        Seekable.
    raw : RawTable
    names : mapping
        What the table calls each column, by role.

    Returns
    -------
    pyarrow.Table
        Roles and types of `raw`, or lists of these types (see `long_form`), without the optional
        columns that `body` lacks.

    Raises
    ------
    MissingColumn
    BadTable
    """
    try:
        head, stream = peek(body), unzipped(body)
        if head.startswith(PARQUET_MAGIC):
            found = _columns(raw, names, pq.read_schema(body).names)
            return _typed(pq.read_table(body, columns=list(found.values())), raw, found)
        if head.lstrip().startswith(b"<"):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # about the finer points of the VOTable standard
                table = votable.parse(stream).get_first_table().to_table(use_names_over_ids=True)
            return from_astropy(table, raw, names)
        return _read_csv(stream, raw, names)
    except (EOFError, zlib.error, gzip.BadGzipFile, csv.Error, ValueError, IndexError,
            pa.ArrowException) as error:
        raise BadTable(f"cut off or damaged ({one_line(error, 80)})") from None


def _columns(raw: RawTable, names: Mapping[str, str], header: Sequence[str]) -> dict[str, str]:
    found = match_columns(names, header)
    if absent := [names[c.role] for c in raw.columns if c.role not in found and not c.optional]:
        raise MissingColumn(f"no column {', '.join(absent)} (once) among "
                            f"{one_line(', '.join(header), 100) or 'none'}")
    return found


def _header(stream: IO[bytes], names: Mapping[str, str]) -> tuple[list[str], str]:
    """Column names and delimiter of delimited text; `stream` is left where the rows begin."""
    line = b"#"
    while line.startswith(b"#") or (line and not line.strip()):
        line = stream.readline(1 << 16)
    text = line.decode("utf-8-sig", "replace").strip("\r\n")
    cells = {d: [c.strip() for c in next(csv.reader([text], delimiter=d), [])] for d in DELIMITERS}
    delimiter = max(DELIMITERS, key=lambda d: len(match_columns(names, cells[d])))
    start = stream.tell()
    for _ in range(2):  # VizieR's rule of dashes, perhaps below a line of units
        if set(stream.readline(1 << 16).decode("latin-1").strip()) - {delimiter} == {"-"}:
            start = stream.tell()
    stream.seek(start)
    return cells[delimiter], delimiter


def _read_csv(stream: IO[bytes], raw: RawTable, names: Mapping[str, str]) -> pa.Table:
    header, delimiter = _header(stream, names)
    found = _columns(raw, names, header)
    start = stream.tell()

    def read(types: Mapping[str, pa.DataType]) -> pa.Table:
        stream.seek(start)
        return pa_csv.open_csv(
            stream, pa_csv.ReadOptions(column_names=header),
            pa_csv.ParseOptions(delimiter=delimiter), pa_csv.ConvertOptions(
                include_columns=list(types), column_types=types, null_values=NULLS,
                strings_can_be_null=True)).read_all()

    try:
        table = read({found[f.name]: f.type for f in raw.schema if f.name in found})
    except pa.ArrowInvalid as error:
        if str(error) == "Empty CSV file":
            return raw.schema.empty_table()
        table = read(dict.fromkeys(found.values(), pa.string()))  # padded, arrays, or wrong
    return _typed(table, raw, found)


def from_astropy(table: Any, raw: RawTable, names: Mapping[str, str]) -> pa.Table:
    """The columns of `raw` from an astropy Table; BadTable where it lacks one."""
    found = _columns(raw, names, table.colnames)
    arrays = []
    for name in found.values():
        column = table[name]
        mask = getattr(column, "mask", None)
        if column.ndim > 1 or (column.dtype == object and np.ndim(column[0])):
            arrays.append(pa.array([np.ma.asarray(row).tolist() for row in column]))
        else:
            arrays.append(pa.array(np.asarray(column), mask=None if mask is None else
                                   np.broadcast_to(mask, len(column))))
    return _typed(pa.table(arrays, names=list(found.values())), raw, found)


def _typed(table: pa.Table, raw: RawTable, found: Mapping[str, str]) -> pa.Table:
    """Columns by role, in the types of `raw` or lists of them; every form of null is null."""
    columns = {}
    for role, type_ in ((c.role, c.type) for c in raw.columns if c.role in found):
        values = table[found[role]]
        if pa.types.is_binary(values.type):
            values = values.cast(pa.string())
        if pa.types.is_string(values.type):
            values = pc.utf8_trim_whitespace(values)
            values = pc.if_else(pc.is_in(values, pa.array(NULLS)), None, values)
            if not pa.types.is_string(type_) and pc.any(pc.match_substring_regex(
                    values, r"^[\[({]|\d[,;\s]+\S")).as_py():
                values = _lists(values)
        if pa.types.is_list(values.type) or pa.types.is_large_list(values.type):
            type_ = pa.list_(type_)
        try:
            values = values.cast(type_, safe=not pa.types.is_floating(type_))
        except pa.ArrowInvalid as error:
            raise BadTable(f"column {found[role]}: {one_line(error, 80)}") from None
        if pa.types.is_floating(type_) and pc.any(pc.is_nan(values)).as_py():
            values = pc.if_else(pc.is_nan(values), None, values)
        columns[role] = values
    return pa.table(columns)


def _lists(text: pa.ChunkedArray) -> pa.ChunkedArray:
    """Lists of text from cells such as [374.0, null], (374, 418) or 374 418."""
    inner = pc.utf8_trim(text, characters=" \t[](){}")
    return pc.split_pattern_regex(pc.replace_substring_regex(inner, "(?i)null|--", "nan"),
                                  r"[,;\s]+")


def long_form(rows: pa.Table) -> pa.Table:
    """One row per asteroid and wavelength, where `rows` has one per asteroid with arrays.

    Raises
    ------
    BadTable
        An asteroid's arrays differ in length.
    """
    lists = [field.name for field in rows.schema if pa.types.is_list(field.type)]
    if not lists:
        return rows
    rows = rows.combine_chunks()
    lengths = [pc.list_value_length(rows[name]) for name in lists]
    if lengths[0].null_count or any(not each.equals(lengths[0]) for each in lengths):
        raise BadTable(f"the arrays {', '.join(lists)} of an asteroid differ in length")
    asteroid = pc.list_parent_indices(rows[lists[0]])
    columns = {}
    for name in rows.column_names:
        values = pc.list_flatten(rows[name]) if name in lists else rows[name].take(asteroid)
        columns[name] = (pc.if_else(pc.is_nan(values), None, values)
                         if pa.types.is_floating(values.type) else values)
    return pa.table(columns)
