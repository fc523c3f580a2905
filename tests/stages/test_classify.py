import csv
import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from astropy.io.votable.ucd import check_ucd

from asteroid_taxonomy.catalogue import catalogue_path, columns, proper_names
from asteroid_taxonomy.catalogue import read_catalogue as read
from asteroid_taxonomy.console import PipelineError
from asteroid_taxonomy.evaluation.out_of_fold import OUT_OF_FOLD_PATH
from asteroid_taxonomy.files import read_metadata, write_parquet
from asteroid_taxonomy.onnx_model.classifier import load_classifier
from asteroid_taxonomy.onnx_model.description import CLASSES_PATH
from stages import classify, evaluate
from tests.project_fixtures import TOP, simulated_params

NAME = simulated_params()["catalogue"]["name"]
CATALOGUE_PATH = catalogue_path(NAME)
REAL_PATH = TOP / catalogue_path("gaia_dr3_taxonomy")


def read_catalogue():
    return read(NAME)


def catalogue():
    return read_catalogue()[0].to_pandas()


def test_every_asteroid_with_a_spectrum_gets_a_row_and_says_what_its_columns_mean(catalogued):
    table, said = read_catalogue()
    assert len(table) == pq.read_metadata("data/asteroids.parquet").num_rows
    assert said["survey"].startswith("SIMULATED")
    for field in table.schema:
        assert {b"unit", b"ucd", b"description"} <= set(field.metadata)
        assert field.metadata[b"description"]


def test_probabilities_sum_to_one_and_the_complex_is_the_most_probable(catalogued):
    table = catalogue()
    known = table[table["complex"].notna()]
    names = [c for c in table.columns if c.startswith("probability_")]
    assert known[names].sum(axis=1).to_numpy() == pytest.approx(1.0, abs=1e-3)
    assert (known["confidence"] == known[names].max(axis=1)).all()
    best = known[names].idxmax(axis=1).str.removeprefix("probability_")
    assert (best == known["complex"]).all()


def test_an_asteroid_that_lacks_a_used_band_has_a_reason_instead_of_a_class(without_506_nm):
    table = catalogue()
    (unknown,) = table[table["complex"].isna()].to_dict("records")
    assert unknown["source_id"] == without_506_nm
    assert unknown["reason"] == "no reflectance at 506 nm" and "506" in unknown["bands_missing"]
    assert np.isnan(unknown["probability_C"]) and unknown["abstained"]
    assert table["reason"].isna().sum() == table["complex"].count()


def test_nobody_reads_a_memorised_answer(catalogued):
    table = catalogue().set_index("source_id")
    given = pq.read_table(OUT_OF_FOLD_PATH).to_pandas().set_index("source_id")
    trained = table[table["in_training"]]
    assert len(trained) > 100
    np.testing.assert_allclose(trained["probability_S"],
                               given.loc[trained.index, "probability_S"], rtol=1e-6)


def test_agreement_with_the_literature_is_what_evaluate_says(catalogued):
    judged = json.loads(evaluate.metrics_path(evaluate.MAIN).read_text())
    found = json.loads(classify.COUNTS_PATH.read_text())
    assert found["held_out_asteroids"] == judged["asteroids"]
    assert found["held_out_agreement"] == judged["accuracy"]


def test_out_of_fold_agreement_is_that_of_crossvalidate(catalogued):
    table = catalogue().set_index("source_id")
    given = pq.read_table(OUT_OF_FOLD_PATH).to_pandas().set_index("source_id")
    given = given.loc[table.index[table["in_training"]]]
    agreement = (given["predicted"] == given["target"]).mean()
    found = json.loads(classify.COUNTS_PATH.read_text())
    assert found["out_of_fold_agreement"] == pytest.approx(agreement, abs=1e-5)


def test_the_counts_add_up(catalogued):
    found = json.loads(classify.COUNTS_PATH.read_text())
    for suffix, total in (("", "classified"), ("_kept", "kept")):
        assert sum(found[f"complex_{c}{suffix}"] for c in "COSX") == found[total]
    with classify.BY_SNR_PATH.open() as file:
        rows = list(csv.DictReader(file))
    assert sum(int(row["asteroids"]) for row in rows) == found["classified"]
    assert sum(int(row["kept"]) for row in rows if row["complex"] == "S") == found[
        "complex_S_kept"]
    table = catalogue()
    for row in rows:
        mine = table[(table["snr_bin"] == row["snr_bin"]) & (table["complex"] == row["complex"])]
        assert (len(mine), (~mine["abstained"]).sum()) == (int(row["asteroids"]),
                                                           int(row["kept"]))


