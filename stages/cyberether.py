"""Hand the model over to CyberEther: flowgraphs that run it, and spectra to run it on.

Reads   models/asteroid_taxonomy.onnx, data/asteroids.parquet
Writes  models/flowgraph.yml       classifies and plots the spectra of sample_spectra.raw
        models/sample_spectra.raw  float32, little-endian, one asteroid after the other, bands in
                                   ascending wavelength; a whole number of batches
        models/flowgraph_live.yml  asks the archive for the spectra while it runs

docs/model_file.md says which CyberEther runs them, and how to put in other spectra.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from asteroid_taxonomy.asteroids import matrix, read_asteroids, reflectance_columns
from asteroid_taxonomy.console import PipelineError, run
from asteroid_taxonomy.files.atomic_write import atomic, together
from asteroid_taxonomy.onnx_model.classifier import Classifier, load_classifier
from asteroid_taxonomy.onnx_model.description import ONNX_PATH
from asteroid_taxonomy.onnx_model.flowgraph import (
    GAP,
    RIGHT,
    ROW,
    Block,
    as_yaml,
    asks_archive,
    block,
    class_plots,
    link,
    prints_names,
)
from asteroid_taxonomy.params import load_params

PARAMS = ("cyberether",)
FLOWGRAPH_PATH = Path("models/flowgraph.yml")
LIVE_PATH = Path("models/flowgraph_live.yml")
SAMPLE_PATH = Path("models/sample_spectra.raw")


def sample(asteroids: pa.Table, batch: int, batches: int) -> pa.Table:
    """The complete spectra of the asteroids with the lowest numbers: `batches` of `batch`.

    Fewer batches where there are not as many; PipelineError where there is not even one.
    """
    usable = asteroids.filter(pc.and_(asteroids["complete"], pc.is_valid(asteroids["number"])))
    whole = min(batches, usable.num_rows // batch)
    if not whole:
        raise PipelineError(f"the sample for CyberEther needs {batch} numbered asteroids with all "
                            f"bands (cyberether.batch), but there are {usable.num_rows}")
    return usable.sort_by("number").slice(0, whole * batch)


def legend(model: Classifier, spectra: str) -> str:
    """What a person who opens the flowgraph should know."""
    doubt = f" Below {model.threshold:g} take the class as unknown." if model.threshold else ""
    return (f"{spectra} One plot for each class, one point for each asteroid of a batch, the "
            "first on the left: its probability, 0 at the bottom, 1 at the top (the cursor shows "
            f"2 x probability - 1).{doubt} Ignore the axis titles. Learned from {model.survey}.")


def inference(x: int, spectra: str) -> Block:
    """The block that runs the model on `spectra`, a link."""
    return block("onnx_inference", "onnx_inference", x, 220, {
        "modelPath": ONNX_PATH.as_posix(), "executionProvider": "cpu"}, {"input_0": spectra})


def from_file(model: Classifier, chosen: pa.Table, batch: int, interval_ms: int) -> str:
    """The flowgraph that reads the sample: read, slow down, shape, classify, plot."""
    bands = len(model.wavelengths_nm)
    first, last = (f"({row['number']}) {row['name']}" for row in (
        chosen.slice(0, 1).to_pylist() + chosen.slice(chosen.num_rows - 1).to_pylist()))
    spectra = f"{chosen.num_rows} asteroids from {first} to {last}, {batch} in a batch."
    probabilities = link("onnx_inference", "output_0")
    return as_yaml("Asteroid taxonomy", model.metadata, spectra, [
        block("file_reader", "file_reader", 40, 220, {
            "filepath": SAMPLE_PATH.as_posix(), "fileFormat": "raw", "dataType": "F32",
            "batchSize": batch * bands, "loop": True, "playing": True}),
        block("throttle", "throttle", 280, 220, {"intervalMs": interval_ms},
              {"buffer": link("file_reader", "signal")}),
        block("reshape", "reshape", 520, 220, {"shape": f"[{batch}, {bands}]"},
              {"buffer": link("throttle", "buffer")}),
        inference(760, link("reshape", "buffer")),
        block("legend", "note", 1000, RIGHT - 1000, {"content": legend(model, spectra)},
              height=ROW - GAP),
        *class_plots(model.classes, probabilities, (40, RIGHT), (40, RIGHT)),
    ])


def live(model: Classifier, batch: int, interval_ms: int, asking: Mapping[str, Any]) -> str:
    """The flowgraph that asks the archive, and prints names with their classes."""
    code, host = asks_archive(model, batch, asking)
    spectra = (f"Opening this flowgraph runs the Python code of two of its blocks, which asks "
               f"{host} (or GAIA_TAP_URL) for the spectra of asteroids by their numbers.")
    probabilities = link("onnx_inference", "output_0")
    tensor = {"shape": f"[{batch}, {len(model.wavelengths_nm)}]", "axes": "[B, S]",
              "dtype": "F32", "device": "cpu"}
    title = f"Asteroid taxonomy, live: opening this runs Python and asks {host}"
    return as_yaml(title, model.metadata, spectra, [
        block("archive", "python", 40, 440, {
            "code": code, "inputCount": 0, "outputCount": 1, "throttled": False,
            "outputTensorSpecs": [tensor]}),
        block("throttle", "throttle", 500, 220, {"intervalMs": interval_ms},
              {"buffer": link("archive", "output0")}),
        inference(740, link("throttle", "buffer")),
        block("legend", "note", 980, 440, {"content": legend(model, spectra)}, height=ROW - GAP),
        block("names", "python", 1440, RIGHT - 1440, {
            "code": prints_names(model), "inputCount": 1, "outputCount": 0, "throttled": False},
            {"input0": probabilities}),
        *class_plots(model.classes, probabilities, (500, 1420), (500, RIGHT)),
    ])


@together()
def main() -> None:
    """Run the stage."""
    settings = load_params(PARAMS)["cyberether"]
    batch, interval_ms = settings["batch"], settings["interval_ms"]
    model = load_classifier(ONNX_PATH)
    columns = reflectance_columns(model.wavelengths_nm)
    asteroids = read_asteroids(model.wavelengths_nm, ["number", "name", "complete", *columns])
    chosen = sample(asteroids, batch, settings["batches"])
    spectra = matrix(chosen, columns).astype(np.dtype("<f4")).tobytes()
    for path, content in (
        (SAMPLE_PATH, spectra),
        (FLOWGRAPH_PATH, from_file(model, chosen, batch, interval_ms).encode()),
        (LIVE_PATH, live(model, batch, interval_ms, settings["live"]).encode()),
    ):
        with atomic(path) as part:
            part.write_bytes(content)
    print(f"wrote {FLOWGRAPH_PATH}, {LIVE_PATH} and {SAMPLE_PATH}: {chosen.num_rows} asteroids, "
          f"{len(spectra):,} bytes")


if __name__ == "__main__":
    run(main, __doc__)
