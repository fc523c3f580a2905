"""Export each trained model as one plain ONNX graph that describes itself.

Reads   models/<name>.skops, data/training_set.parquet, reports/crossmatch.json,
        reports/evaluate*.json
Writes  models/<name>.onnx (the contract is in onnx_model/contract.py)
"""

import json
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import helper
from sklearn.pipeline import Pipeline

from asteroid_taxonomy.asteroids import used_band_numbers
from asteroid_taxonomy.console import run
from asteroid_taxonomy.files import atomic, read_json, read_metadata, sha256
from asteroid_taxonomy.learning.model_file import load_model, model_path
from asteroid_taxonomy.learning.training_set import (
    TRAINING_SET_PATH,
    TrainingSet,
    read_training_set,
)
from asteroid_taxonomy.onnx_model.description import (
    CLASSES_KEY,
    NORMALISED_KEY,
    THRESHOLD_KEY,
    USED_BANDS_KEY,
    WAVELENGTHS_KEY,
    WIDTH_KEY,
    onnx_path,
)
from asteroid_taxonomy.onnx_model.graph import to_onnx
from asteroid_taxonomy.params import load_params

PARAMS = ("bands", "fetch_spectra", "taxonomy", "split", "train.model", "train.used_bands_nm",
          "train.augmentation_seed", "train.${train.model}", "calibration", "export")
CROSSMATCH_PATH = Path("reports/crossmatch.json")
LIBRARIES = ("scikit-learn", "skl2onnx", "onnx", "numpy")


def facts(
    name: str, params: Mapping[str, Any], model: Pipeline, data: TrainingSet
) -> dict[str, Any]:
    """What the file of the model `name` says about itself; the order is that of the file.

    Nothing in it changes from run to run: no time, no host, no path of this machine.
    """
    bands, taxonomy, split = params["bands"], params["taxonomy"], params["split"]
    counts = read_json(CROSSMATCH_PATH)
    held_out = read_json(Path(f"reports/evaluate{name.removeprefix('asteroid_taxonomy')}.json"))
    said, source = read_metadata(TRAINING_SET_PATH), params["fetch_spectra"]
    threshold = params["calibration"]["abstention_threshold"][name]
    flags, carriers = taxonomy["feature_flags"], ", ".join(taxonomy["flagged_classes"])
    return {
        CLASSES_KEY: list(model.classes_),
        WAVELENGTHS_KEY: bands["wavelengths_nm"],
        USED_BANDS_KEY: params["train"]["used_bands_nm"][name],
        NORMALISED_KEY: bands["normalised_at_nm"],
        WIDTH_KEY: bands["width_nm"],
        "input": f"reflectance, 1 at {bands['normalised_at_nm']} nm, one column per wavelength",
        "missing_values": "NaN in a band that used_bands_nm lists makes every probability NaN: "
                          "no class; in another band it changes nothing",
        THRESHOLD_KEY: "none" if threshold is None else threshold,
        "taxonomy": f"{split['target']} of the {said['labels']}",
        **{f"complex_{name}": members for name, members in taxonomy["complexes"].items()},
        "feature_flags": f"the letters {', '.join(flags)} behind {carriers} are left out"
                         if flags else "none are left out",
        "survey": said["survey"],
        "spectra_service": source["service"], "spectra_table": source["table"],
        "spectra_columns": json.dumps(source["columns"]),
        **{f"rows_{name}": counts[f"{name}_rows"] for name in ("spectra", "mapping", "labels")},
        "rows_asteroids": counts["asteroids"],
        **{f"sha256_{path.name}": sha256(path) for path in (TRAINING_SET_PATH, model_path(name))},
        "trained_on": by_class(data.target[data.train]),
        "held_out": by_class(data.target[data.test]),
        "split": f"{split['test_fraction']} of the labelled asteroids held out, stratified by "
                 f"{split['target']}, seed {split['seed']}",
        **{f"held_out_{name}": value for name, value in held_out.items()
           if isinstance(value, float)},
        "versions": [f"{name} {version(name)}" for name in LIBRARIES],
        "licence": "MIT",
        "citation": "; ".join(json.loads(said["citation"])),
    }


def by_class(names: npt.NDArray[np.str_]) -> str:
    """How many there are, in all and of each: 2285 (C 577, O 267, ...)."""
    counted = zip(*np.unique(names, return_counts=True), strict=True)
    return f"{len(names)} ({', '.join(f'{name} {n}' for name, n in counted)})"


def main() -> None:
    """Run the stage."""
    params = load_params(PARAMS)
    wavelengths_nm = params["bands"]["wavelengths_nm"]
    for name, used_nm in params["train"]["used_bands_nm"].items():
        model, path = load_model(model_path(name)), onnx_path(name)
        exported = to_onnx(model, len(wavelengths_nm), used_band_numbers(wavelengths_nm, used_nm),
                           params["export"]["opset"], params["export"]["ir_version"])
        data = read_training_set(wavelengths_nm, used_nm)
        helper.set_model_props(exported, {
            key: ",".join(map(str, value)) if isinstance(value, list) else str(value)
            for key, value in facts(name, params, model, data).items()
        })
        with atomic(path) as part:
            part.write_bytes(exported.SerializeToString(deterministic=True))
        operators = ", ".join(sorted({node.op_type for node in exported.graph.node}))
        print(f"wrote {path}: {path.stat().st_size:,} bytes, operators {operators}")


if __name__ == "__main__":
    run(main, __doc__)
