"""Classifying spectra: one function for files, arrays and the archive's spectra."""

import functools
from collections.abc import Sequence
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

Floats = npt.NDArray[np.float64]
Objects = npt.NDArray[np.object_]


@dataclass(frozen=True)
class Prediction:
    """The answer for n spectra, the same as that of `asteroid-taxonomy classify`.

    probabilities : float64 [n, classes], NaN without a class; complex : object [n], the most
    probable one or None; confidence : float64 [n], its probability; abstained : bool [n], below the
    threshold, without a class, or with marks or spikes in a band that was used; complex_set :
    object [n], complexes that cannot be excluded, such as "C X"; class_name, class_probability,
    class_precision : [n], the class behind the complex, and its precision in cross-validation;
    model : object [n], name of the classifier or None; note : object [n]; bands : float64
    [n, bands], normalised; used : bool [n, bands]; spectra : (nm, reflectance) of each, normalised.
    """

    classes: list[str]
    probabilities: Floats
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
    bands: Floats
    used: npt.NDArray[np.bool_]
    spectra: list[tuple[Floats, Floats]] = field(default_factory=list)

    def to_pandas(self) -> pd.DataFrame:
        """A row per spectrum, with the columns of `classify`; text is "" where there is none."""
        text = {"complex": self.complex, "complex_set": self.complex_set, "class": self.class_name,
                "model": self.model, "note": self.note}
        columns = {f"probability_{name}": column
                   for name, column in zip(self.classes, self.probabilities.T, strict=True)}
        columns |= dict.fromkeys(("complex", "confidence", "abstained", "complex_set", "class"))
        columns |= {"confidence": self.confidence, "abstained": self.abstained,
                    "class_probability": self.class_probability,
                    "class_precision": self.class_precision}
        return pd.DataFrame(columns | {k: pd.Series(np.where(v == None, "", v), dtype="str")  # noqa: E711
                                       for k, v in text.items()})

    def plot(self, row: int = 0, title: str = "") -> "Figure":
        """Plot spectrum number `row`, the bands used and the mean of its complex."""
        from asteroid_taxonomy.spectra.plot import plot_spectrum  # matplotlib takes 0.3 s

        return plot_spectrum(self, row, title)


def load_classifiers(paths: Sequence[Path] = ()) -> list[Classifier]:
    """Load ONNX files, by default all that are shipped; the one that uses most bands first."""
    # not any folder called models: the current one may hold others
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
    notes: Sequence[str] | None = None, snr: Floats | None = None,
) -> Prediction:
    """Normalise spectra, choose a classifier for each, and decide.

    Each spectrum gets the classifier with most bands among those that it has bands for, free of
    marks and spikes if possible. Values at or below 0 are no reflectances.

    Parameters
    ----------
    bands : float [n, bands]
        In any normalisation; NaN where not measured.
    classifiers : sequence of Classifier
        As `load_classifiers` returns them.
    touched, covered_nm, notes : optional
        As in `resample.Bands`.
    snr : float [n], optional
        Signal-to-noise ratios, where known.
    """
    first, n = classifiers[0], len(bands)
    at = first.wavelengths_nm.index(first.normalised_at_nm)
    none = np.isfinite(bands) & ~(bands > 0)
    touched = np.where(none, MARK, 0 if touched is None else touched).astype(np.uint8)
    by = np.where(bands[:, at] > 0, bands[:, at], np.nan)[:, None]
    with np.errstate(all="ignore"):  # a correction between instruments belongs here
        reflectance = (np.where(none, np.nan, bands) / by).astype(np.float32)
        touched[(reflectance < OF_ASTEROIDS[0]) | (reflectance > OF_ASTEROIDS[1])] |= FAR
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
        model[rows] = np.where(np.isnan(found.confidence), None, classifier.name)
        used[np.ix_(rows, classifier.used)] = True
    with_class = np.flatnonzero((choice == 0) & ~np.isnan(confidence)) \
        if first.path == shipped(ONNX_PATH) else []
    return Prediction(
        first.classes, probabilities, best, confidence, abstained, sets,
        *_classes(reflectance, with_class), model,
        _notes(reflectance, touched, covered_nm, notes, np.isnan(confidence), classifiers[-1]),
        first.wavelengths_nm, reflectance.astype(float), used)


