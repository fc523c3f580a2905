"""The shipped ONNX file, and what its metadata must have."""

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from asteroid_taxonomy.onnx_model.metadata import ONNX_PATH

TOP = Path(__file__).parent.parent
SHIPPED = TOP / ONNX_PATH
GRID = [374 + 44 * i for i in range(16)]
CONTRACT = {"classes": "C,O,S,X", "wavelengths_nm": ",".join(map(str, GRID)),
            "used_bands_nm": ",".join(map(str, GRID[1:4] + GRID[5:15])), "normalised_at_nm": "550",
            "width_nm": "44", "abstention_threshold": "0.7", "least_probability": "{}",
            "survey": "a survey"}


def complete_spectra():
    """The complete spectra of the sample, float32 [n, 16]."""
    stored = pq.read_table(TOP / "data/sample/spectra.parquet")["reflectance"].to_numpy()
    spectra = stored.reshape(-1, 16).astype(np.float32)
    return spectra[np.isfinite(spectra).all(axis=1)]


def by_name(flowgraph):
    """The blocks of a flowgraph by their names."""
    return {block["name"]: block for block in flowgraph["graph"]}
