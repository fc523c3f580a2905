"""Classifying spectra: one function for files, arrays and the archive's spectra."""

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
from asteroid_taxonomy.onnx_model.classifier import Classifier, decide, load_classifier
from asteroid_taxonomy.onnx_model.metadata import CLASSES_PATH, ONNX_PATH
from asteroid_taxonomy.spectra.columns import NotSpectra, factor_to_nm, refuse_flux
from asteroid_taxonomy.spectra.resample import MARK, SPIKY, Bands, to_bands

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Floats = npt.NDArray[np.float64]
Objects = npt.NDArray[np.object_]


@dataclass(frozen=True)
class Prediction:
    """The answer for n spectra, the same as that of `asteroid-taxonomy classify`.

    Attributes
    ----------
    classes : list of str
        Columns of the probabilities.
    probabilities : float64 [n, classes]
        NaN in the rows of spectra without a class.
    complex : object [n]
        The most probable one, or None.
    confidence : float64 [n]
        Its probability.
    abstained : bool [n]
        Below the threshold, without a class, or with marks or spikes in a band that was used.
    complex_set : object [n]
        The complexes that cannot be excluded, such as "C X"; "" without a class.
    class_name, class_probability, class_precision : [n]
        The most probable class behind the complexes, where the spectrum has the bands for it; its
        precision in cross-validation. None and NaN elsewhere.
    model : object [n]
        Name of the classifier, or None.
    note : object [n]
        What is doubtful, or why there is no class; "" for nothing.
    wavelengths_nm, bands : [bands], float64 [n, bands]
        The bands of the classifier, normalised.
    used : bool [n, bands]
        Whether the classifier used the band.
    spectra : list of (nm, reflectance)
        As given, sorted; empty where the bands were given.
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
        """Answers as a table, one row per spectrum, with the columns of `classify`."""
        return pd.DataFrame({
            **{f"probability_{name}": self.probabilities[:, i]
               for i, name in enumerate(self.classes)},
            "complex": self.complex, "confidence": self.confidence, "abstained": self.abstained,
            "complex_set": self.complex_set, "class": self.class_name,
            "class_probability": self.class_probability, "class_precision": self.class_precision,
            "model": self.model, "note": self.note})

    def plot(self, row: int = 0, title: str = "") -> "Figure":
        """Plot spectrum number `row`, the bands used and the mean of its complex."""
        from asteroid_taxonomy.spectra.plot import plot_spectrum  # matplotlib takes 0.3 s

        return plot_spectrum(self, row, title)


def load_classifiers(paths: Sequence[Path] = ()) -> list[Classifier]:
    """Load ONNX files, by default all that are shipped; the one that uses most bands first.

    Raises
    ------
    PipelineError
        No such file, none of this project, or several with other classes or bands.
    """
    # not any folder called models: the current one may hold others
    here = sorted(path for path in shipped(ONNX_PATH).parent.glob("*.onnx")
                  if path.name != CLASSES_PATH.name)
    found = [load_classifier(path) for path in paths or here or [ONNX_PATH]]
    if len({(*c.classes, *c.wavelengths_nm, c.normalised_at_nm, c.width_nm) for c in found}) > 1:
        raise PipelineError(f"{' and '.join(c.name for c in found)} have other classes or bands; "
                            "name those that belong together")
    return sorted(found, key=lambda c: -len(c.used))


def normalised(bands: Floats, at: int) -> npt.NDArray[np.float32]:
    """Divide each spectrum [n, bands] by its band number `at`; all NaN where that is not above 0."""
    by = bands[:, at, None]
    with np.errstate(all="ignore"):
        return np.where(by > 0, bands / by, np.nan).astype(np.float32)


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
        On the bands of the classifiers, in any normalisation; NaN where not measured.
    classifiers : sequence of Classifier
        As `load_classifiers` returns them.
    touched : uint8 [n, bands], optional
        Bits MARK and SPIKY of what was left out of a band (`resample.Bands`).
    covered_nm : float [n, 2], optional
        First and last wavelength that was measured.
    notes : sequence of str [n], optional
        To go on with.
    snr : float [n], optional
        Signal-to-noise ratios, where known.
    """
    first, least = classifiers[0], classifiers[-1]
    nm, at = first.wavelengths_nm, first.wavelengths_nm.index(first.normalised_at_nm)
    touched = np.zeros(bands.shape, np.uint8) if touched is None else touched.copy()
    with np.errstate(invalid="ignore"):
        none = ~(bands > 0) & np.isfinite(bands)
    touched[none] |= MARK
    # one obvious place for a correction between instruments: here, before normalisation
    reflectance = normalised(np.where(none, np.nan, bands).astype(float), at)
    choice, clean = _chosen(classifiers, reflectance, touched)
    n = len(reflectance)
    probabilities = np.full((n, len(first.classes)), np.nan)
    confidence, abstained = np.full(n, np.nan), np.ones(n, bool)
    best, sets, model = (np.full(n, value, object) for value in (None, "", None))
    used = np.zeros(bands.shape, bool)
    for i, classifier in enumerate(classifiers):
        rows = np.flatnonzero(choice == i)
        p = classifier.probabilities(reflectance[rows])
        decision = decide(p, classifier.classes, classifier.threshold,
                          classifier.metadata.least_probability,
                          None if snr is None else snr[rows])
        probabilities[rows], best[rows], sets[rows] = p, decision.complex, decision.complex_set
        confidence[rows], abstained[rows] = decision.confidence, decision.abstained | ~clean[rows]
        model[rows] = np.where(np.isnan(decision.confidence), None, classifier.name)
        used[np.ix_(rows, classifier.used)] = True
    used &= (model != None)[:, None]  # noqa: E711 elementwise
    return Prediction(
        first.classes, probabilities, best, confidence, abstained, sets,
        *_classes(reflectance, model, first), model,
        _notes(reflectance, touched, covered_nm, notes, model, least),
        nm, reflectance.astype(float), used)


