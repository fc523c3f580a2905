"""Classifying spectra with an ONNX file: it and its metadata are all that is needed.

The metadata name the columns, the bands used and the confidence threshold, so that nothing here
reads params.yaml or imports onnx or scikit-learn.
"""

import functools
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from asteroid_taxonomy.console import PipelineError, one_line
from asteroid_taxonomy.files import rounded, shipped
from asteroid_taxonomy.onnx_model.metadata import (
    CLASSES_PATH,
    INPUT_NAME,
    ONNX_PATH,
    OUTPUT_NAME,
    Metadata,
)

BATCH = 4096  # spectra at a time; more do not fit the processor's cache and are slower
SNR_BELOW = "snr_below"  # the key of least_probability beside the classes

Spectra = npt.NDArray[np.float32]  # [n, bands]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Objects = npt.NDArray[np.object_]


class Decision(NamedTuple):
    """The answer for each of n spectra.

    complex : the most probable one, None without probabilities; confidence : its probability;
    abstained : below the threshold, or without probabilities; complex_set : the complexes that
    cannot be excluded, such as "C X", in the order of the classes.
    """

    complex: Objects
    confidence: Floats
    abstained: Bools
    complex_set: Objects


def decide(
    probabilities: npt.NDArray[np.floating], classes: Sequence[str], threshold: float | None,
    least_probability: Mapping[str, Sequence[float | None]],
    snr: npt.NDArray[np.floating] | None = None,
) -> Decision:
    """Turn probabilities into an answer; decided on the probabilities as they are stored, rounded.

    Parameters
    ----------
    probabilities : float [n, classes]
        NaN in all columns where a spectrum is not classified.
    classes : sequence of str
        Names of the columns.
    threshold : float or None
        Confidence below which to abstain; None: only if not classified.
    least_probability : mapping
        As in `Metadata`. Empty: the set is the most probable complex alone. The most probable one
        is always in the set, and one whose value is null can never be excluded.
    snr : float [n], optional
        Signal-to-noise ratios. Where one is unknown (or NaN) the lowest value of all groups holds.

    Returns
    -------
    Decision
    """
    p = rounded(probabilities)
    classified = ~np.isnan(p).any(axis=1)
    best = np.where(np.isnan(p), -1.0, p).argmax(axis=1)
    confidence = np.where(classified, p[np.arange(len(p)), best], np.nan)
    named = np.full(len(p), None, dtype=object)
    named[classified] = np.array(list(classes), dtype=object)[best[classified]]
    possible = np.eye(len(classes), dtype=bool)[best]
    if least_probability:
        least = np.array([least_probability[name] for name in classes], float)  # null: NaN
        least = np.nan_to_num(np.column_stack([least, np.nan_to_num(least).min(axis=1)]))
        unknown = least.shape[1] - 1
        group = np.full(len(p), unknown)
        if snr is not None:
            edges = [edge for edge in least_probability[SNR_BELOW] if edge is not None]
            group = np.where(np.isnan(snr), unknown, np.searchsorted(edges, snr, side="right"))
        possible |= p >= least.T[group]
    patterns, which = np.unique(possible, axis=0, return_inverse=True)
    sets = np.array([" ".join(np.array(list(classes))[row]) for row in patterns], object)
    return Decision(named, confidence, ~classified | (confidence < (threshold or 0.0)),
                    np.where(classified, sets[which.ravel()], ""))


