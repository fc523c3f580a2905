"""Poison that passes the schema: each kind stops with a sentence, and the real tables pass."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from asteroid_taxonomy.console import PipelineError
from asteroid_taxonomy.plausibility import (
    check_bounds,
    check_crossmatched,
    check_label_values,
    check_spectra_values,
)
from asteroid_taxonomy.raw_tables import SOURCE_MAPPING, SPECTRA, check_spectra, in_order
from asteroid_taxonomy.simulated import survey
from stages.evaluate import check_learned

TOP = Path(__file__).parent.parent
PARAMS = yaml.safe_load((TOP / "params.yaml").read_text(encoding="utf-8"))
GRID = PARAMS["bands"]["wavelengths_nm"]
N = len(GRID)
# medians of Gaia DR3
MEDIAN = np.array([1.071, .927, .910, .938, 1, 1.024, 1.056, 1.123, 1.150, 1.165, 1.160, 1.146,
                   1.144, 1.179, 1.275, 1.481])
AT_770 = {"C": 1.01, "O": 1.21, "S": 1.21, "X": 1.08}  # of the labelled asteroids
EXPECTED = PARAMS["fetch_spectra"]["expected"] | {"asteroids": [50, 50]}


def check(rows):
    """Everything that fetch_spectra checks."""
    rows = in_order(SPECTRA, rows)
    check_spectra(rows, GRID)
    check_spectra_values(rows, GRID, PARAMS["bands"]["normalised_at_nm"],
                         PARAMS["fetch_spectra"]["bounds"], EXPECTED)


@pytest.fixture
def columns():
    """Columns of 50 plausible spectra, as numpy arrays and lists by role."""
    rng = np.random.default_rng(1)
    reflectance = (MEDIAN + .02 * rng.standard_normal((50, N))).round(6)
    reflectance[:, GRID.index(550)] = 1
    reflectance[3, 0] = np.nan
    return {
        "source_id": np.repeat(-4284967286 + 10 * np.arange(50), N),
        "number": np.repeat(np.arange(50), N), "name": np.repeat([f"a{i}" for i in range(50)], N),
        "num_of_spectra": np.full(50 * N, 16), "wavelength": np.tile(GRID, 50),
        "reflectance": reflectance.ravel(),
        "error": np.where(np.isnan(reflectance), np.nan, .03).ravel(),
        "flag": np.tile(np.arange(N) % 3, 50),
    }


def table(columns):
    return pa.table([pa.array(columns[field.name], from_pandas=True).cast(field.type)
                     for field in SPECTRA.schema], schema=SPECTRA.schema)


def swapped(columns):
    columns["reflectance"], columns["error"] = columns["error"], columns["reflectance"]


def times(factor):
    def scaled(columns):
        columns["reflectance"] = columns["reflectance"] * factor
    return scaled


def mirrored(columns):
    for role in ("reflectance", "error"):
        columns[role] = columns[role].reshape(-1, N)[:, ::-1].ravel()


def mirrored_and_normalised(columns):
    mirrored(columns)
    spectra = columns["reflectance"].reshape(-1, N)
    columns["reflectance"] = (spectra / spectra[:, [GRID.index(550)]]).ravel()


def mixed(columns):
    columns["source_id"][[5, N + 5]] = columns["source_id"][[N + 5, 5]]


def mixed_with_number_and_name(columns):
    for role in ("source_id", "number", "name"):
        columns[role][[5, N + 9]] = columns[role][[N + 9, 5]]


def reflectance_at_550_null(columns):
    columns["reflectance"][GRID.index(550)] = columns["error"][GRID.index(550)] = np.nan


def one_value(role, value, row=7):
    def put(columns):
        columns[role] = columns[role].astype(float)
        columns[role][row] = value
    put.__name__ = f"{role} {value}"
    return put


def number(value):
    def put(columns):
        columns["number"][:N] = value
    put.__name__ = f"number {value}"
    return put


def row_lost_and_its_neighbour_twice(columns):
    for values in columns.values():
        values[7] = values[8]


def half_of_the_asteroids(columns):
    for role in columns:
        columns[role] = columns[role][:25 * N]


@pytest.mark.parametrize(("poison", "sentence"), [
    (swapped, "column reflectance is not 1 at 550 nm in 50 of 50 sources"),
    (times(1.3), "column reflectance is not 1 at 550 nm in 50 of 50 sources"),
    (times(10), "column reflectance is not 1 at 550 nm"),
    (times(-1), "column reflectance is not 1 at 550 nm"),
    (mirrored, "column reflectance is not 1 at 550 nm"),
    (mirrored_and_normalised, "median_reflectance 418 is"),
    (mixed, "differs between the bands of one source"),
    (mixed_with_number_and_name, "column wavelength comes twice"),
    (row_lost_and_its_neighbour_twice, "column wavelength comes twice"),
    (half_of_the_asteroids, "fetch_spectra: asteroids is 25, expected 50 ... 50"),
    (reflectance_at_550_null, "column reflectance is not 1 at 550 nm in 1 of 50 sources"),
    (one_value("flag", 7), "column flag is outside 0 ... 2 in 1 of 800 rows"),
    (one_value("flag", -1), "column flag is outside 0 ... 2 in 1 of 800 rows"),
    (one_value("error", np.nan), "column error is null where a reflectance is"),
    (one_value("reflectance", np.nan), "column error is null where a reflectance is"),
    (one_value("error", -.1), "column error is outside 0.0 ... 30.0"),
    (one_value("reflectance", 31), "column reflectance is outside -30.0 ... 30.0"),
    (number(-4), "column number is outside 0 ... 100,000,000 in 16 of 800 rows"),
], ids=lambda value: getattr(value, "__name__", None))
def test_poisoned_spectra_stop_with_a_sentence(columns, poison, sentence):
    check(table(columns))
    poison(columns)
    with pytest.raises(PipelineError) as error:
        check(table(columns))
    assert sentence in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(("role", "value", "sentence"), [
    ("number", -9, "column number is outside 1 ... 100,000,000 in 1 of 3 rows"),
    ("number", 0, "column number is outside 1 ... 100,000,000"),
    ("probability_S", 7.5, "column probability_S is outside 0.0 ... 1.0 in 1 of 3 rows"),
    ("probability_S", -.1, "column probability_S is outside"),
    (None, None, "fetch_labels: rows is 2, expected 3 ... 3"),
])
def test_poisoned_labels_stop_with_a_sentence(role, value, sentence):
    columns = {"number": [4, 13, None], "class": ["V", "Ch", "S"], "probability_S": [0, None, .98]}
    bounds = PARAMS["fetch_labels"]["bounds"]
    check_label_values(pa.table(columns), bounds, {"rows": [3, 3]})
    if role:
        columns[role][0] = value
    else:
        columns = {name: values[1:] for name, values in columns.items()}
    with pytest.raises(PipelineError) as error:
        check_label_values(pa.table(columns), bounds, {"rows": [3, 3]})
    assert sentence in str(error.value)


def test_a_mapping_with_negative_numbers_stops():
    rows = pa.table({"source_id": [-5, -4], "number": [-1, None], "name": ["a", "b"]},
                    schema=SOURCE_MAPPING.schema)
    with pytest.raises(PipelineError, match=r"source mapping: column number is outside 0 \.\.\. "):
        check_bounds(rows, SOURCE_MAPPING.title, PARAMS["fetch_source_mapping"]["bounds"])


@pytest.fixture
def crossmatched():
    """A table of 1,000 labelled asteroids and as many without a label, and its counts."""
    shares = {"C": 250, "O": 120, "S": 440, "X": 190}
    names = [name for name, n in shares.items() for _ in range(n)] + [None] * 1000
    rng = np.random.default_rng(2)
    reflectance = np.array([AT_770.get(name, 1.16) for name in names])
    data = {f"reflectance_{nm}": 1 + .01 * rng.standard_normal(2000) for nm in GRID}
    data["reflectance_770"] = reflectance + .05 * rng.standard_normal(2000)
    counts = {"asteroids": 2000, "asteroids_number_disagrees_with_spectra": 3,
              "labelled": 1000, "labels_without_spectrum": 380}
    return pd.DataFrame({"complex": names} | data), counts


def mapping_off_by_one(table, counts):
    counts["asteroids_number_disagrees_with_spectra"] = 1950


def both_numbers_off_by_one(table, counts):
    table["complex"] = table["complex"].shift(1)[np.random.default_rng(4).permutation(2000)].values


def labels_permuted(table, counts):
    labelled = table["complex"].notna()
    shuffled = table.loc[labelled, "complex"].sample(frac=1, random_state=3)
    table.loc[labelled, "complex"] = shuffled.to_numpy()


def labels_of_few(table, counts):
    counts.update(labelled=400, labels_without_spectrum=980)


def labels_of_none(table, counts):
    table["complex"] = None
    counts.update(labelled=0, labels_without_spectrum=0)


def all_other(table, counts):
    table.loc[table["complex"] == "X", "complex"] = "O"


@pytest.mark.parametrize(("poison", "sentence"), [
    (mapping_off_by_one, "numbers_disagree is 0.975, expected 0.0 ... 0.01"),
    (both_numbers_off_by_one, "complex_reflectance 770 C is"),
    (labels_permuted, "complex_reflectance 770 C is"),
    (labels_of_few, "labelled_share is 0.2899, expected 0.68 ... 0.77"),
    (labels_of_none, "labelled_share is 0.0, expected 0.68 ... 0.77"),
    (all_other, "complex_shares O is 0.31, expected 0.08 ... 0.16"),
])
def test_a_poisoned_crossmatch_stops_with_a_sentence(crossmatched, poison, sentence):
    expected = PARAMS["crossmatch"]["expected"]
    check_crossmatched(*crossmatched, GRID, expected)
    poison(*crossmatched)
    with pytest.raises(PipelineError) as error:
        check_crossmatched(*crossmatched, GRID, expected)
    assert f"crossmatch: {sentence}" in str(error.value)


def test_where_nothing_is_expected_the_run_says_what_was_measured(crossmatched, columns, capsys):
    check_spectra_values(table(columns), GRID, None, None, None)
    check_crossmatched(*crossmatched, GRID, None)
    said = capsys.readouterr().out
    assert "fetch_spectra.expected is null" in said
    assert "median_reflectance.770 1.1" in said
    assert "complex_reflectance.770.C 1.0" in said


def test_a_null_switches_one_check_off(crossmatched):
    frame, counts = crossmatched
    mapping_off_by_one(frame, counts)
    check_crossmatched(frame, counts, GRID, PARAMS["crossmatch"]["expected"]
                       | {"numbers_disagree": None})


@pytest.mark.parametrize(("accuracy", "margin", "stops"), [
    (.44, .1, True), (.54, .1, True), (.79, .1, False), (.44, None, False)])
def test_a_model_no_better_than_the_most_frequent_class_stops(accuracy, margin, stops):
    actual = np.array(["S"] * 45 + ["C"] * 30 + ["X"] * 25)
    if stops:
        with pytest.raises(PipelineError, match="the most frequent class would be for 45.0%"):
            check_learned({"accuracy": accuracy}, actual, margin)
    else:
        check_learned({"accuracy": accuracy}, actual, margin)


def test_the_simulated_survey_is_plausible():
    rows = in_order(SPECTRA, survey.spectra(GRID))
    check_spectra_values(rows, GRID, 550, PARAMS["fetch_spectra"]["bounds"],
                         PARAMS["fetch_spectra"]["expected"] | {"asteroids": None})
    check_label_values(survey.labels(), PARAMS["fetch_labels"]["bounds"], None)
    check_bounds(survey.source_mapping(), "source mapping",
                 PARAMS["fetch_source_mapping"]["bounds"])


@pytest.mark.real_data
def test_the_real_tables_are_plausible():
    paths = [TOP / f"data/raw/{name}.parquet" for name in ("spectra", "source_mapping", "labels")]
    if not all(path.exists() for path in paths):
        pytest.skip("data/raw is not here: dvc pull, or dvc repro with a mirror")
    if pq.read_schema(paths[0]).metadata[b"survey"] != b"Gaia DR3":
        pytest.skip("data/raw is not of Gaia DR3")
    spectra, mapping, labels = map(pq.read_table, paths)
    check_spectra_values(spectra, GRID, 550, PARAMS["fetch_spectra"]["bounds"],
                         PARAMS["fetch_spectra"]["expected"])
    check_bounds(mapping, "source mapping", PARAMS["fetch_source_mapping"]["bounds"])
    check_label_values(labels, PARAMS["fetch_labels"]["bounds"],
                       PARAMS["fetch_labels"]["expected"])
