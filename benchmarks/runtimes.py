"""Run the ONNX file in several runtimes, compare them with scikit-learn, and time two of them.

    python -m benchmarks.runtimes

The spectra are models/sample_spectra.raw, one of them with NaN in a used band (must give NaN), and
one with NaN in all unused bands (must change nothing). Each runtime has a process of its own; what
is missing is installed under build/runtimes, and what cannot be installed is reported.
"""

import glob
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from asteroid_taxonomy.console import PipelineError, one_line, run
from asteroid_taxonomy.learning import model_path
from asteroid_taxonomy.learning.model_file import load_model
from asteroid_taxonomy.onnx_model.classifier import load_classifier
from asteroid_taxonomy.onnx_model.metadata import FOLDER, MAIN, ONNX_PATH

BUILD = Path("build/runtimes").resolve()
TOLERANCE = 1e-5
# the oldest onnxruntime of each Python; the first Python that is found is taken
OLDEST = {"3.10": "1.14.0", "3.11": "1.15.0", "3.12": "1.17.0", "3.13": "1.20.0"}
NPM = ("onnxruntime-node@1.30.0", "onnxruntime-web@1.30.0")
HEAD = "import sys, numpy as np; m, s, p = sys.argv[1:]; x = np.fromfile(s, '<f4').reshape(-1, 16)"
ONNXRUNTIME = f"""{HEAD}
import onnxruntime as o
f = o.InferenceSession(m, providers=["CPUExecutionProvider"]).run(None, {{"float_input": x}})[0]
f.astype("<f4").tofile(p); print(o.__version__)"""
REFERENCE = f"""{HEAD}
import onnx
from onnx.reference import ReferenceEvaluator
f = ReferenceEvaluator(m).run(None, {{"float_input": x}})[0]
f.astype("<f4").tofile(p); print(onnx.__version__)"""
OPENCV = f"""{HEAD}
import cv2
net = cv2.dnn.readNetFromONNX(m); net.setInput(x)
net.forward().astype("<f4").tofile(p); print(cv2.__version__)"""
JAVASCRIPT = """
const fs = require('node:fs'), ort = require('PACKAGE'), [m, s, p] = process.argv.slice(1);
const x = new Float32Array(new Uint8Array(fs.readFileSync(s)).buffer);
ort.env.wasm.numThreads = 1;
ort.InferenceSession.create(new Uint8Array(fs.readFileSync(m))).then(async session => {
  const given = {float_input: new ort.Tensor('float32', x, [x.length / 16, 16])};
  const {data} = (await session.run(given)).probabilities;
  fs.writeFileSync(p, new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  console.log(Object.values(ort.env.versions).pop());
});"""


def install(*command: str) -> None:
    """Run an installer in BUILD."""
    done = subprocess.run(command, cwd=BUILD, capture_output=True, text=True)
    if done.returncode:
        raise PipelineError(one_line((done.stderr or done.stdout)[-150:]))


def python(code: str, *packages: str, interpreter: str = sys.executable) -> list[str]:
    """The command that runs `code` with these packages, in an environment of their own if any."""
    if packages:
        home = BUILD / "-".join(packages).replace("=", "").replace("<", "")
        if not (home / "installed").exists():
            install(interpreter, "-m", "venv", "--clear", str(home))
            install(str(home / "bin/python"), "-m", "pip", "install", "--quiet", *packages)
            (home / "installed").touch()
        interpreter = str(home / "bin/python")
    return [interpreter, "-c", code]


def oldest_onnxruntime() -> list[str]:
    """The oldest onnxruntime that a Python of this machine can have."""
    for minor, release in OLDEST.items():
        for found in (shutil.which(f"python{minor}") or "", *sorted(
                glob.glob(os.path.expanduser(f"~/.pyenv/versions/{minor}.*/bin/python")))):
            if found and not subprocess.run([found, "--version"], capture_output=True).returncode:
                return python(ONNXRUNTIME, f"onnxruntime=={release}", "numpy<2",
                              interpreter=found)
    raise PipelineError(f"none of Python {', '.join(OLDEST)} is installed")


