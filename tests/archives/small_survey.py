"""Twenty asteroids of data/sample as the archives have them, behind a TAP service on 127.0.0.1."""

import random
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
import yaml

from asteroid_taxonomy import console
from stages import fetch_labels, fetch_source_mapping, fetch_spectra
from tests.archives.tap_service import Service

TOP = Path(__file__).parents[2]
SPECTRA, MAPPING = "gaiadr3.sso_reflectance_spectrum", "gaiadr3.sso_source"
LABELS = '"J/A+A/665/A26/asteroid"'
NUMBERS = [3, 4, 5, 6, 7, 8, 9, 11, 13, 14, 15, 16, 18, 19, 21, 22, 23, 433, 1198, 2525]
STAGES = {"spectra": fetch_spectra, "source_mapping": fetch_source_mapping, "labels": fetch_labels}
# long enough for a busy machine; a test of what lasts shortens them
TAP = {"connect_timeout_s": 10, "read_timeout_s": 10, "deadline_s": 60, "backoff_s": 0.01,
       "longest_pause_s": 0.2}
VARIABLES = ("GAIA_TAP_URL", "VIZIER_TAP_URL", "LABELS_TABLE", "GAIA_FILES", "LABELS_FILE")


def sample(table):
    """A table of data/sample, of these asteroids."""
    rows = pq.read_table(TOP / f"data/sample/{table}.parquet").replace_schema_metadata()
    return rows.filter(pc.is_in(rows["number"], pa.array(NUMBERS)))


def as_published(stage, rows):
    """Rows under the names of the columns in params.yaml, in no order."""
    columns = read_params()[f"fetch_{stage}"]["columns"]
    names = columns | {f"probability_{c}": n for c, n in columns.get("probabilities", {}).items()}
    rows = rows.rename_columns([names[role] for role in rows.column_names])
    return rows.take(random.Random(7).sample(range(len(rows)), len(rows)))


def read_params():
    """params.yaml of the project."""
    return yaml.safe_load((TOP / "params.yaml").read_text(encoding="utf-8"))


def tables():
    """The three tables as the services have them."""
    mapping, labels = sample("source_mapping"), sample("labels")
    without_spectrum = pa.table([[-1], [99999], ["no spectrum"]], schema=mapping.schema)
    unnumbered = labels.slice(0, 1).set_column(0, "number", pa.nulls(1, pa.int64()))
    return {SPECTRA: as_published("spectra", sample("spectra")),
            MAPPING: as_published("source_mapping", pa.concat_tables([mapping, without_spectrum])),
            LABELS: as_published("labels", pa.concat_tables([labels, unnumbered]).drop_columns(
                ["probability_Z"]))}


@pytest.fixture
def service(monkeypatch):
    """That service, as the mirror of both archives."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    with Service(tables()) as running:
        monkeypatch.setenv("GAIA_TAP_URL", running.url)
        monkeypatch.setenv("VIZIER_TAP_URL", running.url)
        monkeypatch.setenv("no_proxy", "*")
        yield running


@pytest.fixture
def project_folder(tmp_path, monkeypatch):
    """An empty project with short time limits and no expectation of a whole table."""
    monkeypatch.chdir(tmp_path)
    params = read_params() | {"tap": TAP}
    for block in ("fetch_spectra", "fetch_labels", "crossmatch"):
        params[block]["expected"] = None
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(params))
    return tmp_path


def edit_params(**changes):
    """Lay blocks over params.yaml of the current folder; a mapping in a block is laid over too."""
    params = yaml.safe_load(Path("params.yaml").read_text())
    for block, values in changes.items():
        for key, value in values.items():
            old = params[block].get(key)
            params[block][key] = old | value if isinstance(value, dict) and old else value
    Path("params.yaml").write_text(yaml.safe_dump(params))


def run(stage):
    """Run a fetch stage as its command does; give its exit code."""
    with pytest.raises(SystemExit) as end:
        console.run(STAGES[stage].main)
    return end.value.code


def fetched(stage):
    """What a stage has stored."""
    return pq.read_table(f"data/raw/{stage}.parquet")


def files(folder):
    """Everything under data/, hidden files included."""
    return sorted(str(p.relative_to(folder)) for p in (folder / "data").rglob("*") if p.is_file())
