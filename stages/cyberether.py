"""Write CyberEther flowgraphs that run the ONNX files, and a file of spectra for them.

Reads   models/asteroid_taxonomy.onnx, asteroid_taxonomy_classes.onnx, data/asteroids.parquet
Writes  models/flowgraph.yml          classifies and plots the spectra of sample_spectra.raw
        models/flowgraph_classes.yml  the same with the classes behind the complexes
        models/flowgraph_live.yml     queries the archive for the spectra while it runs
        models/sample_spectra.raw     float32, little-endian, asteroid by asteroid, bands in
                                      ascending wavelength; a whole number of batches
"""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from asteroid_taxonomy.console import PipelineError, run
from asteroid_taxonomy.files import atomic
from asteroid_taxonomy.onnx_model.classifier import load_classifier
from asteroid_taxonomy.onnx_model.flowgraph import from_file, live
from asteroid_taxonomy.onnx_model.metadata import CLASSES_PATH, FOLDER, ONNX_PATH
from asteroid_taxonomy.params import load_params
from asteroid_taxonomy.tables import matrix, read_asteroids, reflectance_columns

FLOWGRAPH_PATH, OF_CLASSES_PATH, LIVE_PATH = (
    FOLDER / f"flowgraph{which}.yml" for which in ("", "_classes", "_live"))
SAMPLE_PATH = FOLDER / "sample_spectra.raw"


def sample(asteroids: pa.Table, batch: int, batches: int) -> pa.Table:
    """The complete spectra of the lowest numbers: `batches` of `batch`, or as many as there are.

    Raises
    ------
    PipelineError
        There is not even one batch.
    """
    usable = asteroids.filter(pc.and_(asteroids["complete"], pc.is_valid(asteroids["number"])))
    whole = min(batches, usable.num_rows // batch)
    if not whole:
        raise PipelineError(f"{usable.num_rows} numbered asteroids have all bands, fewer than one "
                            f"batch of {batch}; lower cyberether.batch in params.yaml")
    return usable.sort_by("number").slice(0, whole * batch)


def main() -> None:
    """Run the stage."""
    settings = load_params().cyberether
    model, of_classes = load_classifier(ONNX_PATH), load_classifier(CLASSES_PATH)
    columns = reflectance_columns(model.wavelengths_nm)
    chosen = sample(read_asteroids(model.wavelengths_nm, ["number", "name", "complete", *columns]),
                    settings.batch, settings.batches)
    names = [f"({number}) {name}" for number, name in zip(
        chosen["number"].to_pylist(), chosen["name"].to_pylist(), strict=True)]
    contents: dict[Path, bytes] = {
        SAMPLE_PATH: matrix(chosen, columns).astype(np.dtype("<f4")).tobytes(),
        FLOWGRAPH_PATH: from_file(model, ONNX_PATH, SAMPLE_PATH, names, settings.batch).encode(),
        OF_CLASSES_PATH: from_file(of_classes, CLASSES_PATH, SAMPLE_PATH, names,
                                   settings.batch).encode(),
        LIVE_PATH: live(model, ONNX_PATH, settings.batch).encode()}
    for path, content in contents.items():
        with atomic(path) as part:
            part.write_bytes(content)
        print(f"wrote {path}: {len(content):,} bytes")


if __name__ == "__main__":
    run(main, __doc__)
