"""Classifying spectra: one function for files, arrays and the archive's spectra."""

import functools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from astropy import units as u

from asteroid_taxonomy.console import PipelineError
from asteroid_taxonomy.files import shipped
from asteroid_taxonomy.onnx_model.classifier import Classifier, load_classifier
from asteroid_taxonomy.onnx_model.metadata import CLASSES_PATH, ONNX_PATH
from asteroid_taxonomy.spectra.columns import NotSpectra, Spectra, factor_to_nm, refuse_flux
from asteroid_taxonomy.spectra.resample import FAR, MARK, SPIKE, to_bands

if TYPE_CHECKING:
    from matplotlib.figure import Figure

OF_ASTEROIDS = (0.3, 3.0)  # normalised; Gaia DR3 has none beyond in a band that is used
ROUGH = 0.15  # median step from band to band: a spectrum of too low S/N, or none at all
DOUBTS = {MARK: "values at or below 0 or marks for missing data left out at",
          SPIKE: "spikes left out at", FAR: "unlike an asteroid's reflectance at"}

Floats = npt.NDArray[np.float64]
Objects = npt.NDArray[np.object_]


@dataclass(frozen=True)
class Prediction:
    """The answer for n spectra, the same as that of `asteroid-taxonomy classify`.

    Without a class, `complex` and `model` are None, `complex_set` is "" and numbers are NaN.
    `abstained` also where marks or spikes were left out of a band that was used. `class_name` is
    the most probable class behind the complexes, where its precision is known.
    """

    classes: list[str]
    probabilities: Floats  # [n, classes]
    complex: Objects
    confidence: Floats
    abstained: npt.NDArray[np.bool_]
    complex_set: Objects
    class_name: Objects
    class_probability: Floats
    class_precision: Floats
    model: Objects
    note: Objects
    wavelengths_nm: list[int]
    bands: Floats  # [n, bands], normalised
    used: npt.NDArray[np.bool_]  # [n, bands]
    spectra: list[tuple[Floats, Floats]] = field(default_factory=list)  # nm, reflectance

    def to_pandas(self) -> pd.DataFrame:
        """A row per spectrum, with the columns of `classify`; text is "" where there is none."""
        columns: dict[str, Any] = {f"probability_{name}": self.probabilities[:, i]
                                   for i, name in enumerate(self.classes)}
        columns |= {"complex": self.complex, "confidence": self.confidence,
                    "abstained": self.abstained, "complex_set": self.complex_set,
                    "class": self.class_name, "class_probability": self.class_probability,
                    "class_precision": self.class_precision, "model": self.model,
                    "note": self.note}
        return pd.DataFrame({name: pd.Series(["" if v is None else v for v in column], dtype="str")
                             if column.dtype == object else column
                             for name, column in columns.items()})

    def plot(self, row: int = 0, title: str = "") -> "Figure":
        """Plot spectrum number `row`, the bands used and the mean of its complex."""
        from asteroid_taxonomy.spectra.plot import plot_spectrum  # matplotlib takes 0.3 s

        return plot_spectrum(self, row, title)


def load_classifiers(paths: Sequence[Path] = ()) -> list[Classifier]:
    """Load ONNX files, by default all that are shipped; the one that uses most bands first."""
    here = sorted(path for path in shipped(ONNX_PATH).parent.glob("*.onnx")
                  if path.name != CLASSES_PATH.name)
    found = [load_classifier(path) for path in paths or here or [ONNX_PATH]]
    if len({(*c.classes, *c.wavelengths_nm, c.normalised_at_nm, c.width_nm) for c in found}) > 1:
        raise PipelineError(f"{' and '.join(c.name for c in found)} have other classes or bands; "
                            "name those that belong together")
    return sorted(found, key=lambda c: -len(c.used))


