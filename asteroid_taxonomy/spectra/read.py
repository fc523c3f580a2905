"""Open a user's file; the format is detected from the content."""

import io
import re
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from astropy import table as astropy_table
from astropy.io import fits, votable

from asteroid_taxonomy.console import PipelineError, one_line, plain
from asteroid_taxonomy.spectra.columns import OTHER, NotSpectra, Spectra, Table, find_spectra, join
from asteroid_taxonomy.spectra.text import read_text

PACKED = {b"\x1f\x8b": "gzip", b"BZh": "bz2", b"\x28\xb5\x2f\xfd": "zstd"}
REFUSED = {  # how files begin, and what is wrong with them
    rb"PDS_VERSION_ID|CCSD3ZF|(?s:.{,4000})http://pds\.nasa\.gov/pds4":
        "is a PDS label; give the table it describes, which lies beside it",
    rb"PK\x03\x04": "is a spreadsheet or a zip archive; save it as CSV, or unpack it",
    rb"[\[{]|\\begin": "is JSON or LaTeX, which is not read; save it as CSV, ECSV or Parquet",
    rb"(?i)<(!doctype\s+html|html|\?xml)": "is a page or XML that is no VOTable; save it as CSV",
    rb"(?s).{,4000}\0": "is neither text, Parquet, VOTable nor FITS; save it as CSV in UTF-8",
}
WAVELENGTHS = ("", "LINEAR", "WAVE", "AWAV", "WAVELENGTH", "LAMBDA")  # CTYPE1


def read_spectra(path: Path, unit: str | None = None) -> list[Spectra]:
    """Read the spectra of each table in a file; PipelineError in case of doubt.

    `unit` of the wavelengths: by default the file's, or the one that the numbers suggest.
    """
    found, problems = [], []
    try:
        with warnings.catch_warnings():  # about files that are not quite to the standard
            warnings.simplefilter("ignore")
            for table in _tables(path.read_bytes(), path.stem):
                try:
                    found.append(find_spectra(table, unit))
                    found[-1].notes[:] = [join(note, table.note) for note in found[-1].notes]
                except NotSpectra as problem:
                    problems.append(problem)
        if not found:
            raise problems[0] if problems else NotSpectra("has no spectrum; save it as CSV")
    except NotSpectra as problem:
        raise PipelineError(plain(f"{path} {one_line(problem)}")) from None
    except FileNotFoundError:
        raise PipelineError(plain(f"{path} does not exist; check the path")) from None
    except Exception as error:  # parsers raise what they like where a file is damaged
        raise PipelineError(plain(f"{path} cannot be read ({one_line(repr(error), 80)}); save it "
                                  "anew")) from None
    return found


def _tables(data: bytes, name: str) -> Iterable[Table]:
    for magic, packing in PACKED.items():
        if data.startswith(magic):
            data = pa.CompressedInputStream(pa.BufferReader(data), packing).read()
    if data.startswith(b"PAR1"):
        return [_parquet(data)]
    if data.startswith(b"SIMPLE  ="):
        return _fits(data)
    if re.search(rb"<(\w+:)?VOTABLE[\s>]", data[:65536]):
        if re.search(rb"<(\w+:)?STREAM\s[^>]*\bhref", data):
            raise NotSpectra("keeps its rows in another file; give that file instead")
        return [_of_astropy(each.to_table(use_names_over_ids=True))
                for each in votable.parse(io.BytesIO(data)).iter_tables()
                if len(each.array) and not re.search(OTHER, each.name or "")]
    for beginning, problem in REFUSED.items():
        if re.match(beginning, data.lstrip(b"\xef\xbb\xbf \r\n\t")):
            raise NotSpectra(problem)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    start = text.lstrip()
    if text.startswith("# %ECSV"):
        form = "ascii.ecsv"  # ESA writes null, which astropy does not read (#13331)
        text = re.sub(r"(?m)(?<=[,\s])null(?=[,\s]|$)|^null(?=[,\s])", '""', text)
    elif "Byte-by-byte Description of file" in text[:65536]:
        form = "ascii.mrt" if start.startswith("Title") else "ascii.cds"
    elif re.match(r"\\ |\\\w+ *=|\|[^|\n]*\|.*\n\|[ \w|]*\|\n", start):
        form = "ascii.ipac"
    else:
        return [read_text(text, name)]
    return [_of_astropy(astropy_table.Table.read(text, format=form))]


def _parquet(data: bytes) -> Table:
    table = pq.read_table(pa.BufferReader(data))
    units = {f.name: (f.metadata or {}).get(b"unit", b"").decode(errors="replace")
             for f in table.schema}
    return Table(table.to_pandas(ignore_metadata=True), units)


def _fits(data: bytes) -> Iterator[Table]:
    with fits.open(io.BytesIO(data)) as hdus:
        for hdu in (each for each in hdus if not re.search(OTHER, each.name)):
            if isinstance(hdu, fits.BinTableHDU | fits.TableHDU):
                yield _of_astropy(astropy_table.Table.read(hdu))
            elif hdu.data is not None and hdu.data.size == max(hdu.data.shape) > 1:
                yield _one_dimension(hdu)


def _one_dimension(hdu: Any) -> Table:
    """A spectrum in an image; wavelengths by CRVAL1, CDELT1, CRPIX1 (FITS standard, 8)."""
    header, values = hdu.header, np.ravel(hdu.data).astype(float)
    kind, unit = (str(header.get(key, "")).strip() for key in ("CTYPE1", "BUNIT"))
    value = unit if "refl" in unit.lower() else f"flux ({unit or 'no BUNIT'})"
    if "CRVAL1" not in header or kind.upper() not in WAVELENGTHS:
        raise NotSpectra(f"is a one-dimensional spectrum over {kind or 'pixels'}, not over "
                         "wavelengths (CTYPE1, CRVAL1); save it as text, with its wavelengths")
    pixels = np.arange(1, len(values) + 1) - header.get("CRPIX1", 1.0)
    nm = header["CRVAL1"] + pixels * header.get("CDELT1", header.get("CD1_1", 1.0))
    frame = pd.DataFrame({"wavelength": 10.0 ** nm if header.get("DC-FLAG") == 1 else nm,  # IRAF
                          value: values})
    return Table(frame, {"wavelength": str(header.get("CUNIT1", "")), value: unit})


def _of_astropy(table: Any) -> Table:
    flat = [n for n in table.colnames if table[n].ndim == 1 and table[n].dtype != object]
    frame = table[flat].to_pandas()
    frame = frame.astype({n: float for n, kind in frame.dtypes.items()
                          if str(kind).lstrip("U").startswith("Int")})  # with masked values
    for name in set(table.colnames) - set(flat):
        frame[name] = pd.Series(
            [np.ma.masked_array(cell, dtype=float).filled(np.nan) if np.ndim(cell) else cell
             for cell in table[name]], dtype=object)
    return Table(frame, {name: str(table[name].unit or "") for name in table.colnames})
