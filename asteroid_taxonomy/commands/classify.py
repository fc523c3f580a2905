"""Classify asteroid spectra of your own: files, folders, one table out.

    asteroid-taxonomy classify FILE_OR_FOLDER ... [-o classes.parquet] [--unit nm|um|angstrom]

Reads spectra of whatever layout, unit and grid (own_spectra/ tells them), and normalises them. Of
the classifiers in models/, each spectrum gets the richest whose bands it has. Prints the first
spectra, and with -o writes all of them, in the order of the files. Memory stays flat however long
a file is. Not a DVC stage: nothing of the project changes.
"""

import argparse
import os
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from asteroid_taxonomy.console import PipelineError, Progress, plain
from asteroid_taxonomy.files import atomic
from asteroid_taxonomy.files.shipped import shipped
from asteroid_taxonomy.onnx_model.classifier import Classifier, load_classifier
from asteroid_taxonomy.onnx_model.description import CLASSES_PATH, ONNX_PATH
from asteroid_taxonomy.own_spectra.naming import files_of, path_of
from asteroid_taxonomy.own_spectra.resampling import normalised
from asteroid_taxonomy.own_spectra.results import (
    WRITERS,
    Counts,
    failed,
    named,
    report,
    writer,
)
from asteroid_taxonomy.own_spectra.spectra import REMARKS, Batch, read_spectra
from asteroid_taxonomy.own_spectra.units import IN_NM

NORMALISED_WITHIN = 0.01  # of 1; what differs more is counted as normalised here
Bools = npt.NDArray[np.bool_]


def load_classifiers(paths: Sequence[Path]) -> list[Classifier]:
    """Load the files, or all there are in models/; the one that uses most bands first.

    Raises
    ------
    PipelineError
        No such file, none of this project, or several of different classes or grids.
    """
    here = sorted(path for path in shipped(ONNX_PATH.parent).glob("*.onnx")
                  if path.name != CLASSES_PATH.name)
    found = [load_classifier(path) for path in paths or here or [ONNX_PATH]]
    contracts = {(*c.classes, *c.wavelengths_nm, c.normalised_at_nm, c.width_nm) for c in found}
    if len(contracts) > 1:
        raise PipelineError(f"{' and '.join(c.name for c in found)} have other classes or bands; "
                            "name those that belong together with --model")
    return sorted(found, key=lambda c: -len(c.used))


def chosen(
    classifiers: Sequence[Classifier], reflectance: npt.NDArray[np.float32], touched: Bools
) -> tuple[npt.NDArray[np.int8], Bools]:
    """The number of the classifier that each spectrum gets, -1 for none; and whether it is clean.

    The richest whose bands are all there and free of marks for "not measured", else the richest
    whose bands are all there.
    """
    n = len(reflectance)
    choice, clean = np.full(n, -1, np.int8), np.zeros(n, bool)
    for i, classifier in enumerate(classifiers):
        at = classifier.wavelengths_nm.index(classifier.normalised_at_nm)
        whole = classifier.has_bands(reflectance)
        free = whole & ~touched[:, [*classifier.used, at]].any(axis=1) if touched.any() else whole
        choice[(whole & (choice < 0)) | (free & ~clean)] = i
        clean |= free
    return choice, clean


