"""Another release with another label table is a recipe: no output names those of today."""

import io
import json
import zipfile

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.archives.tap_service import Service
from tests.project_fixtures import DVC_STAGES, FEW_REPEATS, TOP, project, run_stage, sample_params

GRID = list(range(380, 981, 40))
USED = [nm for nm in GRID if nm not in (380, 540, 980)]
COLUMNS = {"source_id": "sso_id", "number": "mpc_number", "name": "mpc_name",
           "num_of_spectra": "n_epochs", "wavelength": "nm", "reflectance": "refl",
           "error": "refl_error", "flag": "quality"}
LABEL_COLUMNS = {"number": "MPC", "class": "type"}
TABLES = {  # stage: table, columns by role
    "spectra": ("orion2.spectra", COLUMNS),
    "source_mapping": ("orion2.objects", {k: COLUMNS[k] for k in ("source_id", "number", "name")}),
    "labels": ("orion2.types", LABEL_COLUMNS),
}
# long enough not to be in a file of weights by chance
TELLTALES = (b"Gaia DR3", b"aia_dr3", b"gaiadr3", b"Mahlke", b"Galluccio", b"Tanga", b"J/A+A",
             b"sso_reflectance", b"number_mp", b"gaia_dr3_sample")


def made_up_params():
    """Params of a release and a label table that do not exist, with a quick model."""
    params = sample_params() | {"source": "archives"}
    params["tap"] |= {"deadline_s": 60, "backoff_s": 0.01}
    params["bands"] = {"wavelengths_nm": GRID, "normalised_at_nm": 540, "width_nm": 40}
    for stage, (table, columns) in TABLES.items():
        params[f"fetch_{stage}"] |= {"release": f"Orion 2 {stage}", "table": table,
                                     "columns": columns, "citation": f"Nobody 2031 ({stage})"}
    params["fetch_labels"]["columns"] = LABEL_COLUMNS | {"probabilities": None}
    params["fetch_source_mapping"]["spectra_table"] = "orion2.spectra"
    params["fetch_source_mapping"]["columns"] = TABLES["source_mapping"][1] | {
        "num_of_spectra": None}
    for block in ("fetch_spectra", "fetch_labels", "crossmatch", "crossvalidate"):
        params[block]["expected"] = None
    params["train"]["used_bands_nm"] = {"asteroid_taxonomy": USED,
                                        "asteroid_taxonomy_visible": USED[2:-2]}
    params["train"]["mlp_ensemble"] |= {"networks": 2, "max_iter": 8, "batch_size": 200}
    params["train"]["ground_based"] = params["calibration"]["above_majority"] = None
    params["calibration"]["visible"] = None
    params["calibration"]["folds"] = 2
    params["crossvalidate"] |= FEW_REPEATS
    params["catalogue"]["name"] = "orion2"
    return params


@pytest.fixture
def orion(monkeypatch):
    """A TAP service with the sample under that release's names and on its grid."""
    def named(stage):
        columns = TABLES[stage][1]
        rows = pq.read_table(TOP / f"data/sample/{stage}.parquet").replace_schema_metadata()
        if stage == "spectra":
            nm = rows["wavelength"].to_numpy()
            rows = rows.set_column(rows.column_names.index("wavelength"), "wavelength", pa.array(
                np.array(GRID, np.float32)[np.unique(nm, return_inverse=True)[1]]))
        return rows.select(list(columns)).rename_columns(list(columns.values()))

    for name in ("GAIA_FILES", "LABELS_FILE", "LABELS_TABLE"):
        monkeypatch.delenv(name, raising=False)
    with Service({table: named(stage) for stage, (table, _) in TABLES.items()}) as running:
        for name in ("GAIA_TAP_URL", "VIZIER_TAP_URL"):
            monkeypatch.setenv(name, running.url)
        yield running


def content(path):
    """All text of a file: what is packed is unpacked."""
    if path.suffix == ".parquet":
        table = pq.read_table(path)
        texts = [column for column in table.columns if str(column.type) == "string"]
        return repr((table.schema.metadata, [f.metadata for f in table.schema])).encode(
            ) + json.dumps([column.unique().to_pylist() for column in texts]).encode()
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(io.BytesIO(path.read_bytes())) as parts:
            return b"".join(map(parts.read, parts.namelist()))
    return path.read_bytes()


@pytest.mark.slow
@pytest.mark.loopback
def test_no_output_of_another_release_names_this_one(orion, tmp_path):
    project(tmp_path, made_up_params())
    for stage in DVC_STAGES:
        run_stage(stage, tmp_path)
    written = [path for path in tmp_path.rglob("*") if path.is_file()
               and path.relative_to(tmp_path).parts[0] in ("data", "models", "reports")
               and path.relative_to(tmp_path).parts[1] != "sample"]
    assert tmp_path / "data/catalogue/orion2.fits" in written
    assert {(str(path.relative_to(tmp_path)), word.decode()) for path in written
            for word in TELLTALES if word in content(path)} == set()
    card = (tmp_path / "reports/model_card.md").read_text(encoding="utf-8")
    assert "Orion 2" in card and "Nobody 2031" in card
