"""Export each trained model as one plain ONNX graph that describes itself.

Reads   models/<name>.skops, data/training_set.parquet, reports/crossmatch.json,
        reports/evaluate*.json
Writes  models/<name>.onnx (the contract is in onnx_model/contract.py), and of the main model
        models/asteroid_taxonomy_classes.onnx: the probabilities of the classes that it sums up
"""

import functools
import json
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper

from asteroid_taxonomy.asteroids import used_band_numbers
from asteroid_taxonomy.console import run
from asteroid_taxonomy.files import atomic, read_json, read_metadata, sha256
from asteroid_taxonomy.files.atomic_write import together
from asteroid_taxonomy.learning.model_file import load_model, model_path
from asteroid_taxonomy.learning.training_set import (
    TRAINING_SET_PATH,
    TrainingSet,
    read_training_set,
    trained_as,
)
from asteroid_taxonomy.onnx_model.description import (
    CLASSES_KEY,
    CLASSES_PATH,
    MAIN,
    NORMALISED_KEY,
    SHA256_KEY,
    THRESHOLD_KEY,
    UNSEALED,
    USED_BANDS_KEY,
    WAVELENGTHS_KEY,
    WIDTH_KEY,
    onnx_path,
    sealed,
)
from asteroid_taxonomy.onnx_model.graph import to_onnx
from asteroid_taxonomy.params import load_params

PARAMS = ("bands", "fetch_spectra.service", "fetch_spectra.table", "fetch_spectra.columns",
          "taxonomy", "split", "train.model", "train.used_bands_nm", "train.augmentation_seed",
          "train.${train.model}", "calibration", "export")
CROSSMATCH_PATH = Path("reports/crossmatch.json")
LIBRARIES = ("scikit-learn", "skl2onnx", "onnx", "numpy")


def facts(
    name: str, params: Mapping[str, Any], classes: list[str], data: TrainingSet
) -> dict[str, Any]:
    """What the file of the model `name` says about itself; the order is that of the file.

    Nothing in it changes from run to run: no time, no host, no path of this machine.
    """
    bands, taxonomy, split = params["bands"], params["taxonomy"], params["split"]
    counts = read_json(CROSSMATCH_PATH)
    held_out = read_json(Path(f"reports/evaluate{name.removeprefix('asteroid_taxonomy')}.json"))
    metadata, source = read_metadata(TRAINING_SET_PATH), params["fetch_spectra"]
    calibration = params["calibration"]
    threshold = calibration["abstention_threshold"][name]
    measured = name == MAIN and calibration["trained_as"] == trained_as(params["train"])
    flags, carriers = taxonomy["feature_flags"], ", ".join(taxonomy["flagged_classes"])
    return {
        CLASSES_KEY: classes,
        WAVELENGTHS_KEY: bands["wavelengths_nm"],
        USED_BANDS_KEY: params["train"]["used_bands_nm"][name],
        NORMALISED_KEY: bands["normalised_at_nm"],
        WIDTH_KEY: bands["width_nm"],
        "input": f"reflectance, 1 at {bands['normalised_at_nm']} nm, one column per wavelength",
        "missing_values": "NaN in a band that used_bands_nm lists makes every probability NaN: "
                          "no class; in another band it changes nothing",
        THRESHOLD_KEY: "none" if threshold is None else threshold,
        "kept_accuracy": measured and calibration["kept_accuracy"] or "unknown",
        "taxonomy": f"{split['target']} of the {metadata['labels']}",
        **{f"complex_{name}": members for name, members in taxonomy["complexes"].items()},
        "feature_flags": f"the letters {', '.join(flags)} behind {carriers} are left out"
                         if flags else "none are left out",
        "survey": metadata["survey"],
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
        "citation": "; ".join(json.loads(metadata["citation"])),
        SHA256_KEY: UNSEALED,
    }


def by_class(names: npt.NDArray[np.str_]) -> str:
    """How many there are, in all and of each: 2285 (C 577, O 267, ...)."""
    counted = zip(*np.unique(names, return_counts=True), strict=True)
    return f"{len(names)} ({', '.join(f'{name} {n}' for name, n in counted)})"


def write(path: Path, exported: onnx.ModelProto, about: Mapping[str, Any]) -> None:
    """Write a graph with what it says about itself, and its own sum in that."""
    helper.set_model_props(exported, {
        key: ",".join(map(str, value)) if isinstance(value, list) else str(value)
        for key, value in about.items()
    })
    content = sealed(exported.SerializeToString(deterministic=True))
    with atomic(path) as part:
        part.write_bytes(content)
    operators = ", ".join(sorted({node.op_type for node in exported.graph.node}))
    print(f"wrote {path}: {len(content):,} bytes, operators {operators}")


@together()
def main() -> None:
    """Run the stage."""
    params = load_params(PARAMS)
    wavelengths_nm, export = params["bands"]["wavelengths_nm"], params["export"]
    for name, used_nm in params["train"]["used_bands_nm"].items():
        model, data = load_model(model_path(name)), read_training_set(wavelengths_nm, used_nm)
        graph = functools.partial(
            to_onnx, model, len(wavelengths_nm), used_band_numbers(wavelengths_nm, used_nm),
            export["opset"], export["ir_version"])
        about = facts(name, params, list(model.classes_), data)
        write(onnx_path(name), graph(), about)
        if name == MAIN:
            # the same weights before the sum: nobody has chosen a threshold for classes
            classes = list(getattr(model.steps[-1][1], "class_names_", model.classes_))
            write(CLASSES_PATH, graph(summed=False), {
                **about, CLASSES_KEY: classes, THRESHOLD_KEY: "none", "kept_accuracy": "unknown",
                "taxonomy": f"classes of the {about['taxonomy'].partition(' of the ')[2]}"})


if __name__ == "__main__":
    run(main, __doc__)
