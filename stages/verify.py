"""Verify the ONNX file before it is handed over: its contract, and that it is the same model.

Reads   models/asteroid_taxonomy.onnx, data/predictions.parquet (what the trained model says),
        data/training_set.parquet, data/asteroids.parquet
Writes  reports/verify.json
"""

from pathlib import Path

import pyarrow as pa

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
    PREDICTIONS_PATH,
    SURVEY,
    Probabilities,
    in_batches,
    probabilities_of,
    read_predictions,
    stress_inputs,
)
from asteroid_taxonomy.learning.training_set import read_training_set
from asteroid_taxonomy.onnx_model.contract import ONNX_PATH, Contract, check_contract, read_onnx
from asteroid_taxonomy.onnx_model.parity import (
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


def print_differences(found: dict[str, float]) -> None:
    """Print the largest differences to scikit-learn, a line per set of spectra."""
    print(f"  {'largest difference to':24}{'spectra':>8}{'float32':>10}{'float64':>10}"
          f"{'labels flip':>13}")
    for key in found:
        if key.endswith("_spectra"):
            name = key.removesuffix("_spectra")
            print(f"  {name:24}{found[key]:8,}{found[f'{name}_max_difference']:10.0e}"
                  f"{found[f'{name}_max_difference_float64']:10.0e}"
                  f"{found[f'{name}_label_flips']:13}")


def print_samples(asteroids: pa.Table, probabilities: Probabilities, classes: list[str]) -> None:
    """Print the asteroids with the probabilities that the ONNX file gives them."""
    print(f"  {'asteroid':24}" + "".join(f"{name:>8}" for name in classes)
          + "  predicted  label")
    rows = zip(asteroids["number"].to_pylist(), asteroids["name"].to_pylist(),
               asteroids["target"].to_pylist(), probabilities, strict=True)
    for number, name, label, row in rows:
        print(f"  {f'({number}) {name}':24}" + "".join(f"{p:8.3f}" for p in row)
              + f"  {classes[int(row.argmax())]:9}  {label}")


def main() -> None:
    """Run the stage."""
    params = load_params(PARAMS)
    wavelengths_nm, train = params["bands"]["wavelengths_nm"], params["train"]
    export, tolerance = params["export"], params["verify"]["max_difference"]
    table, classes = read_predictions()
    check_contract(read_onnx(ONNX_PATH), ONNX_PATH.stat().st_size, Contract(
        classes, wavelengths_nm, train["used_bands_nm"], export["opset"], export["ir_version"],
        params["verify"]["max_bytes"], MODELS[train["model"]].plain_onnx))

    data = read_training_set(wavelengths_nm, train["used_bands_nm"])
    columns, used = reflectance_columns(wavelengths_nm), used_band_numbers(
        wavelengths_nm, train["used_bands_nm"])
    asteroids = read_asteroids(wavelengths_nm, ["source_id", *columns])
    of_survey, *_ = probabilities_of(table, SURVEY, classes)
    rows = rows_of(of_survey["source_id"].to_numpy(), asteroids["source_id"].to_numpy(),
                   ASTEROIDS_PATH, "crossmatch")
    spectra = {SURVEY: matrix(asteroids, columns)[rows],
               **stress_inputs(data.reflectance[data.test], used)}
    held_out = data.reflectance[data.test]
    found: dict[str, float] = {}
    for level in LEVELS.values():
        predict = runtime(ONNX_PATH, level)
        for name, x in spectra.items():
            _, reference, exact = probabilities_of(table, name, classes)
            exported = in_batches(predict, x)
            check_order(reference, exported, classes, tolerance)
            each = compare(name, reference, exact, exported, tolerance)
            found |= {key: max(value, found.get(key, value)) for key, value in each.items()}
        check_edges(predict, spectra[SURVEY], used, tolerance)
    print_differences(found)
    print_samples(data.asteroids.take(data.test[:SAMPLES]), predict(held_out[:SAMPLES]), classes)
    # written with few digits: the last ones belong to the processor, not to the model
    write_json({"survey": read_metadata(PREDICTIONS_PATH)["survey"],
                "bytes": ONNX_PATH.stat().st_size,
                **{key: float(f"{value:.0e}") if isinstance(value, float) else value
                   for key, value in found.items()}}, VERIFY_PATH, digits=None)
    print(f"wrote {VERIFY_PATH}: {ONNX_PATH} is the trained model at every graph optimisation of "
          f"onnxruntime ({', '.join(LEVELS)}), classes {', '.join(classes)}")


if __name__ == "__main__":
    run(main)
