"""Time the ONNX file on one core beside scikit-learn, another ONNX file and the matrix floor.

    python -m benchmarks.onnx [other.onnx]

Batch 1 (microseconds a call) and batch 4,096 (microseconds a spectrum and network), best of rounds
in which all take turns, so that what else the machine does hits all alike; then the whole survey,
from loading the file to the last probability. The floor: the multiply-adds of the weights over the
rate of NumPy's float32 matrix product. `other.onnx` is for a file to compare with, such as that of
the published script. Writes benchmarks/results/onnx.json. Needs data/asteroids.parquet.
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from threadpoolctl import threadpool_limits

from asteroid_taxonomy.asteroids import matrix, read_asteroids, reflectance_columns
from asteroid_taxonomy.console import run
from asteroid_taxonomy.files import write_json
from asteroid_taxonomy.learning.model_file import load_model, model_path
from asteroid_taxonomy.onnx_model.description import MAIN, ONNX_PATH
from asteroid_taxonomy.params import load_params

RESULTS_PATH = Path("benchmarks/results/onnx.json")
BATCH = 4096
ROUNDS = 30
CALLS = {1: 100, BATCH: 5}  # of each contender in a round
SIDE = 512  # of the square matrices whose product gives the machine's rate


def session(path: Path) -> Callable[[np.ndarray], np.ndarray]:
    """The file in onnxruntime, on one thread."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    loaded = onnxruntime.InferenceSession(str(path), options, ["CPUExecutionProvider"])
    name = loaded.get_inputs()[0].name
    return lambda spectra: loaded.run(None, {name: spectra})[0]


def shape(path: Path) -> tuple[int, int]:
    """How many networks a file holds, and its multiply-adds for one spectrum."""
    graph = onnx.load(path).graph
    sizes = {t.name: int(np.prod(t.dims)) for t in graph.initializer if t.name != "zeros"}
    adds = sum(sizes.get(name, 0) for node in graph.node if node.op_type in {"MatMul", "Gemm"}
               for name in node.input[:2])
    return sum(node.op_type == "Softmax" for node in graph.node), adds


def seconds(call: Callable[[], object]) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def best(contenders: dict[str, Callable[[np.ndarray], np.ndarray]], spectra: np.ndarray
         ) -> dict[str, float]:
    """Seconds of the fastest call of each, over rounds in which they take turns."""
    out = dict.fromkeys(contenders, np.inf)
    for _ in range(ROUNDS):
        for name, predict in contenders.items():
            for _ in range(CALLS[len(spectra)]):
                out[name] = min(out[name], seconds(lambda p=predict: p(spectra)))
    return out


def whole_survey(spectra: np.ndarray) -> None:
    predict = session(ONNX_PATH)
    for start in range(0, len(spectra), BATCH):
        predict(spectra[start:start + BATCH])


def main() -> None:
    wavelengths_nm = load_params(("bands.wavelengths_nm",))["bands"]["wavelengths_nm"]
    columns = reflectance_columns(wavelengths_nm)
    survey = matrix(read_asteroids(wavelengths_nm, columns), columns)
    complete = survey[~np.isnan(survey).any(axis=1)][:BATCH]
    contenders = {"onnx": session(ONNX_PATH),
                  "scikit_learn": load_model(model_path(MAIN)).predict_proba}
    networks, adds = shape(ONNX_PATH)
    counts = {"onnx": networks, "scikit_learn": networks}
    if len(sys.argv) > 1:
        contenders["other"], counts["other"] = session(Path(sys.argv[1])), shape(sys.argv[1])[0]
    square = np.random.default_rng(0).random((SIDE, SIDE), dtype=np.float32)
    timed = {**contenders, "product": lambda _: square @ square}
    with threadpool_limits(1):  # NumPy's matrix products
        single, batch = best(contenders, complete[:1]), best(timed, complete)
    floor = adds / networks * batch["product"] / SIDE**3
    found = {"networks": networks, "multiply_adds": adds,
             "multiply_adds_per_us": SIDE**3 / batch["product"] / 1e6}
    print(f"{'':14}{'networks':>9}{'batch 1':>12}{f'batch {BATCH:,}':>24}{'x floor':>9}")
    for name in contenders:
        each = batch[name] / BATCH / counts[name]
        found |= {f"{name}_batch_1_us": single[name] * 1e6,
                  f"{name}_batch_{BATCH}_us_per_spectrum_and_network": each * 1e6,
                  f"{name}_over_floor": each / floor}
        print(f"{name:14}{counts[name]:9}{single[name] * 1e6:9.1f} us"
              f"{each * 1e9:12.1f} ns/network{each / floor:9.2f}")
        if name != "onnx":
            found[f"throughput_per_network_over_{name}"] = (
                each / found[f"onnx_batch_{BATCH}_us_per_spectrum_and_network"] * 1e6)
            print(f"{'':14}the file here has "
                  f"{found[f'throughput_per_network_over_{name}']:.2f} x its throughput")
    found["whole_survey_spectra"] = len(survey)
    found["whole_survey_s"] = min(seconds(lambda: whole_survey(survey)) for _ in range(5))
    print(f"whole survey: {len(survey):,} spectra in {found['whole_survey_s']:.3f} s, file loaded")
    write_json(found, RESULTS_PATH, digits=4)
    print(f"wrote {RESULTS_PATH}")


if __name__ == "__main__":
    run(main)