def test_the_same_inputs_give_the_same_bytes(catalogued):
    before = CATALOGUE_PATH.read_bytes()
    classify.main()
    assert CATALOGUE_PATH.read_bytes() == before


def test_missing_out_of_fold_probabilities_stop_the_stage(catalogued):
    table = pq.read_table(OUT_OF_FOLD_PATH)
    write_parquet(table.slice(0, 5), OUT_OF_FOLD_PATH, read_metadata(OUT_OF_FOLD_PATH))
    with pytest.raises(PipelineError, match="lacks .* asteroids of the training set"):
        classify.main()


def test_a_catalogue_of_another_version_is_refused(catalogued):
    write_parquet(pa.table({"source_id": [1]}), CATALOGUE_PATH, {})
    with pytest.raises(PipelineError, match="dvc repro classify"):
        read_catalogue()


def test_ucds_are_words_of_the_controlled_vocabulary():
    for column in columns("COSX", "labels of a test"):
        assert check_ucd(column.ucd, check_controlled_vocabulary=True), column


def test_a_confidence_is_the_more_trusted_the_brighter_the_spectrum(catalogued):
    table = catalogue()
    known = table[table["complex"].notna() & table["snr"].notna()]
    assert known["expected_accuracy"].between(0, 1).all()
    assert table["expected_accuracy"].notna().sum() == len(known)
    alike = known[known["confidence"].between(0.6, 0.7)]
    faint, bright = (alike.loc[part, "expected_accuracy"].mean()
                     for part in (alike["snr"] < 20, alike["snr"] > 60))
    assert faint < bright


def test_the_class_belongs_to_a_class_that_cross_validation_can_answer_for(catalogued):
    table, classes = catalogue(), load_classifier(CLASSES_PATH)
    measured = pd.read_csv("reports/crossvalidation/classes.csv").set_index("class")
    told = set(table["class"].dropna())
    assert told and told <= set(classes.classes)
    assert (measured.loc[list(told), "precision"] >= 0.5).all()
    assert (table["class"].notna() == table["class_probability"].notna()).all()


def test_the_spread_of_an_ensemble_is_there_and_small(catalogued):
    table = catalogue()
    for c in "COSX":
        assert table[f"spread_{c}"].between(0, 0.5).all() and table[f"spread_{c}"].max() > 0


def test_flags_are_one_digit_per_band_and_bad_ones_that_count_are_named(catalogued):
    table, asteroids = catalogue(), pq.read_table("data/asteroids.parquet").to_pandas()
    params = simulated_params()
    grid, used = params["bands"]["wavelengths_nm"], params["train"]["used_bands_nm"]
    asteroids = asteroids.set_index("source_id").loc[table["source_id"]]
    assert (table["flags"].str.len() == len(grid)).all()
    for i, nm in enumerate(grid):
        flag = asteroids[f"flag_{nm}"].to_numpy()
        assert (table["flags"].str[i].astype(int).to_numpy() == flag).all()
        named = table["flagged_bands_used"].str.split(", ").map(
            lambda bands, nm=nm: str(nm) in bands)
        assert (named.to_numpy() == ((flag == 2) & (nm in used["asteroid_taxonomy"]))).all()


@pytest.mark.parametrize(("written", "name"), [
    ("ceres", "Ceres"), ("o'higgins", "O'Higgins"), ("xi'an", "Xi'an"), ("2010 ab1", "2010 AB1"),
    ("2040 p-l", "2040 P-L"), ("4788 t-3", "4788 T-3"), ("d'arrest", "D'Arrest"),
    ("van de graaff", "Van De Graaff"), ("1998 xy", "1998 XY"), ("ha'apai", "Ha'apai"),
    ("ångström", "Ångström"), ("k'ya-k'ya", "K'Ya-K'Ya"), (None, None),
])
def test_names_have_their_capitals(written, name):
    assert proper_names(pa.chunked_array([[written]], pa.string())).to_pylist() == [name]


@pytest.mark.real_data
def test_the_real_catalogue_has_every_asteroid_and_knows_eros(real_asteroids):
    if not REAL_PATH.exists():
        pytest.skip("the catalogue is not here: dvc pull, or dvc repro")
    table = pq.read_table(REAL_PATH)
    assert len(table) == 60_518
    (eros,) = table.filter(pc.equal(table["number"], 433)).to_pylist()
    assert (eros["name"], eros["complex"], eros["literature_complex"]) == ("Eros", "S", "S")
    assert eros["survey_name"] == "eros"
