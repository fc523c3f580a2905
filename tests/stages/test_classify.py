import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from asteroid_taxonomy.catalogue import CATALOGUE_PATH, columns, read_catalogue
from asteroid_taxonomy.console import PipelineError
from asteroid_taxonomy.evaluation.out_of_fold import OUT_OF_FOLD_PATH
from stages import classify, evaluate
from tests.project_fixtures import TOP


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
    judged = json.loads(evaluate.METRICS_PATH.read_text())
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
    bins = [k for k in found if k.startswith("snr_") and k[-2:] not in ("_C", "_O", "_S", "_X")
            and not k.endswith("_kept")]
    assert sum(found[k] for k in bins) == found["asteroids"]
    assert sum(found[f"{k}_S_kept"] for k in bins) == found["complex_S_kept"]


def test_the_same_inputs_give_the_same_bytes(catalogued):
    before = CATALOGUE_PATH.read_bytes()
    classify.main()
    assert CATALOGUE_PATH.read_bytes() == before


def test_missing_out_of_fold_probabilities_stop_the_stage(catalogued):
    table = pq.read_table(OUT_OF_FOLD_PATH)
    pq.write_table(table.slice(0, 5), OUT_OF_FOLD_PATH)
    with pytest.raises(PipelineError, match="lacks .* asteroids of the training set"):
        classify.main()


def test_a_catalogue_of_another_version_is_refused(catalogued):
    pq.write_table(pa.table({"source_id": [1]}), CATALOGUE_PATH)
    with pytest.raises(PipelineError, match="dvc repro classify"):
        read_catalogue()


def test_ucds_are_words_of_the_controlled_vocabulary():
    known = {"meta.id", "meta.main", "meta.note", "meta.code", "meta.code.qual", "src.class",
             "stat.probability", "stat.max", "stat.snr"}
    assert {word for c in columns("COSX") for word in c.ucd.split(";")} <= known


@pytest.mark.real_data
def test_the_real_catalogue_has_every_asteroid_and_knows_eros(real_asteroids):
    if not (TOP / CATALOGUE_PATH).exists():
        pytest.skip("the catalogue is not here: dvc pull, or dvc repro")
    table = pq.read_table(TOP / CATALOGUE_PATH)
    assert len(table) == 60_518
    (eros,) = table.filter(pa.compute.equal(table["number"], 433)).to_pylist()
    assert (eros["name"], eros["complex"], eros["literature_complex"]) == ("eros", "S", "S")
