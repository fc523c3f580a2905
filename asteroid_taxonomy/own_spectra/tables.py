"""Files that users bring, told by what is in them and not by their ending, read in batches.

Text and Parquet are streamed, whatever their size. astropy reads VOTable and FITS whole, which
takes several times the file's size in memory: larger ones are refused, with the way to Parquet.
What a file unpacks to, its columns and its cells are bounded before it is read, and nothing that
a file names is fetched from anywhere.
"""

import io
import math
import re
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from asteroid_taxonomy.console import PipelineError, plain
from asteroid_taxonomy.own_spectra import text
from asteroid_taxonomy.own_spectra.text import MAX_COLUMNS
from asteroid_taxonomy.own_spectra.units import NotSpectra
from asteroid_taxonomy.own_spectra.unpacking import opened

BATCH_ROWS = 1 << 14
SAMPLE_ROWS = 2000
HEAD_BYTES = 1 << 20
WHOLE_BYTES = 200_000_000  # the largest file that is read whole
# of a VOTable, of which astropy reads some 100,000 cells a second, and columns ever more slowly
MAX_CELLS, MAX_FIELDS, MAX_NUMBERS = 3_000_000, 2000, 100_000_000


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
        found = _open_parquet(path)
    elif head.startswith(b"SIMPLE  ="):
        found = _open_fits(path)
    elif re.search(rb"<(\w+:)?VOTABLE[\s>]", head[:65536]):
        found = _open_votable(path)
    else:
        _refuse_what_is_no_table(head)
        found = _open_text(path, head)
    twice = sorted({name for name in found.names if found.names.count(name) > 1})
    if twice:
        raise NotSpectra(f"has two columns {twice[0]!r}; rename one of them")
    return found


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
    utf16 = head[:2] in (b"\xff\xfe", b"\xfe\xff")
    if b"\0" in head and not utf16:
        raise NotSpectra("is neither text, Parquet, VOTable nor FITS; save the table as CSV")