def notes(
    reflectance: npt.NDArray[np.float32], batch: Batch, choice: npt.NDArray[np.int8],
    classifiers: Sequence[Classifier],
) -> pa.Array:
    """Say, per spectrum, why there is no class, or what is doubtful; null where nothing is.

    Spectra with the same to be said are put into words once.
    """
    least = classifiers[-1]
    at = least.wavelengths_nm.index(least.normalised_at_nm)
    touched = batch.touched
    rows = np.flatnonzero((choice < 0) | touched.any(axis=1) | (batch.remarks > 0))
    none = choice[rows] < 0
    signs = np.column_stack([none, ~(batch.bands[rows, at] > 0), touched[rows],
                             ~np.isfinite(reflectance[rows][:, least.used]) & none[:, None]])
    packed = np.column_stack([np.packbits(signs, axis=1), batch.remarks[rows]])
    _, first, which = np.unique(packed, axis=0, return_index=True, return_inverse=True)
    said: list[str | None] = [batch.remark]
    used_nm = [least.wavelengths_nm[j] for j in least.used]
    for i in first:
        parts = [batch.remark] if batch.remark else []
        unclassified, no_norm, *flags = signs[i].tolist()
        marked, missing = flags[:touched.shape[1]], flags[touched.shape[1]:]
        remarks = [r for bit, r in enumerate(REMARKS) if batch.remarks[rows[i]] >> bit & 1]
        if unclassified and no_norm:
            parts.append(f"no reflectance above 0 at {least.normalised_at_nm} nm to normalise by")
        elif unclassified and not any(missing):
            parts.append("values too far from those of a reflectance")
        elif unclassified:
            parts.append(f"no reflectance at {listed(used_nm, missing)} nm")
        if any(marked):
            parts.append("negative, or a mark for what was not measured, at "
                         f"{listed(least.wavelengths_nm, marked)} nm")
        said.append("; ".join([*parts, *remarks]))
    number = np.zeros(len(choice), np.int64)
    number[rows] = which.ravel() + 1
    return pa.array(said, pa.string()).take(pa.array(number))


def listed(wavelengths_nm: Sequence[int], which: Sequence[bool]) -> str:
    """Wavelengths of the bands that are meant: "374, 1034"."""
    return ", ".join(str(nm) for nm, this in zip(wavelengths_nm, which, strict=True) if this)


def answers(ids: dict[str, pa.Array], batch: Batch, classifiers: Sequence[Classifier]) -> pa.Table:
    """The result's rows for one batch; `own_spectra.md` says what the columns mean."""
    classes = classifiers[0].classes
    at = classifiers[0].wavelengths_nm.index(classifiers[0].normalised_at_nm)
    reflectance = normalised(batch.bands, at)
    choice, clean = chosen(classifiers, reflectance, batch.touched)
    probabilities = np.full((len(choice), len(classes)), np.nan, np.float32)
    for i, classifier in enumerate(classifiers):
        rows = choice == i
        if rows.all():
            probabilities = classifier.probabilities(reflectance)
        elif rows.any():
            probabilities[rows] = classifier.probabilities(reflectance[rows])
    best = probabilities.argmax(axis=1)
    confidence = probabilities[np.arange(len(best)), best]
    unknown = np.isnan(confidence)
    choice[unknown] = -1
    threshold = np.array([c.threshold for c in classifiers], np.float32)[choice]
    return pa.table(ids | {
        **{f"probability_{name}": pa.array(column, mask=unknown)
           for name, column in zip(classes, probabilities.T, strict=True)},
        "complex": pa.array(classes).take(pa.array(best, mask=unknown)),
        "confidence": pa.array(confidence, mask=unknown),
        "abstained": pa.array(~(clean & (confidence >= threshold))),
        "model": pa.array([c.name for c in classifiers]).take(pa.array(choice, mask=choice < 0)),
        "note": notes(reflectance, batch, choice, classifiers),
    })


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
    if output is not None and output.suffix.lower() not in WRITERS:
        raise PipelineError(f"the output {output} should end in {' or '.join(WRITERS)}")
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
        return answers(ids, batch, classifiers), not_1

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
                            writer(part, output.suffix.lower(), table.schema))
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
    parser.add_argument("-o", "--output", type=Path, help="write all rows: .parquet or .csv")
    parser.add_argument("--unit", choices=list(IN_NM), help="of the wavelengths")
    parser.add_argument("--model", type=Path, action="append", default=[],
                        help="may be repeated; default: all in models/")
    parser.add_argument("--strict", action="store_true", help="stop at a file that cannot be read")
    given = parser.parse_args(arguments)
    classify_files(given.files, given.output, given.unit, given.model, given.strict)
