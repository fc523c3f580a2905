"""Compare this pipeline with the published one-file script, against the same TAP server.

    python -m benchmarks.pipeline path/to/published/script.py

Both ask the mirror that GAIA_TAP_URL, VIZIER_TAP_URL and LABELS_TABLE name. In turn, RUNS times:
the script; `dvc repro verify` cold, in a fresh clone with no cache; the same after a change of
train.mlp_ensemble.alpha. Prints and writes to benchmarks/results/pipeline.json the medians of the
wall time and of the peak memory (the largest process), and their ratios to the script's. Then run
`python -m benchmarks.readme`.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.experiments import set_alpha
from tests.commands import environment

RUNS = 3
RESULT = Path("benchmarks/results/pipeline.json")
TOP = Path.cwd()


def measure(command: list[str], cwd: Path, **changes: str) -> tuple[float, float]:
    """Wall time in s and peak memory in MB of a command that must succeed."""
    started = time.monotonic()
    with (cwd / "benchmark.log").open("wb") as log:
        child = subprocess.Popen(command, cwd=cwd, env=environment(**changes), stdout=log,
                                 stderr=log)
        _, status, usage = os.wait4(child.pid, 0)
    if status:
        sys.exit((cwd / "benchmark.log").read_text() + f"\n{' '.join(command)} failed")
    return time.monotonic() - started, usage.ru_maxrss / 1024


def one_round(script: Path) -> dict[str, tuple[float, float]]:
    """Run each of the three once."""
    with tempfile.TemporaryDirectory() as folder:
        clone = Path(folder) / "clone"
        subprocess.run(["git", "clone", "--quiet", str(TOP), str(clone)], check=True)
        found = {"published": measure([sys.executable, str(script)], Path(folder), OUT_DIR=folder)}
        repro = [sys.executable, "-m", "dvc", "repro", "verify"]
        found["cold"] = measure(repro, clone)
        set_alpha(clone, 0.4)
        found["rerun"] = measure(repro, clone)
    return found


def main() -> None:
    if len(sys.argv) != 2 or not Path(sys.argv[1]).is_file():
        sys.exit("usage: python -m benchmarks.pipeline path/to/published/script.py")
    rounds = []
    for number in range(RUNS):
        rounds.append(one_round(Path(sys.argv[1]).resolve()))
        print(f"round {number + 1} of {RUNS}: " + ", ".join(
            f"{name} {wall:.1f} s {memory:.0f} MB"
            for name, (wall, memory) in rounds[-1].items()), flush=True)
    result: dict[str, float] = {"rounds": RUNS}
    for name in rounds[0]:
        for i, (figure, digits) in enumerate((("wall_s", 1), ("peak_mb", 0))):
            result[f"{name}_{figure}"] = round(
                statistics.median(r[name][i] for r in rounds), digits)
            if name != "published":
                result[f"{name}_{figure}_ratio"] = round(statistics.median(
                    r[name][i] / r["published"][i] for r in rounds), 2)
    RESULT.parent.mkdir(parents=True, exist_ok=True)
    RESULT.write_text(json.dumps(result, indent=2) + "\n")
    print(f"wrote {RESULT}: {json.dumps(result)}")


if __name__ == "__main__":
    main()
