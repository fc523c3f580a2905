"""Rehearse the day of another Gaia release: a made-up DR4, fetched over TAP and from files.

    python -m benchmarks.rehearsal [--asteroids N]

experiments/rehearsal_dr4.yaml has its tables, columns and grid. A service on 127.0.0.1 has them,
rows in no order and never more than ROW_LIMIT at once, as ESA's without login; the same tables are
written as gzipped CSV files with MD5 sums. The stages run as DVC runs them. Fails where a row is
missing, where TAP and files give other bytes, or where a stage needs MOST_MB. What each took goes
to benchmarks/results/rehearsal.json (of the full size only).
"""

import argparse
import gzip
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from asteroid_taxonomy.params import merged, read_yaml
from asteroid_taxonomy.tables import SPECTRA_PATH
from tests.archives.tap_service import Service, to_csv

RECIPE = Path("experiments/rehearsal_dr4.yaml")
RESULT = Path("benchmarks/results/rehearsal.json")
STAGES = ("fetch_spectra", "fetch_source_mapping", "fetch_labels", "crossmatch")
ASTEROIDS = 436_551  # in the draft
LABELLED, FILES, ROW_LIMIT, MOST_MB = 3_000, 20, 3_000_000, 600
TOP = Path.cwd()


def made_up(params: dict, n: int) -> dict[str, pa.Table]:
    """The three tables, by name; `n` asteroids."""
    nm = params["bands"]["wavelengths_nm"]
    rng = np.random.default_rng(4)
    source_id = -(2**33) + 10 * rng.permutation(n)
    number = np.arange(1, n + 1)
    slope = rng.normal(4e-4, 2e-4, n)
    spectra = []
    for band in nm:  # one band after the other: no asteroid's rows are together
        value = 1 + slope * (band - 550) + 0.01 * rng.standard_normal(n)
        if band == params["bands"]["normalised_at_nm"]:
            value[:] = 1
        absent = rng.random(n) < (0.4 if band == nm[0] else 0)
        spectra.append(pa.table({
            "solution_id": np.full(n, 7), "source_id": source_id, "nb_samples": np.full(n, 9),
            "wavelength": np.full(n, band, np.float32),
            "reflectance_spectrum": pa.array(value.astype(np.float32), mask=absent),
            "reflectance_spectrum_err": pa.array(np.full(n, 0.01, np.float32), mask=absent),
            "reflectance_spectrum_flag": np.where(absent, 2, 0).astype(np.int8)}))
    classes = np.array(["C", "S", "X", "V"])[np.arange(min(LABELLED, n)) % 4]
    return {
        params["fetch_spectra"]["table"]: pa.concat_tables(spectra),
        params["fetch_source_mapping"]["table"]: pa.table({
            "source_id": source_id, "number_mp": number,
            "denomination": [f"made up {i}" for i in number],
            "num_of_spectra": rng.integers(3, 80, n)}),
        params["fetch_labels"]["table"]: pa.table({"Number": number[:LABELLED], "class": classes}),
    }


def write_files(tables: dict[str, pa.Table], folder: Path) -> None:
    """The tables as ESA's bulk download has them; nulls are `null` there."""
    folder.mkdir()
    for table, rows in tables.items():
        name = table.strip('"').replace("/", "_")
        parts = min(FILES, len(rows))
        edges = np.linspace(0, len(rows), parts + 1).astype(int)
        for i, (start, stop) in enumerate(zip(edges, edges[1:], strict=False)):
            text = b"# %ECSV 1.0\n# ---\n" + to_csv(rows.slice(start, stop - start))
            (folder / f"{name}_{i:02}.csv.gz").write_bytes(gzip.compress(text, 1, mtime=0))
    (folder / "_MD5SUM.txt").write_text("".join(
        f"{hashlib.md5(file.read_bytes()).hexdigest()}  {file.name}\n"
        for file in sorted(folder.glob("*.gz"))))


def run(stage: str, folder: Path, variables: dict[str, str]) -> dict[str, float]:
    """Run a stage in `folder`: wall and CPU time in s, peak memory in MB."""
    environment = {name: value for name, value in os.environ.items()
                   if name not in ("LABELS_TABLE", "GAIA_FILES", "LABELS_FILE")}
    started = time.monotonic()
    child = subprocess.Popen([sys.executable, "-m", f"stages.{stage}"], cwd=folder, env={
        **environment, "PYTHONPATH": str(TOP), "no_proxy": "*", **variables})
    _, status, usage = os.wait4(child.pid, 0)
    if status:
        sys.exit(f"{stage} failed")
    return {"wall_s": round(time.monotonic() - started, 1),
            "cpu_s": round(usage.ru_utime + usage.ru_stime, 1),
            "peak_mb": round(usage.ru_maxrss / 1024)}


def serve(params: dict, n: int, folder: Path) -> None:
    """Write the files, then serve the tables until standard input ends; print the address."""
    tables = made_up(params, n)
    write_files(tables, folder)
    with Service(tables) as service:
        service.hard_maxrec = ROW_LIMIT
        print(service.url, flush=True)
        sys.stdin.read()


def main() -> None:
    """Serve, fetch twice, compare, measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--asteroids", type=int, default=ASTEROIDS)
    parser.add_argument("--serve", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    params = merged(read_yaml(Path("params.yaml")), read_yaml(RECIPE))
    if given.serve:
        return serve(params, given.asteroids, given.serve)
    rows = given.asteroids * len(params["bands"]["wavelengths_nm"])
    spent: dict[str, dict[str, dict[str, float]]] = {}
    with tempfile.TemporaryDirectory(prefix="rehearsal-") as name:
        top, published = Path(name), Path(name) / "published"
        # in a process of its own: what this one has in memory, a stage would start with
        with subprocess.Popen([sys.executable, "-m", "benchmarks.rehearsal", "--asteroids",
                               str(given.asteroids), "--serve", str(published)], text=True,
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE) as service:
            url = service.stdout.readline().strip()
            ways = {"TAP": {"GAIA_TAP_URL": url, "VIZIER_TAP_URL": url},
                    "files": {"GAIA_FILES": f"{published}/gaiadr4*",
                              "LABELS_FILE": f"{published}/J_A*"}}
            for way, variables in ways.items():
                (top / way).mkdir()
                (top / way / "params.yaml").write_text(yaml.safe_dump(params), encoding="utf-8")
                spent[way] = {stage: run(stage, top / way, variables) for stage in STAGES}
            service.stdin.close()
        stored = pq.read_metadata(top / "TAP" / SPECTRA_PATH).num_rows
        raw = [{path.name: path.read_bytes() for path in (top / way / "data/raw").iterdir()}
               for way in ways]
    for way, stages in spent.items():
        for stage, figures in stages.items():
            print(f"{way:6}{stage:22}", ", ".join(f"{k} {v:g}" for k, v in figures.items()))
    if stored != rows or raw[0] != raw[1]:
        sys.exit(f"{stored:,} of {rows:,} rows were stored; same bytes: {raw[0] == raw[1]}")
    if max(f["peak_mb"] for stages in spent.values() for f in stages.values()) >= MOST_MB:
        sys.exit(f"a stage took {MOST_MB} MB of memory or more")
    if given.asteroids == ASTEROIDS:
        RESULT.write_text(json.dumps({"rows": rows, **spent}, indent=2) + "\n", encoding="utf-8")
    print(f"{rows:,} rows, the same bytes over TAP and from files, each stage below {MOST_MB} MB")


if __name__ == "__main__":
    main()
