"""The catalogue: its columns, and reading and writing it as Parquet, VOTable and FITS.

UCDs are of the IVOA's UCD1+ list (version 1.5). A text that is missing is empty in all three
formats, because astropy's Parquet reader makes the text "None" of a null; numbers stay null.
"""

import json
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from astropy.io import fits
from astropy.io.votable import from_table, writeto
from astropy.io.votable.tree import Info
from astropy.table import Column as AstropyColumn
from astropy.table import MaskedColumn, Table, meta

from asteroid_taxonomy.console import PipelineError, plain
from asteroid_taxonomy.files import read_metadata, read_parquet, write_parquet
from asteroid_taxonomy.signal_to_noise import mean_signal_to_noise
from asteroid_taxonomy.tables import BAD_FLAG, band_lists

FOLDER = Path("data/catalogue")
FAINT_SNR = 25  # below it Gaia's spectra are biased, not only noisy (docs/catalogue.md)
LEAST, MOSTLY = 30, 0.5  # predictions, or labelled asteroids; precision of a class that is named
Floats = npt.NDArray[np.floating]
TITLE = "Taxonomic complexes of asteroids from their reflectance spectra"


def catalogue_path(name: str) -> Path:
    """Path of the catalogue that `catalogue.name` in params.yaml calls `name`."""
    return FOLDER / f"{name}.parquet"


class Column(NamedTuple):
    """Name, type, unit ("" is dimensionless), UCD and meaning of a column."""

    name: str
    type: pa.DataType
    unit: str
    ucd: str
    description: str


def columns(classes: Sequence[str], labels: str) -> list[Column]:
    """Columns of the catalogue for these complexes; `labels` is the label table's name."""
    text, real, yes_no = pa.string(), pa.float32(), pa.bool_()
    return [
        Column("source_id", pa.int64(), "", "meta.id", "Source identifier of the survey"),
        Column("number", pa.int64(), "", "meta.id;meta.main",
               "Minor-planet number; null where there is none"),
        Column("name", text, "", "meta.id", "Name or provisional designation"),
        Column("survey_name", text, "", "meta.id", "Name as the survey writes it"),
        *(Column(f"probability_{name}", real, "", "stat.probability",
                 f"Probability of complex {name}; out of fold for asteroids in training")
          for name in classes),
        *(Column(f"spread_{name}", real, "", "stat.stdev;stat.probability",
                 f"Standard deviation of probability_{name} over the networks of the ensemble")
          for name in classes),
        Column("complex", text, "", "src.class",
               "Most probable complex; empty where a band that the model uses is missing"),
        Column("confidence", real, "", "stat.probability;stat.max",
               "Probability of the most probable complex"),
        Column("expected_accuracy", real, "", "stat.probability",
               "Out-of-fold accuracy of labelled asteroids with this confidence and S/N"),
        Column("abstained", yes_no, "", "meta.code.qual",
               "The confidence is below the threshold, or there is no class: take the complex as "
               "unknown"),
        Column("complex_set", text, "", "src.class",
               "Complexes that cannot be excluded (conformal prediction, coverage in the metadata)"
               ", separated by blanks"),
        Column("reason", text, "", "meta.note", "Why there is no class; empty where there is one"),
        Column("class", text, "", "src.class",
               "Most probable class of the label table, if its precision in cross-validation is "
               "50 % or more of 30 predictions or more; else empty"),
        Column("class_probability", real, "", "stat.probability", "Probability of that class"),
        Column("snr", real, "", "stat.snr",
               "Signal-to-noise ratio: median over all bands of reflectance / error"),
        Column("snr_mean", real, "", "stat.snr;stat.mean",
               "Signal-to-noise ratio of Delbo et al. 2026: mean over the bands but the two "
               "outermost at each end of reflectance / error"),
        Column("faint", yes_no, "", "meta.code.qual",
               f"snr is below {FAINT_SNR}, where the survey's spectra are biased"),
        Column("snr_bin", text, "", "meta.code", "Bin of snr, without its upper edge"),
        Column("snr_bin_accuracy", real, "", "stat.probability",
               "Out-of-fold accuracy of the labelled asteroids in that bin; null if they are "
               "fewer than 30"),
        Column("num_of_spectra", pa.int32(), "", "meta.number",
               "Number of epoch spectra that were averaged"),
        Column("bands_missing", text, "", "meta.note",
               "Wavelengths in nm without a reflectance, separated by commas"),
        Column("flags", text, "", "meta.code.qual",
               "Flag of each band in ascending wavelength: 0 good, 1 suspect, 2 bad"),
        Column("flagged_bands_used", text, "", "meta.code.qual",
               "Wavelengths in nm of the bands with flag 2 that the model uses"),
        Column("literature_class", text, "", "src.class",
               f"Class in the {labels}, with feature flags; empty without one"),
        Column("literature_complex", text, "", "src.class", "Complex of the literature class"),
        Column("in_training", yes_no, "", "meta.code",
               "The model was trained on this asteroid's literature class"),
    ]


