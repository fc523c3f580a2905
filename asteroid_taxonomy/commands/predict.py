"""The classifier for Python: spectra in arrays in, classes and probabilities out."""

from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import numpy as np
import numpy.typing as npt

from asteroid_taxonomy.console import PipelineError
from asteroid_taxonomy.onnx_model.classifier import Classifier, load_classifier
from asteroid_taxonomy.onnx_model.description import ONNX_PATH
from asteroid_taxonomy.own_spectra.resampling import normalised, to_bands
from asteroid_taxonomy.own_spectra.units import IN_NM, usual_unit


@dataclass(frozen=True)
class Prediction:
    """What the classifier says of n spectra.

    classes : names of the probabilities' columns; probabilities : float32 [n, classes], NaN in
    the rows of spectra that lack a band it needs; complex : object [n], the most probable class
    or None; confidence : float32 [n], its probability; abstained : bool [n], where the class is
    better taken as unknown: below the threshold, or a mark for "not measured" lies in a band that
    it needs; note : list of n, why there is no class, or None.
    """

    classes: list[str]
    probabilities: npt.NDArray[np.float32]
    complex: npt.NDArray[np.object_]
    confidence: npt.NDArray[np.float32]
    abstained: npt.NDArray[np.bool_]
    note: list[str | None]


@dataclass(frozen=True)
class Model:
    """A classifier that takes spectra on any grid of wavelengths."""

    classifier: Classifier

    def predict(
        self, wavelengths: npt.ArrayLike, reflectance: npt.ArrayLike
    ) -> Prediction:
        """Classify one spectrum or several on the same grid.

        Parameters
        ----------
        wavelengths : array_like [points]
            In nm, in any order, each once.
        reflectance : array_like [points] or [n, points]
            In any normalisation; NaN where not measured.

        Raises
        ------
        PipelineError
            The shapes do not fit, or a wavelength is not a number above 0, is there twice, or
            the wavelengths are plainly not in nm.
        """
        try:  # of a masked array, NaN where it is masked
            grid, spectra = (np.asarray(np.ma.masked_array(given, dtype=float).filled(np.nan))
                             for given in (wavelengths, reflectance))
        except (TypeError, ValueError) as error:
            raise PipelineError("expected wavelengths and reflectance as numbers, each spectrum "
                                f"of as many: {error}") from None
        spectra = spectra[None] if spectra.ndim == 1 else spectra
        if grid.ndim != 1 or spectra.ndim != 2 or spectra.shape[1] != len(grid):
            raise PipelineError("expected wavelengths [points] and reflectance [points] or "
                                f"[n, points], but they came as {list(grid.shape)} and "
                                f"{list(np.shape(reflectance))}")
        order = np.argsort(grid)
        grid = grid[order]
        if not (np.isfinite(grid).all() and (grid > 0).all() and (np.diff(grid) > 0).all()):
            raise PipelineError("wavelengths should be numbers above 0, in nm, each once; average "
                                "those that are there twice")
        if (unit := usual_unit(grid)) not in ("nm", None):
            raise PipelineError(f"the wavelengths are around {np.median(grid):g}, as in {unit}; "
                                f"multiply them by {IN_NM[unit]:g}, for they should be in nm")
        nm = self.classifier.wavelengths_nm
        bands, marked = to_bands(grid, spectra[:, order], nm, self.classifier.width_nm)
        own = normalised(bands, nm.index(self.classifier.normalised_at_nm))
        probabilities = self.classifier.probabilities(own)
        complexes, confidence = self.classifier.complexes(probabilities)
        doubtful = ~(confidence >= self.classifier.threshold)
        return Prediction(self.classifier.classes, probabilities, complexes, confidence,
                          doubtful | marked[:, self.classifier.used].any(axis=1),
                          self.classifier.unclassified_because(own))


def load_model(path: str | PathLike[str] | None = None) -> Model:
    """Load the ONNX file `path`, or the one that this package ships."""
    return Model(load_classifier(ONNX_PATH if path is None else Path(path)))
