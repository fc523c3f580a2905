"""Columns of the catalogue; read and write it as Parquet, VOTable and FITS.

catalogue_columns.csv describes the columns, with UCDs of the IVOA's UCD1+ list (version 1.5).
Missing text is empty in all three formats, because astropy's Parquet reader turns nulls into the
text "None"; missing numbers are null.
"""

import csv
import json
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from astropy.io import fits
from astropy.io.votable import from_table, writeto
from astropy.io.votable.tree import Info
from astropy.table import Column, MaskedColumn, Table, meta

from asteroid_taxonomy.console import PipelineError, plain
from asteroid_taxonomy.files import PACKAGE, read_metadata, read_parquet, write_parquet
from asteroid_taxonomy.signal_to_noise import mean_signal_to_noise
from asteroid_taxonomy.tables import BAD_FLAG, band_lists

FOLDER = Path("data/catalogue")
COLUMNS_PATH = PACKAGE / "catalogue_columns.csv"
FAINT_SNR = 25  # below it Gaia's spectra are biased, not only noisy (docs/catalogue.md)
LEAST, MOSTLY = 30, 0.5  # predictions, or labelled asteroids; precision of a class that is named
Floats = npt.NDArray[np.floating]
TITLE = "Taxonomic complexes of asteroids from their reflectance spectra"


def catalogue_path(name: str) -> Path:
    """Path of the catalogue named `name` (`catalogue.name` in params.yaml)."""
    return FOLDER / f"{name}.parquet"


def arrow_schema(classes: Sequence[str], labels: str) -> pa.Schema:
    """Columns for these complexes, with unit (none), UCD and description in their metadata.

    `labels` is the label table's name. catalogue_columns.csv lists the columns; a column
    named ..._NAME exists for each complex.
    """
    with COLUMNS_PATH.open(encoding="utf-8", newline="") as file:
        listed = [(column, name) for column in csv.DictReader(file)
                  for name in (classes if "NAME" in column["name"] else [""])]
    return pa.schema([pa.field(
        column["name"].replace("NAME", name), pa.type_for_alias(column["type"]), metadata={
            "unit": "", "ucd": column["ucd"], "description": column["description"].replace(
                "NAME", name).replace("LABELS", labels)}) for column, name in listed])


def catalogue_table(values: Mapping[str, Any], classes: Sequence[str], labels: str) -> pa.Table:
    """Build the catalogue from arrays by column; NaN becomes null, None an empty string."""
    schema, out = arrow_schema(classes, labels), []
    for field in schema:
        column = values[field.name]
        if not isinstance(column, pa.ChunkedArray):
            column = pa.array(column, from_pandas=True)
        column = column.cast(field.type)
        out.append(column.fill_null("") if pa.types.is_string(field.type) else column)
    return pa.table(out, schema=schema)


def likeliest(values: Floats, scores: Mapping[str, Mapping[str, Any]]) -> dict[str, pa.Array]:
    """Columns class and class_probability from probabilities [n, classes].

    Null if the `scores` of the most probable class (reports/calibration.json) are too low.
    """
    reliable = [name for name, score in scores.items()
                if score["predicted"] >= LEAST and score["precision"] >= MOSTLY]
    values = np.nan_to_num(np.column_stack([np.zeros(len(values)), values]))
    best = np.array(["", *scores])[values.argmax(axis=1)]
    unknown = ~np.isin(best, reliable)
    return {"class": pa.array(best, mask=unknown),
            "class_probability": pa.array(values.max(axis=1), mask=unknown)}


def band_columns(
    reflectance: Floats, error: Floats, flags: Floats, wavelengths_nm: Sequence[int],
    used: Sequence[int],
) -> dict[str, Any]:
    """Columns that describe the spectra [n, bands]; `used` are the model's band numbers."""
    needed, missing = np.isin(np.arange(len(wavelengths_nm)), used), np.isnan(reflectance)
    lacking = band_lists(missing & needed, wavelengths_nm)
    return {"snr_mean": mean_signal_to_noise(reflectance, error),
            "bands_missing": band_lists(missing, wavelengths_nm),
            "flags": (flags.astype(np.uint8) + ord("0")).view(f"S{len(wavelengths_nm)}").ravel(),
            "flagged_bands_used": band_lists((flags == BAD_FLAG) & needed, wavelengths_nm),
            "reason": [f"no reflectance at {nm} nm" if nm else "" for nm in lacking]}


