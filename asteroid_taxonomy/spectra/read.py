"""Opening a user's file: its content, not its ending, says what it is.

astropy reads FITS, VOTable, ECSV, the journals' machine-readable tables (MRT, CDS), IPAC and fixed
width; pyarrow reads Parquet; text.py reads plain text.
"""

import io
import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from astropy import table as astropy_table
from astropy.io import fits, votable

from asteroid_taxonomy.console import PipelineError, one_line, plain
from asteroid_taxonomy.spectra.columns import NotSpectra, Spectra, Table, find_spectra
from asteroid_taxonomy.spectra.text import read_text

PACKED = {b"\x1f\x8b": "gzip", b"BZh": "bz2", b"\x28\xb5\x2f\xfd": "zstd"}
REFUSED = [  # how a file begins, and what is wrong with it
    (rb"PK\x03\x04", "is a spreadsheet or a zip archive; save it as CSV, or unpack it"),
    (rb"[\[{]", "is JSON, which is not read; save the table as CSV, ECSV or Parquet"),
    (rb"(?i)<(!doctype\s+html|html|\?xml)", "is a page or XML that is no VOTable; save the table "
                                            "as CSV"),
]
# CTYPE1 of axes that are none of wavelengths (Greisen et al. 2006, table 1)
NO_WAVELENGTHS = ("FREQ", "ENER", "WAVN", "VRAD", "VOPT", "ZOPT", "BETA", "VELO", "FELO")


def read_spectra(path: Path, unit: str | None = None) -> list[Spectra]:
    """Read the spectra of a file, one element per table that has any.

    Parameters
    ----------
    path : Path
        Text, Parquet, ECSV, VOTable, FITS, MRT, IPAC; also packed by gzip, bzip2 or zstd.
    unit : {"nm", "um", "angstrom", "m"}, optional
        Of the wavelengths; by default that of the file, or the one that the numbers suggest.

    Raises
    ------
    PipelineError
        The file is damaged, or holds no spectra that can be identified without doubt.
    """
    found, problems = [], []
    try:
        for table in _tables(path):
            try:
                found.append(find_spectra(table, unit))
            except NotSpectra as problem:
                problems.append(str(problem))
        if not found:
            raise NotSpectra(problems[0] if problems else "has no table; save the spectra as text")
    except NotSpectra as problem:
        raise PipelineError(plain(f"{path} {problem}")) from None
    except FileNotFoundError:
        raise PipelineError(plain(f"{path} does not exist; check the path")) from None
    except Exception as error:  # parsers raise what they like where a file is damaged
        reason = one_line(error, 80) or type(error).__name__
        raise PipelineError(plain(f"{path} cannot be read ({reason}); save it anew")) from None
    return found


def _tables(path: Path) -> list[Table]:
    if path.is_dir():
        raise NotSpectra("is a folder; name one file in it")
    data = path.read_bytes()
    for magic, packing in PACKED.items():
        if data.startswith(magic):
            data = pa.CompressedInputStream(pa.BufferReader(data), packing).read()
    if not data.strip():
        raise NotSpectra("is empty; save it anew")
    if data.startswith(b"PAR1"):
        return [_parquet(data)]
    with warnings.catch_warnings():  # about what is readable and not quite to the standard
        warnings.simplefilter("ignore")
        if data.startswith(b"SIMPLE  ="):
            return _fits(data)
        if re.search(rb"<(\w+:)?VOTABLE[\s>]", data[:65536]):
            return _votable(data)
        _refuse_what_is_no_table(data)
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError:
            text = data.decode("latin-1")
        if form := _astropy_form(text):
            options = {"fill_values": [("null", "0"), ("", "0")]} if "ecsv" not in form else {}
            if form == "ascii.ecsv":
                text = re.sub(r"(?m)(?<=[,\s])null(?=[,\s]|$)|^null(?=[,\s])", '""', text)
            return [_of_astropy(astropy_table.Table.read(text, format=form, **options))]
    return [read_text(text)]


def _astropy_form(text: str) -> str | None:
    """The format of text that only astropy reads."""
    start = text.lstrip()[:4]
    if text.startswith("# %ECSV"):
        return "ascii.ecsv"
    if "Byte-by-byte Description of file" in text[:65536]:
        return "ascii.mrt" if start == "Titl" else "ascii.cds"
    if start.startswith("\\") or re.match(r"\|[^|\n]*\|.*\n\|[ \w|]*\|\n", text):
        return "ascii.ipac"
    return "ascii.fixed_width" if start.startswith("|") else None


