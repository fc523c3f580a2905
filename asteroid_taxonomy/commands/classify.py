"""Classify the spectra in your files.

    asteroid-taxonomy classify FILE_OR_FOLDER ... [-o classes.csv] [--unit nm|um|angstrom]

Reads text, Parquet, ECSV, VOTable, FITS and the journals' tables (docs/own_spectra.md).
"""

import glob
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from asteroid_taxonomy import catalogue
from asteroid_taxonomy.console import PipelineError, Progress, command_line, plain
from asteroid_taxonomy.files import atomic, sha256, write_parquet
from asteroid_taxonomy.names import asteroid_in
from asteroid_taxonomy.onnx_model.classifier import load_classifiers
from asteroid_taxonomy.spectra.columns import IN_NM, Spectra
from asteroid_taxonomy.spectra.predict import Model, Prediction
from asteroid_taxonomy.spectra.read import read_spectra

ENDINGS = (".csv", ".parquet", *catalogue.WRITERS)
LABELS = (".xml", ".lbl", ".fmt")  # PDS describes a table beside it
SHOWN = 20  # spectra in the table on screen
NOTHING = [Spectra(pd.DataFrame(index=[0]), np.empty(0, int), np.empty(0), np.empty(0), [""])]
NAME = "meta.id", "Name of the spectrum, of its file or of its asteroid"
ABOUT = {"class_precision": ("stat.probability", "Precision of that class in cross-validation"),
         "model": ("meta.software", "ONNX file that classified the spectrum"),
         "note": ("meta.note", "What to check, or why the spectrum was not classified")}


def files_of(given: Sequence[Path], output: Path | None = None) -> list[Path]:
    """Files that are given, in folders, or that match patterns; no hidden ones or PDS labels."""
    found: list[Path] = []
    for path in given:
        inside = [path]
        if path.is_dir() or not path.exists() and glob.has_magic(str(path)):
            several = path.rglob("*") if path.is_dir() else map(Path, glob.glob(str(path)))
            inside = [p for p in sorted(several) if p.is_file() and p != output
                      and not p.name.startswith(".")]
            tables = {p.with_suffix("") for p in inside if p.suffix.lower() not in LABELS}
            inside = [p for p in inside if p.suffix.lower() not in LABELS
                      or p.with_suffix("") not in tables]
        if not inside:
            raise PipelineError(f"{path} contains no files; name a folder with spectra")
        found += inside
    return list(dict.fromkeys(found))


def rows_of(path: Path, spectra: Spectra, found: Prediction, own_columns: bool) -> pd.DataFrame:
    """Rows of the result for a file, with or without the file's own columns of names."""
    names, n = spectra.names, len(spectra.notes)
    full, file = (os.fsencode(p).decode(errors="backslashreplace") for p in (path, path.name))
    texts = names.astype("str").where(names.notna(), "")
    name: Any = texts.agg(" ".join, axis=1).str.strip() if len(names.columns) else [
        file if n == 1 else f"{file} {i + 1}" for i in range(n)]
    asteroid: Any = "" if len(names.columns) and n > 1 else asteroid_in(path.name) or ""
    for column in [c for c in names if c.lower().replace("_", "") in ("number", "numbermp")][:1]:
        number = pd.to_numeric(names[column], errors="coerce").fillna(0).astype(int)
        asteroid = number.astype("str").where(number > 0, "").to_numpy()
    rows = pd.DataFrame({"file": full, "name": name, "asteroid": asteroid}, index=range(n))
    answers = found.to_pandas()
    own = [c for c in names if own_columns and c not in rows and c not in answers]
    numeric = [c for c in own if pd.api.types.is_any_real_numeric_dtype(names[c])]
    return pd.concat([rows, texts[own].assign(**names[numeric]), answers], axis=1)


def classify_files(
    given: Sequence[Path], output: Path | None = None, unit: str | None = None,
    models: Sequence[Path] = (), strict: bool = False, plots: Path | None = None,
) -> None:
    """Classify files and folders; PipelineError if none, or with `strict` any, cannot be read."""
    if output is not None and output.suffix.lower() not in ENDINGS:
        raise PipelineError(f"the output {output} should end in {', '.join(ENDINGS)}")
    files = files_of(given, output)
    if output is not None and output.resolve() in [path.resolve() for path in files]:
        raise PipelineError(f"the output {output} is the input; name another file")
    model = Model(load_classifiers(models))
    parts, problems = [], []
    with Progress(f"{len(files):,} files", len(files), "file") as progress:
        for done, path in enumerate(files, 1):
            try:
                tables = read_spectra(path, unit)
            except PipelineError as problem:
                if strict or list(given) == [path]:
                    raise
                tables = NOTHING
                problems.append(str(problem))
            for spectra in tables:
                found = model.of_points(spectra)
                parts.append(rows_of(path, spectra, found, len(files) == 1))
                if tables is NOTHING:
                    parts[-1]["note"] = problems[-1].removeprefix(f"{path} ")
                elif plots is not None:
                    plot(found, parts[-1], plots)
            progress.update(done)
    result = pd.concat(parts, ignore_index=True)
    if plots is not None:
        print(f"wrote the plots to {plots}/")
    if output is not None:
        write(result, model, output)
    report(result, model.classifiers[0].classes, len(files), len(problems))
    if len(problems) == len(files):
        raise PipelineError(f"none of {len(files)} files can be read; the first: {problems[0]}")


