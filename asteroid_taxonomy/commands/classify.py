"""Classify the spectra in your files.

    asteroid-taxonomy classify FILE_OR_FOLDER ... [-o classes.csv] [--unit nm|um|angstrom]

Reads text, Parquet, ECSV, VOTable, FITS and the journals' tables, in any unit and on any grid
(docs/own_spectra.md), and normalises the spectra. Each is classified by the model that uses
most of the bands it covers. Prints the first spectra; -o writes all, --plot a PNG of each.
"""

import argparse
import glob
import os
import re
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from asteroid_taxonomy import catalogue
from asteroid_taxonomy.console import PipelineError, Progress, plain
from asteroid_taxonomy.files import atomic, sha256, write_parquet
from asteroid_taxonomy.names import asteroid_in
from asteroid_taxonomy.onnx_model.classifier import Classifier
from asteroid_taxonomy.spectra.columns import IN_NM, Spectra
from asteroid_taxonomy.spectra.predict import Model, Prediction, load_classifiers
from asteroid_taxonomy.spectra.read import read_spectra

ENDINGS = (".csv", ".parquet", *catalogue.WRITERS)
LABELS = (".xml", ".lbl", ".fmt")  # PDS describes a table beside it
SHOWN = 20  # spectra in the table on screen
NOTHING = Spectra(pd.DataFrame(index=range(1)), np.empty(0, np.int64), np.empty(0),
                  np.empty(0), [""])
ABOUT = {  # UCD and description of the columns; others name the spectrum
    "file": ("meta.id", "File that the spectrum is in"),
    "name": ("meta.id", "Name of the spectrum, as in the file, or of the file"),
    "asteroid": ("meta.id", "Number or designation, from a column of numbers or the file's name"),
    "complex": ("src.class", "Most probable complex; empty without a class"),
    "confidence": ("stat.probability;stat.max", "Probability of that complex"),
    "abstained": ("meta.code.qual", "Take the complex as unknown: below the threshold, marks or "
                                    "spikes in a band that was used, or no class"),
    "complex_set": ("src.class", "Complexes that cannot be excluded"),
    "class": ("src.class", "Most probable class behind the complexes"),
    "class_probability": ("stat.probability", "Probability of that class"),
    "class_precision": ("stat.probability", "Precision of that class in cross-validation"),
    "model": ("meta.software", "ONNX file that classified the spectrum"),
    "note": ("meta.note", "What is doubtful, or why there is no class"),
}


def files_of(given: Sequence[Path], output: Path | None = None) -> list[Path]:
    """Files that are given, in folders, or that match patterns; no hidden ones or PDS labels."""
    found: dict[Path, None] = {}
    for path in given:
        inside = [path]
        if path.is_dir():
            inside = sorted(path.rglob("*"))
        elif not path.exists() and glob.has_magic(str(path)):
            inside = sorted(map(Path, glob.glob(str(path), recursive=True)))
        if inside != [path]:
            stems = {p.with_suffix("") for p in inside if p.suffix.lower() not in LABELS}
            inside = [p for p in inside if p.is_file() and not p.name.startswith(".")
                      and p != output
                      and not (p.suffix.lower() in LABELS and p.with_suffix("") in stems)]
            if not inside:
                raise PipelineError(f"{path} holds no files; name a folder or files with spectra")
        found |= dict.fromkeys(inside)
    return list(found)


def rows_of(path: Path, spectra: Spectra, found: Prediction, own_columns: bool) -> pd.DataFrame:
    """Rows of the result for a file, with or without the file's own columns of names."""
    names, n = spectra.names, len(spectra.notes)
    spelled = os.fsencode(path.name).decode(errors="backslashreplace")
    texts = names.astype("str").where(names.notna(), "").agg(" ".join, axis=1).str.strip() \
        if len(names.columns) else [spelled if n == 1 else f"{spelled} {i + 1}" for i in range(n)]
    numbers = [c for c in names if c.lower().replace("_", "") in ("number", "numbermp")]
    asteroid: Any = "" if len(names.columns) and n > 1 else asteroid_in(path.name) or ""
    if numbers:
        number = pd.to_numeric(names[numbers[0]], errors="coerce").fillna(0).astype(int)
        asteroid = number.astype("str").where(number > 0, "").to_numpy()
    rows = pd.DataFrame({"file": os.fsencode(path).decode(errors="backslashreplace"),
                         "name": texts, "asteroid": asteroid}, index=range(n))
    answers = found.to_pandas()
    own = [c for c in names if own_columns and c not in rows and c not in answers]
    return pd.concat([rows, names[own].set_axis(rows.index), answers], axis=1)


