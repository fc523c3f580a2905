"""Compare the ONNX files with the trained models, and check their contract.

Reads   models/*.onnx, models/*.skops, data/asteroids.parquet
Writes  reports/verify.json

Each file is run on every spectrum of the survey, which has the held-out ones, at each graph
optimisation level of onnxruntime, with missing bands, and in batches of several sizes.
"""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from asteroid_taxonomy.console import run
from asteroid_taxonomy.files import missing, read_metadata, sha256, write_json
from asteroid_taxonomy.learning.model_file import load_model, model_path
from asteroid_taxonomy.learning.models import MODELS, learns_classes
from asteroid_taxonomy.learning.predictions import predict
from asteroid_taxonomy.onnx_model import checks
from asteroid_taxonomy.onnx_model.classifier import Classifier, load_classifier
from asteroid_taxonomy.onnx_model.metadata import CLASSES_PATH, MAIN, onnx_path
from asteroid_taxonomy.params import Params, load_params
from asteroid_taxonomy.tables import ASTEROIDS_PATH, matrix, read_asteroids, reflectance_columns

VERIFY_PATH = Path("reports/verify.json")


def references(
    name: str, spectra: checks.Spectra
) -> Mapping[Path, tuple[list[str], checks.Floats]]:
    """Classes and probabilities, float32 [n, classes], of each file of a model."""
    model = load_model(model_path(name))
    found, classes = predict(model, spectra), list(model.classes_)
    of_targets = classes, found.probability.astype(np.float32)
    if name != MAIN:
        return {onnx_path(name): of_targets}
    of_classes = of_targets
    if learns_classes(model):
        of_classes = list(model[-1].class_names_), found.by_class.astype(np.float32)
    return {onnx_path(name): of_targets, CLASSES_PATH: of_classes}


def verify(
    file: Classifier, reference: checks.Floats, spectra: checks.Spectra, max_difference: float
) -> float:
    """The largest difference of a file's probabilities from `reference`, at all levels.

    Raises
    ------
    PipelineError
        It is too large, or a spectrum with a missing band or a batch size is treated wrongly.
    """
    largest, allowed = 0.0, max_difference
    for level in checks.LEVELS:
        predict_at = checks.at_level(file.path, level)
        found = predict_at(spectra)
        largest = max(largest, float(checks.differences(found, reference).max()))
        if largest > allowed:
            allowed = max(allowed, checks.NOISE * checks.rounding_noise(predict_at, spectra))
        checks.compare(file.path, found, reference, allowed, file.classes)
        checks.check_edges(file.path, predict_at, spectra[:max(checks.BATCH_SIZES)], file.used,
                           allowed)
    print(f"{file.path}: largest difference from scikit-learn {largest:.0e} (allowed "
          f"{allowed:.0e}) on {len(spectra):,} spectra at {len(checks.LEVELS)} graph optimisation "
          "levels")
    return largest


def verify_files(name: str, spectra: checks.Spectra, params: Params) -> dict[str, Any]:
    """Verify the files of a model; give what is reported of each."""
    plain, report = MODELS[params.train.model].plain_onnx, {}
    for path, (classes, reference) in references(name, spectra).items():
        if not path.exists():  # the package's own would be loaded
            raise missing(path)
        file = load_classifier(path)
        checks.check_contract(file, sha256(model_path(name)), classes,
                              params.verify.max_bytes if plain else None)
        largest = verify(file, reference, spectra, params.verify.max_difference)
        # as a power of ten: the digits belong to the processor
        report[path.stem] = {
            "bytes": path.stat().st_size, "spectra": len(spectra),
            "largest_difference_below": f"1e{math.floor(math.log10(largest or 1e-9)) + 1:03d}"}
    return report


def main() -> None:
    """Run the stage."""
    params = load_params()
    nm = params.bands.wavelengths_nm
    columns = reflectance_columns(nm)
    survey = matrix(read_asteroids(nm, columns), columns)
    report: dict[str, Any] = {"survey": read_metadata(ASTEROIDS_PATH).get("survey", "")}
    for name, used_nm in params.train.used_bands_nm.model_dump().items():
        used = [nm.index(band) for band in used_nm]
        report |= verify_files(name, survey[np.isfinite(survey[:, used]).all(axis=1)], params)
    write_json(report, VERIFY_PATH)
    print(f"wrote {VERIFY_PATH}")


if __name__ == "__main__":
    run(main, __doc__)
