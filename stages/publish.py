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
from astropy.io.votable import from_table, writeto
from astropy.io.votable.tree import Info
from astropy.table import Column, MaskedColumn, Table

from asteroid_taxonomy.catalogue import catalogue_path, read_catalogue
from asteroid_taxonomy.console import run
from asteroid_taxonomy.files import atomic
from asteroid_taxonomy.files.atomic_write import together
from asteroid_taxonomy.params import load_params

PARAMS = ("catalogue",)
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
        about = {"description": said["description"], "unit": said["unit"] or None,
                 "meta": {"ucd": said["ucd"]}}
        if values.dtype.kind in "if":
            kind: Any = values.dtype
            null = np.iinfo(kind).min if kind.kind == "i" else np.nan
            out[field.name] = MaskedColumn(values, mask=column.is_null().to_numpy(),
                                           fill_value=null, **about)
        else:
            out[field.name] = Column(values, **about)
    return out


def provenance(said: dict[str, str]) -> dict[str, str]:
    """Say what the table is made from, by name, for the headers of both formats."""
    return {
        "survey": said["survey"],
        "classes": ", ".join(json.loads(said["classes"])),
        **{key: said[key] for key in ("abstention_threshold", "model", "model_sha256",
                                      "licence", "labels")},
        **{f"citation_{i}": text for i, text in enumerate(json.loads(said["citation"]), 1)},
    }


def write_votable(table: Table, facts: dict[str, str], path: Path) -> None:
    """Write a VOTable 1.4 (BINARY2); the same table gives the same bytes."""
    votable = from_table(table, table_id=path.stem)
    votable.description = TITLE
    votable.resources[0].infos.extend(Info(name=k, value=v) for k, v in facts.items())
    only = votable.get_first_table()
    only.description, only.format = TITLE, "binary2"
    for field in only.fields:
        if field.datatype == "bit":  # which STILTS 3.4 cannot read in BINARY2
            field.datatype = "boolean"
        elif field.datatype == "char":  # of any length: a length of 1 is deprecated
            field.arraysize = "*"
    with atomic(path) as part:
        writeto(votable, str(part))


def write_fits(table: Table, facts: dict[str, str], path: Path) -> None:
    """Write a binary table as the first extension; the same table gives the same bytes."""
    extension = fits.table_to_hdu(table)
    extension.name = path.stem.upper()
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
    writers = {catalogue_path(name).with_suffix(".vot"): write_votable,
               catalogue_path(name).with_suffix(".fits"): write_fits}
    with together():
        for path, write in writers.items():
            write(exported, facts, path)
    for path in writers:
        print(f"wrote {path}: {len(exported):,} rows, {path.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    run(main, __doc__)