@dataclass(frozen=True)
class Classifier:
    """An ONNX file that is loaded, and what a program needs of its metadata.

    name : of the file, without its ending; used : column numbers of the bands that must be
    present; threshold : confidence below which to abstain, None for no threshold.
    """

    path: Path
    metadata: Metadata
    session: Any  # onnxruntime.InferenceSession
    name: str
    classes: list[str]
    wavelengths_nm: list[int]
    used: list[int]
    normalised_at_nm: int
    width_nm: float
    threshold: float | None

    def has_bands(self, reflectance: Spectra) -> Bools:
        """Whether spectra [n, bands] have a reflectance in every used band, bool [n]."""
        return np.asarray(np.isfinite(reflectance[:, self.used]).all(axis=1))

    def probabilities(self, reflectance: Spectra) -> Floats:
        """Probabilities float64 [n, classes] of spectra float32 [n, bands], rounded as stored.

        NaN in all columns where a used band is missing, or where a value is so far from a
        reflectance that float32 cannot hold the result.
        """
        spectra = np.where(self.has_bands(reflectance)[:, None], reflectance, np.float32(np.nan))
        return rounded(in_batches(self.session, spectra))

    def decide(
        self, probabilities: npt.NDArray[np.floating], snr: npt.NDArray[np.floating] | None = None
    ) -> Decision:
        """`decide` with the classes, the threshold and the sets of this file."""
        return decide(probabilities, self.classes, self.threshold,
                      self.metadata.least_probability, snr)


def in_batches(session: Any, spectra: Spectra) -> npt.NDArray[np.float32]:
    """Probabilities float32 [n, classes] of spectra [n, bands] by an onnxruntime session."""
    return np.concatenate([
        session.run([OUTPUT_NAME], {INPUT_NAME: spectra[start:start + BATCH]})[0]
        for start in range(0, max(len(spectra), 1), BATCH)])  # the first batch may be empty


def open_session(path: Path, level: Any = None) -> Any:
    """An onnxruntime session on one CPU thread; its graph optimised at `level`, or fully.

    PipelineError if `path` is not an ONNX file.
    """
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # counts only before the import
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # what it logs comes as an exception too
    options.intra_op_num_threads = 1
    if level is not None:
        options.graph_optimization_level = level
    try:
        return onnxruntime.InferenceSession(str(path), options, ["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's exceptions have no common base class
        raise PipelineError(f"{path} is not an ONNX file that onnxruntime can load "
                            f"({one_line(error, 80)}); run dvc repro export") from None


def load_classifier(path: Path = ONNX_PATH) -> Classifier:
    """Load an ONNX file of this project, or the package's own of that name.

    PipelineError if there is none, or it is not a classifier of this project.
    """
    path = shipped(path)
    if not path.is_file():
        raise PipelineError(f"{path} not found; check the path, or run dvc repro export")
    session = open_session(path)
    about = Metadata.from_text(session.get_modelmeta().custom_metadata_map, path)
    return Classifier(
        path, about, session, path.stem, about.classes, about.wavelengths_nm,
        [about.wavelengths_nm.index(nm) for nm in about.used_bands_nm], about.normalised_at_nm,
        about.width_nm, about.abstention_threshold)


def load_classifiers(paths: Sequence[Path] = ()) -> list[Classifier]:
    """Load ONNX files, by default all that are shipped; the one that uses most bands first."""
    here = sorted(path for path in shipped(ONNX_PATH).parent.glob("*.onnx")
                  if path.name != CLASSES_PATH.name)
    found = [load_classifier(path) for path in paths or here or [ONNX_PATH]]
    if len({(*c.classes, *c.wavelengths_nm, c.normalised_at_nm, c.width_nm) for c in found}) > 1:
        raise PipelineError(f"{' and '.join(c.name for c in found)} have other classes or bands; "
                            "name those that belong together")
    return sorted(found, key=lambda c: -len(c.used))


def likely_class(reflectance: npt.NDArray[np.floating]) -> tuple[Objects, Floats, Floats]:
    """The most probable class of spectra [n, bands], its probability and its precision.

    None and NaN where the precision is unknown, or the spectrum lacks a band.
    """
    if np.isnan(reflectance).all() or not shipped(CLASSES_PATH).exists():
        return np.full(len(reflectance), None), *np.full((2, len(reflectance)), np.nan)
    model = _loaded(shipped(CLASSES_PATH))
    found = model.decide(model.probabilities(reflectance.astype(np.float32)))
    known = model.metadata.class_precision
    precision = np.array([known.get(each) for each in found.complex], float)
    found.complex[np.isnan(precision)] = None
    return found.complex, np.where(np.isnan(precision), np.nan, found.confidence), precision


_loaded = functools.cache(load_classifier)
