"""Classifying spectra: one function for files, arrays and the archive's spectra."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from astropy import units as u

from asteroid_taxonomy.console import PipelineError
from asteroid_taxonomy.files import shipped
from asteroid_taxonomy.onnx_model.classifier import Classifier, likely_class, load_classifiers
from asteroid_taxonomy.onnx_model.metadata import MAIN, ONNX_PATH
from asteroid_taxonomy.spectra.columns import NotSpectra, Spectra, factor_to_nm, join, refuse_flux
from asteroid_taxonomy.spectra.resample import FAR, MARK, SEVERAL, SPIKE, Bands, Floats, to_bands

OF_ASTEROIDS = (0.5, 3.0)  # normalised; no used band in Gaia DR3 is beyond
ROUGH = 0.15  # median step from band to band: a spectrum of too low S/N, or none at all
DOUBTS = {MARK: "values at or below 0 or missing-data markers ignored at",
          SPIKE: "spikes ignored at", FAR: "unlike an asteroid's reflectance at"}
COLUMNS = ("complex", "confidence", "abstained", "complex_set", "class_name",
           "class_probability", "class_precision", "model", "note")
Objects = npt.NDArray[np.object_]


@dataclass(frozen=True)
class Prediction:
    """The answer for n spectra, the same as that of `asteroid-taxonomy classify`.

    If not classified, `complex` and `model` are None, `complex_set` is "" and numbers are NaN.
    """

    classes: list[str]
    probabilities: Floats  # [n, classes]
    complex: Objects
    confidence: Floats
    abstained: npt.NDArray[np.bool_]
    complex_set: Objects
    class_name: Objects  # the most probable class, where its precision is known
    class_probability: Floats
    class_precision: Floats
    model: Objects
    note: Objects
    wavelengths_nm: list[int]
    bands: Floats  # [n, bands], normalised
    used: npt.NDArray[np.bool_]  # [n, bands]
    scale: Floats  # [n], by which the spectra were divided
    points: Spectra | None = None  # the spectra, as they were given

    def to_pandas(self) -> pd.DataFrame:
        """A row per spectrum, with the columns of `classify`; text is "" where there is none."""
        columns: dict[str, Any] = {f"probability_{name}": self.probabilities[:, i]
                                   for i, name in enumerate(self.classes)}
        columns |= {name.replace("class_name", "class"): getattr(self, name) for name in COLUMNS}
        return pd.DataFrame({name: pd.Series(column, dtype="str").fillna("")
                             if column.dtype == object else column
                             for name, column in columns.items()})

    def plot(self, row: int = 0, title: str = "") -> Any:
        """Plot spectrum number `row` and the median of its complex, as a matplotlib Figure."""
        from asteroid_taxonomy.plot import plot_spectrum  # matplotlib takes 0.3 s

        return plot_spectrum(self, row, title)


def answer(bands: npt.NDArray[np.floating], classifiers: Sequence[Classifier],
           of: Bands | None = None, snr: Floats | None = None) -> Prediction:
    """Normalise spectra [n, bands], NaN where not measured, and decide.

    Each gets the first of `classifiers` (in the order of `load_classifiers`) whose bands it
    covers, free of markers if possible. `of` tells what is doubtful; `snr` where known.
    """
    first, n = classifiers[0], len(bands)
    at = first.wavelengths_nm.index(first.normalised_at_nm)
    none = np.isfinite(bands) & ~(bands > 0)
    touched = np.where(none, MARK, 0 if of is None else of.touched).astype(np.uint8)
    by = np.where(bands[:, at] > 0, bands[:, at], np.nan)
    with np.errstate(all="ignore"):
        reflectance = (np.where(none, np.nan, bands) / by[:, None]).astype(np.float32)
        touched[(reflectance < OF_ASTEROIDS[0]) | (reflectance > OF_ASTEROIDS[1])] |= FAR
        steps = np.abs(np.diff(reflectance[:, classifiers[-1].used], axis=1))
        touched[(np.median(steps, axis=1) > ROUGH) | (steps.max(axis=1) == 0)] |= FAR
    probabilities, used = np.full((n, len(first.classes)), np.nan), np.zeros(bands.shape, bool)
    confidence, abstained, clean = np.full(n, np.nan), np.ones(n, bool), np.zeros(n, bool)
    best, sets, model = (np.full(n, value, object) for value in (None, "", None))
    for classifier in classifiers:
        whole = classifier.has_bands(reflectance)
        free = whole & ~touched[:, [*classifier.used, at]].any(axis=1)
        rows = np.flatnonzero((whole & np.isnan(confidence)) | (free & ~clean))
        clean |= free
        p = classifier.probabilities(reflectance[rows])
        found = classifier.decide(p, None if snr is None else snr[rows])
        probabilities[rows], best[rows], sets[rows] = p, found.complex, found.complex_set
        confidence[rows], abstained[rows] = found.confidence, found.abstained | ~clean[rows]
        model[rows] = [classifier.name if each else None for each in found.complex]
        used[rows] = np.isin(np.arange(bands.shape[1]), classifier.used)
    behind = (model == MAIN) & (first.path == shipped(ONNX_PATH))
    name, probability, precision = likely_class(np.where(behind[:, None], reflectance, np.nan))
    return Prediction(
        first.classes, probabilities, best, confidence, abstained, sets, name, probability,
        precision, model,
        _notes(reflectance, touched, of, np.isnan(confidence), classifiers[-1]),
        first.wavelengths_nm, reflectance.astype(float), used, by)


def _notes(reflectance: npt.NDArray[Any], touched: npt.NDArray[np.uint8], of: Bands | None,
           none: npt.NDArray[np.bool_], least: Classifier) -> Objects:
    """Why a spectrum was not classified, or what to check, per spectrum."""
    nm, needed = least.wavelengths_nm, np.array(least.used)
    out = np.full(len(none), "", object) if of is None else of.notes.copy()
    for i in np.flatnonzero((none | touched.any(axis=1)) & (out != SEVERAL)):
        missing = needed[np.isnan(reflectance[i, needed])]
        low, high = (np.nan, np.nan) if of is None else of.covered_nm[i]
        parts = [f"{text} {_bands_in_words(nm, np.flatnonzero(touched[i] & bit))} nm"
                 for bit, text in DOUBTS.items() if (touched[i] & bit).any()]
        reason = f"no reflectance at {_bands_in_words(nm, missing)} nm" if none[i] else ""
        if none[i] and len(missing) and (low > nm[needed[0]] or high < nm[needed[-1]]):
            ends = f"{nm[needed[0]]}-{nm[needed[-1]]}"
            reason = f"covers {low:.0f}-{high:.0f} nm; {ends} nm are needed"
        elif none[i] and len(missing) == len(needed):
            reason = f"no reflectance above 0 at {least.normalised_at_nm} nm to normalise by"
        out[i] = join(reason, *parts, out[i])
    return out


def _bands_in_words(nm: Sequence[int], at: npt.NDArray[np.intp]) -> str:
    """Bands in words, such as 374, 726-902."""
    runs = np.split(at, np.flatnonzero(np.diff(at) > 1) + 1)
    return ", ".join(f"{nm[run[0]]}-{nm[run[-1]]}" if len(run) > 2 else
                     ", ".join(str(nm[i]) for i in run) for run in runs)


@dataclass(frozen=True)
class Model:
    """Classifiers of spectra on any grid of wavelengths; that with most bands first."""

    classifiers: list[Classifier]

    def predict(self, wavelength: Any, reflectance: Any = None, unit: str | None = None
                ) -> Prediction:
        """Classify spectra: arrays or Quantities [points] or [n, points]; PipelineError in doubt.

        `unit` of the wavelengths: nm, um, angstrom; by default their own or the likely one. A
        `specutils.Spectrum` is enough. NaN and masked were not measured.
        """
        if hasattr(wavelength, "spectral_axis"):
            wavelength, reflectance = wavelength.spectral_axis, wavelength.flux
        own = getattr(wavelength, "unit", None)
        try:
            given = [np.ma.masked_array(getattr(each, "value", each), dtype=float).filled(np.nan)
                     for each in (wavelength, reflectance)]
            grid, spectra = np.broadcast_arrays(*map(np.atleast_2d, given))
            if grid.ndim != 2 or given[0].ndim == 0 or reflectance is None:
                raise ValueError
        except (TypeError, ValueError):
            raise PipelineError("expected wavelengths and as many reflectances, [points] or [n, "
                                "points]; correct the arrays") from None
        try:
            refuse_flux("reflectance", str(getattr(reflectance, "unit", None) or ""))
            if own is not None and unit is None:
                grid, unit = u.Quantity(grid, own).to_value("nm", u.spectral()), "nm"
            nm = grid.ravel() * factor_to_nm(grid, (), unit)
        except (NotSpectra, u.UnitsError) as problem:
            raise PipelineError(f"the spectrum {problem}") from None
        n, points = grid.shape
        return self.of_points(Spectra(pd.DataFrame(index=range(n)), np.arange(n).repeat(points),
                                      nm, spectra.ravel(), [""] * n))

    def of_points(self, spectra: Spectra) -> Prediction:
        """Classify spectra given as points."""
        first = self.classifiers[0]
        bands = to_bands(spectra, first.wavelengths_nm, first.width_nm)
        return replace(answer(bands.reflectance, self.classifiers, bands), points=spectra)


def load_model(path: Any = None) -> Model:
    """Load the ONNX file `path`, or those that this package ships."""
    return Model(load_classifiers([] if path is None else [Path(path)]))
