"""Export the catalogue for astronomers' tools (TOPCAT, STILTS, Aladin) as VOTable and FITS.

Reads   data/catalogue/<catalogue.name>.parquet
Writes  data/catalogue/<catalogue.name>.vot and .fits: the same rows and columns, with units,
        descriptions, provenance and (VOTable) UCDs

A text that is null in the catalogue is empty here; numbers stay null.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from astropy.io import fits
from astropy.io.votable import writeto
from astropy.io.votable.tree import Field, Info, Resource, TableElement, VOTableFile
from astropy.table import MaskedColumn, Table

from asteroid_taxonomy.catalogue import catalogue_path, read_catalogue
from asteroid_taxonomy.console import run
from asteroid_taxonomy.files import atomic
from asteroid_taxonomy.params import load_params

PARAMS = ("catalogue",)
FITS_NULL = -(2**63)  # TNULL of integer columns
VOTABLE_TYPES = {"i": "long", "f": "float", "b": "boolean", "S": "char"}
TITLE = "Taxonomic complexes of asteroids from their reflectance spectra"


def to_astropy(table: pa.Table) -> Table:
    """Turn the Arrow table into an astropy one, nulls masked, with units and descriptions."""
    out = Table()
    for field, column in zip(table.schema, table.columns, strict=True):
        said = {k.decode(): v.decode() for k, v in field.metadata.items()}
        if pa.types.is_string(field.type):
            # bytes, because VOTable gives other text two bytes a letter; names are ASCII
            values = np.char.encode(column.fill_null("").to_numpy().astype(str), "ascii",
                                    "replace")
        else:
            values = column.fill_null(pa.scalar(0).cast(field.type)).to_numpy()
        out[field.name] = MaskedColumn(
            values, mask=column.is_null().to_numpy() if values.dtype.kind in "if" else False,
            description=said["description"], unit=said["unit"] or None,
            meta={"ucd": said["ucd"]})
    return out


def provenance(said: dict[str, str]) -> dict[str, str]:
    """Say what the table is made from, by name, for the headers of both formats."""
    return {
        "survey": said["survey"],
        "classes": ", ".join(json.loads(said["classes"])),
        "abstention_threshold": said["abstention_threshold"],
        **{f"citation_{i}": text for i, text in enumerate(json.loads(said["citation"]), 1)},
    }


def write_votable(table: Table, facts: dict[str, str], path: Path) -> None:
    """Write a VOTable 1.4 (BINARY2); the same table gives the same bytes.

    Not by Table.write: it makes bits of booleans, which STILTS 3.4 cannot read in BINARY2, and
    has no place for UCDs.
    """
    votable = VOTableFile(version="1.4")
    votable.description = TITLE
    resource = Resource(type="results")
    votable.resources.append(resource)
    resource.infos.extend(Info(name=name, value=value) for name, value in facts.items())
    only = TableElement(votable, name=path.stem)
    resource.tables.append(only)
    only.description, only.format = TITLE, "binary2"
    for name in table.colnames:
        column = table[name]
        field = Field(votable, name=name, ucd=column.meta["ucd"], unit=column.unit,
                      datatype=VOTABLE_TYPES[column.dtype.kind],
                      arraysize="*" if column.dtype.kind == "S" else None)
        field.description = column.description
        only.fields.append(field)
    only.create_arrays(len(table))
    for name in table.colnames:
        only.array[name] = table[name]
        only.array.mask[name] = table[name].mask
    with atomic(path) as part:
        writeto(votable, str(part))


def write_fits(table: Table, facts: dict[str, str], path: Path) -> None:
    """Write a binary table as the first extension; the same table gives the same bytes."""
    columns: list[Any] = []
    for name in table.colnames:
        column = table[name]
        kind, null = column.dtype.kind, None
        if kind == "i":
            fmt, null, values = "K", FITS_NULL, column.filled(FITS_NULL)
        elif kind == "f":
            fmt, values = "E", column.filled(np.nan)
        elif kind == "b":
            fmt, values = "L", column.filled(False)
        else:
            fmt, values = f"{max(column.dtype.itemsize, 1)}A", column.filled(b"")
        unit = str(column.unit) if column.unit else None
        columns.append(fits.Column(name, fmt, unit, null, array=values))
    extension = fits.BinTableHDU.from_columns(columns, name=path.stem.upper())
    for i, name in enumerate(table.colnames, 1):
        extension.header[f"TCOMM{i}"] = table[name].description
        extension.header[f"TUCD{i}"] = table[name].meta["ucd"]
    extension.header.add_comment(TITLE)
    for name, value in facts.items():
        extension.header.add_comment(f"{name}: {value}")
    with atomic(path) as part:
        fits.HDUList([fits.PrimaryHDU(), extension]).writeto(part, overwrite=True)


def main() -> None:
    """Run the stage."""
    name = load_params(PARAMS)["catalogue"]["name"]
    table, said = read_catalogue(name)
    exported, facts = to_astropy(table), provenance(said)
    for write, ending in ((write_votable, ".vot"), (write_fits, ".fits")):
        path = catalogue_path(name).with_suffix(ending)
        write(exported, facts, path)
        print(f"wrote {path}: {len(exported):,} rows, {path.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    run(main)
