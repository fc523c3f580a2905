"""A small project to make a page of: made-up asteroids, the committed figures and model."""

import json
import shutil
from copy import deepcopy
from pathlib import Path

import numpy as np
import onnx
import pyarrow as pa
import yaml
from onnx import TensorProto, helper, numpy_helper

from asteroid_taxonomy.asteroids import ASTEROIDS_PATH, schema
from asteroid_taxonomy.catalogue import arrow_schema, catalogue_path
from asteroid_taxonomy.evaluation.accuracy_by_bin import names, numbers
from asteroid_taxonomy.evaluation.out_of_fold import FACTS, OUT_OF_FOLD_PATH
from asteroid_taxonomy.files import write_parquet
from asteroid_taxonomy.onnx_model.classifier import load_classifier
from asteroid_taxonomy.onnx_model.description import ONNX_PATH
from tests.project_fixtures import parsed

TOP = Path(__file__).parent.parent.parent
CLASSES = ["C", "O", "S", "X"]
SURVEY, LABELS = "Made-up release", "made-up labels"
COMMITTED = ("crossmatch", "evaluate", "metrics", "classify", "verify")
# number, name: what a page may meet; the others are called after their number
ODD = [(433, "eros"), (4000, "small number"), (2**40 + 4000, "large number"),
       (2**60 + 1, "larger than a float"), (11, "two\nlines"), (12, "after two lines"),
       (13, "o'higgins"), (None, "1974 fv1"), (15, "</script><b>bold</b>"), (16, "100%")]
FLAGGED, INCOMPLETE, FAR = 433, 12, 13  # numbers: a flag 2 in a used band, a gap, beyond the axis
EDGES = [20, 100]


def small_network(bands):
    """A model of all bands, in which those of the first half speak for C and S, the others not."""
    rng = np.random.default_rng(3)
    weights = {"mean": np.ones(bands), "first": rng.normal(size=(bands, 8)) / 3,
               "bias": rng.normal(size=8), "second": rng.normal(size=(8, 4))}
    nodes = [("Sub", ["float_input", "mean"], "centred"), ("MatMul", ["centred", "first"], "a"),
             ("Add", ["a", "bias"], "b"), ("Tanh", ["b"], "c"), ("MatMul", ["c", "second"], "d"),
             ("Softmax", ["d"], "probabilities")]
    graph = helper.make_graph(
        [helper.make_node(op, inputs, [output]) for op, inputs, output in nodes], "small",
        [helper.make_tensor_value_info("float_input", TensorProto.FLOAT, ["batch", bands])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["batch", 4])],
        [numpy_helper.from_array(v.astype(np.float32), k) for k, v in weights.items()])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def made_up_project(folder, grid, used=None, model=None, survey=SURVEY, asteroids=80):
    """Fill `folder` with what stage report reads, for spectra on `grid` (nm)."""
    params = deepcopy(parsed("params.yaml"))
    params["bands"]["wavelengths_nm"] = grid
    params["train"]["used_bands_nm"] = {name: used or grid
                                        for name in params["train"]["used_bands_nm"]}
    params["crossvalidate"]["snr_edges"] = EDGES
    params["catalogue"]["name"] = "made_up"
    params["page"]["limitations"] = ["Made up."]
    for table in ("fetch_spectra", "fetch_source_mapping", "fetch_labels"):
        params[table] |= {"release": SURVEY, "citation": "Nobody 2099"}
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "params.yaml").write_text(yaml.safe_dump(params), encoding="utf-8")
    shutil.copytree(TOP / "reports/crossvalidation", folder / "reports/crossvalidation")
    for name in COMMITTED:
        figures = json.loads((TOP / f"reports/{name}.json").read_text(encoding="utf-8"))
        (folder / f"reports/{name}.json").write_text(json.dumps(figures | {"survey": survey}))
    (folder / "reports/crossvalidation/classes.csv").write_text(
        "class,asteroids,predicted,recall,precision\nV,60,55,0.84,0.93\nZ,2,0,0.0,\n")
    model = model or onnx.load(TOP / ONNX_PATH)
    helper.set_model_props(model, {
        "classes": ",".join(CLASSES), "wavelengths_nm": ",".join(map(str, grid)),
        "used_bands_nm": ",".join(map(str, used or grid)), "normalised_at_nm": "550",
        "width_nm": "44", "abstention_threshold": "0.5", "survey": survey})
    (folder / ONNX_PATH).parent.mkdir()
    onnx.save(model, folder / ONNX_PATH)
    _write_tables(folder, grid, survey, asteroids)