def counts(table: pa.Table, labelled: pd.DataFrame) -> tuple[dict[str, Any], pd.DataFrame]:
    """Asteroids by complex, by prediction set, and by bin of S/N and complex.

    `labelled` has a row for each labelled asteroid: snr_bin, complex (predicted), correct (bool).
    """
    names = ["snr_bin", "complex", "complex_set", "abstained", "faint", "flagged_bands_used"]
    frame = table.select(names).filter(pc.not_equal(table["complex"], "")).to_pandas()
    frame = frame.astype({"snr_bin": labelled["snr_bin"].dtype}).assign(above=~frame["abstained"])
    of_complex, by_snr = (
        frame.groupby(by, observed=True)["above"].agg(asteroids="size", above_threshold="sum")
        for by in ("complex", names[:2]))
    correct = labelled.groupby(names[:2], observed=True)["correct"]
    by_snr = by_snr.join(correct.agg(labelled="size", correct="sum")).fillna(0).astype(int)
    return {
        "asteroids": len(table), "classified": len(frame),
        "above_threshold": int(frame["above"].sum()), "faint": int(frame["faint"].sum()),
        "above_threshold_faint": int((frame["above"] & frame["faint"]).sum()),
        "above_threshold_flagged": int((frame["above"] & (frame[names[-1]] != "")).sum()),
        "by_complex": of_complex.to_dict("index"),
        "complex_set": frame["complex_set"].value_counts().sort_index().to_dict(),
    }, by_snr.reset_index()


def write_catalogue(table: pa.Table, facts: Mapping[str, str], path: Path) -> None:
    """Write the catalogue as Parquet, with the metadata that astropy reads.

    The table has the columns of `arrow_schema`, no null in those of text; `facts` tell what it
    is made from, by name.
    """
    lengths = {f"table::len::{field.name}": pc.max(pc.utf8_length(table[field.name])).as_py() or 1
               for field in table.schema if pa.types.is_string(field.type)}
    head = _to_astropy(table.slice(0, 0), plain)
    head.meta = dict(facts)
    write_parquet(table, path, {**facts, **lengths,
                                "table_meta_yaml": "\n".join(meta.get_yaml_from_table(head))})


def read_catalogue(name: str) -> tuple[pa.Table, dict[str, str]]:
    """Read the catalogue and its metadata: survey, classes, citations and others.

    PipelineError if the file is missing, damaged, or of another version of the pipeline.
    """
    path = catalogue_path(name)
    metadata = read_metadata(path)
    table = read_parquet(path)
    if table.schema.names != arrow_schema(
            json.loads(metadata.get("classes", "[]")), "").names:
        raise PipelineError(f"{path} has other columns than this version writes; run dvc repro")
    return table, metadata


def write_votable(table: pa.Table, facts: Mapping[str, str], name: str, path: Path) -> None:
    """Write a VOTable 1.4 (BINARY2); the same table gives the same bytes.

    The table's columns are of text, bool, int or float, with unit, ucd and description in their
    metadata; `facts` tell what it is made from, by name, for the header; `name` is the table's.
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

    Parameters are those of `write_votable`. FITS text is ASCII: other letters are written as in
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
    """The Arrow table as an astropy one, nulls masked, with units and descriptions.

    `named` makes a name that the format can write; no two become the same.
    """
    out = Table()
    for field, column in zip(table.schema, table.columns, strict=True):
        name = named(field.name)
        while name.lower() in map(str.lower, out.colnames):  # tools ignore case
            name += "_"
        about = {key.decode(): value.decode() for key, value in field.metadata.items()}
        if pa.types.is_string(field.type):
            values = column.fill_null("").to_numpy().astype(str)
            if pc.all(pc.string_is_ascii(column)).as_py() is not False:
                # bytes, because VOTable gives other text two bytes a letter
                values = np.char.encode(values, "ascii")
            out[name] = Column(values)
        elif pa.types.is_boolean(field.type):
            out[name] = Column(column.fill_null(False).to_numpy())
        else:
            values = column.fill_null(pa.scalar(0).cast(field.type)).to_numpy()
            null: Any = np.iinfo(values.dtype).min if values.dtype.kind == "i" else np.nan
            out[name] = MaskedColumn(values, mask=column.is_null().to_numpy(), fill_value=null)
        out[name].description, out[name].unit = about["description"], about["unit"] or None
        out[name].meta = {"ucd": about["ucd"]}
    return out


def _ascii(text: str) -> str:
    return plain(text).encode("ascii", "backslashreplace").decode()
