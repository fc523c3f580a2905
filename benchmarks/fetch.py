"""Compare fetch_spectra with the published script's fetch and parse, against the same TAP server.

    GAIA_TAP_URL=... python -m benchmarks.fetch path/to/published/script.py

Both run in turn, RUNS times; of the script its own source, up to the line that requests the
labels. Shown are medians of wall time, CPU time and peak memory, written to
benchmarks/results/fetch.json. The script requests 3 columns from /sync; fetch_spectra counts over
/sync, requests 8 columns in one job over /async, checks and writes them.
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
ROWS = "968,288 rows"
TOP = Path.cwd()


def measure(command: list[str], folder: Path) -> dict[str, float]:
    """Run a command that must print that it has all rows."""
    started = time.monotonic()
    with (folder / "log").open("wb") as log:
        child = subprocess.Popen([sys.executable, *command], cwd=folder, stdout=log, stderr=log,
                                 env={**os.environ, "PYTHONPATH": str(TOP)})
        _, status, usage = os.wait4(child.pid, 0)
    printed = (folder / "log").read_text()
    if status or ROWS not in printed:
        sys.exit(f"{printed}\n{' '.join(command)} failed")
    return {"wall_s": time.monotonic() - started, "cpu_s": usage.ru_utime + usage.ru_stime,
            "peak_mb": usage.ru_maxrss / 1024}


def main() -> None:
    script = Path(sys.argv[1]).read_text() if len(sys.argv) == 2 else ""
    if CUT not in script or "GAIA_TAP_URL" not in os.environ:
        sys.exit(__doc__)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copy(TOP / "params.yaml", folder)
        (folder / "published.py").write_text(script[:script.index(CUT)])
        commands = {"published": ["published.py"], "fetch_spectra": ["-m", "stages.fetch_spectra"]}
        rounds = [{who: measure(command, folder) for who, command in commands.items()}
                  for _ in range(RUNS)]
    result: dict[str, float] = {"rounds": RUNS}
    for figure in ("wall_s", "cpu_s", "peak_mb"):
        for who in commands:
            result[f"{who}_{figure}"] = round(statistics.median(r[who][figure] for r in rounds), 2)
        result[f"ratio_{figure}"] = round(statistics.median(
            r["fetch_spectra"][figure] / r["published"][figure] for r in rounds), 2)
        print(f"{figure}: " + ", ".join(f"{name} {value:g}" for name, value in result.items()
                                        if name.endswith(figure)))
    RESULT.write_text(json.dumps(result, indent=2) + "\n")
    print(f"wrote {RESULT}")


if __name__ == "__main__":
    main()
