"""Show that other processor instructions and matrix kernels give the same files.

    python -m benchmarks.processors [stage ...]

Runs the stages (train, evaluate, calibrate and crossvalidate by default) on this folder's data, in
temporary copies, with NumPy's AVX-512 code switched off; and predicts with the same models without
its AVX2 code, and on other OpenBLAS kernels. (A fit without AVX2, or on another kernel, gives
another model.) Ends with 1 where a file differs.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

STAGES = ("train", "evaluate", "calibrate", "crossvalidate")
AVX512 = "X86_V4 AVX512_ICL AVX512_SPR"
INPUTS = ("params.yaml", "experiments", "stages", "asteroid_taxonomy", "data/asteroids.parquet",
          "data/training_set.parquet", "models", "data/predictions", "data/out_of_fold.parquet")
PREDICT = """
import stages
from asteroid_taxonomy.learning import (
    MAIN, VISIBLE, model_file, model_path, models, predictions as p)
from asteroid_taxonomy.tables import matrix, read_asteroids, reflectance_columns
from asteroid_taxonomy.files import read_metadata
from asteroid_taxonomy.params import load_params
nm = load_params().bands.wavelengths_nm
for name in (MAIN, VISIBLE):
    path, asteroids = p.predictions_path(name), read_asteroids(nm)
    source_id = p.read_predictions(name)["source_id"]
    rows = asteroids["source_id"].to_numpy().searchsorted(source_id.to_numpy())
    model = model_file.load_model(model_path(name))
    spectra = matrix(asteroids, reflectance_columns(nm))[rows]
    p.write_predictions(models.predict(model, spectra), source_id,
                        read_metadata(path)["survey"], path)
"""


def files_of(commands: list[list[str]], **changes: str) -> dict[str, str]:
    """MD5 of each file of a copy of this folder in which `commands` ran, by path."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for path in filter(os.path.exists, INPUTS):
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (shutil.copytree if Path(path).is_dir() else shutil.copy)(path, folder / path)
        for command in commands:
            subprocess.run([sys.executable, "-W", "ignore", *command], cwd=folder, check=True,
                           stdout=subprocess.DEVNULL,
                           env={**os.environ, "PYTHONPATH": ".", **changes})
        return {str(path.relative_to(folder)): hashlib.md5(path.read_bytes()).hexdigest()
                for part in ("data", "models", "reports") for path in (folder / part).rglob("*.*")}


def main() -> int:
    """Compare all settings with the first."""
    stages = [["-m", f"stages.{stage}"] for stage in sys.argv[1:] or STAGES]
    expected = files_of(stages)
    different = 0
    for title, commands, changes in (
        ("no AVX-512 in NumPy", stages, {"NPY_DISABLE_CPU_FEATURES": AVX512}),
        ("prediction without AVX2", [["-c", PREDICT]],
         {"NPY_DISABLE_CPU_FEATURES": f"X86_V3 {AVX512}"}),
        *((f"prediction with {kernel}", [["-c", PREDICT]], {"ASTEROID_TAXONOMY_KERNEL": kernel})
          for kernel in ("SkylakeX", "Zen", "Sandybridge")),
    ):
        found = files_of(commands, **changes)
        wrong = [path for path in found if found[path] != expected.get(path)]
        print(f"{title}: {len(found)} files, {len(wrong)} differ {' '.join(wrong)}", flush=True)
        different += len(wrong)
    return int(different > 0)


if __name__ == "__main__":
    sys.exit(main())