def _write_tables(folder, grid, survey, n):
    rng, nm = np.random.default_rng(1), np.array(grid, float)
    kind = np.arange(n) % len(CLASSES)
    slope = np.array([0.0, 0.5, 1.0, 0.2])[kind, None] * (nm - 550) / 1000
    dip = np.array([0.0, 0.3, 0.1, 0.0])[kind, None] * np.exp(-((nm - 940) / 90) ** 2)
    error = np.where(np.arange(n) % 3, 0.01, 0.05)[:, None] * np.ones(len(grid))
    reflectance = 1 + slope - dip + rng.normal(size=(n, len(grid))) * error
    identity = ODD + [(1000 + i, f"asteroid {1000 + i}") for i in range(n - len(ODD))]
    number = [number for number, _ in identity]
    flags = np.zeros((n, len(grid)), np.int8)
    last_used = grid.index(990) if 990 in grid else len(grid) - 2
    flags[number.index(FLAGGED), last_used] = 2
    reflectance[number.index(INCOMPLETE), last_used] = np.nan
    reflectance[number.index(FAR), last_used] = 3.5
    snr = 1 / error[:, 0]
    label = np.where(np.arange(n) % 4 == 3, None, np.array(CLASSES, object)[kind])
    values = {
        "source_id": np.arange(n) - 5000, "number": number, "name": [name for _, name in identity],
        **{f"reflectance_{w}": reflectance[:, j] for j, w in enumerate(grid)},
        **{f"reflectance_err_{w}": error[:, j] for j, w in enumerate(grid)},
        **{f"flag_{w}": flags[:, j] for j, w in enumerate(grid)},
        "num_of_spectra": np.full(n, 9), "snr": snr, "class": label, "class_without_flags": label,
        "label_probability": np.full(n, 0.9), "complex": label,
        "complete": ~np.isnan(reflectance).any(axis=1)}
    told = {"survey": survey, "labels": LABELS, "classes": CLASSES, "citation": ["Nobody 2099"]}
    table = as_table(values, schema(grid))
    write_parquet(table, folder / ASTEROIDS_PATH, told)

    classifier = load_classifier(folder / ONNX_PATH)
    probabilities = classifier.probabilities(reflectance.astype(np.float32))
    complexes, confidence = classifier.complexes(probabilities)
    bin_names = np.array(names(EDGES))[numbers(snr, EDGES)]
    values |= {
        **{f"probability_{c}": probabilities[:, i] for i, c in enumerate(CLASSES)},
        "complex": complexes, "confidence": confidence, "snr_bin": bin_names,
        "abstained": ~(confidence >= classifier.threshold), "snr_bin_accuracy": np.full(n, 0.75),
        "literature_class": label, "literature_complex": label,
        "class": ["V" if name == "eros" else None for _, name in identity],
        "class_probability": confidence, "expected_accuracy": confidence * 0.9,
        **{f"spread_{c}": np.full(n, 0.03) for c in CLASSES},
        "in_training": [c is not None and i % 5 == 0 for i, c in enumerate(label)]}
    write_parquet(as_table(values, arrow_schema(CLASSES, LABELS)),
                  folder / catalogue_path("made_up"), told)

    known = np.array([c is not None for c in label]) & ~np.isnan(probabilities[:, 0])
    values |= {"target": label, "predicted": complexes}
    out_of_fold = as_table(values, pa.schema([*FACTS, *((f"probability_{c}", pa.float64())
                                                      for c in CLASSES)]))
    write_parquet(out_of_fold.filter(pa.array(known)), folder / OUT_OF_FOLD_PATH, told)


def as_table(values, wanted):
    """The columns of `wanted`, null where there are no values for one; NaN is null."""
    n = len(values["source_id"])
    return pa.table([pa.array(values[f.name], f.type, from_pandas=True) if f.name in values
                     else pa.nulls(n, f.type) for f in wanted], schema=wanted)