def node(package: str) -> list[str]:
    """The command that runs the model in a package of npm."""
    if not (BUILD / "node_modules" / package).exists():
        # no scripts: onnxruntime-node's would fetch CUDA libraries
        install("npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", *NPM)
    return ["node", "-e", JAVASCRIPT.replace("PACKAGE", package)]


RUNTIMES = {
    "onnxruntime, as locked": lambda: python(ONNXRUNTIME),
    "onnxruntime, oldest": oldest_onnxruntime,
    "onnxruntime-node": lambda: node("onnxruntime-node"),
    "onnxruntime-web (WASM), in Node.js": lambda: node("onnxruntime-web"),
    "OpenCV dnn, oldest": lambda: python(OPENCV, "opencv-python-headless==4.6.0.66", "numpy<2"),
    "OpenCV dnn, newest": lambda: python(OPENCV, "opencv-python-headless==5.0.0.93"),
    "ONNX reference evaluator": lambda: python(REFERENCE),
}


def checked(path: Path, reference: np.ndarray) -> float:
    """The largest difference of a runtime's probabilities; PipelineError where it is wrong."""
    *rows, holed, blind = np.fromfile(path, "<f4").reshape(len(reference) + 2, -1)
    difference = float(np.abs(rows - reference).max())
    if not (difference <= TOLERANCE and np.isnan(holed).all()
            and np.allclose(blind, rows[0], rtol=0, atol=TOLERANCE)):
        raise PipelineError(f"WRONG: differs by {difference:.1e}, or treats NaN wrongly")
    return difference


def main() -> None:
    """Run every runtime, print the table and the times; fail if a runtime differs."""
    BUILD.mkdir(parents=True, exist_ok=True)
    model, trained = load_classifier(), load_model(model_path(MAIN))
    sample = np.fromfile(FOLDER / "sample_spectra.raw", "<f4").reshape(-1, 16)
    holed, blind = sample[:1].copy(), np.full_like(sample[:1], np.nan)
    holed[0, model.used[2]], blind[0, model.used] = np.nan, sample[0, model.used]
    given, taken = BUILD / "spectra.raw", BUILD / "probabilities.raw"
    np.concatenate([sample, holed, blind]).astype("<f4").tofile(given)
    reference = trained.predict_proba(sample.astype(float))
    lines = ["| runtime | version | largest difference of a probability |", "|---|---|---|"]
    wrong = False
    for name, command in RUNTIMES.items():
        taken.unlink(missing_ok=True)
        try:
            done = subprocess.run(
                [*command(), str(ONNX_PATH.resolve()), str(given), str(taken)], cwd=BUILD,
                capture_output=True, text=True, env={**os.environ, "ORT_DISABLE_TELEMETRY": "1"})
            if done.returncode:
                raise PipelineError(f"WRONG: {one_line(done.stderr[-150:])}")
            version, largest = done.stdout.split()[-1], checked(taken, reference)
            lines.append(f"| {name} | {version} | {largest:.0e} |")
        except PipelineError as error:
            lines.append(f"| {name} | not run | {error} |")
            wrong |= str(error).startswith("WRONG")
    print("\n".join(lines))
    for label, predict in (("onnxruntime", model.probabilities),
                           ("scikit-learn", trained.predict_proba)):
        many, times = np.tile(sample, (16, 1)), []
        for batch in (many[:1], many):
            started = time.perf_counter()
            for _ in range(20):
                predict(batch)
            times.append((time.perf_counter() - started) / 20 / len(batch) * 1e6)
        print(f"{label}: {times[0]:.0f} us a spectrum alone, {times[1]:.2f} us in {len(many):,}")
    if wrong:
        raise PipelineError("a runtime gives other probabilities; see the table")


if __name__ == "__main__":
    run(main)
