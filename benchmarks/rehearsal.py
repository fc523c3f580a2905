"""Rehearse the day of another Gaia release: a made-up DR4, fetched and cross-matched.

    python -m benchmarks.rehearsal

experiments/rehearsal_dr4.yaml names its tables, columns, grid and size. They are served on
127.0.0.1, rows in no order, never more than ROW_LIMIT at once and without a word about it, as ESA
serves them to those without login. The stages run as DVC runs them; what each took, in time and
memory, goes to benchmarks/results/rehearsal.json. Fails where a row is missing or a stage needs
MOST_MB.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import yaml
from pyarrow import csv as pa_csv

from asteroid_taxonomy.params import merged
from asteroid_taxonomy.raw_tables import SPECTRA_PATH
from tests.archives.tap_service import Service, to_csv

RECIPE = Path("experiments/rehearsal_dr4.yaml")
RESULT = Path("benchmarks/results/rehearsal.json")
STAGES = ("fetch_spectra", "fetch_source_mapping", "fetch_labels", "crossmatch")
ASTEROIDS, LABELLED = 250_000, 3_000
ROW_LIMIT = 3_000_000
MOST_MB = 600
TOP = Path.cwd()


def made_up(params: dict) -> dict[str, pa.Table]:
    """The three tables, by name, with the columns that params give them."""
    nm = params["bands"]["wavelengths_nm"]
    rng = np.random.default_rng(4)
    source_id = -(2**33) + 10 * rng.permutation(ASTEROIDS)
    number = np.arange(1, ASTEROIDS + 1)
    name = pa.array([f"made up {n}" for n in number])
    n_epochs = rng.integers(3, 80, ASTEROIDS)
    spectra = []
    for band in nm:  # one band after the other: no asteroid's rows stand together
        reflectance = 1 + 4e-4 * (band - 550) + .01 * rng.standard_normal(ASTEROIDS)
        if band == params["bands"]["normalised_at_nm"]:
            reflectance[:] = 1
        absent = rng.random(ASTEROIDS) < (.4 if band == nm[0] else 0)
        spectra.append(pa.table({
            "source_id": source_id, "number": number, "name": name, "num_of_spectra": n_epochs,
            "wavelength": np.full(ASTEROIDS, band, np.float32),
            "reflectance": pa.array(reflectance.astype(np.float32), mask=absent),
            "error": pa.array(np.full(ASTEROIDS, .01, np.float32), mask=absent),
            "flag": np.where(absent, 2, 0).astype(np.int8),
        }))
    classes = np.array(["C", "S", "X", "V"])[np.arange(LABELLED) % 4]
    tables = {
        "fetch_spectra": pa.concat_tables(spectra),
        "fetch_source_mapping": pa.table({"source_id": source_id, "number": number, "name": name}),
        "fetch_labels": pa.table({"number": number[:LABELLED], "class": classes}),
    }
    return {params[stage]["table"]: table.rename_columns(
        [params[stage]["columns"][role] for role in table.column_names])
        for stage, table in tables.items()}


def answer(tables: dict[str, pa.Table], adql: str, maxrec: int) -> bytes:
    """What the service answers to the ADQL of the fetch stages: CSV."""
    what, table, where = re.fullmatch(r"SELECT (.+?) FROM (\S+)(?: WHERE (.+))?", adql).groups()
    if table == "TAP_SCHEMA.columns":
        listed = next(rows for name, rows in tables.items() if name.strip('"') in where)
        return to_csv(["column_name", "unit"], [[name, None] for name in listed.column_names])
    rows = tables[table]
    for name, sign, value in re.findall(r"(\w+) (<=|>) (-?\d+)", where or ""):
        compare = pc.less_equal if sign == "<=" else pc.greater
        rows = rows.filter(compare(rows[name], int(value)))
    if one := re.fullmatch(r"(COUNT|MIN|MAX)\((.+?)\) AS (\w+)", what):
        call, column, alias = one.groups()
        values = {"COUNT": rows.num_rows} if column == "*" else {
            key.upper(): value for key, value in pc.min_max(rows[column]).as_py().items()}
        return to_csv([alias], [[str(values[call])]])
    rows = rows.select([name.strip(' "') for name in what.split(",")])
    body = pa.BufferOutputStream()
    pa_csv.write_csv(rows.slice(0, min(maxrec, ROW_LIMIT)), body)
    return body.getvalue().to_pybytes()


def spend(stage: str, folder: Path, url: str) -> dict[str, float]:
    """Run a stage in `folder`: wall and CPU time in s, peak memory in MB."""
    environment = {**os.environ, "PYTHONPATH": str(TOP), "GAIA_TAP_URL": url,
                   "VIZIER_TAP_URL": url, "no_proxy": "*"}
    for name in ("GAIA_FILES", "LABELS_FILE", "LABELS_TABLE"):
        environment.pop(name, None)
    started = time.monotonic()
    child = subprocess.Popen([sys.executable, "-m", f"stages.{stage}"], cwd=folder,
                             env=environment)
    _, status, usage = os.wait4(child.pid, 0)
    if status:
        sys.exit(f"{stage} failed")
    return {"wall_s": round(time.monotonic() - started, 1),
            "cpu_s": round(usage.ru_utime + usage.ru_stime, 1),
            "peak_mb": round(usage.ru_maxrss / 1024)}


def serve(params: dict) -> None:
    """Serve the tables until standard input ends; print the service's address."""
    tables = made_up(params)
    with Service({}) as service:
        service.answer = lambda adql, maxrec: answer(tables, adql, maxrec)
        print(service.url, flush=True)
        sys.stdin.read()


def main() -> None:
    """Serve, fetch, measure."""
    params = merged(yaml.safe_load(Path("params.yaml").read_text(encoding="utf-8")),
                    yaml.safe_load(RECIPE.read_text(encoding="utf-8")))
    if sys.argv[1:] == ["serve"]:
        return serve(params)
    rows = ASTEROIDS * len(params["bands"]["wavelengths_nm"])
    folder = Path(tempfile.mkdtemp(prefix="rehearsal-"))
    # in a process of its own: what this one has in memory, a stage would start with
    with subprocess.Popen([sys.executable, "-m", "benchmarks.rehearsal", "serve"], text=True,
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE) as service:
        try:
            (folder / "params.yaml").write_text(yaml.safe_dump(params), encoding="utf-8")
            url = service.stdout.readline().strip()
            spent = {stage: spend(stage, folder, url) for stage in STAGES}
            stored = pq.ParquetFile(folder / SPECTRA_PATH).metadata.num_rows
        finally:
            service.stdin.close()
            shutil.rmtree(folder)
    for stage, figures in spent.items():
        print(f"{stage:22}", ", ".join(f"{name} {value:g}" for name, value in figures.items()))
    if stored != rows:
        sys.exit(f"{stored:,} of {rows:,} rows were stored")
    if over := [stage for stage, figures in spent.items()
                if stage.startswith("fetch") and figures["peak_mb"] >= MOST_MB]:
        sys.exit(f"{', '.join(over)} took {MOST_MB} MB of memory or more")
    RESULT.write_text(json.dumps({"rows": rows, **spent}, indent=2) + "\n", encoding="utf-8")
    print(f"{rows:,} rows, each fetch below {MOST_MB} MB; wrote {RESULT}")


if __name__ == "__main__":
    main()
