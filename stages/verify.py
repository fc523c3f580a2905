"""Verify the ONNX file before it is handed over: its contract, and that it is the same model.

Reads   models/asteroid_taxonomy.onnx, models/asteroid_taxonomy.skops, data/asteroids.parquet
Writes  reports/verify.json
"""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
import pyarrow as pa

from stages.asteroids import read_asteroids
from stages.bands import matrix, reflectance_columns, used_band_numbers
from stages.cli import PipelineError, run
from stages.files import load_params, write_json
from stages.model_file import load_model
from stages.onnx_contract import (
    CLASSES_KEY,
    INPUT_NAME,
    ML_DOMAIN,
    ML_MODELS,
    ONNX_PATH,
    OUTPUT_NAME,
    USED_BANDS_KEY,
    WAVELENGTHS_KEY,
)
from stages.training_set import load_training_set

PARAMS = ("bands", "split", "train", "verify")
VERIFY_PATH = Path("reports/verify.json")
SAMPLES = 4  # asteroids of the held-out set in the table on screen
SUM_TOLERANCE = 1e-5  # of the probabilities of one asteroid, from 1
Probabilities = npt.NDArray[np.float32]


def open_session(path: Path) -> onnxruntime.InferenceSession:
    """Load the file on the CPU, quietly; PipelineError where it cannot be loaded."""
    if not path.exists():
        raise PipelineError(f"{path} does not exist; run `dvc repro export` to make it")
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(str(path), options, ["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's exceptions share no narrower base class
        raise PipelineError(f"onnxruntime {onnxruntime.__version__} cannot load {path}: "
                            f"{' '.join(str(error).split())[:300]}") from None


def check_contract(
    session: onnxruntime.InferenceSession, classes: list[str], wavelengths_nm: list[int],
    used_nm: list[int],
) -> None:
    """Check names, shapes and types of input and output, and what the metadata says.

    Raises
    ------
    PipelineError
        The first promise of onnx_contract.py that the file breaks.
    """
    def tensors(nodes: list[onnxruntime.NodeArg]) -> str:
        return "; ".join(f"{n.name} {n.type} {n.shape}" for n in nodes)

    for what, nodes, name, width in (
        ("input", session.get_inputs(), INPUT_NAME, len(wavelengths_nm)),
        ("output", session.get_outputs(), OUTPUT_NAME, len(classes)),
    ):
        as_promised = len(nodes) == 1 and (
            nodes[0].name == name and nodes[0].type == "tensor(float)"
            and len(nodes[0].shape) == 2 and isinstance(nodes[0].shape[0], str)
            and nodes[0].shape[1] == width
        )
        if not as_promised:
            raise PipelineError(
                f"{ONNX_PATH} should have one {what}, {name} tensor(float) ['batch', {width}], "
                f"but has {tensors(nodes)}; run `dvc repro export`"
            )
    stored = session.get_modelmeta().custom_metadata_map
    for key, expected in ((CLASSES_KEY, classes), (WAVELENGTHS_KEY, wavelengths_nm),
                          (USED_BANDS_KEY, used_nm)):
        if stored.get(key) != ",".join(map(str, expected)):
            raise PipelineError(
                f"the metadata of {ONNX_PATH} should say {key} = {','.join(map(str, expected))}, "
                f"but says {stored.get(key)}; run `dvc repro export`"
            )


def check_operators(path: Path, model_name: str) -> None:
    """Check that the graph needs the default domain only, or ai.onnx.ml where it may.

    Raises
    ------
    PipelineError
        It imports another domain.
    """
    allowed = {"", ML_DOMAIN} if model_name in ML_MODELS else {""}
    foreign = {imported.domain for imported in onnx.load(path).opset_import} - allowed
    if foreign:
        raise PipelineError(
            f"{path} needs operators of {', '.join(sorted(foreign))}, which a runtime may not "
            f"have, and {model_name} can do without; run `dvc repro export`"
        )


def compare(
    name: str, reference: Probabilities, exported: Probabilities, max_difference: float
) -> dict[str, float]:
    """Compare probabilities [n, classes] of scikit-learn and of the ONNX file.

    Raises
    ------
    PipelineError
        They differ by more than `max_difference`, a label flips, or rows do not sum to 1.
    """
    difference = float(np.abs(reference - exported).max())
    flips = int((reference.argmax(axis=1) != exported.argmax(axis=1)).sum())
    off_sum = float(np.abs(exported.sum(axis=1, dtype=np.float64) - 1.0).max())
    if not (difference <= max_difference and flips == 0 and off_sum <= SUM_TOLERANCE):
        raise PipelineError(
            f"{ONNX_PATH} is not the trained model: on {name} ({len(reference):,} spectra) "
            f"probabilities differ by {difference:.1e} (allowed {max_difference:.0e}), "
            f"{flips} labels flip, rows are off 1 by {off_sum:.1e}; run `dvc repro export`"
        )
    return {f"{name}_spectra": len(reference), f"{name}_max_difference": difference,
            f"{name}_label_flips": flips, f"{name}_off_sum": off_sum}


def print_samples(asteroids: pa.Table, probabilities: Probabilities, classes: list[str]) -> None:
    """Print the asteroids with the probabilities that the ONNX file gives them."""
    print(f"  {'asteroid':24}" + "".join(f"{name:>8}" for name in classes)
          + "  predicted  label")
    rows = zip(asteroids["number"].to_pylist(), asteroids["name"].to_pylist(),
               asteroids["target"].to_pylist(), probabilities, strict=True)
    for number, name, label, row in rows:
        print(f"  {f'({number}) {name}':24}" + "".join(f"{p:8.3f}" for p in row)
              + f"  {classes[int(row.argmax())]:9}  {label}")


def main() -> None:
    """Run the stage."""
    params = load_params(PARAMS)
    wavelengths_nm, used_nm = params["bands"]["wavelengths_nm"], params["train"]["used_bands_nm"]
    model = load_model()
    classes = list(model.classes_)
    session = open_session(ONNX_PATH)
    check_contract(session, classes, wavelengths_nm, used_nm)
    check_operators(ONNX_PATH, params["train"]["model"])

    data = load_training_set(wavelengths_nm, used_nm, params["split"])
    columns = reflectance_columns(wavelengths_nm)
    population = matrix(read_asteroids(wavelengths_nm, columns), columns)
    used = used_band_numbers(wavelengths_nm, used_nm)
    spectra = {
        "held_out": data.reflectance[data.test],
        "all_classifiable": population[~np.isnan(population[:, used]).any(axis=1)],
    }
    found: dict[str, Any] = {"survey": model.survey_}
    exported = {}
    for name, batch in spectra.items():
        exported[name] = session.run([OUTPUT_NAME], {INPUT_NAME: batch})[0]
        found |= compare(name, model.predict_proba(batch), exported[name],
                         params["verify"]["max_difference"])
    print_samples(data.asteroids.take(data.test[:SAMPLES]), exported["held_out"][:SAMPLES],
                  classes)
    # written with few digits: the last ones belong to the processor, not to the model
    write_json({k: float(f"{v:.0e}") if isinstance(v, float) else v for k, v in found.items()},
               VERIFY_PATH, digits=None)
    for name in spectra:
        print(f"  {name}: {found[f'{name}_spectra']:,} spectra, probabilities differ by at most "
              f"{found[f'{name}_max_difference']:.1e}, {found[f'{name}_label_flips']} labels flip")
    print(f"wrote {VERIFY_PATH}: {ONNX_PATH} is the trained model, classes {', '.join(classes)}")


if __name__ == "__main__":
    run(main)
