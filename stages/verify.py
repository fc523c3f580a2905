"""Compare the ONNX files with the trained models, and check their contract.

Reads   models/*.onnx, models/*.skops, data/asteroids.parquet, data/training_set.parquet
Writes  reports/verify.json

Each file is run on every spectrum of the survey, which has the held-out ones, at each graph
optimisation level of onnxruntime, with missing bands, and in batches of several sizes.
"""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from asteroid_taxonomy.console import run
from asteroid_taxonomy.files import read_metadata, sha256, write_json
from asteroid_taxonomy.learning.model_file import load_model, model_path
from asteroid_taxonomy.learning.models import MODELS, learns_classes
from asteroid_taxonomy.learning.predictions import predict
from asteroid_taxonomy.onnx_model.checks import (
    BATCH_SIZES,
    LEVELS,
    NOISE,
    Floats,
    Spectra,
    at_level,
    check_contract,
    check_edges,
    compare,
    in_batches,
    rounding_noise,
)
from asteroid_taxonomy.onnx_model.classifier import load_classifier
from asteroid_taxonomy.onnx_model.metadata import CLASSES_PATH, MAIN, onnx_path
from asteroid_taxonomy.params import load_params
from asteroid_taxonomy.tables import (
    ASTEROIDS_PATH,
    has_bands,
    matrix,
    read_asteroids,
    reflectance_columns,
)

VERIFY_PATH = Path("reports/verify.json")


def references(name: str, spectra: Spectra) -> dict[Path, tuple[list[str], Floats]]:
    """Classes and probabilities [n, classes], in double precision, of each file of a model."""
    model = load_model(model_path(name))
    found, classes = predict(model, spectra), list(model.classes_)
    out = {onnx_path(name): (classes, found.probability)}
    if name == MAIN:
        learned = learns_classes(model)
        out[CLASSES_PATH] = ((list(model[-1].class_names_), found.by_class) if learned
                             else (classes, found.probability))
    return out


def verify(
    path: Path, reference: Floats, spectra: Spectra, used: Sequence[int], classes: Sequence[str],
    max_difference: float
) -> float:
    """The largest difference of a file's probabilities from `reference`, at all levels.

    Raises
    ------
    PipelineError
        It is too large, or a spectrum with a missing band or a batch size is treated wrongly.
    """
    noise = rounding_noise(at_level(path, LEVELS[-1]), spectra)
    allowed, largest = max(max_difference, NOISE * noise), 0.0
    for level in LEVELS:
        file = at_level(path, level)
        largest = max(largest, compare(path, in_batches(file, spectra), reference, allowed,
                                       classes))
        check_edges(path, file, spectra[:max(BATCH_SIZES)], used, allowed)
    print(f"{path}: largest difference from scikit-learn {largest:.0e} (allowed {allowed:.0e}) on "
          f"{len(spectra):,} spectra at {len(LEVELS)} optimisation levels")
    return largest


def main() -> None:
    """Run the stage."""
    params = load_params()
    wavelengths_nm = params.bands.wavelengths_nm
    columns = reflectance_columns(wavelengths_nm)
    asteroids = read_asteroids(wavelengths_nm, columns)
    plain = MODELS[params.train.model].plain_onnx
    report: dict[str, Any] = {"survey": read_metadata(ASTEROIDS_PATH).get("survey", "")}
    for name, used_nm in params.train.used_bands_nm.model_dump().items():
        spectra = matrix(asteroids, columns)[has_bands(asteroids, used_nm)]
        for path, (classes, reference) in references(name, spectra).items():
            file = load_classifier(path)
            check_contract(file, classes, wavelengths_nm, used_nm, sha256(model_path(name)),
                           params.export, params.verify.max_bytes if plain else None)
            largest = verify(path, reference, spectra, file.used, classes,
                             params.verify.max_difference)
            # as a power of ten: the digits belong to the processor
            report[path.stem] = {
                "bytes": path.stat().st_size, "spectra": len(spectra),
                "largest_difference_below": f"1e{math.floor(math.log10(largest or 1e-9)) + 1:03d}"}
    write_json(report, VERIFY_PATH)
    print(f"wrote {VERIFY_PATH}")


if __name__ == "__main__":
    run(main, __doc__)
