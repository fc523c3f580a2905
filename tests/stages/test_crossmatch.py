import copy
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from asteroid_taxonomy import raw_tables
from asteroid_taxonomy.asteroids import ASTEROIDS_PATH
from asteroid_taxonomy.console import PipelineError
from asteroid_taxonomy.files import write_parquet
from stages import crossmatch
from tests.project_fixtures import TOP

CLASSES = ["C", "V", "S", "Mk"]  # one of each complex: C, O, S, X


@pytest.fixture
def params():
    with open("params.yaml", encoding="utf-8") as file:
        params = copy.deepcopy(yaml.safe_load(file))
    for stage in ("fetch_spectra", "fetch_labels", "crossmatch"):
        params[stage]["expected"] = None  # of the real tables
    return with_grid(params, [506, 550, 594])


def with_grid(params, wavelengths_nm):
    """`params` for spectra of other bands, of which both models use all."""
    params["bands"] |= {"wavelengths_nm": wavelengths_nm, "normalised_at_nm": wavelengths_nm[1]}
    for name in params["train"]["used_bands_nm"]:
        params["train"]["used_bands_nm"][name] = wavelengths_nm
    return params


def run_on(folder, params, spectra, mapping, labels):
    """Cross-match; `spectra` maps source_id to (number, reflectances), the others are rows."""
    (folder / "params.yaml").write_text(yaml.safe_dump(params))
    grid = params["bands"]["wavelengths_nm"]
    n = len(grid)
    ids = sorted(spectra)
    values = [spectra[i][1] for i in ids]
    write_parquet(pa.table([
        np.repeat(ids, n), pa.array([spectra[i][0] for i in ids for _ in grid], pa.int64()),
        [f"name {i}" for i in ids for _ in grid], np.full(len(ids) * n, 7),
        np.tile(grid, len(ids)), pa.array([v for row in values for v in row], pa.float32()),
        pa.array([None if v is None else 0.1 for row in values for v in row], pa.float32()),
        np.zeros(len(ids) * n),
    ], names=raw_tables.SPECTRA.schema.names).cast(raw_tables.SPECTRA.schema),
        raw_tables.SPECTRA_PATH, {"survey": "of a test", "citation": "nobody"})
    write_parquet(pa.table([
        pa.array([row[0] for row in mapping], pa.int64()),
        pa.array([row[1] for row in mapping], pa.int64()), ["x"] * len(mapping),
    ], schema=raw_tables.SOURCE_MAPPING.schema), raw_tables.SOURCE_MAPPING_PATH,
        {"citation": "nobody"})
    write_parquet(pa.table([
        pa.array([row[0] for row in labels], pa.int64()),
        pa.array([row[1] for row in labels], pa.string()),
    ], schema=raw_tables.LABELS.schema), raw_tables.LABELS_PATH,
        {"survey": "labels of a test", "citation": "nobody"})
    crossmatch.main()
    table = pq.read_table(ASTEROIDS_PATH).to_pylist()
    return {row["source_id"]: row for row in table}, json.loads(crossmatch.COUNTS_PATH.read_text())


@pytest.fixture
def four_asteroids(tmp_path, monkeypatch, params):
    """One asteroid of each complex, all matched; a test changes what it is about."""
    monkeypatch.chdir(tmp_path)
    return {
        "folder": tmp_path, "params": params,
        "spectra": {-10 - i: (i, [0.9, 1.0, 1.1]) for i in range(1, 5)},
        "mapping": [(-10 - i, i) for i in range(1, 5)],
        "labels": [(i, CLASSES[i - 1]) for i in range(1, 5)],
    }


def test_each_asteroid_with_a_spectrum_gets_one_row_with_its_label(four_asteroids):
    rows, counts = run_on(**four_asteroids)
    assert {row["number"]: (row["class"], row["complex"]) for row in rows.values()} == {
        1: ("C", "C"), 2: ("V", "O"), 3: ("S", "S"), 4: ("Mk", "X")}
    assert rows[-11]["reflectance_506"] == pytest.approx(0.9)
    assert rows[-11]["snr"] == pytest.approx(10.0)
    assert (rows[-11]["name"], rows[-11]["num_of_spectra"]) == ("name -11", 7)
    assert counts["asteroids"] == counts["labelled"] == counts["labelled_complete"] == 4


def test_an_asteroid_that_lacks_a_band_stays_and_is_not_complete(four_asteroids):
    four_asteroids["spectra"][-15] = (5, [None, 1.0, 1.1])
    four_asteroids["mapping"].append((-15, 5))
    rows, counts = run_on(**four_asteroids)
    assert rows[-15]["reflectance_506"] is None and not rows[-15]["complete"]
    assert rows[-15]["snr"] == pytest.approx(10.5)
    assert (counts["asteroids"], counts["complete"]) == (5, 4)
    assert counts["asteroids_without_506_nm"] == 1


@pytest.mark.parametrize(("number", "reason"), [(0, "zero"), (None, "null")])
def test_an_asteroid_without_a_number_is_counted_and_not_labelled(four_asteroids, number, reason):
    four_asteroids["spectra"][-15] = (0, [0.9, 1.0, 1.1])
    four_asteroids["mapping"].append((-15, number))
    rows, counts = run_on(**four_asteroids)
    assert rows[-15]["number"] is None and rows[-15]["class"] is None
    assert counts[f"asteroids_number_{reason}"] == 1


