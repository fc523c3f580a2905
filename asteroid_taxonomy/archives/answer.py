"""What a TAP service answers: from the bytes of a result in CSV to an Arrow table.

CSV says nothing about itself: no types, no mark of truncation, several forms of null, an error
page in XML or HTML in its place. What is not plainly the table asked for stops with a sentence.
"""

import csv
import gzip
import html
import re
import zlib
from collections.abc import Mapping
from typing import IO, cast

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv as pa_csv

from asteroid_taxonomy.console import EXAMPLES, PipelineError

NULLS = ["", "null", "NULL", "NaN", "nan"]
# words of DaCHS, VOLLT (TAPVizieR), ESA and PostgreSQL about a query that will not pass either way
QUERY_FAULT = re.compile(
    r"unresolved|\bpars(e|ing)|cannot find|syntax|unknown (table|column)|no such|not exist|not found|"
    r"could not locate|incorrect ADQL|encountered \"", re.IGNORECASE)
HEAD_BYTES = 1 << 16
BLOCK_BYTES = 1 << 20
GZIP_MAGIC = b"\x1f\x8b"


class TapError(PipelineError):
    """A service refuses, or sends what is not the answer: will not pass by waiting.

    `kind` is what two refusals are compared by.
    """

    def __init__(self, sentence: str, kind: str = "answer") -> None:
        super().__init__(sentence)
        self.kind = kind


class PassingFault(Exception):
    """A fault that may pass: worth another attempt after `retry_after` seconds."""

    def __init__(self, reason: str, retry_after: float = 0.0) -> None:
        super().__init__(reason)
        self.retry_after = retry_after


def printable(text: str) -> str:
    """`text` on one line, without what could move a terminal's cursor."""
    return "".join(c if c.isprintable() else "?" for c in " ".join(text.split()))


def query_is_at_fault(said: str) -> bool:
    """Whether a service's words blame the query."""
    return bool(QUERY_FAULT.search(said))


def server_message(body: bytes) -> str:
    """What a service says is wrong, out of a VOTable, UWS or HTML error page, on one line."""
    text = body[:HEAD_BYTES].decode("utf-8", "replace")
    for pattern in (
        r'<INFO[^>]*value="ERROR"[^>]*>(.*?)</(?:\w+:)?INFO>',
        r"<(?:\w+:)?message>(.*?)</(?:\w+:)?message>",
        r"<title>(.*?)</title>",
    ):
        found = re.search(pattern, text, re.DOTALL | re.IGNORECASE)
        if found and found[1].strip():
            text = found[1]
            break
    return printable(html.unescape(re.sub(r"<[^>]*>", " ", text)))[:300]


def read_body(
    body: IO[bytes], sized: bool, columns: Mapping[str, str], schema: pa.Schema, source: str
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
        return _read_csv(stream, columns, schema, source)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise PipelineError(f"the compressed answer of {source} is cut off or damaged ({error}); "
                            "run it again") from None


def _read_csv(
    stream: IO[bytes], columns: Mapping[str, str], schema: pa.Schema, source: str
) -> pa.Table:
    names = {columns[field.name].strip('"').lower(): field for field in schema}
    declared = _header(stream, names, source)
    stream.seek(0)
    try:
        table = _parse(stream, declared)
    except pa.ArrowInvalid as error:
        stream.seek(0)
        raise PipelineError(_explain(stream, declared, source, error)) from None
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
                            f"sent {printable(', '.join(header))[:300]}; nothing was stored; "
                            "check the names of the table and its columns in params.yaml")
    return [names[name.lower()] for name in header]


def _parse(stream: IO[bytes], declared: list[pa.Field]) -> pa.Table:
    types = {field.name: field.type for field in declared}
    return pa_csv.open_csv(
        stream,
        read_options=pa_csv.ReadOptions(column_names=list(types), skip_rows=1,
                                        block_size=BLOCK_BYTES),
        convert_options=pa_csv.ConvertOptions(column_types=types, null_values=NULLS,
                                              strings_can_be_null=True),
    ).read_all()


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
    stream: IO[bytes], declared: list[pa.Field], source: str, error: pa.ArrowInvalid
) -> str:
    """Name the first column whose text does not fit its type, how often, and three examples."""
    damaged = (f"the answer of {source} is not CSV throughout ({' '.join(str(error).split())}); "
               "nothing was stored; run it again")
    try:
        text = _parse(stream, [pa.field(field.name, pa.binary()) for field in declared])
    except pa.ArrowInvalid:
        return damaged
    for field in declared:
        column = text.column(field.name)
        bad = [v for v in column.unique().to_pylist() if not _fits(v, field.type)]
        if bad:
            rows = pc.is_in(column, pa.array(bad, pa.binary()))
            keys = text.column(0).filter(rows).unique().slice(0, EXAMPLES).to_pylist()
            shown = printable(", ".join(str(k and k.decode("utf-8", "replace")) for k in keys))
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
