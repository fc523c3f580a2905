"""The classifier as it is shipped: an ONNX file, and nothing else, from spectra to complexes.

What the classes are called, which bands the network looks at and below which confidence it had
better say nothing stands in the file's own metadata, so that this reads no params and no
scikit-learn.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime

from asteroid_taxonomy.asteroids import names_of
from asteroid_taxonomy.console import PipelineError
from asteroid_taxonomy.onnx_model.contract import (
    CLASSES_KEY,
    INPUT_NAME,
    NORMALISED_KEY,
    ONNX_PATH,
    OUTPUT_NAME,
    THRESHOLD_KEY,
    USED_BANDS_KEY,
    WAVELENGTHS_KEY,
    WIDTH_KEY,
)

BATCH = 4096  # spectra; larger ones no longer fit the processor's cache and are slower


@dataclass(frozen=True)
class Classifier:
    """An ONNX file and what its metadata say.

    classes : names of the probabilities' columns; wavelengths_nm : the bands of a spectrum;
    used : column numbers of the bands that must be present; threshold : confidence below which
    the class is better left open (0: never); survey : what it was trained on; normalised_at_nm :
    where every spectrum is 1; width_nm : of a band; name : of the file.
    """

    session: onnxruntime.InferenceSession
    classes: list[str]
    wavelengths_nm: list[int]
    used: list[int]
    threshold: float
    survey: str
    normalised_at_nm: int
    width_nm: float
    name: str

    def probabilities(self, reflectance: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Give the probabilities [n, classes] of spectra [n, bands], normalised at 550 nm.

        NaN in all columns where a used band is missing (NaN or infinite).
        """
        out = np.full((len(reflectance), len(self.classes)), np.nan, dtype=np.float32)
        whole = self.has_bands(reflectance)
        rows = slice(None) if whole.all() else whole
        out[rows] = np.concatenate([out[:0], *(
            self.session.run([OUTPUT_NAME], {INPUT_NAME: part})[0]
            for part in batches(reflectance[rows]))])
        return out

    def has_bands(self, reflectance: npt.NDArray[np.float32]) -> npt.NDArray[np.bool_]:
        """Whether spectra [n, bands] have every used band, bool [n]."""
        whole = np.ones(len(reflectance), bool)
        for j in self.used:
            whole &= np.isfinite(reflectance[:, j])
        return whole

    def complexes(
        self, probabilities: npt.NDArray[np.float32]
    ) -> tuple[npt.NDArray[np.object_], npt.NDArray[np.float32]]:
        """Name the most probable complex (None without probabilities) and its probability."""
        known = ~np.isnan(probabilities[:, 0])
        names = np.full(len(probabilities), None, dtype=object)
        names[known] = np.asarray(self.classes, dtype=object)[probabilities[known].argmax(axis=1)]
        return names, probabilities.max(axis=1)

    def unclassified_because(self, reflectance: npt.NDArray[np.float32]) -> list[str | None]:
        """Name, per spectrum, the used bands it lacks ("no reflectance at 418 nm"), or None."""
        missing = ~np.isfinite(reflectance[:, self.used])
        used_nm = [self.wavelengths_nm[j] for j in self.used]
        return [f"no reflectance at {bands} nm" if bands else None
                for bands in names_of(missing, used_nm)]


def batches(reflectance: npt.NDArray[np.float32]) -> Iterator[npt.NDArray[np.float32]]:
    """Spectra [n, bands] in parts that fit the processor's cache."""
    for start in range(0, len(reflectance), BATCH):
        yield reflectance[start:start + BATCH]


def load_classifier(path: Path = ONNX_PATH, threads: int = 1) -> Classifier:
    """Load the file on the CPU.

    Raises
    ------
    PipelineError
        No such file, not an ONNX file, or metadata that do not say what its columns are.
    """
    if not path.exists():
        raise PipelineError(f"{path} does not exist; run `dvc repro export` to make it")
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = threads
    try:
        session = onnxruntime.InferenceSession(str(path), options, ["CPUExecutionProvider"])
        said: Mapping[str, str] = session.get_modelmeta().custom_metadata_map
        wavelengths_nm = [int(nm) for nm in said[WAVELENGTHS_KEY].split(",")]
        used = [wavelengths_nm.index(int(nm)) for nm in said[USED_BANDS_KEY].split(",")]
        threshold = said.get(THRESHOLD_KEY, "none").lower()
        return Classifier(session, said[CLASSES_KEY].split(","), wavelengths_nm, used,
                          0.0 if threshold == "none" else float(threshold), said["survey"],
                          int(said[NORMALISED_KEY]), float(said[WIDTH_KEY]), path.stem)
    except Exception as error:  # onnxruntime's exceptions share no narrower base class
        raise PipelineError(f"{path} is not a classifier of this project "
                            f"({' '.join(str(error).split())[:300]}); run `dvc repro export` to "
                            "make it anew") from None