def _chosen(
    classifiers: Sequence[Classifier], reflectance: npt.NDArray[np.float32],
    touched: npt.NDArray[np.uint8],
) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.bool_]]:
    """Number of the classifier that each spectrum gets, -1 for none; whether its bands are clean."""
    choice, clean = np.full(len(reflectance), -1, np.int8), np.zeros(len(reflectance), bool)
    for i, classifier in enumerate(classifiers):
        at = classifier.wavelengths_nm.index(classifier.normalised_at_nm)
        whole = classifier.has_bands(reflectance)
        free = whole & ~touched[:, [*classifier.used, at]].any(axis=1)
        choice[(whole & (choice < 0)) | (free & ~clean)] = i
        clean |= free
    return choice, clean


def _classes(
    reflectance: npt.NDArray[np.float32], model: Objects, first: Classifier
) -> tuple[Objects, Floats, Floats]:
    """The class behind the complex, its probability and precision, for the shipped main model."""
    n = len(reflectance)
    name, probability, precision = np.full(n, None, object), np.full(n, np.nan), np.full(n, np.nan)
    path = shipped(CLASSES_PATH)
    rows = np.flatnonzero(model == ONNX_PATH.stem)
    if not len(rows) or first.path != shipped(ONNX_PATH) or not path.exists():
        return name, probability, precision
    classes = load_classifier(path)
    known = classes.metadata.class_precision
    found = decide(classes.probabilities(reflectance[rows]), classes.classes, None, {})
    told = np.array([known.get(each) is not None for each in found.complex])
    rows = rows[told]
    name[rows], probability[rows] = found.complex[told], found.confidence[told]
    precision[rows] = [known[each] for each in found.complex[told]]
    return name, probability, precision


