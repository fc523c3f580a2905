"""Prove that the ONNX file gives the same probabilities in runtimes other than the pipeline's.

    python -m benchmarks.runtimes [folder, default .]

Each runs, in a process of its own, on the sample spectra that were handed over, on one of them
with NaN in a used band (must give NaN) and on one with NaN in all unused bands (must change
nothing); scikit-learn is the reference. What is missing is installed under build/runtimes, by
package name and pinned version; what cannot be is left out, with a sentence. Writes
benchmarks/results/runtimes.json of the folder.
"""

import glob
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from asteroid_taxonomy.console import PipelineError, run
from asteroid_taxonomy.files import write_json
from asteroid_taxonomy.learning.model_file import load_model, model_path
from asteroid_taxonomy.onnx_model.contract import metadata, read_onnx
from asteroid_taxonomy.onnx_model.description import ONNX_PATH, USED_BANDS_KEY, WAVELENGTHS_KEY
from stages.cyberether import SAMPLE_PATH

HERE = Path(__file__).resolve().parent
BUILD = HERE.parent.parent / "build/runtimes"
REPORT_PATH = Path("benchmarks/results/runtimes.json")
TOLERANCE = 1e-5
# the oldest onnxruntime that each Python has; the first Python found is taken
OLDEST = {"3.10": "1.14.0", "3.11": "1.15.0", "3.12": "1.17.0", "3.13": "1.20.0"}


class Unavailable(Exception):
    """Why a runtime cannot be had here."""


@dataclass(frozen=True)
class Runtime:
    """Its name for the table, and how to get the command that runs the model in it."""

    name: str
    command: Callable[[], list[str]]


def install(*command: str, cwd: Path = BUILD) -> None:
    """Run an installer; Unavailable with its last words if it fails."""
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True)
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines() or ["without a word"]
        raise Unavailable(f"`{' '.join(map(str, command[:4]))} ...` failed: {said[-1][:200]}")


def environment(name: str, python: str, *packages: str) -> str:
    """The Python of a virtual environment with these packages, made when it is not there."""
    home = BUILD / name
    if not (home / "installed").exists():
        install(python, "-m", "venv", "--clear", str(home))
        install(str(home / "bin/python"), "-m", "pip", "install", "--quiet", *packages)
        (home / "installed").touch()
    return str(home / "bin/python")


def oldest_onnxruntime() -> list[str]:
    """The oldest onnxruntime that some Python of this machine can have."""
    for minor, release in OLDEST.items():
        pythons = [shutil.which(f"python{minor}") or "",
                   *sorted(glob.glob(os.path.expanduser(f"~/.pyenv/versions/{minor}.*/bin/python")))]
        for python in filter(None, pythons):
            if subprocess.run([python, "--version"], capture_output=True).returncode == 0:
                inside = environment(f"onnxruntime-{release}", python, f"onnxruntime=={release}",
                                     "numpy<2")
                return [inside, str(HERE / "onnxruntime_python.py")]
    raise Unavailable(f"none of Python {', '.join(OLDEST)} is here")


def opencv(release: str, *others: str) -> Callable[[], list[str]]:
    """OpenCV's dnn; Debian 12 has 4.6.0."""
    return lambda: [environment(f"opencv-{release}", sys.executable,
                                f"opencv-python-headless=={release}", *others),
                    str(HERE / "opencv_dnn.py")]


def node(script: str) -> list[str]:
    """A script for Node.js with the packages of package.json."""
    if not shutil.which("npm"):
        raise Unavailable("npm is not here")
    wanted = (HERE / "package.json").read_text(encoding="utf-8")
    installed = BUILD / "package.json"
    if not installed.exists() or installed.read_text(encoding="utf-8") != wanted:
        (BUILD / "package.part.json").write_text(wanted, encoding="utf-8")
        # no scripts: onnxruntime-node's would fetch CUDA libraries
        shutil.copy(HERE / "package.json", installed)
        try:
            install("npm", "install", "--ignore-scripts", "--no-audit", "--no-fund")
        except Unavailable:
            installed.unlink()
            raise
    return ["node", str(HERE / script)]


