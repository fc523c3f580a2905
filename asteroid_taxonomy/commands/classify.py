"""Classify asteroid spectra of your own: files, folders, one table out.

    asteroid-taxonomy classify FILE_OR_FOLDER ... [-o classes.parquet] [--unit nm|um|angstrom]

Reads spectra of whatever layout, unit and grid (own_spectra/ tells them), and normalises them. Of
the classifiers in models/, each spectrum gets the richest whose bands it has. Prints the first
spectra, and with -o writes all of them, in the order of the files. Memory stays flat however long
a file is, but for .vot and .fits, which are written at once. Not a DVC stage: nothing of the
project changes.
"""

import argparse
import os
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pyarrow as pa

from asteroid_taxonomy.commands.answers import answers, load_classifiers
from asteroid_taxonomy.console import PipelineError, Progress, plain
from asteroid_taxonomy.files import atomic, sha256
from asteroid_taxonomy.onnx_model.classifier import Classifier
from asteroid_taxonomy.own_spectra.batch import Batch
from asteroid_taxonomy.own_spectra.naming import files_of, path_of
from asteroid_taxonomy.own_spectra.results import (
    ENDINGS,
    STREAMED,
    WHOLE,
    Counts,
    beside,
    failed,
    named,
    report,
    writer,
)
from asteroid_taxonomy.own_spectra.spectra import read_spectra
from asteroid_taxonomy.own_spectra.units import IN_NM

NORMALISED_WITHIN = 0.01  # of 1; what differs more is counted as normalised here


def rows_of(ids: dict[str, pa.Array], batch: Batch, classifiers: Sequence[Classifier]) -> pa.Table:
    """The result's rows for one batch; `own_spectra.md` says what the columns mean."""
    found, classes = answers(batch, classifiers), classifiers[0].classes
    unknown = found.model < 0
    return pa.table(beside(ids, {
        **{f"probability_{name}": pa.array(column, mask=unknown)
           for name, column in zip(classes, found.probabilities.T, strict=True)},
        "complex": pa.array(classes).take(pa.array(found.best, mask=unknown)),
        "confidence": pa.array(found.confidence, mask=unknown),
        "abstained": pa.array(found.abstained),
        "model": pa.array([c.name for c in classifiers]).take(
            pa.array(found.model, mask=unknown)),
        "note": pa.array(found.said, pa.string()).take(pa.array(found.note)),
    }))


def provenance(classifiers: Sequence[Classifier]) -> dict[str, str]:
    """Say what classified the spectra, by name, for a file's header."""
    first = classifiers[0]
    return {
        "survey": first.survey, "classes": ", ".join(first.classes),
        **{f"model_{i}": f"{c.path.name}, abstention_threshold {c.threshold:g}, "
                         f"sha256 {sha256(c.path)}" for i, c in enumerate(classifiers, 1)},
        **{key: first.metadata[key] for key in ("taxonomy", "licence", "citation")
           if key in first.metadata}}


def read_all(
    files: Sequence[Path], classifier: Classifier, unit: str | None, many: bool, strict: bool
) -> Iterator[tuple[Path, Batch | str]]:
    """Go through the files; one of many that cannot be read gives a sentence instead."""
    for path in files:
        try:
            for batch in read_spectra(path, classifier.wavelengths_nm, classifier.width_nm, unit):
                yield path, batch
        except PipelineError as error:
            if strict or not many:
                raise
            yield path, str(error)


def classify_files(
    given: Sequence[Path], output: Path | None = None, unit: str | None = None,
    models: Sequence[Path] = (), strict: bool = False,
) -> None:
    """Classify files and folders; print the first spectra; write all, whole or not at all.

    Raises
    ------
    PipelineError
        The only file, or with `strict` any, cannot be read; or no spectrum gets a class.
    """
    if output is not None and output.suffix.lower() not in (*STREAMED, *WHOLE):
        raise PipelineError(f"the output {output} should end in {ENDINGS}")
    files = files_of(given, output)
    many = len(files) > 1 or files != list(given)
    if output is not None and output.exists() and any(
            path.exists() and output.samefile(path) for path in files):
        raise PipelineError(f"the output {output} is the input; name another file")
    classifiers = load_classifiers(models)
    classes, counts = classifiers[0].classes, Counts()
    at = classifiers[0].wavelengths_nm.index(classifiers[0].normalised_at_nm)

    def classified(path: Path, batch: Batch | str) -> tuple[pa.Table, int]:
        if isinstance(batch, str):
            return failed(path, batch, classes), 0
        ids = named(path, batch.ids, len(batch.bands), many)
        with np.errstate(invalid="ignore", over="ignore"):
            not_1 = int((np.abs(batch.bands[:, at] - 1) > NORMALISED_WITHIN).sum())
        return rows_of(ids, batch, classifiers), not_1

    workers = os.cpu_count() or 1
    label = str(files[0]) if len(files) == 1 else f"{len(files):,} files"
    with ExitStack() as stack, Progress(plain(label)) as progress:
        pool = stack.enter_context(ThreadPoolExecutor(workers))
        part = stack.enter_context(atomic(output)) if output is not None else None
        rows, under_way = None, deque[Future[tuple[pa.Table, int]]]()

        def finish(most: int) -> None:
            nonlocal rows
            while len(under_way) > most:
                table, not_1 = under_way.popleft().result()
                if part is not None and output is not None:
                    if rows is None:
                        rows = stack.enter_context(
                            writer(part, output.suffix.lower(), table.schema, classes,
                                   provenance(classifiers)))
                    rows.write_table(table)
                counts.add(table, not_1)
                progress.update(counts.spectra)

        for path, batch in read_all(files, classifiers[0], unit, many, strict):
            counts.unread += isinstance(batch, str)
            under_way.append(pool.submit(classified, path, batch))
            finish(workers)
        finish(0)
        if counts.first is None or not counts.spectra:
            raise PipelineError(plain(f"{label} has a header and no rows; there is nothing to "
                                          "classify"))
        if not counts.with_class:
            used = classifiers[-1].used
            needed = ", ".join(str(classifiers[-1].wavelengths_nm[j]) for j in used)
            raise PipelineError(plain(
                f"no spectrum of {label} can be classified (the first of {counts.spectra:,}: "
                f"{counts.first['note'][0]}); the classifier needs {needed} nm"))
    report(counts, classes, classifiers[0].normalised_at_nm, output)


def main(arguments: list[str]) -> None:
    """Classify asteroid spectra of your own: files, folders, one table out."""
    parser = argparse.ArgumentParser(prog="asteroid-taxonomy classify", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", type=path_of, nargs="+", metavar="FILE_OR_FOLDER",
                        help="text, Parquet, VOTable, FITS, also packed; folders; patterns")
    parser.add_argument("-o", "--output", type=Path, help=f"write all rows: {ENDINGS}")
    parser.add_argument("--unit", choices=list(IN_NM), help="of the wavelengths")
    parser.add_argument("--model", type=Path, action="append", default=[],
                        help="may be repeated; default: all in models/")
    parser.add_argument("--strict", action="store_true", help="stop at a file that cannot be read")
    given = parser.parse_args(arguments)
    classify_files(given.files, given.output, given.unit, given.model, given.strict)
