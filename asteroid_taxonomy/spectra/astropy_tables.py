"""VOTable and FITS, which astropy reads: whole, in several times the file's size of memory.

So their size, columns and cells are bounded before they are read, larger files are refused, with
the way to Parquet, and nothing that a file names is fetched from anywhere.
"""

import io
import math
import re
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from asteroid_taxonomy.own_spectra import tables
from asteroid_taxonomy.own_spectra.tables import TableFile, bound, must_be_a_number, refuse_lists
from asteroid_taxonomy.own_spectra.units import NotSpectra
from asteroid_taxonomy.own_spectra.unpacking import opened

WHOLE_BYTES = 200_000_000  # the largest file that is read whole
# of a VOTable, of which astropy reads some 100,000 cells a second, and columns ever more slowly
MAX_CELLS, MAX_FIELDS, MAX_NUMBERS = 3_000_000, 2000, 100_000_000

# CTYPE1 of axes that are none (Greisen et al. 2006, table 1)
NO_WAVELENGTHS = ("FREQ", "ENER", "WAVN", "VRAD", "VOPT", "ZOPT", "BETA", "VELO", "FELO")


def open_votable(path: Path) -> TableFile:
    """Open the first table of a VOTable whose rows are in it."""
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
            bound(fields, "columns", MAX_FIELDS)
            bound(max(cells, rows), "cells", MAX_CELLS)
            bound(width * rows, "numbers", MAX_NUMBERS)
    content.seek(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what is readable and not quite to the standard
        return _of_astropy(parse(content).get_first_table().to_table(use_names_over_ids=True))


def open_fits(path: Path) -> TableFile:
    """Open the first table, or the first one-dimensional spectrum."""
    from astropy.io import fits
    from astropy.table import Table

    with warnings.catch_warnings(), fits.open(_whole(path), memmap=False) as hdus:
        warnings.simplefilter("ignore")
        for hdu in hdus:
            sizes = [hdu.header.get(f"NAXIS{i}", 0) for i in range(1, hdu.header["NAXIS"] + 1)]
            if isinstance(hdu, fits.BinTableHDU | fits.TableHDU):
                bound(sizes[1], "rows", MAX_CELLS)
                bound(hdu.header.get("TFIELDS", 0), "columns", MAX_FIELDS)
                return _of_astropy(Table.read(hdu))
            if sizes and max(sizes) > 1 and np.prod(sizes) == max(sizes):
                bound(max(sizes), "points", MAX_CELLS)
                return _of_astropy(_one_dimension(hdu))
    raise NotSpectra("has neither a table nor a one-dimensional spectrum; save the spectrum as "
                     "text")


def _one_dimension(hdu: Any) -> Any:
    """A spectrum in an image: wavelength by CRVAL1, CDELT1 or CD1_1, CRPIX1 (FITS standard, 8)."""
    from astropy.table import Table

    header, values = hdu.header, np.ravel(hdu.data)
    step = header.get("CDELT1", header.get("CD1_1"))
    if not step or not all(isinstance(of, int | float) for of in (step, header.get("CRVAL1"))):
        raise NotSpectra("is a one-dimensional image without CRVAL1 and CDELT1, which would give "
                         "its wavelengths; save the spectrum as text")
    wavelength = header["CRVAL1"] + step * (np.arange(1, len(values) + 1)
                                            - header.get("CRPIX1", 1.0))
    kind = str(header.get("CTYPE1", "")).strip().upper()
    if kind in ("WAVE-LOG", "AWAV-LOG"):
        wavelength = header["CRVAL1"] * np.exp(wavelength / header["CRVAL1"] - 1)
    elif kind[:4] in NO_WAVELENGTHS or "LOG" in kind:
        raise NotSpectra(f"is a one-dimensional spectrum over {kind} (CTYPE1), not over "
                         "wavelengths; save it as text, with its wavelengths")
    if header.get("DC-FLAG") == 1:  # IRAF: logarithmic
        wavelength = 10.0 ** wavelength
    table = Table({"wavelength": wavelength, "reflectance": values})
    table["wavelength"].unit = header.get("CUNIT1") or None
    return table


def _whole(path: Path) -> io.BytesIO:
    with opened(path) as stream:
        content = stream.read(WHOLE_BYTES + 1)
    if len(content) > WHOLE_BYTES:
        raise NotSpectra(f"has more than {WHOLE_BYTES / 1e6:,.0f} MB; above that only text and "
                         "Parquet are read, in pieces; convert it, for instance with "
                         f"`stilts tcopy {path} {path.stem}.csv`")
    return io.BytesIO(content)


def _of_astropy(table: Any) -> TableFile:
    if len(table) == 1 and any(table[name].ndim == 2 for name in table.colnames):
        table = type(table)({n: table[n][0] for n in table.colnames if table[n].ndim == 2})
    lists = [name for name in table.colnames if table[name].ndim > 1]
    if len(lists) > 1:
        refuse_lists(lists)
    whole = pa.table({name: _to_arrow(table[name]) for name in table.colnames
                      if table[name].ndim == 1})
    units = {name: str(table[name].unit or "") for name in whole.column_names}

    def batches(numbers: Sequence[str], texts: Sequence[str]) -> Iterator[pa.Table]:
        for name in numbers:
            must_be_a_number(whole.schema.field(name))
        for start in range(0, len(whole), tables.BATCH_ROWS):
            yield whole.select([*numbers, *texts]).slice(start, tables.BATCH_ROWS)

    sample = whole.slice(0, tables.SAMPLE_ROWS).to_pandas()
    return TableFile(list(whole.column_names), sample, batches, units)


def _to_arrow(column: Any) -> pa.Array:
    mask = np.asarray(getattr(column, "mask", np.zeros(len(column), bool)))
    values = np.asarray(column)
    if values.dtype.kind in "SUO":
        return pa.array([None if m else v.decode(errors="replace") if isinstance(v, bytes)
                         else str(v) for v, m in zip(values.tolist(), mask, strict=True)],
                        pa.string())
    return pa.array(values.astype(values.dtype.newbyteorder("=")), mask=mask)