def answer(
    bands: npt.NDArray[np.floating], classifiers: Sequence[Classifier],
    touched: npt.NDArray[np.uint8] | None = None, covered_nm: Floats | None = None,
    notes: Iterable[str] | None = None, snr: Floats | None = None,
) -> Prediction:
    """Normalise spectra, choose a classifier for each, and decide.

    Each gets the classifier with most bands of those that it covers, without marks if possible.
    `bands` [n, bands] may have any normalisation, NaN where not measured; `classifiers` as
    `load_classifiers` returns them; the rest as in `resample.Bands`; `snr` where known.
    """
    first, n = classifiers[0], len(bands)
    at = first.wavelengths_nm.index(first.normalised_at_nm)
    none = np.isfinite(bands) & ~(bands > 0)
    touched = np.where(none, MARK, 0 if touched is None else touched).astype(np.uint8)
    by = np.where(bands[:, at] > 0, bands[:, at], np.nan)[:, None]
    with np.errstate(all="ignore"):  # a correction between instruments belongs here
        reflectance = (np.where(none, np.nan, bands) / by).astype(np.float32)
        touched[(reflectance < OF_ASTEROIDS[0]) | (reflectance > OF_ASTEROIDS[1])] |= FAR
        steps = np.abs(np.diff(reflectance[:, classifiers[-1].used], axis=1))
        touched[np.median(steps, axis=1) > ROUGH] |= FAR
    choice, clean = np.full(n, -1), np.zeros(n, bool)
    for i, classifier in enumerate(classifiers):
        whole = classifier.has_bands(reflectance)
        free = whole & ~touched[:, [*classifier.used, at]].any(axis=1)
        choice[(whole & (choice < 0)) | (free & ~clean)] = i
        clean |= free
    probabilities, used = np.full((n, len(first.classes)), np.nan), np.zeros(bands.shape, bool)
    confidence, abstained = np.full(n, np.nan), np.ones(n, bool)
    best, sets, model = (np.full(n, value, object) for value in (None, "", None))
    for i, classifier in enumerate(classifiers):
        rows = np.flatnonzero(choice == i)
        p = classifier.probabilities(reflectance[rows])
        found = classifier.decide(p, None if snr is None else snr[rows])
        probabilities[rows], best[rows], sets[rows] = p, found.complex, found.complex_set
        confidence[rows], abstained[rows] = found.confidence, found.abstained | ~clean[rows]
        model[rows] = [classifier.name if each else None for each in found.complex]
        used[rows[:, None], classifier.used] = True
    behind = np.flatnonzero((model == ONNX_PATH.stem) & (first.path == shipped(ONNX_PATH)))
    return Prediction(
        first.classes, probabilities, best, confidence, abstained, sets,
        *_classes(reflectance, behind), model,
        _notes(reflectance, touched, covered_nm, notes, np.isnan(confidence), classifiers[-1]),
        first.wavelengths_nm, reflectance.astype(float), used)


def _classes(
    reflectance: npt.NDArray[np.float32], rows: npt.NDArray[np.intp]
) -> tuple[Objects, Floats, Floats]:
    """The most probable class, its probability and precision, where that is known."""
    n = len(reflectance)
    name, probability, precision = np.full(n, None, object), np.full(n, np.nan), np.full(n, np.nan)
    if len(rows) and shipped(CLASSES_PATH).exists():
        classes = _class_model()
        found = classes.decide(classes.probabilities(reflectance[rows]))
        for row, each, p in zip(rows, found.complex, found.confidence, strict=True):
            if (known := classes.metadata.class_precision.get(each)) is not None:
                name[row], probability[row], precision[row] = each, p, known
    return name, probability, precision


@functools.cache
def _class_model() -> Classifier:
    return load_classifier(CLASSES_PATH)


