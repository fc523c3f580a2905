"""What a TAP service answers: from the bytes of a result in CSV to an Arrow table.

CSV says nothing about itself: no types, no mark of truncation, several forms of null, an error
page in XML or HTML in its place. What is not plainly the table asked for stops with a sentence.
"""

import csv
import gzip
import html
import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv as pa_csv

from stages.cli import PipelineError

NULLS = ["", "null", "NULL", "NaN", "nan"]
EXAMPLES = 3
HEAD_BYTES = 1 << 16


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
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", text)).split())[:300]


@contextmanager
def open_body(path: Path, length_known: bool, source: str) -> Iterator[IO[bytes]]:
    """Open a stored result, unzipping it where its first bytes say gzip.

    Parameters
    ----------
    path : Path
        The bytes as they came.
    length_known : bool
        Whether the transport knew how many bytes to expect. Where it did not, a body that ends
        inside a line was cut off.
    source : str
        Who sent it, for messages.
    """
    with path.open("rb") as file:
        zipped = file.read(2) == b"\x1f\x8b"
        if not zipped and not length_known and path.stat().st_size:
            file.seek(-1, 2)
            if file.read(1) != b"\n":
                raise PipelineError(f"the answer of {source} ends inside a line after "
                                    f"{path.stat().st_size:,} bytes: it was cut off; run it again")
    try:
        with path.open("rb") as file:
            yield gzip.GzipFile(fileobj=file) if zipped else file  # type: ignore[misc]
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise PipelineError(f"the compressed answer of {source} is cut off or damaged ({error}); "
                            "run it again") from None


def read_csv(stream: IO[bytes], schema: pa.Schema, source: str) -> pa.Table:
    """Parse a CSV result into the names, order and types of `schema`.

    Column names are matched without regard to case, order or quotes. Empty, null and NaN are
    null.

    Raises
    ------
    PipelineError
        Not CSV, other columns than asked for, or a value that does not fit its type.
    """
    head = stream.read(HEAD_BYTES)
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    if not start:
        raise PipelineError(f"{source} sent an empty answer, expected a CSV table; run it again")
    if start.startswith(b"<"):
        if b"OVERFLOW" in start:
            raise PipelineError(f"{source} marked its answer as truncated (OVERFLOW) and sent XML "
                                "where CSV was asked for; nothing was stored; use another mirror")
        raise PipelineError(f"{source} sent a page where a CSV table was expected: "
                            f"{server_message(start)}")
    header = next(csv.reader([start.split(b"\n", 1)[0].decode("utf-8", "replace").strip()]))
    names = {name.strip().strip('"').lower(): name for name in header}
    wanted = {name.lower(): name for name in schema.names}
    missing = [wanted[n] for n in wanted if n not in names]
    extra = [names[n] for n in names if n not in wanted]
    if missing or extra or len(names) != len(header):
        raise PipelineError(
            f"{source} was asked for the columns {', '.join(schema.names)} and sent "
            f"{', '.join(header)[:300]}; check the table name in params.yaml"
        )
    stream.seek(0)
    declared = [schema.field(wanted[name.strip().strip('"').lower()]) for name in header]
    read = pa_csv.ReadOptions(column_names=[f.name for f in declared], skip_rows=1,
                              block_size=1 << 22)
    try:
        table = pa_csv.open_csv(stream, read_options=read,
                                convert_options=_convert(declared, typed=True)).read_all()
    except pa.ArrowInvalid as error:
        if "Column count" in str(error) or "Expected" in str(error):
            raise PipelineError(f"a row of the answer of {source} has another number of columns "
                                f"than its header ({error}); run it again") from None
        stream.seek(0)
        text = pa_csv.open_csv(stream, read_options=read,
                               convert_options=_convert(declared, typed=False)).read_all()
        raise PipelineError(_misfits(text, schema, source) or f"{source}: {error}") from None
    return _null_for_nan(table.select(schema.names))


def _convert(declared: list[pa.Field], typed: bool) -> pa_csv.ConvertOptions:
    types = {f.name: f.type if typed else pa.string() for f in declared}
    return pa_csv.ConvertOptions(column_types=types, null_values=NULLS, strings_can_be_null=True)


def _null_for_nan(table: pa.Table) -> pa.Table:
    for i, field in enumerate(table.schema):
        if pa.types.is_floating(field.type) and pc.any(pc.is_nan(table.column(i))).as_py():
            nan = pc.is_nan(table.column(i))
            nulled = pc.if_else(nan, pa.scalar(None, field.type), table.column(i))
            table = table.set_column(i, field, nulled)
    return table


def _misfits(text: pa.Table, schema: pa.Schema, source: str) -> str:
    """Name the first column whose text does not fit its type, how often, and three examples."""
    for field in schema:
        bad = []
        for value in text.column(field.name).unique():
            try:
                value.cast(field.type)
            except pa.ArrowInvalid:
                bad.append(value.as_py())
        if bad:
            rows = pc.is_in(text.column(field.name), pa.array(bad, pa.string()))
            keys = text.filter(rows).column(0).slice(0, EXAMPLES).to_pylist()
            return (f"column {field.name} of the answer of {source} has {pc.sum(rows).as_py():,} "
                    f"values that are not {field.type}, e.g. {bad[0]!r} "
                    f"({text.column_names[0]} {', '.join(map(str, keys))}); nothing was stored")
    return ""