def test_a_number_that_two_sources_share_labels_neither(four_asteroids):
    four_asteroids["spectra"] |= {-15: (5, [0.9, 1.0, 1.1]), -16: (5, [0.9, 1.0, 1.1])}
    four_asteroids["mapping"] += [(-15, 5), (-16, 5)]
    four_asteroids["labels"].append((5, "S"))
    rows, counts = run_on(**four_asteroids)
    assert rows[-15]["class"] is None and rows[-16]["class"] is None
    assert counts["asteroids_number_shared"] == 2
    assert counts["labels_without_spectrum"] == 1


def test_a_source_that_the_mapping_has_twice_is_not_matched(four_asteroids):
    four_asteroids["spectra"][-15] = (5, [0.9, 1.0, 1.1])
    four_asteroids["mapping"] += [(-15, 5), (-15, 6)]
    four_asteroids["labels"] += [(5, "S"), (6, "C")]
    rows, counts = run_on(**four_asteroids)
    assert rows[-15]["number"] is None and rows[-15]["class"] is None
    assert (counts["mapping_source_id_twice"], counts["asteroids_without_mapping"]) == (2, 1)


def test_a_number_that_disagrees_with_the_spectra_is_counted_and_the_mapping_holds(four_asteroids):
    four_asteroids["spectra"][-11] = (99, [0.9, 1.0, 1.1])
    rows, counts = run_on(**four_asteroids)
    assert rows[-11]["number"] == 1
    assert counts["asteroids_number_disagrees_with_spectra"] == 1


@pytest.mark.parametrize(("row", "reason"), [
    ((None, "S"), "labels_without_number"),
    ((0, "S"), "labels_without_number"),
    ((5, None), "labels_without_class"),
    ((777, "S"), "labels_without_spectrum"),
])
def test_a_label_that_cannot_be_used_is_counted_by_reason(four_asteroids, row, reason):
    four_asteroids["labels"].append(row)
    _, counts = run_on(**four_asteroids)
    assert counts[reason] == 1
    assert counts["labels_rows"] == 5 and counts["labelled"] == 4


def test_a_number_with_two_labels_gets_neither(four_asteroids):
    four_asteroids["spectra"][-15] = (5, [0.9, 1.0, 1.1])
    four_asteroids["mapping"].append((-15, 5))
    four_asteroids["labels"] += [(5, "S"), (5, "C")]
    rows, counts = run_on(**four_asteroids)
    assert rows[-15]["class"] is None and counts["labels_number_twice"] == 2


def test_every_label_is_accounted_for(four_asteroids):
    four_asteroids["labels"] += [(None, "S"), (5, None), (777, "S"), (888, "C"), (888, "C")]
    _, counts = run_on(**four_asteroids)
    left_out = [n for name, n in counts.items()
                if name.startswith("labels_") and name != "labels_rows"]
    assert counts["labels_rows"] == counts["labelled"] + sum(left_out)


def test_only_the_first_labels_are_used_where_params_say_so(four_asteroids):
    four_asteroids["labels"].append((5, "S"))
    four_asteroids["params"]["crossmatch"]["first_labels"] = 4
    _, counts = run_on(**four_asteroids)
    assert (counts["labels_beyond_first_labels"], counts["labelled"]) == (1, 4)


def test_another_grid_than_params_say_stops_the_stage(four_asteroids):
    run_on(**four_asteroids)
    with_grid(four_asteroids["params"], [506, 550])
    (four_asteroids["folder"] / "params.yaml").write_text(yaml.safe_dump(four_asteroids["params"]))
    with pytest.raises(PipelineError, match="should hold the 2 wavelengths 506 ... 550 nm"):
        crossmatch.main()


def test_another_release_with_20_bands_needs_params_only(four_asteroids):
    grid = [360 + 36 * i for i in range(20)]
    with_grid(four_asteroids["params"], grid)
    four_asteroids["params"]["fetch_spectra"] |= {"release": "Gaia DR4",
                                                  "table": "gaiadr4.spectra"}
    four_asteroids["spectra"] = {-10 - i: (i, list(np.linspace(0.8, 1.2, 20)))
                                 for i in range(1, 5)}
    rows, counts = run_on(**four_asteroids)
    assert rows[-11]["reflectance_1044"] == pytest.approx(1.2)
    assert "reflectance_374" not in rows[-11]
    assert counts["labelled_complete"] == 4


def test_the_same_rows_give_the_same_bytes(four_asteroids):
    run_on(**four_asteroids)
    first = ASTEROIDS_PATH.read_bytes()
    run_on(**four_asteroids)
    assert ASTEROIDS_PATH.read_bytes() == first


@pytest.mark.real_data
def test_the_real_tables_give_the_known_counts(real_asteroids):
    counts = json.loads((TOP / crossmatch.COUNTS_PATH).read_text())
    assert counts["asteroids"] == real_asteroids.num_rows == 60_518
    assert counts["complete"] == 34_577 and counts["labelled"] == 3_024
    assert [counts[f"labelled_complete_{c}"] for c in "COSX"] == [721, 334, 1_270, 532]
    assert counts["labelled_complete"] == 2_857