def arrow_schema(classes: Sequence[str], labels: str) -> pa.Schema:
    """Arrow schema with unit, UCD and description in each field's metadata."""
    return pa.schema([
        pa.field(c.name, c.type,
                 metadata={"unit": c.unit, "ucd": c.ucd, "description": c.description})
        for c in columns(classes, labels)
    ])


def catalogue_table(
    values: Mapping[str, Any], classes: Sequence[str], labels: str
) -> pa.Table:
    """The catalogue from arrays by column; NaN becomes null, a text that is None empty."""
    out = []
    for field in arrow_schema(classes, labels):
        column = values[field.name]
        if not isinstance(column, pa.ChunkedArray):
            column = pa.array(column, from_pandas=True)
        column = column.cast(field.type)
        out.append(column.fill_null("") if pa.types.is_string(field.type) else column)
    return pa.table(out, schema=arrow_schema(classes, labels))


def likeliest(values: Floats, scores: Mapping[str, Mapping[str, Any]]) -> dict[str, pa.Array]:
    """Columns class and class_probability from probabilities [n, classes].

    Null where the most probable class is not reliable by its `scores` (reports/calibration.json).
    """
    reliable = [name for name, score in scores.items()
                if score["predicted"] >= LEAST and score["precision"] >= MOSTLY]
    none = np.full((len(values), 1), -1.0)  # less than any probability, if there are any
    values = np.nan_to_num(np.column_stack([none, values]), nan=-1.0)
    best = np.array(["", *scores])[values.argmax(axis=1)]
    unknown = ~np.isin(best, reliable)
    return {"class": pa.array(best, mask=unknown),
            "class_probability": pa.array(values.max(axis=1), mask=unknown)}


def band_columns(
    reflectance: Floats, error: Floats, flags: Floats, wavelengths_nm: Sequence[int],
    used: Sequence[int],
) -> dict[str, Any]:
    """Columns that say what the spectra [n, bands] have; `used` are the model's band numbers."""
    needed, missing = np.isin(np.arange(len(wavelengths_nm)), used), np.isnan(reflectance)
    lacking = band_lists(missing & needed, wavelengths_nm)
    return {"snr_mean": mean_signal_to_noise(reflectance, error),
            "bands_missing": band_lists(missing, wavelengths_nm),
            "flags": (flags.astype(np.uint8) + ord("0")).view(f"S{len(wavelengths_nm)}").ravel(),
            "flagged_bands_used": band_lists((flags == BAD_FLAG) & needed, wavelengths_nm),
            "reason": [f"no reflectance at {nm} nm" if nm else "" for nm in lacking]}


def by_snr(table: pa.Table, labelled: pd.DataFrame) -> tuple[list[str], list[list[Any]]]:
    """Header and rows: asteroids by bin of S/N and complex, and how many labels are correct.

    `labelled` has a row for each labelled asteroid: snr_bin, complex (predicted), correct (bool).
    """
    groups = ["snr_bin", "complex"]
    frame = table.select([*groups, "abstained"]).to_pandas()
    frame = frame[frame["complex"] != ""].assign(above=~frame["abstained"])
    out = frame.groupby(groups)["above"].agg(asteroids="size", above_threshold="sum")
    correct = labelled.groupby(groups, observed=True)["correct"]
    out = out.assign(labelled=correct.size(), correct=correct.sum()).fillna(0).astype(int)
    out = out.reindex(labelled["snr_bin"].cat.categories, level=0).reset_index()
    return list(out.columns), out.to_numpy().tolist()


def counts(table: pa.Table, classes: Sequence[str]) -> dict[str, Any]:
    """Asteroids by complex and by set of complexes, and how many are above the threshold."""
    frame = table.select(["complex", "complex_set", "abstained", "faint",
                          "flagged_bands_used"]).to_pandas()
    above, classified = frame[~frame["abstained"]], frame[frame["complex"] != ""]
    return {
        "asteroids": len(frame), "classified": len(classified), "above_threshold": len(above),
        "above_threshold_flagged": int((above["flagged_bands_used"] != "").sum()),
        "faint": int(frame["faint"].sum()), "above_threshold_faint": int(above["faint"].sum()),
        "by_complex": {name: {"asteroids": int((frame["complex"] == name).sum()),
                              "above_threshold": int((above["complex"] == name).sum())}
                       for name in classes},
        "complex_set": classified["complex_set"].value_counts().sort_index().to_dict(),
    }


def write_catalogue(table: pa.Table, facts: Mapping[str, Any], path: Path) -> None:
    """Write the catalogue as Parquet, with what astropy reads: descriptions, lengths of text.

    Parameters
    ----------
    table : pyarrow.Table
        Columns of `arrow_schema`, no null in those of text.
    facts : mapping
        What the table is made from, by name.
    path : Path
    """
    lengths = {f"table::len::{field.name}": pc.max(pc.utf8_length(table[field.name])).as_py() or 1
               for field in table.schema if pa.types.is_string(field.type)}
    head = _to_astropy(table.slice(0, 0), plain)
    head.meta = dict(facts)
    write_parquet(table, path, {**facts, **lengths,
                                "table_meta_yaml": "\n".join(meta.get_yaml_from_table(head))})


