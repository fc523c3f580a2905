"""Verify the ONNX files before they are handed over: their contract, and that each is its model.

Reads   models/<name>.onnx, data/predictions/<name>.parquet (what the trained model says),
        data/training_set.parquet, data/asteroids.parquet
Writes  reports/verify.json
"""

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
from onnxruntime import GraphOptimizationLevel

from asteroid_taxonomy.asteroids import (
    ASTEROIDS_PATH,
    matrix,
    read_asteroids,
    reflectance_columns,
    rows_of,
    used_band_numbers,
)
from asteroid_taxonomy.console import run
from asteroid_taxonomy.files import read_metadata, write_json
from asteroid_taxonomy.learning.models import MODELS
from asteroid_taxonomy.learning.predictions import (
    SURVEY,
    Probabilities,
    Spectra,
    in_batches,
    probabilities_of,
    read_predictions,
    stress_inputs,
)
from asteroid_taxonomy.learning.training_set import TRAINING_SET_PATH, read_training_set
from asteroid_taxonomy.onnx_model.contract import Contract, check_contract, read_onnx
from asteroid_taxonomy.onnx_model.description import onnx_path
from asteroid_taxonomy.onnx_model.parity import (
    BATCHES,
    LEVELS,
    check_edges,
    check_order,
    compare,
    runtime,
)
from asteroid_taxonomy.params import load_params

PARAMS = ("bands.wavelengths_nm", "train.model", "train.used_bands_nm", "export.opset",
          "export.ir_version", "verify")
VERIFY_PATH = Path("reports/verify.json")
SAMPLES = 4  # asteroids of the held-out set in the table on screen


def print_differences(differences: dict[str, float]) -> None:
    """Print the largest differences to scikit-learn, a line per set of spectra."""
    print(f"  {'largest difference to':24}{'spectra':>8}{'float32':>10}{'float64':>10}"
          f"{'labels flip':>13}")
    for key in differences:
        if key.endswith("_spectra"):
            name = key.removesuffix("_spectra")
            print(f"  {name:24}{differences[key]:8,}{differences[f'{name}_max_difference']:10.0e}"
                  f"{differences[f'{name}_max_difference_float64']:10.0e}"
                  f"{differences[f'{name}_label_flips']:13}")


def print_samples(asteroids: pa.Table, probabilities: Probabilities, classes: list[str]) -> None:
    """Print the asteroids with the probabilities that the ONNX file gives them."""
    print(f"  {'asteroid':24}" + "".join(f"{name:>8}" for name in classes)
          + "  predicted  label")
    rows = zip(asteroids["number"].to_pylist(), asteroids["name"].to_pylist(),
               asteroids["target"].to_pylist(), probabilities, strict=True)
    for number, name, label, row in rows:
        print(f"  {f'({number}) {name}':24}" + "".join(f"{p:8.3f}" for p in row)
              + f"  {classes[int(row.argmax())]:9}  {label}")


def at_level(
    path: Path, spectra: dict[str, Spectra],
    references: dict[str, tuple[Probabilities, Probabilities]], classes: list[str],
    used: list[int], tolerance: float, level: GraphOptimizationLevel,
) -> dict[str, float]:
    """Check the file as onnxruntime optimises it at `level`; return the largest differences."""
    predict = runtime(path, level)
    differences: dict[str, float] = {}
    for kind, x in spectra.items():
        reference, exact = references[kind]
        exported = in_batches(predict, x)
        check_order(reference, exported, classes, tolerance, path)
        differences |= compare(kind, reference, exact, exported, tolerance, path)
    check_edges(predict, spectra[SURVEY][:max(BATCHES)], used, tolerance, path)
    return differences


def verify(name: str, params: dict[str, Any], asteroids: pa.Table) -> dict[str, Any]:
    """Check the file of the model `name`; return the largest differences."""
    wavelengths_nm, train = params["bands"]["wavelengths_nm"], params["train"]
    used_nm, path = train["used_bands_nm"][name], onnx_path(name)
    export, tolerance = params["export"], params["verify"]["max_difference"]
    table, classes = read_predictions(name)
    check_contract(read_onnx(path), path, Contract(
        classes, wavelengths_nm, used_nm, export["opset"], export["ir_version"],
        params["verify"]["max_bytes"], MODELS[train["model"]].plain_onnx))

    data, used = read_training_set(wavelengths_nm, used_nm), used_band_numbers(
        wavelengths_nm, used_nm)
    held_out = data.reflectance[data.test]
    of_survey, *_ = probabilities_of(table, SURVEY, classes)
    rows = rows_of(of_survey["source_id"].to_numpy(), asteroids["source_id"].to_numpy(),
                   ASTEROIDS_PATH, "crossmatch")
    spectra = {SURVEY: matrix(asteroids, reflectance_columns(wavelengths_nm))[rows],
               **stress_inputs(held_out, used)}
    references = {kind: (reference, exact) for kind in spectra
                  for _, reference, exact in [probabilities_of(table, kind, classes)]}
    with ThreadPoolExecutor() as pool:
        by_level = list(pool.map(partial(at_level, path, spectra, references, classes, used,
                                         tolerance), LEVELS.values()))
    differences = {key: max(each[key] for each in by_level) for key in by_level[0]}
    print_differences(differences)
    print_samples(data.asteroids.take(data.test[:SAMPLES]),
                  runtime(path, LEVELS["all"])(held_out[:SAMPLES]), classes)
    print(f"{path} is the trained model at every graph optimisation of onnxruntime "
          f"({', '.join(LEVELS)}), classes {', '.join(classes)}")
    return {"bytes": path.stat().st_size, **differences}


def main() -> None:
    """Run the stage."""
    params = load_params(PARAMS)
    wavelengths_nm = params["bands"]["wavelengths_nm"]
    asteroids = read_asteroids(wavelengths_nm,
                               ["source_id", *reflectance_columns(wavelengths_nm)])
    metrics: dict[str, Any] = {"survey": read_metadata(TRAINING_SET_PATH)["survey"]}
    for name in params["train"]["used_bands_nm"]:
        prefix = name.removeprefix("asteroid_taxonomy").lstrip("_")
        # written with few digits: the last ones belong to the processor, not to the model
        metrics |= {f"{prefix}_{key}".lstrip("_"):
                    float(f"{value:.0e}") if isinstance(value, float) else value
                    for key, value in verify(name, params, asteroids).items()}
    write_json(metrics, VERIFY_PATH, digits=None)
    print(f"wrote {VERIFY_PATH}")


if __name__ == "__main__":
    run(main, __doc__)
