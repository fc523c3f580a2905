"""Measure what a year of experiments is made of, in a clone with this checkout's finished run.

    python -m benchmarks.experiments

In turn, ROUNDS times: `dvc status` of an empty DVC project, `dvc repro` of the whole pipeline when
nothing has changed, and `dvc repro verify` after a change of train.mlp_ensemble.alpha. Then ten
runs of `dvc exp run --temp ... evaluate` one after the other, and ten from the queue with two
workers, each with another alpha. Prints and writes to benchmarks/results/experiments.json the
medians and the ratios; then run `python -m benchmarks.readme`.
"""

import json
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.running import environment, ran

ROUNDS = 5
RUNS = 10
RESULT = Path("benchmarks/results/experiments.json")
TOP = Path.cwd()


def call(folder: Path, *command: str) -> tuple[float, str]:
    """Seconds that a command takes, which must succeed, and its output."""
    started = time.monotonic()
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True,
                          env=environment())
    if done.returncode:
        sys.exit(f"{done.stdout}{done.stderr}\n{' '.join(command)} failed")
    return time.monotonic() - started, done.stdout + done.stderr


def set_alpha(clone: Path, alpha: float) -> None:
    """Change train.mlp_ensemble.alpha in the params.yaml of a clone."""
    path = clone / "params.yaml"
    text, found = re.subn(r"(mlp_ensemble: .*?\n    alpha: )[\d.]+", rf"\g<1>{alpha}",
                          path.read_text(encoding="utf-8"), count=1, flags=re.DOTALL)
    if not found:
        sys.exit("params.yaml has no train.mlp_ensemble.alpha to change")
    path.write_text(text, encoding="utf-8")


def prepare(folder: Path) -> tuple[Path, Path]:
    """A clone with a finished run, and an empty DVC project."""
    clone, empty = folder / "clone", folder / "empty"
    call(TOP, "git", "clone", "--quiet", str(TOP), str(clone))
    shutil.copytree(TOP / ".dvc/cache", clone / ".dvc/cache")
    call(clone, "dvc", "checkout")
    empty.mkdir()
    call(empty, "git", "init", "--quiet")
    call(empty, "dvc", "init", "--quiet")
    return clone, empty


def one_round(clone: Path, empty: Path, alpha: int) -> dict[str, float]:
    """Each of the three commands once."""
    call(clone, "git", "checkout", "--quiet", ".")
    call(clone, "dvc", "checkout")
    times = {"empty_status_s": call(empty, "dvc", "status")[0]}
    times["noop_repro_s"], said = call(clone, "dvc", "repro")
    if ran(said):
        sys.exit(f"{said}\nthis checkout has no finished run: dvc repro, or dvc pull, first")
    set_alpha(clone, alpha)
    times["rerun_s"], said = call(clone, "dvc", "repro", "verify")
    if ran(said) != ["train", "evaluate", "export", "verify"]:
        sys.exit(f"{said}\na changed alpha ran other stages than train and what follows")
    return times


def ten_runs(clone: Path) -> dict[str, float]:
    """Ten experiments one after the other, and ten from a queue with two workers."""
    call(clone, "git", "checkout", "--quiet", ".")
    call(clone, "dvc", "checkout")
    key = "train.mlp_ensemble.alpha"
    one_by_one = sum(call(clone, "dvc", "exp", "run", "--temp", "--name", f"one-{i}",
                          "--set-param", f"{key}={1.1 + i / 10:.1f}", "evaluate")[0]
                     for i in range(RUNS))
    grid = ",".join(f"{2.1 + i / 10:.1f}" for i in range(RUNS))
    queued, _ = call(clone, "dvc", "exp", "run", "--queue", "--set-param", f"{key}={grid}",
                     "evaluate")
    worked, _ = call(clone, "dvc", "exp", "run", "--run-all", "--jobs", "2")
    _, said = call(clone, "dvc", "queue", "status")
    if said.count("Success") != RUNS:
        sys.exit(f"{said}\nnot all runs of the queue succeeded")
    return {"one_by_one_s": one_by_one, "queued_s": queued + worked}


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        clone, empty = prepare(Path(name))
        rounds = []
        for number in range(ROUNDS):
            rounds.append(one_round(clone, empty, 3 + number))
            print(f"round {number + 1} of {ROUNDS}: {rounds[-1]}", flush=True)
        ten = ten_runs(clone)
    result: dict[str, float] = {"rounds": ROUNDS, "runs": RUNS}
    for figure in rounds[0]:
        result[figure] = round(statistics.median(r[figure] for r in rounds), 2)
    result["noop_repro_ratio"] = round(
        statistics.median(r["noop_repro_s"] / r["empty_status_s"] for r in rounds), 2)
    result |= {figure: round(value, 1) for figure, value in ten.items()}
    result["queued_ratio"] = round(ten["queued_s"] / ten["one_by_one_s"], 2)
    RESULT.write_text(json.dumps(result, indent=2) + "\n")
    print(f"wrote {RESULT}: {json.dumps(result)}")


if __name__ == "__main__":
    main()
