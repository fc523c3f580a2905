"""Compare this pipeline with the published one-file script, against the same TAP server.

    python -m benchmarks.pipeline path/to/published/script.py

Both query the mirror that GAIA_TAP_URL and LABELS_TABLE name. In turn, ROUNDS times: the script;
`dvc repro verify` in a fresh clone without a cache; `dvc repro evaluate` and `dvc repro verify`
after a change of train.mlp_ensemble.alpha. Prints, and writes to benchmarks/results/pipeline.json,
medians of wall time and of peak memory (largest process), and of their ratios to the script's.
"""

import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.running import environment

ROUNDS = 3
RESULT = Path("benchmarks/results/pipeline.json")
TOP = Path.cwd()
Figures = dict[str, float]


def measure(command: list[str], cwd: Path, **changes: str) -> Figures:
    """Wall time in s and peak memory in MB of a command that must succeed."""
    started = time.monotonic()
    with (cwd / "benchmark.log").open("wb") as log:
        child = subprocess.Popen(command, cwd=cwd, env=environment(**changes), stdout=log,
                                 stderr=log)
        _, status, usage = os.wait4(child.pid, 0)
    if status:
        sys.exit((cwd / "benchmark.log").read_text() + f"\n{' '.join(command)} failed")
    return {"wall_s": time.monotonic() - started, "peak_mb": usage.ru_maxrss / 1024}


def set_alpha(clone: Path, alpha: float) -> None:
    """Change train.mlp_ensemble.alpha in the params.yaml of a clone."""
    path = clone / "params.yaml"
    text, found = re.subn(r"(mlp_ensemble: .*?\n    alpha: )[\d.]+", rf"\g<1>{alpha}",
                          path.read_text(encoding="utf-8"), count=1, flags=re.DOTALL)
    if not found:
        sys.exit("params.yaml has no train.mlp_ensemble.alpha to change")
    path.write_text(text, encoding="utf-8")


def one_round(script: Path) -> dict[str, Figures]:
    """Run each of the four once."""
    with tempfile.TemporaryDirectory() as name:
        folder, clone = Path(name), Path(name) / "clone"
        subprocess.run(["git", "clone", "--quiet", str(TOP), str(clone)], check=True)
        dvc = [sys.executable, "-m", "dvc", "repro"]
        found = {"published": measure([sys.executable, str(script)], folder, OUT_DIR=name),
                 "cold_verify": measure([*dvc, "verify"], clone)}
        for alpha, target in ((0.6, "evaluate"), (0.8, "verify")):
            set_alpha(clone, alpha)
            found[f"rerun_{target}"] = measure([*dvc, target], clone)
    return found


def main() -> None:
    if len(sys.argv) != 2 or not Path(sys.argv[1]).is_file():
        sys.exit("usage: python -m benchmarks.pipeline path/to/published/script.py")
    rounds = []
    for number in range(ROUNDS):
        rounds.append(one_round(Path(sys.argv[1]).resolve()))
        print(f"round {number + 1} of {ROUNDS}: " + ", ".join(
            f"{name} {f['wall_s']:.1f} s" for name, f in rounds[-1].items()), flush=True)
    result: dict[str, float] = {"rounds": ROUNDS}
    for name in rounds[0]:
        for figure in ("wall_s", "peak_mb"):
            result[f"{name}_{figure}"] = round(statistics.median(
                r[name][figure] for r in rounds), 1)
            result[f"{name}_{figure}_ratio"] = round(statistics.median(
                r[name][figure] / r["published"][figure] for r in rounds), 2)
    RESULT.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(f"wrote {RESULT}: {json.dumps(result, indent=2)}")


if __name__ == "__main__":
    main()