def browser() -> list[str]:
    """Headless Chromium, from the system or Debian's packages."""
    if not shutil.which("chromium"):
        if not shutil.which("apt-get") or os.geteuid():
            raise Unavailable("chromium is not here; install your system's package")
        install("apt-get", "install", "--yes", "--no-install-recommends", "chromium")
    os.environ["CHROMIUM"] = str(shutil.which("chromium"))
    return node("browser.mjs")


RUNTIMES = (
    Runtime("onnxruntime, as locked",
            lambda: [sys.executable, str(HERE / "onnxruntime_python.py")]),
    Runtime("onnxruntime, oldest", oldest_onnxruntime),
    Runtime("onnxruntime-node", lambda: node("node.mjs")),
    Runtime("onnxruntime-web (WASM)", browser),
    Runtime("OpenCV dnn, oldest", opencv("4.6.0.66", "numpy<2")),
    Runtime("OpenCV dnn, newest", opencv("5.0.0.93")),
    Runtime("ONNX reference evaluator",
            lambda: [sys.executable, str(HERE / "onnx_reference.py")]),
)


def spectra() -> tuple[np.ndarray, np.ndarray]:
    """The sample, float32 [n + 2, bands], and its reference, [n, classes].

    The last two rows are the first one with NaN in a used band, and in all that are not used.
    """
    sample = np.fromfile(SAMPLE_PATH, "<f4").reshape(-1, 16)
    about = metadata(read_onnx(ONNX_PATH))
    unused = ~np.isin(about[WAVELENGTHS_KEY].split(","), about[USED_BANDS_KEY].split(","))
    holed, blind = sample[:1].copy(), sample[:1].copy()
    holed[0, np.flatnonzero(~unused)[2]] = np.nan
    blind[0, unused] = np.nan
    model = load_model(model_path(ONNX_PATH.stem))
    return np.concatenate([sample, holed, blind]), model.predict_proba(sample)


def judge(found: np.ndarray, reference: np.ndarray) -> float:
    """The largest difference to the reference; PipelineError where it or the NaNs are wrong."""
    rows, holed, blind = found[:-2], found[-2], found[-1]
    difference = float(np.abs(rows - reference).max())
    if not difference <= TOLERANCE:
        raise PipelineError(f"probabilities differ by {difference:.1e} (allowed {TOLERANCE:.0e})")
    if not np.isnan(holed).all() or not np.allclose(blind, rows[0], rtol=0.0, atol=TOLERANCE):
        raise PipelineError("NaN is not dealt with as the file's metadata say")
    return difference


def main() -> None:
    """Run every runtime, print a table, and fail if one differs."""
    os.chdir(sys.argv[1] if len(sys.argv) > 1 else ".")
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # of every runtime's process
    BUILD.mkdir(parents=True, exist_ok=True)
    batch, reference = spectra()
    given, taken = BUILD / "spectra.raw", BUILD / "probabilities.raw"
    batch.astype("<f4").tofile(given)
    rows, wrong = [], []
    print(f"{'runtime':28}{'version':34}{'largest difference':>18}")
    for runtime in RUNTIMES:
        try:
            command = runtime.command()
        except Unavailable as reason:
            print(f"{runtime.name:28}not run: {reason}")
            continue
        taken.unlink(missing_ok=True)
        done = subprocess.run([*command, str(ONNX_PATH.resolve()), str(given), str(taken)],
                              cwd=BUILD, capture_output=True, text=True)
        try:
            if done.returncode:
                raise PipelineError(f"ended with code {done.returncode}: {done.stderr[-500:]}")
            found = np.fromfile(taken, "<f4").reshape(len(batch), -1)
            difference = judge(found, reference)
        except PipelineError as error:
            wrong.append(f"{runtime.name}: {error}")
            print(f"{runtime.name:28}WRONG: {error}")
            continue
        version = done.stdout.strip().splitlines()[-1]
        print(f"{runtime.name:28}{version:34}{difference:18.0e}")
        rows.append({"runtime": runtime.name, "version": version,
                     "max_difference": float(f"{difference:.0e}")})
    if wrong:
        raise PipelineError("; ".join(wrong))
    write_json({"survey": metadata(read_onnx(ONNX_PATH))["survey"], "spectra": len(reference),
                "runtimes": rows}, REPORT_PATH, digits=None)
    print(f"wrote {REPORT_PATH}: {len(rows)} of {len(RUNTIMES)} runtimes, "
          f"{len(reference)} spectra")


if __name__ == "__main__":
    run(main)
