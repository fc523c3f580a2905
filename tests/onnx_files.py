"""ONNX files like the shipped one, and a project folder in which the stage cyberether runs."""

import shutil
from pathlib import Path

import numpy as np
import onnx
import pyarrow as pa
from onnx import TensorProto, helper, numpy_helper

from asteroid_taxonomy import tables
from asteroid_taxonomy.files import write_parquet
from asteroid_taxonomy.onnx_model.metadata import CLASSES_PATH, ONNX_PATH

TOP = Path(__file__).parent.parent
SHIPPED = TOP / ONNX_PATH
GRID = [374 + 44 * i for i in range(16)]
WEIGHTS = np.tile(np.eye(4, dtype=np.float32), (4, 1))
CONTRACT = {"classes": "C,O,S,X", "wavelengths_nm": ",".join(map(str, GRID)),
            "used_bands_nm": ",".join(map(str, GRID[1:4] + GRID[5:15])), "normalised_at_nm": "550",
            "width_nm": "44", "abstention_threshold": "0.7", "least_probability": "{}",
            "survey": "a survey"}


def shipped(**metadata):
    """The shipped model; metadata of these keys are replaced, or left out where None."""
    model = onnx.load(SHIPPED)
    stored = {prop.key: prop.value for prop in model.metadata_props} | metadata
    helper.set_model_props(model, {k: v for k, v in stored.items() if v is not None})
    return model


def linear(weights=WEIGHTS, names=("float_input", "probabilities"), batch="batch",
           kind=TensorProto.FLOAT, **metadata):
    """A model of one layer and a softmax, with the metadata that a program needs."""
    weights = np.asarray(weights)
    tensors = [helper.make_tensor_value_info(name, kind, [batch, width])
               for name, width in zip(names, weights.shape, strict=True)]
    graph = helper.make_graph(
        [helper.make_node("MatMul", [names[0], "weights"], ["sums"]),
         helper.make_node("Softmax", ["sums"], [names[1]])], "linear", tensors[:1], tensors[1:],
        [numpy_helper.from_array(weights, "weights")])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    helper.set_model_props(model, CONTRACT | metadata)
    return model


def of_classes(classes):
    """A model that gives each of `classes` the same probability."""
    return linear(np.zeros((16, len(classes)), np.float32), classes=",".join(classes))


def write_project(folder, monkeypatch, model, with_classes=None):
    """A project folder with these models and 300 complete spectra, numbers in no order."""
    (folder / "models").mkdir()
    onnx.save(model, folder / ONNX_PATH)
    onnx.save(with_classes or model, folder / CLASSES_PATH)
    shutil.copy(TOP / "params.yaml", folder)
    monkeypatch.chdir(folder)
    numbers = np.random.default_rng(0).permutation(300) + 1
    schema = tables.asteroid_schema(GRID)
    spectra = np.random.default_rng(1).normal(1, 0.2, (300, 16)).astype(np.float32)
    columns = {field.name: pa.nulls(300, field.type) for field in schema}
    columns |= {"source_id": numbers, "number": numbers, "complete": [True] * 300,
                "name": [f"name {n}" for n in numbers],
                **dict(zip(tables.reflectance_columns(GRID), spectra.T, strict=True))}
    write_parquet(pa.table(columns, schema), tables.ASTEROIDS_PATH, {})


def by_name(flowgraph):
    """The blocks of a flowgraph by their names."""
    return {block["name"]: block for block in flowgraph["graph"]}