def plot(found: Prediction, rows: pd.DataFrame, folder: Path) -> None:
    """Write a PNG for each spectrum."""
    for i, (path, name) in enumerate(zip(rows["file"], rows["name"], strict=True)):
        file = Path(path).name
        picture = re.sub(r"[^-()\w.]+", "_", file if file == name else f"{file} {name}")
        with atomic(folder / f"{picture}.png") as part:
            found.plot(i, name).savefig(part, format="png", dpi=150)


def write(result: pd.DataFrame, model: Model, output: Path) -> None:
    """Write the result in the format that the ending of `output` names."""
    ending, first = output.suffix.lower(), model.classifiers[0].metadata
    about = {f.name: f.metadata for f in catalogue.arrow_schema(first.classes, "")}
    about |= {name: dict(zip(("unit", "ucd", "description"), ("", *ABOUT.get(name, NAME)),
                             strict=True)) for name in result if name not in about}
    schema = pa.schema([pa.field(
        name, pa.string() if column.dtype == "str" else pa.from_numpy_dtype(column.dtype),
        metadata=about[name]) for name, column in result.items()])
    table = pa.Table.from_pandas(result, schema, preserve_index=False)
    facts: dict[str, Any] = {
        "models": [f"{c.path.name}, threshold {c.threshold}, sha256 {sha256(c.path)}"
                   for c in model.classifiers], "classes": ", ".join(first.classes)}
    facts |= first.model_dump(include={"survey", "taxonomy", "licence", "citation"})
    with atomic(output) as part:
        if ending == ".csv":
            result.to_csv(part, index=False, lineterminator="\n")
        elif ending == ".parquet":
            write_parquet(table, part, facts)
        else:
            catalogue.WRITERS[ending](table, facts, "spectra", part)
    print(f"wrote {output}")


def report(result: pd.DataFrame, classes: Sequence[str], files: int, unread: int) -> None:
    """Print the first rows and a summary."""
    print(f"  {'spectrum':28}" + "".join(f"{name:>7}" for name in classes) + "  complex  class")
    doubts = np.where(result["abstained"] & (result["complex"] != ""), "?", "")[:SHOWN]
    for row, doubt in zip(result.head(SHOWN).to_dict("records"), doubts, strict=True):
        figures = "".join(f"{row[f'probability_{c}']:7.3f}" for c in classes).replace("nan", "  -")
        behind = f"{row['class']} ({row['class_precision']:.0%})" if row["class"] else "-"
        print(plain(f"  {row['name'][:28]:28}{figures}  {(row['complex'] or '-') + doubt:7}  "
                    f"{behind:8}  {row['note']}").rstrip())
    if (n := len(result)) > SHOWN:
        print(f"  ... and {n - SHOWN:,} more")
    legend = "? after a complex: abstained, treat it as unknown; " if "?" in doubts else ""
    bad = f" ({unread:,} cannot be read)" if unread else ""
    print(f"{legend}(%): precision of the class\n{n:,} spectr{'um' if n == 1 else 'a'} in "
          f"{files:,} file{'s' * (files > 1)}{bad}: {(result['complex'] != '').sum():,} "
          f"classified, {(~result['abstained']).sum():,} above the threshold")


def main(arguments: list[str]) -> None:
    """Classify the spectra in your files."""
    parser = command_line("classify", __doc__)
    parser.add_argument("files", nargs="+", metavar="FILE_OR_FOLDER",
                        help="files (also compressed), folders or glob patterns")
    parser.add_argument("-o", "--output", type=Path, help=f"write all rows: {', '.join(ENDINGS)}")
    parser.add_argument("--unit", choices=list(IN_NM), help="unit of the wavelengths")
    parser.add_argument("--model", type=Path, action="append", default=[],
                        help="an ONNX file; may be repeated; default: all that are shipped")
    parser.add_argument("--strict", action="store_true", help="stop at a file that cannot be read")
    parser.add_argument("--plot", type=Path, metavar="FOLDER", help="write a PNG of each spectrum")
    given = parser.parse_args(arguments)
    if "" in given.files:  # an unset variable, not this folder
        parser.error("a file's name is empty; name files or folders")
    classify_files(list(map(Path, given.files)), given.output, given.unit, given.model,
                   given.strict, given.plot)