def _open_text(path: Path, head: bytes) -> TableFile:
    encoding = "utf-16" if head[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
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
    units = dict(layout.units)
    if lines[0].startswith("# %ECSV"):
        from astropy.table.meta import get_header_from_yaml

        units |= {c["name"]: str(c.get("unit", "")) for c in get_header_from_yaml(
            line[2:].rstrip("\n") for line in lines[1:layout.rows_at] if line.startswith("# ")
        )["datatype"]}

    def batches(numbers: Sequence[str], texts: Sequence[str]) -> Iterator[pa.Table]:
        with opened(path) as binary, io.TextIOWrapper(
                binary, encoding, errors="replace", newline=None) as stream:
            yield from text.read_rows(stream, layout, numbers, texts, BATCH_ROWS)

    sample = text.sample_of(lines[:layout.rows_at + SAMPLE_ROWS], layout)
    return TableFile(layout.names, sample, batches, units, layout.header)


def _open_parquet(path: Path) -> TableFile:
    # one row group may be the whole file: read it through a buffer, not at once
    file = pq.ParquetFile(path, buffer_size=1 << 20, pre_buffer=False,
                          page_checksum_verification=True)
    schema = file.schema_arrow
    _bound(len(schema), "columns", MAX_COLUMNS)
    units = {f.name: (f.metadata or {}).get(b"unit", b"").decode(errors="replace") for f in schema}

    def batches(numbers: Sequence[str], texts: Sequence[str]) -> Iterator[pa.Table]:
        for name in numbers:
            _must_be_a_number(schema.field(name))
        for name in texts:
            _must_be_a_name(schema.field(name))
        for batch in file.iter_batches(BATCH_ROWS, columns=[*numbers, *texts]):
            yield pa.Table.from_batches([batch])

    flat = [f.name for f in schema if not pa.types.is_nested(f.type)]
    first = next(file.iter_batches(SAMPLE_ROWS, columns=flat), None)
    sample = pd.DataFrame(columns=flat) if first is None else first.to_pandas()
    return TableFile(schema.names, sample, batches, units)


def _whole(path: Path) -> io.BytesIO:
    with opened(path) as stream:
        content = stream.read(WHOLE_BYTES + 1)
    if len(content) > WHOLE_BYTES:
        raise NotSpectra(f"has more than {WHOLE_BYTES / 1e6:,.0f} MB; above that only text and "
                         "Parquet are read, in pieces; convert it, for instance with "
                         f"`stilts tcopy {path} {path.stem}.csv`")
    return io.BytesIO(content)


def _open_votable(path: Path) -> TableFile:
    from astropy.io.votable import parse  # half a second that others need not wait for
    from astropy.utils.xml.iterparser import get_xml_iterator

    content = _whole(path)
    fields = cells = rows = width = 0
    with get_xml_iterator(content) as parts:
        for start, full_name, data, _ in parts:
            name = full_name.rpartition(":")[2]
            if not start:
                continue
            if name == "STREAM" and ("href" in data or "gzip" in data.get("encoding", "")):
                raise NotSpectra("keeps its rows in another file or packed inside; save it as a "
                                 "VOTable of the form TABLEDATA, or as CSV")
            cells += 1
            if name == "FIELD":
                fields += 1
                width += math.prod(int(n) for n in re.findall(r"\d+", data.get("arraysize", "")))
            rows = max(rows + (name == "TR"), int(data.get("nrows", "0")))
            _bound(fields, "columns", MAX_FIELDS)
            _bound(max(cells, rows), "cells", MAX_CELLS)
            _bound(width * rows, "numbers", MAX_NUMBERS)
    content.seek(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what is readable and not quite to the standard
        return _of_astropy(parse(content).get_first_table().to_table(use_names_over_ids=True))


def _open_fits(path: Path) -> TableFile:
    from astropy.io import fits
    from astropy.table import Table

    with warnings.catch_warnings(), fits.open(_whole(path), memmap=False) as hdus:
        warnings.simplefilter("ignore")
        for hdu in hdus:
            sizes = [hdu.header.get(f"NAXIS{i}", 0) for i in range(1, hdu.header["NAXIS"] + 1)]
            if isinstance(hdu, fits.BinTableHDU | fits.TableHDU):
                _bound(sizes[1], "rows", MAX_CELLS)
                _bound(hdu.header.get("TFIELDS", 0), "columns", MAX_COLUMNS)
                return _of_astropy(Table.read(hdu))
            if sizes and max(sizes) > 1 and np.prod(sizes) == max(sizes):
                _bound(max(sizes), "points", MAX_CELLS)
                return _of_astropy(_one_dimension(hdu))
    raise NotSpectra("has neither a table nor a one-dimensional spectrum; save the spectrum as "
                     "text")


def _one_dimension(hdu: Any) -> Any:
    """A spectrum in an image: wavelength by CRVAL1, CDELT1 or CD1_1, CRPIX1 (FITS standard, 8)."""
    from astropy.table import Table

    header, values = hdu.header, np.ravel(hdu.data)
    step = header.get("CDELT1", header.get("CD1_1"))
    if "CRVAL1" not in header or not step:
        raise NotSpectra("is a one-dimensional image without CRVAL1 and CDELT1, which would give "
                         "its wavelengths; save the spectrum as text")
    wavelength = header["CRVAL1"] + step * (np.arange(1, len(values) + 1)
                                            - header.get("CRPIX1", 1.0))
    if header.get("DC-FLAG") == 1:  # IRAF: logarithmic
        wavelength = 10.0 ** wavelength
    table = Table({"wavelength": wavelength, "reflectance": values})
    table["wavelength"].unit = header.get("CUNIT1") or None
    return table


def _of_astropy(table: Any) -> TableFile:
    if len(table) == 1 and any(table[name].ndim == 2 for name in table.colnames):
        table = type(table)({n: table[n][0] for n in table.colnames if table[n].ndim == 2})
    whole = pa.table({name: _to_arrow(table[name]) for name in table.colnames
                      if table[name].ndim == 1})
    units = {name: str(table[name].unit or "") for name in whole.column_names}

    def batches(numbers: Sequence[str], texts: Sequence[str]) -> Iterator[pa.Table]:
        for name in numbers:
            _must_be_a_number(whole.schema.field(name))
        for start in range(0, len(whole), BATCH_ROWS):
            yield whole.select([*numbers, *texts]).slice(start, BATCH_ROWS)

    return TableFile(list(whole.column_names), whole.slice(0, SAMPLE_ROWS).to_pandas(), batches,
                     units)


def _to_arrow(column: Any) -> pa.Array:
    mask = np.asarray(getattr(column, "mask", np.zeros(len(column), bool)))
    values = np.asarray(column)
    if values.dtype.kind in "SUO":
        return pa.array([None if m else v.decode(errors="replace") if isinstance(v, bytes)
                         else str(v) for v, m in zip(values.tolist(), mask, strict=True)],
                        pa.string())
    return pa.array(values.astype(values.dtype.newbyteorder("=")), mask=mask)


def _bound(count: int, what: str, most: int) -> None:
    if count > most:
        raise NotSpectra(f"has {count:,} {what}, and at most {most:,} are read; give the spectra "
                         "alone, a row each")


def _must_be_a_number(column: pa.Field) -> None:
    if not (pa.types.is_integer(column.type) or pa.types.is_floating(column.type)):
        raise NotSpectra(f"has {column.type} in its column {column.name!r}, expected numbers; "
                         "correct it")


def _must_be_a_name(column: pa.Field) -> None:
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    if pa.types.is_nested(kind) or pa.types.is_binary(kind) or pa.types.is_large_binary(kind) \
            or pa.types.is_fixed_size_binary(kind):
        raise NotSpectra(f"has {column.type} in its column {column.name!r}, expected numbers or "
                         "text that name the spectra; leave it out or convert it")
