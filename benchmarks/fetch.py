"""Compare fetch_spectra with the published script's fetch and parse, against the same TAP server.

    python -m benchmarks.fetch path/to/published/script.py

Both ask the mirror that GAIA_TAP_URL names, in turn, RUNS times. Of the script its own source runs
as it stands, up to the line that asks for the labels. Shown are medians: wall time; the time spent
waiting for the server (wall minus CPU: neither client does anything else meanwhile); the client's
CPU time; how much of it is Python's start and the imports (half a second of astroquery in ours);
the rest, which is the work; rows per second of work; peak memory. The script asks for 3 columns in
one request to /sync; fetch_spectra counts and lists over /sync, asks for 8 columns in one job over
/async, checks and writes them. All of it is written to benchmarks/results/fetch.json.
"""

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

RUNS = 5
RESULT = Path("benchmarks/results/fetch.json")
CUT = 'print("Fetching asteroid taxonomy labels'  # where the script's spectra are parsed
ROWS = 968_288
TOP = Path.cwd()
FIGURES = {"wall_s": 2, "waiting_s": 2, "cpu_s": 2, "start_cpu_s": 2, "work_cpu_s": 2,
           "rows_per_work_s": 0, "peak_mb": 0}


def spend(command: list[str], cwd: Path) -> tuple[float, float, float, str]:
    """Wall time and CPU time in s, peak memory in MB, and output of a command that succeeds."""
    started = time.monotonic()
    with (cwd / "benchmark.log").open("wb") as log:
        child = subprocess.Popen([sys.executable, *command], cwd=cwd, stdout=log, stderr=log,
                                 env={**os.environ, "PYTHONPATH": str(TOP)})
        _, status, usage = os.wait4(child.pid, 0)
    wall, said = time.monotonic() - started, (cwd / "benchmark.log").read_text()
    if status:
        sys.exit(f"{said}\n{' '.join(command)} failed")
    return wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, said


def measure(command: list[str], imports: str, cwd: Path) -> dict[str, float]:
    """Run a command that must say that it has all rows."""
    _, start, _, _ = spend(["-c", f"import {imports}"], cwd)
    wall, cpu, peak, said = spend(command, cwd)
    if f"{ROWS:,} rows" not in said:
        sys.exit(f"{said}\n{' '.join(command)} did not get {ROWS:,} rows")
    return {"wall_s": wall, "waiting_s": wall - cpu, "cpu_s": cpu, "start_cpu_s": start,
            "work_cpu_s": cpu - start, "rows_per_work_s": ROWS / (cpu - start), "peak_mb": peak}


def main() -> None:
    script = Path(sys.argv[1]).read_text() if len(sys.argv) == 2 else ""
    if CUT not in script or "GAIA_TAP_URL" not in os.environ:
        sys.exit("usage: GAIA_TAP_URL=... VIZIER_TAP_URL=... "
                 "python -m benchmarks.fetch path/to/published/script.py")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copy(TOP / "params.yaml", folder)
        (folder / "published.py").write_text(script[:script.index(CUT)])
        commands = {"published": (["published.py"], "numpy, urllib.request"),
                    "fetch_spectra": (["-m", "stages.fetch_spectra"], "stages.fetch_spectra")}
        rounds = [{who: measure(*command, folder) for who, command in commands.items()}
                  for _ in range(RUNS)]
    result: dict[str, float] = {"rounds": RUNS, "rows": ROWS}
    print(f"{'':16}{'published':>16}{'fetch_spectra':>16}{'ratio':>10}")
    for figure, digits in FIGURES.items():
        found = {who: statistics.median(r[who][figure] for r in rounds) for who in commands}
        ratio = statistics.median(r["fetch_spectra"][figure] / r["published"][figure]
                                  for r in rounds)
        for who, value in found.items():
            result[f"{who}_{figure}"] = round(value, digits or None)
        result[f"ratio_{figure}"] = round(ratio, 2)
        print(f"{figure:16}{found['published']:16,.{digits}f}{found['fetch_spectra']:16,.{digits}f}"
              f"{ratio:10.2f}")
    RESULT.parent.mkdir(parents=True, exist_ok=True)
    RESULT.write_text(json.dumps(result, indent=2) + "\n")
    print(f"wrote {RESULT}")


if __name__ == "__main__":
    main()
