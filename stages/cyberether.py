"""Hand the model over to CyberEther: a flowgraph that runs it, and spectra to run it on.

Reads   models/asteroid_taxonomy.onnx, data/asteroids.parquet
Writes  models/flowgraph.yml, models/sample_spectra.raw (float32, little-endian, one asteroid after
        the other, bands in ascending wavelength; a whole number of batches)

The format is that of CyberEther 1.9, flowgraph version 2. Ports are numbered: input_0 of the block
onnx_inference is the model's first input, whatever it is called. CyberEther says nothing about a
key or a link that it does not know; tests/test_handover.py checks each.
"""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pyarrow as pa
import pyarrow.compute as pc
import yaml

from asteroid_taxonomy.asteroids import matrix, read_asteroids, reflectance_columns
from asteroid_taxonomy.console import PipelineError, run
from asteroid_taxonomy.files import atomic
from asteroid_taxonomy.onnx_model.contract import CLASSES_KEY, ONNX_PATH, metadata, read_onnx
from asteroid_taxonomy.params import load_params

PARAMS = ("bands", "handover")
FLOWGRAPH_PATH = Path("models/flowgraph.yml")
SAMPLE_PATH = Path("models/sample_spectra.raw")


def sample(asteroids: pa.Table, batch: int, batches: int) -> pa.Table:
    """The complete spectra of the asteroids with the lowest numbers, whole batches of them.

    Parameters
    ----------
    asteroids : pyarrow.Table
        With columns number, name, complete and the bands.
    batch, batches : int
        Asteroids in a batch; how many batches to take, if there are as many.

    Raises
    ------
    PipelineError
        Not even one batch.
    """
    usable = asteroids.filter(pc.and_(asteroids["complete"], pc.is_valid(asteroids["number"])))
    whole = min(batches, usable.num_rows // batch)
    if not whole:
        raise PipelineError(f"the sample for CyberEther needs {batch} numbered asteroids with all "
                            f"bands (handover.batch), but there are {usable.num_rows}")
    return usable.sort_by("number").slice(0, whole * batch)


def flowgraph(model: onnx.ModelProto, chosen: pa.Table, handover: dict[str, Any]) -> str:
    """The flowgraph as YAML: read spectra, slow down, shape, classify, plot."""
    about = metadata(model)
    bands, classes = (getattr(model.graph, which)[0].type.tensor_type.shape.dim[1].dim_value
                      for which in ("input", "output"))
    names = about[CLASSES_KEY].split(",")
    batch = handover["batch"]
    last = chosen.num_rows - 1
    ends = [f"({chosen['number'][i]}) {chosen['name'][i]}" for i in (0, last)]
    description = (
        f"Taxonomic complexes of asteroids from reflectance spectra of {about['survey']}: "
        f"{chosen.num_rows} asteroids from {ends[0]} to {ends[1]}, {batch} in a batch. The plot "
        f"has {classes} points, the complexes {', '.join(names)} from left to right, and shows "
        "2 x mean probability - 1 over the batch: -1 for none of its asteroids, 1 for all."
    )
    chain: list[tuple[str, str, str, dict[str, Any]]] = [
        # block, its input port, its output port, its settings
        ("file_reader", "", "signal", {
            "filepath": SAMPLE_PATH.as_posix(), "fileFormat": "raw", "dataType": "F32",
            "batchSize": batch * bands, "loop": True, "playing": True}),
        ("throttle", "buffer", "buffer", {"intervalMs": handover["interval_ms"]}),
        ("reshape", "buffer", "buffer", {"shape": f"[{batch}, {bands}]"}),
        ("onnx_inference", "input_0", "output_0", {
            "modelPath": ONNX_PATH.as_posix(), "executionProvider": "cpu"}),
        ("signal_axes", "buffer", "buffer", {"axes": "[B, C]"}),
        ("lineplot", "signal", "", {}),
    ]
    graph: list[dict[str, Any]] = []
    source = ""
    for block, (module, enters, leaves, config) in enumerate(chain):
        graph.append({
            "name": module, "module": module, "device": "cpu", "runtime": "native",
            "provider": "generic",
            **({"config": config} if config else {}),
            **({"input": {enters: source}} if enters else {}),
            "meta": {"node": {"x": 80 + 320 * block, "y": 120, "width": 240, "height": 0}},
        })
        source = f"${{graph.{module}.output.{leaves}}}"
    return yaml.safe_dump({
        "version": 2, "title": "Asteroid taxonomy", "summary": about["taxonomy"],
        "license": about["licence"], "description": description, "graph": graph,
    }, sort_keys=False, width=95, explicit_start=True)


def main() -> None:
    """Run the stage."""
    params = load_params(PARAMS)
    handover, wavelengths_nm = params["handover"], params["bands"]["wavelengths_nm"]
    columns = reflectance_columns(wavelengths_nm)
    asteroids = read_asteroids(wavelengths_nm, ["number", "name", "complete", *columns])
    chosen = sample(asteroids, handover["batch"], handover["batches"])
    with atomic(SAMPLE_PATH) as part:
        part.write_bytes(matrix(chosen, columns).astype(np.dtype("<f4")).tobytes())
    with atomic(FLOWGRAPH_PATH) as part:
        part.write_text(flowgraph(read_onnx(ONNX_PATH), chosen, handover), encoding="utf-8",
                        newline="\n")
    print(f"wrote {FLOWGRAPH_PATH} and {SAMPLE_PATH}: {chosen.num_rows} asteroids, "
          f"{SAMPLE_PATH.stat().st_size:,} bytes")


if __name__ == "__main__":
    run(main, __doc__)