def _classes(
    reflectance: npt.NDArray[np.float32], rows: Sequence[int]
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
    covered_nm: Floats | None, notes: Sequence[str] | None, none: npt.NDArray[np.bool_],
    least: Classifier,
) -> Objects:
    """Why there is no class, or what is doubtful, per spectrum."""
    nm = np.array(least.wavelengths_nm)
    needed = nm[least.used]
    out = np.array([""] * len(reflectance) if notes is None else notes, object)
    for i in np.flatnonzero(none | touched.any(axis=1)):
        missing = needed[~np.isfinite(reflectance[i, least.used])]
        low, high = (np.nan, np.nan) if covered_nm is None else covered_nm[i]
        parts = []
        if none[i] and len(missing) and (low > needed[0] or high < needed[-1]):
            parts.append(f"covers {low:.0f}-{high:.0f} nm; {needed[0]}-{needed[-1]} nm are needed")
        elif none[i] and len(missing) == len(needed):
            parts.append(f"no reflectance above 0 at {least.normalised_at_nm} nm to normalise by")
        elif none[i]:
            parts.append(f"no reflectance at {_listed(missing)} nm" if len(missing)
                         else "values too far from those of a reflectance")
        for bit, text in ((MARK, "values at or below 0 or marks for missing data left out at"),
                          (SPIKE, "spikes left out at"),
                          (FAR, "unlike an asteroid's reflectance at")):
            if (touched[i] & bit).any():
                parts.append(f"{text} {_listed(nm[touched[i] & bit > 0])} nm")
        out[i] = "; ".join([*parts, *([out[i]] if out[i] else [])])
    return out


def _listed(nm: Sequence[int]) -> str:
    return ", ".join(map(str, nm))


@dataclass(frozen=True)
class Model:
    """Classifiers that take spectra on any grid of wavelengths; that with most bands first."""

    classifiers: list[Classifier]

    def predict(
        self, wavelength: Any, reflectance: Any = None, unit: str | None = None
    ) -> Prediction:
        """Classify one spectrum or several.

        Parameters
        ----------
        wavelength : array_like, Quantity or Column, [points] or [n, points]
            In any order. A `specutils.Spectrum` brings its own fluxes.
        reflectance : array_like, Quantity or Column, [points] or [n, points]
            Dimensionless, in any normalisation; NaN or masked where not measured.
        unit : str, optional
            Of the wavelengths: nm, um, angstrom. By default that of the Quantity or Column, or
            the one that the numbers suggest.

        Raises
        ------
        PipelineError
            The shapes do not fit, the unit of the wavelengths is unknown, or `reflectance` is a
            flux.
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
        return self.of_points(Spectra(pd.DataFrame(index=range(n)), np.repeat(np.arange(n), points),
                                      nm, spectra.ravel(), [""] * n))

    def of_points(self, spectra: Spectra) -> Prediction:
        """Classify spectra given as points."""
        first = self.classifiers[0]
        bands = to_bands(spectra, first.wavelengths_nm, first.width_nm)
        found = answer(bands.reflectance, self.classifiers, bands.touched, bands.covered_nm,
                       bands.notes)
        by = bands.reflectance[:, first.wavelengths_nm.index(first.normalised_at_nm)]
        order = np.lexsort((spectra.nm, spectra.spectrum))
        ends = np.searchsorted(spectra.spectrum[order], np.arange(1, len(by)))
        own = (spectra.reflectance / by[spectra.spectrum])[order]
        return replace(found, spectra=list(zip(np.split(spectra.nm[order], ends),
                                               np.split(own, ends), strict=True)))


def load_model(path: Any = None) -> Model:
    """Load the ONNX file `path`, or those that this package ships."""
    return Model(load_classifiers([] if path is None else [Path(path)]))
