"""Another release and another label table are params: no output tells of those used now."""

import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import yaml

from asteroid_taxonomy.raw_tables import LABELS_PATH, SOURCE_MAPPING_PATH, SPECTRA_PATH
from tests.archives.tap_service import Service, name_as_mirrors
from tests.project_fixtures import DVC_STAGES, project, run_stage, simulated_params
from tests.small_survey import TAP

GRID = list(range(380, 981, 40))
USED = [nm for nm in GRID if nm not in (380, 540, 980)]
COLUMNS = {"source_id": "sso_id", "number": "mpc_number", "name": "mpc_name",
           "num_of_spectra": "n_epochs", "wavelength": "lambda", "reflectance": "refl",
           "error": "refl_error", "flag": "quality"}
LABEL_COLUMNS = {"number": "MPC", "class": "type"}
# long enough not to stand in a file of weights by chance
TELLTALES = (b" DR3", b"aia_dr3", b"gaiadr3", b"Mahlke", b"Galluccio", b"Tanga", b"J/A+A",
             b"sso_reflectance", b"number_mp", b"simulated_taxonomy")


def made_up_params():
    """Params of a release and a label table that do not exist."""
    params = simulated_params()
    params |= {"source": "archives", "tap": TAP | {"read_timeout_s": 10, "deadline_s": 60}}
    params["bands"] = {"wavelengths_nm": GRID, "normalised_at_nm": 540, "width_nm": 40}
    for stage, table, columns in (
            ("fetch_spectra", "orion2.spectra", COLUMNS),
            ("fetch_source_mapping", "orion2.objects",
             {role: COLUMNS[role] for role in ("source_id", "number", "name")}),
            ("fetch_labels", "orion2.types", LABEL_COLUMNS | {"probabilities": None})):
        params[stage] |= {"release": f"Orion 2 {stage}", "table": table, "columns": columns,
                          "citation": f"Nobody 2031 ({stage})"}
    params["fetch_source_mapping"]["spectra_table"] = "orion2.spectra"
    params["train"]["used_bands_nm"] = {"asteroid_taxonomy": USED,
                                        "asteroid_taxonomy_visible": USED[2:-2]}
    params["train"]["mlp_ensemble"] |= {"networks": 2, "max_iter": 8, "batch_size": 200}
    params["evaluate"]["above_majority"] = None
    params["crossvalidate"] |= {"folds": 2, "repeats": 1, "published_seeds": 1,
                                "learning_curve": [0.5]}
    params["catalogue"]["name"] = "orion2"
    params["page"] |= {"labels": "They are made up.", "limitations": ["It is all made up."]}
    return params


def rows_of(table, names):
    """A table of text for the service."""
    columns = [[None if value is None else str(value) for value in column.to_pylist()]
               for column in table.columns]
    return names, [list(row) for row in zip(*columns, strict=True)]


@pytest.fixture
def orion(simulated_run, monkeypatch):
    """A service with the simulated survey, under the names and on the grid of that release."""
    spectra, mapping, labels = (pq.read_table(simulated_run / path) for path in (
        SPECTRA_PATH, SOURCE_MAPPING_PATH, LABELS_PATH))
    known = np.isin(mapping["number"].to_numpy(), labels["number"].drop_null().to_numpy())
    chosen = mapping["source_id"].to_numpy()[known | (np.arange(len(mapping)) % 40 == 0)]
    spectra = spectra.filter(np.isin(spectra["source_id"].to_numpy(), chosen))
    mapping = mapping.filter(np.isin(mapping["source_id"].to_numpy(), chosen))
    wavelength = np.tile(GRID, len(spectra) // len(GRID)).astype(float)
    spectra = spectra.set_column(spectra.schema.names.index("wavelength"), "wavelength",
                                 [wavelength])
    tables = {
        "orion2.spectra": rows_of(spectra, [COLUMNS[name] for name in spectra.column_names]),
        "orion2.objects": rows_of(mapping, [COLUMNS[name] for name in mapping.column_names]),
        "orion2.types": rows_of(labels.select(list(LABEL_COLUMNS)), list(LABEL_COLUMNS.values())),
    }
    with Service(tables) as running:
        name_as_mirrors(running, monkeypatch)
        yield running


def content(path):
    """All that a file says: what is packed is unpacked."""
    if path.suffix == ".parquet":
        table = pq.read_table(path)
        texts = table.select([field.name for field in table.schema if str(field.type) == "string"])
        return repr(table.schema.metadata).encode() + repr(
            [(f.name, f.metadata) for f in table.schema]).encode() + json.dumps(
                [sorted(set(map(str, column.to_pylist()))) for column in texts.columns]).encode()
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(io.BytesIO(path.read_bytes())) as parts:
            return b"".join(map(parts.read, parts.namelist()))
    return path.read_bytes()


@pytest.mark.slow
@pytest.mark.loopback
def test_no_output_of_another_release_tells_of_this_one(orion, tmp_path):
    project(tmp_path, made_up_params())
    for stage in DVC_STAGES:
        run_stage(stage, tmp_path)
    written = [path for path in tmp_path.rglob("*") if path.is_file()
               and path.relative_to(tmp_path).parts[0] in ("data", "models", "reports")]
    assert Path(tmp_path, "data/catalogue/orion2.fits") in written
    hits = {(str(path.relative_to(tmp_path)), word.decode()) for path in written
            for word in TELLTALES if word in content(path)}
    assert hits == set()
    card = (tmp_path / "reports/model_card.md").read_text(encoding="utf-8")
    assert "Orion 2" in card and "Nobody 2031" in card
    assert yaml.safe_load((tmp_path / "params.yaml").read_text())["source"] == "archives"
