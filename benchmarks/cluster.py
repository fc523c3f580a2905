"""Time crossvalidate and search on two Dask workers against this machine's two cores.

    python -m benchmarks.cluster

In a clone with a finished run, each of them runs on the cores, on the workers, and on the workers
of which one is killed in the middle. All three must give the same bytes. Writes
benchmarks/results/cluster.json; then run `python -m benchmarks.readme`.
"""

import hashlib
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from asteroid_taxonomy.determinism import pin
from benchmarks.experiments import prepare
from tests.cluster import two_workers
from tests.running import environment

COMMANDS = {"crossvalidate": ["stages.crossvalidate"], "search": ["asteroid_taxonomy", "search"]}
OUTS = {"crossvalidate": ("reports/metrics.json", "data/out_of_fold.parquet",
                          "reports/crossvalidation/*.csv"),
        "search": ("reports/search.json",)}
RESULT = Path("benchmarks/results/cluster.json")


def timed(clone: Path, name: str, arguments: list[str], after_s: float = 0.0,
          victim: subprocess.Popen | None = None) -> tuple[float, str]:
    """Wall time in s of a run that succeeds, and the sum of what it wrote.

    A `victim` is killed when the run has gone on for `after_s`.
    """
    started = time.monotonic()
    with (clone / "cluster.log").open("w") as log:
        running = subprocess.Popen([sys.executable, "-m", *COMMANDS[name], *arguments], cwd=clone,
                                   env=environment(), stdout=log, stderr=log)
        if victim:
            time.sleep(after_s)
            if running.poll() is not None:
                sys.exit(f"{name} had ended before its worker could be killed")
            victim.kill()
        if running.wait():
            sys.exit((clone / "cluster.log").read_text() + f"\n{name} failed")
    took = time.monotonic() - started
    written = sorted(path for pattern in OUTS[name] for path in clone.glob(pattern))
    whole = hashlib.sha256(b"".join(path.read_bytes() for path in written))
    for path in written:
        path.unlink()  # so that the next one cannot pass for what was there
    return took, whole.hexdigest()


def main() -> None:
    pin()  # the workers must run with the settings of the stages
    result: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        clone, _ = prepare(Path(folder))
        for name in COMMANDS:
            local, bytes_local = timed(clone, name, [])
            with two_workers(Path(folder)) as (address, _):
                on_workers, bytes_workers = timed(clone, name, ["--scheduler", address])
            with two_workers(Path(folder)) as (address, workers):
                lost, bytes_lost = timed(clone, name, ["--scheduler", address],
                                         on_workers / 2, workers[0])
            if not bytes_local == bytes_workers == bytes_lost:
                sys.exit(f"{name} wrote other bytes on the workers than on the cores")
            result |= {f"{name}_local_s": round(local, 1),
                       f"{name}_workers_s": round(on_workers, 1),
                       f"{name}_workers_ratio": round(on_workers / local, 2),
                       f"{name}_one_killed_s": round(lost, 1)}
            print(f"{name}: {result}", flush=True)
    RESULT.write_text(json.dumps(result, indent=2) + "\n")
    print(f"wrote {RESULT}: {json.dumps(result)}")


if __name__ == "__main__":
    main()