def _refuse_what_is_no_table(data: bytes) -> None:
    start = data[:4096].lstrip(b"\xef\xbb\xbf \r\n\t")
    if re.match(rb"PDS_VERSION_ID|CCSD3ZF", start) or b"http://pds.nasa.gov/pds4" in start:
        named = re.search(rb"<file_name>\s*([^<\s]+)|\^\w*(?:TABLE|SERIES|SPREADSHEET)\s*=\s*"
                          rb"\(?\s*\"([^\"]+)\"", data)
        if named:
            table = (named[1] or named[2]).decode(errors="replace")
            raise NotSpectra(f"is a PDS label; give the table it describes, {table}, instead")
        if not start.startswith(b"PDS_VERSION_ID"):
            raise NotSpectra("is a PDS label that names no table; give the table instead")
    for beginning, problem in REFUSED:
        if re.match(beginning, start):
            raise NotSpectra(problem)
    if b"\0" in data[:1 << 20]:
        raise NotSpectra("is neither text, Parquet, VOTable nor FITS; save the table as CSV in "
                         "UTF-8")


def _parquet(data: bytes) -> Table:
    table = pq.read_table(pa.BufferReader(data))
    for i, column in enumerate(table.schema):
        if pa.types.is_string_view(column.type):
            table = table.set_column(i, column.name, table[i].cast(pa.string()))
    units = {f.name: (f.metadata or {}).get(b"unit", b"").decode(errors="replace")
             for f in table.schema}
    return Table(table.to_pandas(ignore_metadata=True), units)


def _votable(data: bytes) -> list[Table]:
    if re.search(rb"<(\w+:)?STREAM\s[^>]*\bhref", data):
        raise NotSpectra("keeps its rows in another file; give that file instead")
    tables = votable.parse(io.BytesIO(data)).iter_tables()
    return [_of_astropy(each.to_table(use_names_over_ids=True))
            for each in tables if len(each.array)]


def _fits(data: bytes) -> list[Table]:
    out = []
    with fits.open(io.BytesIO(data)) as hdus:
        for hdu in hdus:
            if isinstance(hdu, fits.BinTableHDU | fits.TableHDU):
                out.append(_of_astropy(astropy_table.Table.read(hdu)))
            elif hdu.data is not None and hdu.data.size == max(hdu.data.shape) > 1:
                out.append(_one_dimension(hdu))
    if not out:
        raise NotSpectra("has neither a table nor a one-dimensional spectrum; save the spectrum "
                         "as text")
    return out


def _one_dimension(hdu: Any) -> Table:
    """A spectrum in an image: wavelengths by CRVAL1, CDELT1 or CD1_1, CRPIX1 (FITS standard, 8)."""
    header, values = hdu.header, np.ravel(hdu.data)
    step, start = header.get("CDELT1", header.get("CD1_1")), header.get("CRVAL1")
    if not step or not all(isinstance(of, int | float) for of in (step, start)):
        raise NotSpectra("is a one-dimensional image without CRVAL1 and CDELT1, which would give "
                         "its wavelengths; save the spectrum as text")
    wavelength = start + step * (np.arange(1, len(values) + 1) - header.get("CRPIX1", 1.0))
    kind = str(header.get("CTYPE1", "")).strip().upper()
    if kind in ("WAVE-LOG", "AWAV-LOG"):
        wavelength = start * np.exp(wavelength / start - 1)
    elif kind[:4] in NO_WAVELENGTHS or "LOG" in kind:
        raise NotSpectra(f"is a one-dimensional spectrum over {kind} (CTYPE1), not over "
                         "wavelengths; save it as text, with its wavelengths")
    if header.get("DC-FLAG") == 1:  # IRAF: logarithmic
        wavelength = 10.0 ** wavelength
    frame = pd.DataFrame({"wavelength": wavelength, "reflectance": values.astype(float)})
    return Table(frame, {"wavelength": str(header.get("CUNIT1", "")),
                         "reflectance": str(header.get("BUNIT", ""))})


def _of_astropy(table: Any) -> Table:
    flat = [name for name in table.colnames if table[name].ndim == 1 and table[name].dtype != object]
    frame = table[flat].to_pandas()
    for name in table.colnames:
        if name not in flat:
            frame[name] = pd.Series(
                [np.ma.masked_array(cell, dtype=float).filled(np.nan) if np.ndim(cell) else cell
                 for cell in table[name]], dtype=object)
    frame = frame.astype({n: float for n, kind in frame.dtypes.items() if str(kind)[:3] in (
        "Int", "UIn")})  # with masked values
    units = {name: str(table[name].unit) for name in table.colnames
             if getattr(table[name], "unit", None)}
    return Table(frame, units)
