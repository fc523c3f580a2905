"""What a TAP service answers: from the bytes of a result in CSV to an Arrow table.

CSV says nothing about itself: no types, no mark of truncation, several forms of null, an error
page in XML or HTML in its place. What is not plainly the table asked for stops with a sentence.
"""

import csv
import gzip
import re
import zlib
from collections.abc import Mapping
from typing import IO, cast

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv as pa_csv

from asteroid_taxonomy.archives.faults import (
    PassingFault,
    TapError,
    one_line,
    query_is_at_fault,
    server_message,
)
from asteroid_taxonomy.console import EXAMPLES, PipelineError

NULLS = ["", "null", "NULL", "NaN", "nan"]
HEAD_BYTES = 1 << 16
BLOCK_BYTES = 1 << 20
GZIP_MAGIC = b"\x1f\x8b"


def read_body(
    body: IO[bytes], sized: bool, columns: Mapping[str, str], schema: pa.Schema, most_rows: int,
    source: str,
) -> pa.Table:
    """Parse a stored result into the names, order and types of `schema`.

    Results come gzipped with or without a header that says so: the first bytes tell. Column names
    are matched without regard to case, order or quotes. Nothing, null and NaN are null, and blanks
    around text are not part of it.

    Parameters
    ----------
    body : binary file
        The bytes as they came.
    sized : bool
        Whether the transport knew how many bytes to expect. Where it did not, a body that ends
        inside a line was cut off.
    columns : mapping of str to str
        What the result calls each field of `schema`, by its name there.
    schema : pyarrow.Schema
        What was asked for.
    most_rows : int
        Where there are more, no more are read than it takes to see it.
    source : str
        Who sent it, for messages.

    Raises
    ------
    PassingFault
        A page in the table's place that does not blame the query.
    PipelineError
        Cut off, not CSV, other columns than asked for, or a value that does not fit its type.
    """
    body.seek(0)
    zipped = body.read(2) == GZIP_MAGIC
    size = body.seek(0, 2)
    if size and not zipped and not sized:
        body.seek(-1, 2)
        if body.read(1) not in b"\r\n":
            raise PipelineError(f"the answer of {source} ends inside a line after {size:,} bytes: "
                                "it was cut off; run it again")
    body.seek(0)
    stream = cast(IO[bytes], gzip.GzipFile(fileobj=body)) if zipped else body
    try:
        return _read_csv(stream, columns, schema, most_rows, source)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise PipelineError(f"the compressed answer of {source} is cut off or damaged ({error}); "
                            "run it again") from None


def _read_csv(
    stream: IO[bytes], columns: Mapping[str, str], schema: pa.Schema, most_rows: int, source: str
) -> pa.Table:
    names = {columns[field.name].strip('"').lower(): field for field in schema}
    declared = _header(stream, names, source)
    stream.seek(0)
    try:
        table = _parse(stream, declared, most_rows)
    except pa.ArrowInvalid as error:
        stream.seek(0)
        raise PipelineError(_explain(stream, declared, most_rows, source, error)) from None
    return _null_for_nan_and_blanks(table.select(schema.names))


def _header(stream: IO[bytes], names: Mapping[str, pa.Field], source: str) -> list[pa.Field]:
    """The fields, by what the result calls them in lower case, in the order of its first line."""
    head = stream.read(HEAD_BYTES)
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    if not start:
        raise PipelineError(f"{source} sent an empty answer, expected a CSV table; run it again")
    if start.startswith(b"<"):
        tail = head
        while more := stream.read(HEAD_BYTES):
            tail = tail[-HEAD_BYTES:] + more
        if b"OVERFLOW" in tail:
            raise PipelineError(f"{source} marked its answer as truncated (OVERFLOW) and sent XML "
                                "where CSV was asked for; nothing was stored; use another mirror")
        said = f"sent a page where a CSV table was expected: {server_message(start)}"
        if not query_is_at_fault(said):
            raise PassingFault(said)
        raise TapError(f"{source} {said}; nothing was stored; check the names of the table and its"
                       " columns in params.yaml", "query")
    line = re.split(rb"[\r\n]", start, maxsplit=1)[0].decode("utf-8", "replace").strip()
    header = [name.strip().strip('"').strip() for name in next(csv.reader([line]))]
    if sorted(name.lower() for name in header) != sorted(names):
        raise PipelineError(f"{source} was asked for the columns {', '.join(names)} and "
                            f"sent {one_line(', '.join(header))[:300]}; nothing was stored; "
                            "check the names of the table and its columns in params.yaml")
    return [names[name.lower()] for name in header]


def _parse(stream: IO[bytes], declared: list[pa.Field], most_rows: int) -> pa.Table:
    types = {field.name: field.type for field in declared}
    batches, rows = [], 0
    reader = pa_csv.open_csv(
        stream,
        read_options=pa_csv.ReadOptions(column_names=list(types), skip_rows=1,
                                        block_size=BLOCK_BYTES),
        convert_options=pa_csv.ConvertOptions(column_types=types, null_values=NULLS,
                                              strings_can_be_null=True),
    )
    for batch in reader:
        batches.append(batch)
        rows += batch.num_rows
        if rows > most_rows:
            break
    return pa.Table.from_batches(batches, reader.schema)


def _null_for_nan_and_blanks(table: pa.Table) -> pa.Table:
    # NaN has more spellings (-nan, NAN) than the list of nulls; columns of fixed width are padded
    for i, field in enumerate(table.schema):
        values = table.column(i)
        if pa.types.is_string(field.type):
            values = pc.utf8_trim_whitespace(values)
            void = pc.equal(values, "")
        elif pa.types.is_floating(field.type):
            void = pc.is_nan(values)
        else:
            continue
        if pc.any(void).as_py():
            values = pc.if_else(void, pa.scalar(None, field.type), values)
        table = table.set_column(i, field, values)
    return table


def _explain(
    stream: IO[bytes], declared: list[pa.Field], most_rows: int, source: str,
    error: pa.ArrowInvalid,
) -> str:
    """Name the first column whose text does not fit its type, how often, and three examples."""
    damaged = (f"the answer of {source} is not CSV throughout ({' '.join(str(error).split())}); "
               "nothing was stored; run it again")
    try:
        text = _parse(stream, [pa.field(field.name, pa.binary()) for field in declared], most_rows)
    except pa.ArrowInvalid:
        return damaged
    for field in declared:
        column = text.column(field.name)
        bad = [v for v in column.unique().to_pylist() if not _fits(v, field.type)]
        if bad:
            rows = pc.is_in(column, pa.array(bad, pa.binary()))
            keys = text.column(0).filter(rows).unique().slice(0, EXAMPLES).to_pylist()
            shown = one_line(", ".join(str(k and k.decode("utf-8", "replace")) for k in keys))
            return (f"column {field.name} of the answer of {source} has {pc.sum(rows).as_py():,} "
                    f"values that are not {field.type}, e.g. {bad[0].decode('utf-8', 'replace')!r}"
                    f" ({text.column_names[0]} {shown}); nothing was stored; check the table name")
    return damaged


def _fits(value: bytes | None, type_: pa.DataType) -> bool:
    try:
        text = value and value.decode()
        pa.scalar(text if pa.types.is_string(type_) else text and text.strip()).cast(type_)
    except (UnicodeDecodeError, pa.ArrowInvalid):
        return False
    return True
