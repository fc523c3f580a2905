"""Show how far the metrics move when another processor's matrix kernels train the model.

    python -m benchmarks.kernels

Trains and evaluates in a temporary folder once per OpenBLAS kernel that this x86-64 processor can
run and prints whether the model has the same bytes, and the metrics. Needs data/asteroids.parquet.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from asteroid_taxonomy.console import KERNEL

KERNELS = ("Haswell", "Zen", "SkylakeX", "Sandybridge", "Nehalem")
FIGURES = ("accuracy", "balanced_accuracy", "macro_f1", "log_loss")


def main() -> None:
    top = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder)
        for code in ("stages", "asteroid_taxonomy"):
            shutil.copytree(top / code, here / code)
        shutil.copy(top / "params.yaml", here)
        (here / "data").mkdir()
        shutil.copy(top / "data/asteroids.parquet", here / "data")
        print(f"{'kernel':12}{'model':>10}" + "".join(f"{name:>20}" for name in FIGURES))
        for kernel in KERNELS:
            for stage in ("split", "train", "evaluate"):
                subprocess.run([sys.executable, "-m", f"stages.{stage}"], cwd=here, check=True,
                               env={**os.environ, KERNEL: kernel},
                               stdout=subprocess.DEVNULL)
            model = (here / "models/asteroid_taxonomy.skops").read_bytes()
            found = json.loads((here / "reports/evaluate.json").read_text())
            print(f"{kernel:12}{hashlib.md5(model).hexdigest()[:8]:>10}"
                  + "".join(f"{found[name]:20.5f}" for name in FIGURES))


if __name__ == "__main__":
    main()
