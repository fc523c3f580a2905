"""Classify the spectra in a file of your own.

    python -m asteroid_taxonomy.commands.classify my.csv [-o classes.parquet] [--unit nm|um|angstrom]

CSV, Parquet, ECSV or VOTable, wide or long (spectra_files.py says which columns); any grid that
covers the bands the classifier uses (resample.py says how it is resampled); normalised at 550 nm
here. Prints the first spectra, and with -o writes all of them, in the order of the file, as
Parquet or CSV. Memory stays flat however long the file is. Not a DVC stage: nothing of the
project changes.
"""

import argparse
import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from asteroid_taxonomy.asteroids import NORMALISATION_NM, names_of
from asteroid_taxonomy.console import PipelineError, Progress, run
from asteroid_taxonomy.files import atomic
from asteroid_taxonomy.onnx_model.classifier import Classifier, load_classifier
from asteroid_taxonomy.onnx_model.description import ONNX_PATH
from asteroid_taxonomy.own_spectra.columns import IN_NM, read_spectra
from asteroid_taxonomy.own_spectra.resampling import normalised

SHOWN = 20  # spectra in the table on screen
NORMALISED_WITHIN = 0.01  # of 1 at 550 nm; what differs more is counted as normalised here
WRITERS = {".parquet": pq.ParquetWriter, ".csv": pa.csv.CSVWriter}


def notes(
    reflectance: npt.NDArray[np.float32], at_550: npt.NDArray[np.floating], classifier: Classifier
) -> list[str | None]:
    """Say, per spectrum, why there is no class, or what is doubtful; None where nothing is."""
    with np.errstate(invalid="ignore"):
        negative = names_of(reflectance < 0, classifier.wavelengths_nm)
    return [
        f"no reflectance above 0 at {NORMALISATION_NM} nm to normalise by" if not normal
        else why or (f"negative reflectance at {bands} nm" if bands else None)
        for normal, why, bands in zip((at_550 > 0).tolist(),
                                      classifier.unclassified_because(reflectance), negative,
                                      strict=True)
    ]


def classified(
    path: Path, classifier: Classifier, unit: str | None
) -> Iterator[tuple[pa.Table, int]]:
    """Yield batches of the result, and how many of their spectra were not normalised."""
    bands_nm = classifier.wavelengths_nm
    for ids, bands in read_spectra(path, bands_nm, unit):
        at_550 = bands[:, bands_nm.index(NORMALISATION_NM)]
        reflectance = normalised(bands, bands_nm)
        probabilities = classifier.probabilities(reflectance)
        complexes, confidence = classifier.complexes(probabilities)
        unknown = np.isnan(confidence)
        columns = dict(zip(ids.column_names, ids.columns, strict=True)) | {
            **{f"probability_{name}": pa.array(column, mask=unknown)
               for name, column in zip(classifier.classes, probabilities.T, strict=True)},
            "complex": pa.array(complexes, pa.string()),
            "confidence": pa.array(confidence, mask=unknown),
            "abstained": pa.array(~(confidence >= classifier.threshold)),
            "note": pa.array(notes(reflectance, at_550, classifier), pa.string()),
        }
        yield pa.table(columns), int((np.abs(at_550 - 1) > NORMALISED_WITHIN).sum())


def show(table: pa.Table, classes: Sequence[str]) -> None:
    """Print a few rows of the result."""
    ids = table.column_names[:table.column_names.index(f"probability_{classes[0]}")]
    print(f"  {'spectrum':28}" + "".join(f"{name:>7}" for name in classes) + "  complex")
    for i, row in enumerate(table.to_pylist(), 1):
        name = " ".join(str(row[key]) for key in ids if row[key] is not None) or f"spectrum {i}"
        figures = "".join("      -" if row[f"probability_{c}"] is None
                          else f"{row[f'probability_{c}']:7.3f}" for c in classes)
        doubt = "?" if row["abstained"] and row["complex"] else ""
        print(f"  {name[:28]:28}{figures}  {(row['complex'] or '-') + doubt:8}"
              f"{row['note'] or ''}".rstrip())


def classify_file(path: Path, output: Path | None, unit: str | None, model: Path) -> None:
    """Classify `path`; print the first spectra; write all to `output`, whole or not at all."""
    if output is not None and output.suffix.lower() not in WRITERS:
        raise PipelineError(f"the output {output} should end in {' or '.join(WRITERS)}")
    if output is not None and output.exists() and path.exists() and output.samefile(path):
        raise PipelineError(f"the output {output} is the input; name another file")
    classifier = load_classifier(model, threads=os.cpu_count() or 1)
    total = with_class = kept = elsewhere = 0
    first: pa.Table | None = None
    with ExitStack() as stack, Progress(str(path)) as progress:
        part = stack.enter_context(atomic(output)) if output is not None else None
        writer = None
        for table, not_normalised in classified(path, classifier, unit):
            if part is not None and output is not None:
                if writer is None:
                    writer = WRITERS[output.suffix.lower()](part, table.schema)
                    stack.callback(writer.close)
                writer.write_table(table)
            first = table.slice(0, SHOWN) if first is None else first
            total += len(table)
            with_class += len(table) - table["complex"].null_count
            kept += len(table) - int(np.count_nonzero(table["abstained"].to_numpy()))
            elsewhere += not_normalised
            progress.update(total)
        if first is None or not total:
            raise PipelineError(f"{path} has a header and no rows; there is nothing to classify")
        if not with_class:
            used = [classifier.wavelengths_nm[j] for j in classifier.used]
            raise PipelineError(
                f"no spectrum of {path} can be classified; the first of {total:,} has "
                f"{first['note'][0]}, and the classifier needs {', '.join(map(str, used))} nm")
    show(first, classifier.classes)
    if total > SHOWN:
        print(f"  ... and {total - SHOWN:,} more")
    if elsewhere:
        print(f"  {elsewhere:,} of {total:,} were not 1 at {NORMALISATION_NM} nm and have been "
              "normalised")
    print(f"{'wrote ' + str(output) + ': ' if output else ''}{total:,} spectra, {with_class:,} "
          f"with a class, {kept:,} of them at a confidence of {classifier.threshold:g} or more")


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m asteroid_taxonomy.commands.classify",
                                     description="Classify the spectra in a file of your own.")
    parser.add_argument("file", type=Path, help="CSV, Parquet, ECSV or VOTable")
    parser.add_argument("-o", "--output", type=Path, help="write all rows: .parquet or .csv")
    parser.add_argument("--unit", choices=list(IN_NM), help="of the wavelengths")
    parser.add_argument("--model", type=Path, default=ONNX_PATH, help="default: %(default)s")
    given = parser.parse_args()
    classify_file(given.file, given.output, given.unit, given.model)


if __name__ == "__main__":
    run(main)