def classify_files(
    given: Sequence[Path], output: Path | None = None, unit: str | None = None,
    models: Sequence[Path] = (), strict: bool = False, plots: Path | None = None,
) -> None:
    """Classify files and folders; print the first spectra; write all, whole or not at all.

    Raises
    ------
    PipelineError
        The only file, any file with `strict`, or none of several can be read.
    """
    if output is not None and output.suffix.lower() not in ENDINGS:
        raise PipelineError(f"the output {output} should end in {', '.join(ENDINGS)}")
    files = files_of(given, output)
    if output is not None and output.exists() and any(
            path.exists() and output.samefile(path) for path in files):
        raise PipelineError(f"the output {output} is the input; name another file")
    model = Model(load_classifiers(models))
    parts: list[pd.DataFrame] = []
    problems: list[str] = []
    with Progress(f"{len(files):,} files", len(files), "file") as progress:
        for done, path in enumerate(files, 1):
            try:
                tables = read_spectra(path, unit)
            except PipelineError as problem:
                if strict or files == list(given):
                    raise
                problems.append(str(problem))
                found = replace(model.of_points(NOTHING), note=np.array(
                    [problems[-1].removeprefix(f"{path} ")], object))
                parts.append(rows_of(path, NOTHING, found, False))
                continue
            for spectra in tables:
                found = model.of_points(spectra)
                parts.append(rows_of(path, spectra, found, len(files) == 1))
                if plots is not None:
                    plot(found, parts[-1], plots)
            progress.update(done)
    result = pd.concat(parts, ignore_index=True)
    classes = model.classifiers[0].classes
    if output is not None:
        write(result, classes, model.classifiers, output)
    report(result, classes, len(files), len(problems), output)
    if len(problems) == len(files):
        raise PipelineError(f"none of the {len(files)} files can be read; the first: "
                            f"{problems[0]}")


def plot(found: Prediction, rows: pd.DataFrame, folder: Path) -> None:
    """Write a PNG for each spectrum."""
    folder.mkdir(parents=True, exist_ok=True)
    for i, (file, name) in enumerate(zip(rows["file"], rows["name"], strict=True)):
        stem = Path(file).name if Path(file).name == name else f"{Path(file).name} {name}"
        figure, picture = found.plot(i, name), re.sub(r"[^-()\w.]+", "_", stem) + ".png"
        with atomic(folder / picture) as part:
            figure.savefig(part, format="png", dpi=150)


def write(
    result: pd.DataFrame, classes: Sequence[str], classifiers: Sequence[Classifier], output: Path
) -> None:
    """Write the result in the format that the ending of `output` names."""
    if output.suffix.lower() == ".csv":
        with atomic(output) as part:
            result.to_csv(part, index=False, lineterminator="\n")
        return
    about = ABOUT | {f"probability_{name}": ("stat.probability", f"Probability of complex {name}")
                     for name in classes}
    columns, fields = [], []
    for name in result:
        column = result[name]
        if column.dtype.kind in "bif":
            columns.append(pa.array(column))
        else:
            texts = column.astype("str").where(column.notna(), "")
            columns.append(pa.array(texts, pa.string()))
        ucd, description = about.get(name, ("meta.id", "Name of the spectrum, as in the file"))
        fields.append(pa.field(name, columns[-1].type, metadata={
            "unit": "", "ucd": ucd, "description": description}))
    first = classifiers[0].metadata
    facts = {"survey": first.survey, "classes": ", ".join(classes), "models": [
        f"{c.path.name}, threshold {c.threshold}, sha256 {sha256(c.path)}" for c in classifiers],
        "taxonomy": first.taxonomy, "licence": first.licence, "citation": first.citation}
    table = pa.table(columns, pa.schema(fields))
    if output.suffix.lower() == ".parquet":
        write_parquet(table, output, facts)
        return
    with atomic(output) as part:
        catalogue.WRITERS[output.suffix.lower()](table, facts, "spectra", part)


def report(
    result: pd.DataFrame, classes: Sequence[str], files: int, unread: int, output: Path | None
) -> None:
    """Print the first rows and a summary."""
    print(f"  {'spectrum':28}" + "".join(f"{name:>7}" for name in classes) + "  complex  class")
    for row in result.head(SHOWN).to_dict("records"):
        figures = "".join("      -" if pd.isna(p := row[f"probability_{c}"]) else f"{p:7.3f}"
                          for c in classes)
        doubt = "?" if row["complex"] and row["abstained"] else ""
        behind = f"{row['class']} ({row['class_precision']:.0%})" if row["class"] else "-"
        print(plain(f"  {row['name'][:28]:28}{figures}  {(row['complex'] or '-') + doubt:7}  "
                    f"{behind:8}  {row['note']}").rstrip())
    if len(result) > SHOWN:
        print(f"  ... and {len(result) - SHOWN:,} more")
    print("?: abstained, take the complex as unknown; (%): precision of the class")
    if unread:
        print(f"{unread:,} of {files:,} files cannot be read; the column note has the reasons",
              file=sys.stderr)
    print(f"{f'wrote {output}: ' if output else ''}{len(result):,} spectra in {files:,} files, "
          f"{(result['complex'] != '').sum():,} with a class, {(~result['abstained']).sum():,} "
          "above the threshold")


def main(arguments: list[str]) -> None:
    """Classify the spectra in your files."""
    parser = argparse.ArgumentParser(prog="asteroid-taxonomy classify", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", metavar="FILE_OR_FOLDER",
                        help="files, also packed; folders; patterns")
    parser.add_argument("-o", "--output", type=Path, help=f"write all rows: {', '.join(ENDINGS)}")
    parser.add_argument("--unit", choices=list(IN_NM), help="of the wavelengths")
    parser.add_argument("--model", type=Path, action="append", default=[],
                        help="an ONNX file; may be repeated; default: all that are shipped")
    parser.add_argument("--strict", action="store_true", help="stop at a file that cannot be read")
    parser.add_argument("--plot", type=Path, metavar="FOLDER", help="write a PNG of each spectrum")
    given = parser.parse_args(arguments)
    if not all(name.strip() for name in given.files):  # an unset variable is not this folder
        parser.error("a file's name is empty; name files or folders")
    classify_files([Path(name) for name in given.files], given.output, given.unit, given.model,
                   given.strict, given.plot)
