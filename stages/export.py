"""Export the trained models as plain ONNX graphs with metadata.

Reads   models/*.skops, data/training_set.parquet, reports/crossmatch.json,
        reports/calibration.json
Writes  models/asteroid_taxonomy.onnx and asteroid_taxonomy_visible.onnx,
        models/asteroid_taxonomy_classes.onnx (the main model's classes, before they are summed),
        models/asteroid_taxonomy.json (the main model's metadata)

docs/model_file.md describes the files.
"""

import functools
import json
from collections import Counter
from importlib.metadata import version
from pathlib import Path
from typing import Any

import onnx
from onnx import helper

from asteroid_taxonomy.console import run
from asteroid_taxonomy.evaluation.calibration import read_calibration
from asteroid_taxonomy.files import atomic, read_json, read_metadata, sha256, write_json
from asteroid_taxonomy.learning import model_path
from asteroid_taxonomy.learning.model_file import load_model
from asteroid_taxonomy.learning.training_set import TrainingSet, read_training_set
from asteroid_taxonomy.onnx_model import metadata
from asteroid_taxonomy.onnx_model.graph import to_onnx
from asteroid_taxonomy.onnx_model.metadata import Metadata
from asteroid_taxonomy.params import Params, load_params
from asteroid_taxonomy.tables import TRAINING_SET_PATH

COUNTS_PATH = Path("reports/crossmatch.json")
LIBRARIES = ("scikit-learn", "skl2onnx", "onnx", "numpy")


def described(
    name: str, params: Params, classes: list[str], data: TrainingSet, calibration: dict[str, Any]
) -> Metadata:
    """The metadata of the model `name`; without anything that changes from run to run."""
    bands, taxonomy, split = params.bands, params.taxonomy, params.split
    spectra, mapping = params.fetch_spectra, params.fetch_source_mapping
    counts, stored = read_json(COUNTS_PATH), read_metadata(TRAINING_SET_PATH)
    return Metadata(
        classes=classes, wavelengths_nm=bands.wavelengths_nm,
        used_bands_nm=getattr(params.train.used_bands_nm, name),
        normalised_at_nm=bands.normalised_at_nm, width_nm=bands.width_nm,
        abstention_threshold=calibration["threshold"][name],
        least_probability=calibration["least_probability"][name],
        above_threshold=calibration["above_threshold"] if name == metadata.MAIN else {},
        survey=stored["survey"], taxonomy=f"{split.target} of the {stored['labels']}",
        complexes=taxonomy.complexes, feature_flags=taxonomy.feature_flags,
        flagged_classes=taxonomy.flagged_classes,
        spectra_service=spectra.service, spectra_table=spectra.table,
        spectra_columns=spectra.columns.model_dump(),
        mapping_table=mapping.table, mapping_columns=mapping.columns.model_dump(),
        rows={"asteroids": counts["asteroids"], **{
            table: counts[f"{table}_rows"] for table in ("spectra", "mapping", "labels")}},
        trained_on=Counter(sorted(data.target[data.train].tolist())),
        held_out=Counter(sorted(data.target[data.test].tolist())),
        split=f"{split.test_fraction:g} of the labelled asteroids held out, stratified by "
              f"{split.target}, seed {split.seed}",
        sha256={path.name: sha256(path) for path in (TRAINING_SET_PATH, model_path(name))},
        versions={library: version(library) for library in LIBRARIES},
        licence="MIT", citation="; ".join(json.loads(stored["citation"])))


def of_classes(main: Metadata, classes: list[str], measured: dict[str, Any]) -> Metadata:
    """The metadata of the file with the main model's classes: their precision, no threshold."""
    return main.model_copy(update={
        "classes": classes, "abstention_threshold": None, "least_probability": {},
        "above_threshold": {},
        "taxonomy": f"classes of the {main.taxonomy.partition(' of the ')[2]}",
        "class_precision": {name: measured.get(name, {}).get("precision") for name in classes}})


def write(path: Path, graph: onnx.ModelProto, about: Metadata) -> None:
    """Write a graph with its metadata."""
    helper.set_model_props(graph, about.to_text())
    with atomic(path) as part:
        part.write_bytes(graph.SerializeToString(deterministic=True))
    print(f"wrote {path}: {path.stat().st_size:,} bytes, classes {', '.join(about.classes)}")


def main() -> None:
    """Run the stage."""
    params = load_params()
    wavelengths_nm, form = params.bands.wavelengths_nm, params.export
    calibration = read_calibration()
    for name, used_nm in params.train.used_bands_nm.model_dump().items():
        model, data = load_model(model_path(name)), read_training_set(wavelengths_nm, used_nm)
        graph = functools.partial(
            to_onnx, model, len(wavelengths_nm), [wavelengths_nm.index(nm) for nm in used_nm],
            form.opset, form.ir_version)
        about = described(name, params, list(model.classes_), data, calibration)
        write(metadata.onnx_path(name), graph(), about)
        if name == metadata.MAIN:
            write_json(about.model_dump(), metadata.JSON_PATH)
            classes = list(getattr(model[-1], "class_names_", model.classes_))
            write(metadata.CLASSES_PATH, graph(summed=False),
                  of_classes(about, classes, calibration["classes"]))


if __name__ == "__main__":
    run(main, __doc__)