def read_catalogue(name: str) -> tuple[pa.Table, dict[str, str]]:
    """Read the catalogue and the metadata of the whole: survey, classes, citations and so on.

    Raises
    ------
    PipelineError
        No such file, a damaged one, or one that another version of the pipeline wrote.
    """
    path = catalogue_path(name)
    metadata = read_metadata(path)
    classes = json.loads(metadata.get("classes", "[]"))
    table = read_parquet(path)
    if not classes or table.schema.names != [c.name for c in columns(classes, "")]:
        raise PipelineError(f"{path} has other columns than this version writes; run dvc repro")
    return table, metadata


def write_votable(table: pa.Table, facts: Mapping[str, Any], name: str, path: Path) -> None:
    """Write a VOTable 1.4 (BINARY2); the same table gives the same bytes.

    Parameters
    ----------
    table : pyarrow.Table
        Columns of text, bool, int or float, with unit, ucd and description in their metadata.
    facts : mapping
        What the table is made from, by name, for the header; a list becomes one entry each.
    name : str
        Of the table.
    path : Path
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a name that is no XML ID: astropy makes one of it
        votable = from_table(_to_astropy(table, plain))
    votable.description = TITLE
    for key, value in _entries(facts):
        info = Info(name=key, value=plain(value))
        info.ID = None  # by default the name, which comes more than once
        votable.resources[0].infos.append(info)
    only = votable.get_first_table()
    only.ID, only.description, only.format = name, TITLE, "binary2"
    for field in only.fields:
        if field.datatype == "bit":  # which STILTS 3.4 cannot read in BINARY2
            field.datatype = "boolean"
        elif field.datatype in ("char", "unicodeChar"):
            field.arraysize = "*"  # of any length: a length of 1 is deprecated
    writeto(votable, str(path))


def write_fits(table: pa.Table, facts: Mapping[str, Any], name: str, path: Path) -> None:
    r"""Write a binary table as the first extension; the same table gives the same bytes.

    Parameters are those of `write_votable`. FITS text is ASCII: other letters are written as in
    Python, \xe9.
    """
    exported = _to_astropy(table, _ascii)
    for column in [c for c in exported.columns.values() if c.dtype.kind == "U"]:
        exported[column.name] = AstropyColumn(np.char.encode(column, "ascii", "backslashreplace"),
                                              description=column.description, meta=column.meta)
    extension = fits.table_to_hdu(exported)
    extension.name = _ascii(name).upper()
    for i, column in enumerate(exported.columns.values(), 1):
        extension.header[f"TCOMM{i}"] = column.description
        extension.header[f"TUCD{i}"] = column.meta["ucd"]
    extension.header.add_comment(TITLE)
    for key, value in _entries(facts):
        extension.header.add_comment(_ascii(f"{key}: {value}"))
    fits.HDUList([fits.PrimaryHDU(), extension]).writeto(path, overwrite=True)


WRITERS = {".vot": write_votable, ".fits": write_fits}


def _entries(facts: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(key, str(each)) for key, value in facts.items()
            for each in (value if isinstance(value, list) else [value])]


def _to_astropy(table: pa.Table, named: Callable[[str], str]) -> Table:
    """The Arrow table as an astropy one, nulls masked, with units and descriptions.

    `named` makes a name that the format can write; no two become the same.
    """
    out = Table()
    for field, column in zip(table.schema, table.columns, strict=True):
        name = named(field.name)
        while name.lower() in map(str.lower, out.colnames):  # tools ignore case
            name += "_"
        metadata = {k.decode(): v.decode() for k, v in field.metadata.items()}
        about = {"description": metadata["description"], "unit": metadata["unit"] or None,
                 "meta": {"ucd": metadata["ucd"]}}
        if pa.types.is_string(field.type):
            values = column.fill_null("").to_numpy().astype(str)
            if pc.all(pc.string_is_ascii(column)).as_py() is not False:
                # bytes, because VOTable gives other text two bytes a letter
                values = np.char.encode(values, "ascii")
        else:
            values = column.fill_null(pa.scalar(0).cast(field.type)).to_numpy()
        if values.dtype.kind in "if":
            kind: Any = values.dtype
            null = np.iinfo(kind).min if kind.kind == "i" else np.nan
            out[name] = MaskedColumn(values, mask=column.is_null().to_numpy(),
                                     fill_value=null, **about)
        else:
            out[name] = AstropyColumn(values, **about)
    return out


def _ascii(text: str) -> str:
    return plain(text).encode("ascii", "backslashreplace").decode()
