"""The classifiers for Python: spectra in arrays in, classes and probabilities out."""

from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from asteroid_taxonomy.commands.answers import answers, load_classifiers
from asteroid_taxonomy.console import PipelineError
from asteroid_taxonomy.onnx_model.classifier import Classifier
from asteroid_taxonomy.own_spectra.batch import Batch
from asteroid_taxonomy.own_spectra.resampling import SAME_NM, to_bands
from asteroid_taxonomy.own_spectra.units import IN_NM, usual_unit


@dataclass(frozen=True)
class Prediction:
    """What the classifiers say of n spectra, as `asteroid-taxonomy classify` says it.

    classes : names of the probabilities' columns; probabilities : float32 [n, classes], NaN in
    the rows of spectra that get no class; complex : object [n], the most probable class or None;
    confidence : float32 [n], its probability or NaN; abstained : bool [n], where the class is
    better taken as unknown: below the threshold, none at all, or a mark for "not measured" lies
    in a band that was used; model : object [n], name of the classifier that answered, or None;
    note : list of n, what is doubtful or why there is no class, or None.
    """

    classes: list[str]
    probabilities: npt.NDArray[np.float32]
    complex: npt.NDArray[np.object_]
    confidence: npt.NDArray[np.float32]
    abstained: npt.NDArray[np.bool_]
    model: npt.NDArray[np.object_]
    note: list[str | None]


@dataclass(frozen=True)
class Model:
    """Classifiers that take spectra on any grid of wavelengths; the richest comes first."""

    classifiers: list[Classifier]

    def predict(
        self, wavelengths: npt.ArrayLike, reflectance: npt.ArrayLike
    ) -> Prediction:
        """Classify one spectrum or several on the same grid.

        Each spectrum gets the richest classifier whose bands it has.

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
        if not (np.isfinite(grid).all() and (grid > 0).all() and (np.diff(grid) > SAME_NM).all()):
            raise PipelineError("wavelengths should be numbers above 0, in nm, each once; average "
                                "those that are there twice")
        if (unit := usual_unit(grid)) not in ("nm", None):
            raise PipelineError(f"the wavelengths are around {np.median(grid):g}, as in {unit}; "
                                f"multiply them by {IN_NM[unit]:g}, for they should be in nm")
        first = self.classifiers[0]
        with np.errstate(over="ignore", invalid="ignore"):  # no class comes of such values
            bands, marked = to_bands(grid, spectra[:, order], first.wavelengths_nm,
                                     first.width_nm)
        remarks = np.zeros(len(bands), np.uint8)
        found = answers(Batch(pa.table({}), bands, marked, remarks), self.classifiers)
        # one more than there are: of -1, which is none
        classes, models = (np.array([*names, None], object) for names in (
            first.classes, [classifier.name for classifier in self.classifiers]))
        return Prediction(first.classes, found.probabilities,
                          classes[np.where(found.model < 0, -1, found.best)], found.confidence,
                          found.abstained, models[found.model],
                          [found.said[number] for number in found.note])


def load_model(path: str | PathLike[str] | None = None) -> Model:
    """Load the ONNX file `path`, or those that this package ships."""
    return Model(load_classifiers([] if path is None else [Path(path)]))
