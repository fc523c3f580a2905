"""Compare this pipeline with the published one-file script, against the same TAP server.

    python -m benchmarks.pipeline path/to/published/script.py

Both ask the mirror that GAIA_TAP_URL and LABELS_TABLE name. In turn, RUNS times: the script; the
script with its downloads answered from memory at once; `dvc repro verify` cold, in a fresh clone
with no cache, which finds in Git what follows training; after that a change of
train.mlp_ensemble.alpha; another clone with that change from the start. Then once: script and cold
run through a proxy that sends 1, 3 and 10 MB/s; crossvalidate alone; a whole cold `dvc repro`;
`make test` and `make demo` in that clone, with the environment that is there. Prints and writes to
benchmarks/results/pipeline.json medians of wall time, processor time and peak memory (the largest
process), and their ratios to the script's. Then run `python -m benchmarks.readme`.
"""

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.experiments import set_alpha
from benchmarks.slow_archive import SlowArchive
from tests.running import environment

RUNS = 3
RATES = (1, 3, 10)  # MB/s
RESULT = Path("benchmarks/results/pipeline.json")
TOP = Path.cwd()
DVC = [sys.executable, "-m", "dvc"]
Figures = dict[str, float]


def measure(command: list[str], cwd: Path, **changes: str) -> Figures:
    """Wall and processor time in s and peak memory in MB of a command that must succeed."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    with (cwd / "benchmark.log").open("wb") as log:
        child = subprocess.Popen(command, cwd=cwd, env=environment(**changes), stdout=log,
                                 stderr=log)
        _, status, usage = os.wait4(child.pid, 0)
    if status:
        sys.exit((cwd / "benchmark.log").read_text() + f"\n{' '.join(command)} failed")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    # wait4 leaves what it has waited for out of RUSAGE_CHILDREN on some systems
    cpu = max(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
              usage.ru_utime + usage.ru_stime)
    return {"wall_s": time.monotonic() - started, "cpu_s": cpu, "peak_mb": usage.ru_maxrss / 1024}


def clone_into(folder: Path) -> Path:
    """A fresh clone of this project, without a cache."""
    subprocess.run(["git", "clone", "--quiet", str(TOP), str(folder / "clone")], check=True)
    return folder / "clone"


def one_round(script: Path, replay: SlowArchive) -> dict[str, Figures]:
    """Run each of the four once."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        clone = clone_into(folder)
        run = [sys.executable, str(script)]
        urls = dict.fromkeys(("GAIA_TAP_URL", "VIZIER_TAP_URL"), replay.url)
        measure(run, folder, OUT_DIR=name, **urls)  # so that it knows the answers
        found = {"published": measure(run, folder, OUT_DIR=name),
                 "published_replayed": measure(run, folder, OUT_DIR=name, **urls),
                 "cold": measure([*DVC, "repro", "verify"], clone)}
        set_alpha(clone, 0.4)
        found["rerun"] = measure([*DVC, "repro", "verify"], clone)
        (folder / "other").mkdir()
        other = clone_into(folder / "other")
        set_alpha(other, 0.4)
        found["cold_all"] = measure([*DVC, "repro", "verify"], other)
    return found


def at_rate(script: Path, rate: float, service: str) -> dict[str, Figures]:
    """Script and cold run where the archive sends so many MB/s."""
    with tempfile.TemporaryDirectory() as name, SlowArchive(service, rate) as archive:
        urls = dict.fromkeys(("GAIA_TAP_URL", "VIZIER_TAP_URL"), archive.url)
        clone = clone_into(Path(name))
        return {f"published_{rate}_mb_per_s": measure([sys.executable, str(script)], Path(name),
                                                      OUT_DIR=name, **urls),
                f"cold_{rate}_mb_per_s": measure([*DVC, "repro", "verify"], clone, **urls)}


def whole() -> dict[str, Figures]:
    """A whole cold run, crossvalidate alone, tests and demo."""
    with tempfile.TemporaryDirectory() as name:
        clone = clone_into(Path(name))
        found = {"whole_cold": measure([*DVC, "repro"], clone),
                 "crossvalidate": measure([sys.executable, "-m", "stages.crossvalidate"], clone)}
        subprocess.run(["git", "checkout", "--quiet", "."], cwd=clone, check=True)
        venv = Path(sys.executable).parent.parent
        installed = ["-o", f"{venv}/installed", f"VENV={venv}"]  # nothing is to be installed
        found["make_demo"] = measure(["make", "demo", *installed], clone)
        found["make_test"] = measure(["make", "test", *installed], clone)
        return found


def main() -> None:
    if len(sys.argv) != 2 or not Path(sys.argv[1]).is_file():
        sys.exit("usage: python -m benchmarks.pipeline path/to/published/script.py")
    script, service = Path(sys.argv[1]).resolve(), os.environ["GAIA_TAP_URL"]
    rounds = []
    with SlowArchive(service, remember=True) as replay:
        for number in range(RUNS):
            rounds.append(one_round(script, replay))
            print(f"round {number + 1} of {RUNS}: " + ", ".join(
                f"{name} {f['wall_s']:.1f} s" for name, f in rounds[-1].items()), flush=True)
    result: dict[str, float] = {"rounds": RUNS}
    for name in rounds[0]:
        for figure in ("wall_s", "cpu_s", "peak_mb"):
            result[f"{name}_{figure}"] = round(
                statistics.median(r[name][figure] for r in rounds), 1)
            for other in ("published", "published_replayed"):
                if name in ("cold", "cold_all", "rerun"):
                    end = "_ratio" if other == "published" else "_to_replayed"
                    result[f"{name}_{figure}{end}"] = round(statistics.median(
                        r[name][figure] / r[other][figure] for r in rounds), 2)
    once: dict[str, Figures] = {}
    for rate in RATES:
        once |= at_rate(script, rate, service)
        result[f"cold_{rate}_mb_per_s_ratio"] = round(
            once[f"cold_{rate}_mb_per_s"]["wall_s"] / once[f"published_{rate}_mb_per_s"]["wall_s"],
            2)
        result[f"rerun_{rate}_mb_per_s_ratio"] = round(
            result["rerun_wall_s"] / once[f"published_{rate}_mb_per_s"]["wall_s"], 2)
    once |= whole()
    for name, figures in once.items():
        result |= {f"{name}_{figure}": round(value, 1) for figure, value in figures.items()}
    RESULT.parent.mkdir(parents=True, exist_ok=True)
    RESULT.write_text(json.dumps(result, indent=2) + "\n")
    print(f"wrote {RESULT}: {json.dumps(result, indent=2)}")


if __name__ == "__main__":
    main()
