"""Which classifier a spectrum gets, and what comes of it: for files as for arrays."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from asteroid_taxonomy.console import PipelineError
from asteroid_taxonomy.files.shipped import shipped
from asteroid_taxonomy.onnx_model.classifier import Classifier, load_classifier
from asteroid_taxonomy.onnx_model.description import CLASSES_PATH, ONNX_PATH
from asteroid_taxonomy.own_spectra.batch import REMARKS, Batch
from asteroid_taxonomy.own_spectra.resampling import normalised

Bools = npt.NDArray[np.bool_]


class Answers(NamedTuple):
    """What the classifiers say of n spectra.

    probabilities : float32 [n, classes], NaN where there is no class; best : int64 [n], the
    column of the most probable; confidence : float32 [n], its probability; model : int8 [n],
    number of the classifier, -1 for none; abstained : bool [n]; note : int64 [n], the number in
    `said` of what is doubtful or why there is no class; said : sentences, None for nothing.
    """

    probabilities: npt.NDArray[np.float32]
    best: npt.NDArray[np.int64]
    confidence: npt.NDArray[np.float32]
    model: npt.NDArray[np.int8]
    abstained: Bools
    note: npt.NDArray[np.int64]
    said: list[str | None]


def load_classifiers(paths: Sequence[Path]) -> list[Classifier]:
    """Load the files, or all beside the project's own; the one that uses most bands first.

    Raises
    ------
    PipelineError
        No such file, none of this project, or several of different classes or grids.
    """
    # not any folder called models: where somebody works, there may be one of other files
    here = sorted(path for path in shipped(ONNX_PATH).parent.glob("*.onnx")
                  if path.name != CLASSES_PATH.name)
    found = [load_classifier(path) for path in paths or here or [ONNX_PATH]]
    contracts = {(*c.classes, *c.wavelengths_nm, c.normalised_at_nm, c.width_nm) for c in found}
    if len(contracts) > 1:
        raise PipelineError(f"{' and '.join(c.name for c in found)} have other classes or bands; "
                            "name those that belong together with --model, or one in load()")
    return sorted(found, key=lambda c: -len(c.used))


def answers(batch: Batch, classifiers: Sequence[Classifier]) -> Answers:
    """Normalise spectra, choose a classifier for each and let it answer.

    Raises
    ------
    PipelineError
        A file fails, takes too long, or gives something else than probabilities.
    """
    first = classifiers[0]
    reflectance = normalised(batch.bands, first.wavelengths_nm.index(first.normalised_at_nm))
    choice, clean = chosen(classifiers, reflectance, batch.touched)
    probabilities = np.full((len(choice), len(first.classes)), np.nan, np.float32)
    for i, classifier in enumerate(classifiers):
        rows = choice == i
        if rows.all():
            probabilities = classifier.probabilities(reflectance)
        elif rows.any():
            probabilities[rows] = classifier.probabilities(reflectance[rows])
    best = probabilities.argmax(axis=1)
    confidence = probabilities[np.arange(len(best)), best]
    choice[np.isnan(confidence)] = -1
    threshold = np.array([c.threshold for c in classifiers], np.float32)[choice]
    return Answers(probabilities, best, confidence, choice, ~(clean & (confidence >= threshold)),
                   *notes(reflectance, batch, choice, classifiers))


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
) -> tuple[npt.NDArray[np.int64], list[str | None]]:
    """Say, per spectrum, why there is no class, or what is doubtful: `note` and `said` of Answers.

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
    return number, said


def listed(wavelengths_nm: Sequence[int], which: Sequence[bool]) -> str:
    """Wavelengths of the bands that are meant: "374, 1034"."""
    return ", ".join(str(nm) for nm, this in zip(wavelengths_nm, which, strict=True) if this)
