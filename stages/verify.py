"""Compare the ONNX files with the predictions of the trained models, and check their contract.

Reads   models/*.onnx, models/*.skops (their hashes), data/asteroids.parquet,
        data/predictions/<name>.parquet (by scikit-learn in double precision, rounded)
Writes  reports/verify.json

Each file is run on every spectrum that was predicted, held-out ones included, at each graph
optimisation level of onnxruntime, with missing bands, and in batches of several sizes.
"""

import functools
import math
from pathlib import Path
from typing import Any

from asteroid_taxonomy.console import run
from asteroid_taxonomy.files import missing, read_metadata, sha256, write_json
from asteroid_taxonomy.learning import model_path
from asteroid_taxonomy.learning.predictions import read_predictions, targets
from asteroid_taxonomy.onnx_model import checks, classifier
from asteroid_taxonomy.onnx_model.metadata import CLASSES_PATH, MAIN, onnx_path
from asteroid_taxonomy.params import load_params
from asteroid_taxonomy.tables import (
    ASTEROIDS_PATH,
    matrix,
    read_asteroids,
    reflectance_columns,
    rows_of,
)

VERIFY_PATH = Path("reports/verify.json")


def verify(
    file: classifier.Classifier, reference: checks.Floats, spectra: checks.Spectra,
    max_difference: float,
) -> float:
    """The largest difference of a file's probabilities from `reference`, beyond its rounding.

    Raises
    ------
    PipelineError
        It is too large, or a spectrum with a missing band or a batch size is treated wrongly.
    """
    largest, allowed = 0.0, max_difference + checks.ROUNDING
    for level in checks.LEVELS:
        predict = functools.partial(classifier.in_batches,
                                    classifier.open_session(file.path, level))
        found = predict(spectra)
        largest = max(largest, float(checks.differences(found, reference).max()))
        if largest > allowed:
            noise = checks.NOISE * checks.rounding_noise(predict, spectra)
            allowed = max(allowed, noise + checks.ROUNDING)
        checks.compare(file.path, found, reference, allowed, file.classes)
        checks.check_edges(file.path, predict, spectra[:max(checks.BATCH_SIZES)], file.used,
                           allowed)
    beyond = max(largest - checks.ROUNDING, 0.0)
    print(f"{file.path}: largest difference from scikit-learn {beyond:.0e} (allowed "
          f"{allowed - checks.ROUNDING:.0e}), beyond rounding, on {len(spectra):,} spectra")
    return beyond


def main() -> None:
    """Run the stage."""
    params = load_params()
    nm, max_bytes = params.bands.wavelengths_nm, params.verify.max_bytes
    asteroids = read_asteroids(nm, ["source_id", *reflectance_columns(nm)])
    survey = matrix(asteroids, reflectance_columns(nm))
    report: dict[str, Any] = {"survey": read_metadata(ASTEROIDS_PATH).get("survey", "")}
    for name in dict(params.train.used_bands_nm):
        table = read_predictions(name)
        spectra = survey[rows_of(table["source_id"].to_numpy(),
                                 asteroids["source_id"].to_numpy(), ASTEROIDS_PATH)]
        kinds = {onnx_path(name): "probability"}
        if name == MAIN:  # without classes, this file has the targets
            kinds[CLASSES_PATH] = "class_probability" if targets(
                table, "class_probability") else "probability"
        for path, kind in kinds.items():
            if not path.exists():  # the package's own would be loaded
                raise missing(path)
            file, classes = classifier.load_classifier(path), targets(table, kind)
            checks.check_contract(file, sha256(model_path(name)), classes,
                                  max_bytes if params.train.chosen.plain_onnx else None)
            reference = matrix(table, [f"{kind}_{each}" for each in classes])
            largest = verify(file, reference, spectra, params.verify.max_difference)
            # as a power of ten: the digits belong to the processor
            report[path.stem] = {
                "bytes": path.stat().st_size, "spectra": len(spectra),
                "largest_difference_below": f"1e{math.floor(math.log10(largest or 1e-9)) + 1:03d}"}
    write_json(report, VERIFY_PATH)
    print(f"wrote {VERIFY_PATH}")


if __name__ == "__main__":
    run(main, __doc__)
