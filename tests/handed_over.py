"""A project folder on whose model and asteroids the stage cyberether runs."""

import shutil

import numpy as np
import onnx
import pyarrow as pa

from asteroid_taxonomy import asteroids
from asteroid_taxonomy.files import write_parquet
from asteroid_taxonomy.onnx_model.description import ONNX_PATH
from tests.onnx_files import TOP

GRID = [374 + 44 * i for i in range(16)]


def write_project(folder, monkeypatch, model):
    """A project folder with this model and 300 complete spectra, numbers in no order."""
    (folder / "models").mkdir()
    onnx.save(model, folder / ONNX_PATH)
    shutil.copy(TOP / "params.yaml", folder)
    monkeypatch.chdir(folder)
    numbers = np.random.default_rng(0).permutation(300) + 1
    schema = asteroids.schema(GRID)
    spectra = np.random.default_rng(1).normal(1, 0.2, (300, 16)).astype(np.float32)
    columns = {field.name: pa.nulls(300, field.type) for field in schema}
    columns |= {"source_id": numbers, "number": numbers, "complete": [True] * 300,
                "name": [f"name {n}" for n in numbers],
                **dict(zip(asteroids.reflectance_columns(GRID), spectra.T, strict=True))}
    write_parquet(pa.table(columns, schema), asteroids.ASTEROIDS_PATH, {})


def by_name(flowgraph):
    """The blocks of a flowgraph by their names."""
    return {block["name"]: block for block in flowgraph["graph"]}
