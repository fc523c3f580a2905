"""A table as VOTable or FITS, for astronomers' tools (TOPCAT, STILTS, Aladin).

The metadata of its Arrow fields say unit ("" is dimensionless), UCD and description of each
column. A text that is null is empty in both formats; numbers stay null.
"""

import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from astropy.io import fits
from astropy.io.votable import from_table, writeto
from astropy.io.votable.tree import Info
from astropy.table import Column, MaskedColumn, Table

from asteroid_taxonomy.console import plain

TITLE = "Taxonomic complexes of asteroids from their reflectance spectra"


def write_votable(table: pa.Table, facts: Mapping[str, str], name: str, path: Path) -> None:
    """Write a VOTable 1.4 (BINARY2); the same table gives the same bytes.

    Parameters
    ----------
    table : pyarrow.Table
        Columns of text, bool, int or float, with unit, ucd and description in their metadata.
    facts : mapping
        What the table is made from, by name, for the header.
    name : str
        Of the table.
    path : Path
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a name that is no XML ID: astropy makes one of it
        votable = from_table(_to_astropy(table, plain))
    votable.description = TITLE
    votable.resources[0].infos.extend(Info(name=k, value=plain(v)) for k, v in facts.items())
    only = votable.get_first_table()
    only.ID, only.description, only.format = name, TITLE, "binary2"
    for field in only.fields:
        if field.datatype == "bit":  # which STILTS 3.4 cannot read in BINARY2
            field.datatype = "boolean"
        elif field.datatype in ("char", "unicodeChar"):
            field.arraysize = "*"  # of any length: a length of 1 is deprecated
    writeto(votable, str(path))


def write_fits(table: pa.Table, facts: Mapping[str, str], name: str, path: Path) -> None:
    r"""Write a binary table as the first extension; the same table gives the same bytes.

    Parameters are those of `write_votable`. FITS has ASCII alone: another letter is written as in
    Python, \xe9.
    """
    exported = _to_astropy(table, _ascii)
    for column in [c for c in exported.columns.values() if c.dtype.kind == "U"]:
        exported[column.name] = Column(np.char.encode(column, "ascii", "backslashreplace"),
                                       description=column.description, meta=column.meta)
    extension = fits.table_to_hdu(exported)
    extension.name = _ascii(name).upper()
    for i, column in enumerate(exported.columns.values(), 1):
        extension.header[f"TCOMM{i}"] = column.description
        extension.header[f"TUCD{i}"] = column.meta["ucd"]
    extension.header.add_comment(TITLE)
    for key, value in facts.items():
        extension.header.add_comment(_ascii(f"{key}: {value}"))
    fits.HDUList([fits.PrimaryHDU(), extension]).writeto(path, overwrite=True)


WRITERS = {".vot": write_votable, ".fits": write_fits}


def _to_astropy(table: pa.Table, named: Callable[[str], str]) -> Table:
    """Turn the Arrow table into an astropy one, nulls masked, with units and descriptions.

    A format that cannot write every name has `named` to change it; no two become the same.
    """
    out = Table()
    for field, column in zip(table.schema, table.columns, strict=True):
        name = named(field.name)
        while name.lower() in map(str.lower, out.colnames):  # no tool tells apart by case alone
            name += "_"
        said = {k.decode(): v.decode() for k, v in field.metadata.items()}
        if pa.types.is_string(field.type):
            values = column.fill_null("").to_numpy().astype(str)
            if pc.all(pc.string_is_ascii(column)).as_py() is not False:
                # bytes, because VOTable gives other text two bytes a letter
                values = np.char.encode(values, "ascii")
        else:
            values = column.fill_null(pa.scalar(0).cast(field.type)).to_numpy()
        about = {"description": said["description"], "unit": said["unit"] or None,
                 "meta": {"ucd": said["ucd"]}}
        if values.dtype.kind in "if":
            kind: Any = values.dtype
            null = np.iinfo(kind).min if kind.kind == "i" else np.nan
            out[name] = MaskedColumn(values, mask=column.is_null().to_numpy(),
                                     fill_value=null, **about)
        else:
            out[name] = Column(values, **about)
    return out


def _ascii(text: str) -> str:
    return plain(text).encode("ascii", "backslashreplace").decode()