def _notes(
    reflectance: npt.NDArray[np.float32], touched: npt.NDArray[np.uint8],
    covered_nm: Floats | None, notes: Sequence[str] | None, model: Objects, least: Classifier,
) -> Objects:
    """Why there is no class, or what is doubtful, per spectrum."""
    nm = np.array(least.wavelengths_nm)
    used = nm[least.used]
    out = np.array(["" for _ in reflectance] if notes is None else notes, object)
    none = model == None  # noqa: E711 elementwise
    for i in np.flatnonzero(none | touched.any(axis=1)):
        parts = []
        missing = ~np.isfinite(reflectance[i, least.used])
        low, high = (np.nan, np.nan) if covered_nm is None else covered_nm[i]
        if none[i] and (low > used[0] or high < used[-1]) and missing.any():
            parts.append(f"covers {low:.0f}-{high:.0f} nm; {used[0]}-{used[-1]} nm are needed")
        elif none[i] and missing.all():
            parts.append(f"no reflectance above 0 at {least.normalised_at_nm} nm to normalise by")
        elif none[i]:
            parts.append(f"no reflectance at {_listed(used[missing])} nm" if missing.any()
                         else "values too far from those of a reflectance")
        for bit, text in ((MARK, "negative values or marks for missing data left out at"),
                          (SPIKY, "spikes left out at")):
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
        wavelength : array_like or Quantity, [points] or [n, points]
            In any order. A `specutils.Spectrum` brings its own fluxes.
        reflectance : array_like or Quantity, [points] or [n, points]
            Dimensionless, in any normalisation; NaN or masked where not measured.
        unit : str, optional
            Of the wavelengths ("nm", "um", "angstrom"); by default that of the Quantity or
            Column, or the one that the numbers suggest.

        Raises
        ------
        PipelineError
            The shapes do not fit, the unit of the wavelengths is unknown, or `reflectance` is a
            flux.
        """
        if hasattr(wavelength, "spectral_axis"):
            wavelength, reflectance = wavelength.spectral_axis, wavelength.flux
        try:
            grid, spectra = _numbers(wavelength), np.atleast_2d(_numbers(reflectance))
            grid, spectra = np.broadcast_arrays(np.atleast_2d(grid), spectra)
        except (TypeError, ValueError):
            raise PipelineError("expected wavelengths and reflectances as numbers, [points] or "
                                f"[n, points], not of the shapes {np.shape(wavelength)} and "
                                f"{np.shape(reflectance)}") from None
        if grid.ndim != 2 or np.ndim(wavelength) == 0:
            raise PipelineError("expected [points] or [n, points], not the shapes "
                                f"{np.shape(wavelength)} and {np.shape(reflectance)}")
        try:
            refuse_flux("reflectance", str(getattr(reflectance, "unit", None) or ""))
            own = getattr(wavelength, "unit", None)
            if own is not None and unit is None:
                grid = u.Quantity(grid, own).to_value("nm", u.spectral())
                unit = "nm"
            grid = grid * factor_to_nm(grid, set(), unit)
        except (NotSpectra, u.UnitConversionError) as problem:
            raise PipelineError(f"the spectrum {problem}") from None
        n, points = grid.shape
        return self.of_points(np.repeat(np.arange(n), points), grid.ravel(), spectra.ravel(), n)

    def of_points(
        self, spectrum: npt.NDArray[np.int64], nm: Floats, reflectance: Floats, n: int
    ) -> Prediction:
        """Classify n spectra given as points (`resample.to_bands`)."""
        first = self.classifiers[0]
        bands: Bands = to_bands(spectrum, nm, reflectance, n, first.wavelengths_nm, first.width_nm)
        found = answer(bands.reflectance, self.classifiers, bands.touched, bands.covered_nm,
                       bands.notes)
        order = np.lexsort((nm, spectrum))
        ends = np.searchsorted(spectrum[order], np.arange(1, n))
        return replace(found, spectra=list(zip(np.split(nm[order], ends), np.split(
            reflectance[order], ends), strict=True)))


def _numbers(values: Any) -> Floats:
    """As float64, NaN where masked or None, whatever its unit."""
    values = getattr(values, "value", values) if isinstance(values, u.Quantity) else values
    return np.ma.masked_array(values, dtype=float).filled(np.nan)


def load_model(path: Any = None) -> Model:
    """Load the ONNX file `path`, or those that this package ships."""
    return Model(load_classifiers([] if path is None else [Path(path)]))