def _notes(
    reflectance: npt.NDArray[np.float32], touched: npt.NDArray[np.uint8],
    covered_nm: Floats | None, notes: Iterable[str] | None, none: npt.NDArray[np.bool_],
    least: Classifier,
) -> Objects:
    """Why there is no class, or what is doubtful, per spectrum."""
    nm = np.array(least.wavelengths_nm)
    needed = nm[least.used]
    out: Objects = np.array([""] * len(reflectance) if notes is None else list(notes), object)
    for i in np.flatnonzero(none | touched.any(axis=1)):
        missing = needed[~np.isfinite(reflectance[i, least.used])]
        low, high = (np.nan, np.nan) if covered_nm is None else covered_nm[i]
        parts = []
        if none[i] and len(missing) and (low > needed[0] or high < needed[-1]):
            parts.append(f"covers {low:.0f}-{high:.0f} nm; {needed[0]}-{needed[-1]} nm are needed")
        elif none[i] and len(missing) == len(needed):
            parts.append(f"no reflectance above 0 at {least.normalised_at_nm} nm to normalise by")
        elif none[i]:
            parts.append(f"no reflectance at {', '.join(map(str, missing))} nm")
        parts += [f"{text} {', '.join(map(str, nm[touched[i] & bit > 0]))} nm"
                  for bit, text in DOUBTS.items() if (touched[i] & bit).any()]
        out[i] = "; ".join([*parts, out[i]] if out[i] else parts)
    return out


@dataclass(frozen=True)
class Model:
    """Classifiers that take spectra on any grid of wavelengths; that with most bands first."""

    classifiers: list[Classifier]

    def predict(
        self, wavelength: Any, reflectance: Any = None, unit: str | None = None
    ) -> Prediction:
        """Classify one spectrum or several, arrays or Quantities [points] or [n, points].

        A `specutils.Spectrum` is enough. The wavelengths may have any order; `unit` is theirs (nm,
        um, angstrom), by default their own or the likely one. NaN and masked were not measured.

        Raises
        ------
        PipelineError
            The shapes do not fit, the unit is unknown, or `reflectance` is a flux.
        """
        if hasattr(wavelength, "spectral_axis"):
            wavelength, reflectance = wavelength.spectral_axis, wavelength.flux
        own = getattr(wavelength, "unit", None)
        try:
            given = [np.ma.masked_array(getattr(each, "value", each), dtype=float).filled(np.nan)
                     for each in (wavelength, reflectance)]
            grid, spectra = np.broadcast_arrays(*map(np.atleast_2d, given))
            if grid.ndim != 2 or given[0].ndim == 0:
                raise ValueError
        except (TypeError, ValueError):
            raise PipelineError("expected wavelengths and reflectances as numbers, [points] or "
                                "[n, points], as many of the one as of the other") from None
        try:
            refuse_flux("reflectance", str(getattr(reflectance, "unit", None) or ""))
            if own is not None and unit is None:
                grid, unit = u.Quantity(grid, own).to_value("nm", u.spectral()), "nm"
            nm = grid.ravel() * factor_to_nm(grid, (), unit)
        except (NotSpectra, u.UnitsError) as problem:
            raise PipelineError(f"the spectrum {problem}") from None
        n, points = grid.shape
        return self.of_points(Spectra(
            pd.DataFrame(index=range(n)), np.repeat(np.arange(n), points), nm, spectra.ravel(),
            [""] * n))

    def of_points(self, spectra: Spectra) -> Prediction:
        """Classify spectra given as points."""
        first = self.classifiers[0]
        bands = to_bands(spectra, first.wavelengths_nm, first.width_nm)
        found = answer(bands.reflectance, self.classifiers, bands.touched, bands.covered_nm,
                       bands.notes)
        by = bands.reflectance[:, first.wavelengths_nm.index(first.normalised_at_nm)]
        order = np.lexsort((spectra.nm, spectra.spectrum))
        ends = np.searchsorted(spectra.spectrum[order], np.arange(1, len(by)))
        with np.errstate(all="ignore"):
            own = (spectra.reflectance / by[spectra.spectrum])[order]
        return replace(found, spectra=list(zip(np.split(spectra.nm[order], ends),
                                               np.split(own, ends), strict=True)))


def load_model(path: Any = None) -> Model:
    """Load the ONNX file `path`, or those that this package ships."""
    return Model(load_classifiers([] if path is None else [Path(path)]))
