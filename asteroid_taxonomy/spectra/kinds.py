"""What a file is, told by what is in it and not by its ending.

Text and Parquet are streamed, whatever their size.
"""

import io
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from asteroid_taxonomy.own_spectra import rows, tables, text
from asteroid_taxonomy.own_spectra.astropy_tables import open_fits, open_votable
from asteroid_taxonomy.own_spectra.tables import (
    TableFile,
    bound,
    must_be_a_name,
    must_be_a_number,
    refuse_twins,
)
from asteroid_taxonomy.own_spectra.text import MAX_COLUMNS
from asteroid_taxonomy.own_spectra.units import NotSpectra
from asteroid_taxonomy.own_spectra.unpacking import opened

UTF16 = (b"\xff\xfe", b"\xfe\xff")  # marks with which such a file begins
HEAD_BYTES = 1 << 20  # of a file, from which its kind and layout are told


def open_table(path: Path) -> TableFile:
    """Open a file by its content.

    Raises
    ------
    NotSpectra, or whatever a parser raises
        No such file, a kind that is not read, an empty or a damaged file; see `readable`.
    """
    if path.is_dir():
        raise NotSpectra("is a folder; name one file in it")
    if path.stat().st_size == 0:
        raise NotSpectra("is empty; save it anew")
    with opened(path) as stream:
        head = stream.read(HEAD_BYTES)
    if head.startswith(b"PAR1"):
        return _open_parquet(path)
    if head.startswith(b"SIMPLE  ="):
        return open_fits(path)
    told = head.decode("utf-16", "replace").encode() if head.startswith(UTF16) else head
    if re.search(rb"<(\w+:)?VOTABLE[\s>]", told[:65536]):
        return open_votable(path)
    _refuse_what_is_no_table(told)
    return _open_text(path, head)


def _refuse_what_is_no_table(head: bytes) -> None:
    start = head[:4096].lstrip(b"\xef\xbb\xbf \r\n\t")
    if re.match(rb"PDS_VERSION_ID|CCSD3ZF", start) or b"http://pds.nasa.gov/pds4" in start:
        named = re.search(rb"<file_name>\s*([^<\s]+)|\^\w*(?:TABLE|SERIES|SPREADSHEET)\s*=\s*"
                          rb"\(?\s*\"([^\"]+)\"", head)
        if named:
            table = (named[1] or named[2]).decode(errors="replace")
            raise NotSpectra(f"is a PDS label; give the table it describes, {table}, instead")
        if not start.startswith(b"PDS_VERSION_ID"):
            raise NotSpectra("is a PDS label that names no table; give the table instead")
    if start.startswith(b"PK\x03\x04"):
        raise NotSpectra("is a spreadsheet or a zip archive; save it as CSV, or unpack it")
    if re.match(rb"<(!doctype\s+html|html|\?xml)", start, re.IGNORECASE):
        raise NotSpectra("is a page or XML that is no VOTable; save the table as CSV")
    if b"\0" in head:
        raise NotSpectra("is neither text, Parquet, VOTable nor FITS; save the table as CSV")


def _open_text(path: Path, head: bytes) -> TableFile:
    encoding = "utf-16" if head.startswith(UTF16) else "utf-8-sig"
    try:
        head[:-4].decode(encoding)
    except UnicodeDecodeError as error:
        encoding = "latin-1" if error.end < len(head) - 8 else encoding
    lines = io.StringIO(head.decode(encoding, errors="replace"), newline=None).readlines()
    if len(head) == HEAD_BYTES and len(lines) > 1:
        lines.pop()  # the last one may not be whole
    if len(head) == HEAD_BYTES and len(lines) < 2:
        raise NotSpectra("has a line of more than 1 MB; expected a table, a row on each line")
    layout = text.sniff(lines)
    refuse_twins(layout.names)
    units = dict(layout.units)
    if lines[0].startswith("# %ECSV"):
        from astropy.table.meta import get_header_from_yaml

        units |= {c["name"]: str(c.get("unit", "")) for c in get_header_from_yaml(
            line[2:].rstrip("\n") for line in lines[1:layout.rows_at] if line.startswith("# ")
        )["datatype"]}

    def batches(numbers: Sequence[str], texts: Sequence[str]) -> Iterator[pa.Table]:
        with opened(path) as binary, io.TextIOWrapper(
                binary, encoding, errors="replace", newline=None) as stream:
            yield from rows.read_rows(stream, layout, numbers, texts, tables.BATCH_ROWS)

    sample = rows.sample_of(lines[:layout.rows_at + tables.SAMPLE_ROWS], layout)
    return TableFile(layout.names, sample, batches, units, layout.header)


def _open_parquet(path: Path) -> TableFile:
    # one row group may be the whole file: read it through a buffer, not at once
    file = pq.ParquetFile(path, buffer_size=1 << 20, pre_buffer=False,
                          page_checksum_verification=True)
    schema = file.schema_arrow
    bound(len(schema), "columns", MAX_COLUMNS)
    refuse_twins(schema.names)
    units = {f.name: (f.metadata or {}).get(b"unit", b"").decode(errors="replace") for f in schema}

    def batches(numbers: Sequence[str], texts: Sequence[str]) -> Iterator[pa.Table]:
        for name in numbers:
            must_be_a_number(schema.field(name))
        for name in texts:
            must_be_a_name(schema.field(name))
        for batch in file.iter_batches(tables.BATCH_ROWS, columns=[*numbers, *texts]):
            yield pa.Table.from_batches([batch])

    flat = [f.name for f in schema if not pa.types.is_nested(f.type)]
    first = next(file.iter_batches(tables.SAMPLE_ROWS, columns=flat), None)
    sample = pd.DataFrame(columns=flat) if first is None else first.to_pandas()
    return TableFile(schema.names, sample, batches, units)
