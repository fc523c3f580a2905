"""Measure `asteroid-taxonomy classify` on 10 million spectra: memory, rate, and that of reading.

    python -m benchmarks.classify [spectra]

Draws spectra from data/asteroids.parquet into a Parquet file in a temporary folder (650 MB), reads
it in the batches that classify reads, and does nothing else, then classifies it; each in a
process of its own, RUNS times in turn. Prints, and writes to benchmarks/results/classify.json, the
medians of the rates in spectra/s and of the peak memory in MB.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from asteroid_taxonomy.own_spectra.kinds import open_table

RUNS = 3
SPECTRA = 10_000_000
RESULT = Path("benchmarks/results/classify.json")


def make(path: Path, spectra: int) -> None:
    table = pq.read_table("data/asteroids.parquet")
    names = ["source_id", *(n for n in table.column_names
                            if n.startswith("reflectance_") and "err" not in n)]
    rng = np.random.default_rng(0)
    table = table.select(names).combine_chunks()
    with pq.ParquetWriter(path, table.schema) as writer:
        for start in range(0, spectra, 500_000):
            rows = rng.integers(0, len(table), min(500_000, spectra - start))
            writer.write_table(table.take(pa.array(rows)))


def read(path: Path) -> None:
    table = open_table(path)
    for _ in table.batches([n for n in table.names if n != "source_id"], ["source_id"]):
        pass


def measure(*arguments: str) -> tuple[float, float]:
    """Wall time in s and peak memory in MB of a Python process that must succeed."""
    started = time.monotonic()
    child = subprocess.Popen([sys.executable, *arguments], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    if status:
        sys.exit(f"{' '.join(arguments)} failed")
    return time.monotonic() - started, usage.ru_maxrss / 1024


def main() -> None:
    if sys.argv[1:2] == ["--read"]:
        return read(Path(sys.argv[2]))
    spectra = int(sys.argv[1]) if len(sys.argv) > 1 else SPECTRA
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "spectra.parquet"
        make(path, spectra)
        rounds = []
        for _ in range(RUNS):
            rounds.append((
                measure("-m", "benchmarks.classify", "--read", str(path)),
                measure("-m", "asteroid_taxonomy", "classify", str(path), "-o",
                        f"{folder}/out.parquet")))
            print([[round(x, 1) for x in pair] for pair in rounds[-1]], flush=True)
    result: dict[str, float] = {"spectra": spectra, "rounds": RUNS}
    for i, name in enumerate(("read_only", "classify")):
        wall = statistics.median(r[i][0] for r in rounds)
        result |= {f"{name}_wall_s": round(wall, 1), f"{name}_per_s": round(spectra / wall),
                   f"{name}_peak_mb": round(statistics.median(r[i][1] for r in rounds))}
    RESULT.write_text(json.dumps(result, indent=2) + "\n")
    print(f"wrote {RESULT}: {json.dumps(result)}")


if __name__ == "__main__":
    main()
