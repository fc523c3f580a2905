"""The catalogue: one row per asteroid with a Gaia spectrum, and what each column means.

UCDs are of the IVOA's UCD1+ list (version 1.5). classify writes the table as Parquet and publish
as VOTable and FITS.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from asteroid_taxonomy.console import PipelineError
from asteroid_taxonomy.files import read_parquet

FOLDER = Path("data/catalogue")


def catalogue_path(name: str) -> Path:
    """Where the catalogue lies whose `catalogue.name` in params.yaml is `name`."""
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
               "Minor-planet number; null for unnumbered"),
        Column("name", text, "", "meta.id", "Name or provisional designation"),
        Column("survey_name", text, "", "meta.id", "The same as the survey writes it"),
        *(Column(f"probability_{name}", real, "", "stat.probability",
                 f"Probability of complex {name}; for asteroids with in_training the one given by "
                 "models that did not see the asteroid (out of fold)") for name in classes),
        *(Column(f"spread_{name}", real, "", "stat.stdev;stat.probability",
                 f"Standard deviation of the probability of complex {name} over the networks of "
                 "the ensemble; null where the model is none") for name in classes),
        Column("complex", text, "", "src.class",
               "Most probable complex; null where a band that the classifier needs is missing"),
        Column("confidence", real, "", "stat.probability;stat.max",
               "Probability of that complex"),
        Column("expected_accuracy", real, "", "stat.probability",
               "How often cross-validation found a complex of this confidence and S/N right"),
        Column("abstained", yes_no, "", "meta.code.qual",
               "Take the complex as unknown: the confidence is below the classifier's threshold, "
               "or there is none at all"),
        Column("reason", text, "", "meta.note", "Why there is no class; null where there is one"),
        Column("class", text, "", "src.class",
               "Most probable class of the label table, of those that cross-validation can answer "
               "for (reports/crossvalidation/classes.csv); null where that is another"),
        Column("class_probability", real, "", "stat.probability", "Probability of that class"),
        Column("snr", real, "", "stat.snr",
               "Signal to noise: median over the bands of reflectance / error"),
        Column("snr_bin", text, "", "meta.code", "Bin of snr, upper edge excluded"),
        Column("snr_bin_accuracy", real, "", "stat.probability",
               "Accuracy that cross-validation measured on the labelled asteroids of that bin; "
               "null in a bin with too few to tell"),
        Column("num_of_spectra", pa.int32(), "", "meta.number",
               "Number of epoch spectra that were averaged"),
        Column("bands_missing", text, "", "meta.note",
               "Wavelengths in nm without a reflectance, separated by commas; empty: none"),
        Column("flags", text, "", "meta.code.qual",
               "Flag of each band in ascending wavelength: 0 good, 1 suspect, 2 bad"),
        Column("flagged_bands_used", text, "", "meta.code.qual",
               "Wavelengths in nm of the bands that the classifier uses with flag 2; empty: none"),
        Column("literature_class", text, "", "src.class",
               f"Class in the {labels}, with feature flags; null without one"),
        Column("literature_complex", text, "", "src.class", "Complex of the literature class"),
        Column("in_training", yes_no, "", "meta.code",
               "The classifier was trained on this asteroid's literature class"),
    ]


def arrow_schema(classes: Sequence[str], labels: str) -> pa.Schema:
    """Arrow schema with unit, UCD and description in each field's metadata."""
    return pa.schema([
        pa.field(c.name, c.type,
                 metadata={"unit": c.unit, "ucd": c.ucd, "description": c.description})
        for c in columns(classes, labels)
    ])


def read_catalogue(name: str) -> tuple[pa.Table, dict[str, str]]:
    """Read the catalogue and the metadata of the whole: survey, classes, citations and so on.

    Raises
    ------
    PipelineError
        No such file, a damaged one, or one that another version of the pipeline wrote.
    """
    path = catalogue_path(name)
    table = read_parquet(path, pa.schema([("source_id", pa.int64())]))
    metadata = {k.decode(): v.decode() for k, v in (table.schema.metadata or {}).items()}
    classes = json.loads(metadata.get("classes", "[]"))
    if not classes or table.schema.names != [c.name for c in columns(classes, "")]:
        raise PipelineError(f"{path} has other columns than this version writes; run "
                            "`dvc repro classify` to make it anew")
    return table, metadata


def nullable(values: npt.NDArray[np.floating]) -> pa.Array:
    """A float32 column, null for NaN."""
    return pa.array(values.astype(np.float32), mask=np.isnan(values))


def by_snr(table: pa.Table, names: Sequence[str]) -> list[list[Any]]:
    """Rows of bin of S/N, complex, asteroids, and how many of these are kept."""
    frame = table.select(["snr_bin", "complex", "abstained"]).to_pandas()
    kept = (~frame["abstained"]).groupby([frame["snr_bin"], frame["complex"]])
    found = {key: (len(group), int(group.sum())) for key, group in kept}
    return [[*key, *found[key]] for key in sorted(found, key=lambda k: (names.index(k[0]), k[1]))]


def counts(
    table: pa.Table, target: npt.NDArray[np.object_], classes: Sequence[str]
) -> dict[str, Any]:
    """Asteroids by complex, with abstention (_kept) and without.

    Also the share on which the catalogue and `target`, the label, agree: of asteroids trained on,
    out of fold, and of those held out.
    """
    frame = table.select(["complex", "abstained", "in_training", "flagged_bands_used"]).to_pandas()
    kept = frame[~frame["abstained"]]
    out: dict[str, Any] = {
        "asteroids": len(frame), "classified": int(frame["complex"].count()), "kept": len(kept),
        "kept_flagged": int((kept["flagged_bands_used"] != "").sum()),
        **{f"complex_{name}{end}": int((rows["complex"] == name).sum())
           for name in classes for end, rows in (("", frame), ("_kept", kept))}}
    known = pa.array(target, pa.string()).is_valid().to_numpy(zero_copy_only=False)
    agrees = (frame["complex"] == target)[known & frame["complex"].notna()]
    for name, part in (("out_of_fold", agrees[frame["in_training"]]),
                       ("held_out", agrees[~frame["in_training"]])):
        out |= {f"{name}_asteroids": len(part),
                f"{name}_agreement": float(part.mean()) if len(part) else None}
    return out
