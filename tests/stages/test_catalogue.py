import json

import numpy as np
import pandas as pd
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from asteroid_taxonomy.catalogue import catalogue_path, read_catalogue
from asteroid_taxonomy.console import PipelineError
from asteroid_taxonomy.evaluation.calibration import read_calibration
from asteroid_taxonomy.evaluation.out_of_fold import read_out_of_fold
from asteroid_taxonomy.files import read_metadata, write_parquet
from asteroid_taxonomy.learning.predictions import predictions_path
from asteroid_taxonomy.onnx_model.classifier import load_classifier
from asteroid_taxonomy.onnx_model.metadata import MAIN
from asteroid_taxonomy.params import load_params
from asteroid_taxonomy.tables import ASTEROIDS_PATH, read_asteroids
from stages import catalogue


def frame():
    """The catalogue in the current folder."""
    return read_catalogue(load_params().catalogue.name)[0].to_pandas()


def test_every_asteroid_with_a_spectrum_has_a_row_and_every_column_a_description(catalogued):
    table, metadata = read_catalogue(load_params().catalogue.name)
    asteroids = read_asteroids(load_params().bands.wavelengths_nm)
    assert table["source_id"].equals(asteroids["source_id"])
    assert metadata["survey"] == "Gaia DR3" and json.loads(metadata["citation"])
    for field in table.schema:
        assert field.metadata[b"description"], field.name
        if field.type == "string":
            assert table[field.name].null_count == 0, field.name
    (eros,) = table.filter(pc.equal(table["number"], 433)).to_pylist()
    assert (eros["name"], eros["survey_name"]) == ("Eros", "eros")
    assert (eros["complex"], eros["class"], eros["literature_complex"]) == ("S", "S", "S")


def test_the_most_probable_complex_is_named_and_is_one_that_cannot_be_excluded(catalogued):
    table = frame()
    known = table[table["complex"] != ""]
    probabilities = known[[f"probability_{c}" for c in "COSX"]]
    assert probabilities.sum(axis=1).to_numpy() == pytest.approx(1.0, abs=1e-4)
    assert (probabilities.idxmax(axis=1) == "probability_" + known["complex"]).all()
    assert (known["confidence"] == probabilities.max(axis=1)).all()
    assert all(c in s.split() for c, s in zip(known["complex"], known["complex_set"], strict=True))
    threshold = read_calibration()["threshold"]["asteroid_taxonomy"]
    assert (known["abstained"] == (known["confidence"] < np.float32(threshold))).all()
    decided = load_classifier().decide(
        table[[f"probability_{c}" for c in "COSX"]].to_numpy(), table["snr"].to_numpy())
    assert (table["complex_set"] == decided.complex_set).all()
    assert (table["abstained"] == decided.abstained).all()


def test_an_asteroid_that_lacks_a_used_band_has_a_reason_in_place_of_a_class(catalogued):
    table = frame()
    unknown = table[table["complex"] == ""]
    assert len(unknown) and unknown["reason"].str.fullmatch(r"no reflectance at [\d, ]+ nm").all()
    assert unknown["abstained"].all() and (unknown["complex_set"] == "").all()
    assert unknown[["confidence", "probability_C", "expected_accuracy"]].isna().all(axis=None)
    assert ((table["reason"] == "") == (table["complex"] != "")).all()


def test_probabilities_of_asteroids_in_training_are_out_of_fold(catalogued):
    table = frame().set_index("source_id")
    out_of_fold = read_out_of_fold().to_pandas().set_index("source_id")
    trained = table[table["in_training"]]
    assert len(trained) > 2000 and (trained["literature_class"] != "").all()
    for c in "COSX":
        np.testing.assert_allclose(trained[f"probability_{c}"],
                                   out_of_fold.loc[trained.index, f"probability_{c}"], rtol=1e-6)


def test_a_confidence_is_trusted_the_more_the_brighter_the_spectrum(catalogued):
    table = frame()
    alike = table[table["confidence"].between(0.6, 0.7)]
    faint, bright = (alike.loc[part, "expected_accuracy"].mean()
                     for part in (alike["snr"] < 20, alike["snr"] > 60))
    assert 0 < faint < bright < 1
    assert (table["faint"] == (table["snr"] < 25)).all()


def test_the_counts_add_up_and_agree_with_the_calibration(catalogued):
    table, found = frame(), json.loads(catalogue.COUNTS_PATH.read_text())
    by_complex = found["by_complex"].values()
    assert sum(part["asteroids"] for part in by_complex) == found["classified"]
    assert sum(part["above_threshold"] for part in by_complex) == found["above_threshold"]
    assert sum(found["complex_set"].values()) == found["classified"]
    above = read_calibration()["above_threshold"]
    assert {name: part["above_threshold"] for name, part in found["by_complex"].items()} == {
        name: part["asteroids"] for name, part in above["by_complex"].items()}
    by_snr = pd.read_csv(catalogue.BY_SNR_PATH)
    assert by_snr["asteroids"].sum() == found["classified"]
    assert by_snr["above_threshold"].sum() == found["above_threshold"]
    assert by_snr["labelled"].sum() == len(read_out_of_fold())
    for name, part in by_snr.groupby("snr_bin"):
        (accuracy,) = table.loc[table["snr_bin"] == name, "snr_bin_accuracy"].unique()
        assert accuracy == pytest.approx(part["correct"].sum() / part["labelled"].sum())


def test_flags_and_missing_and_flagged_bands_are_those_of_the_survey(catalogued):
    table, params = frame(), load_params()
    nm = params.bands.wavelengths_nm
    asteroids = read_asteroids(nm)
    used = params.train.used_bands_nm.asteroid_taxonomy
    for i, each in enumerate(nm):
        flag = asteroids[f"flag_{each}"].to_numpy()
        null = np.isnan(asteroids[f"reflectance_{each}"].to_numpy())
        for column, bands in (("bands_missing", null), ("reason", null & (each in used)),
                              ("flagged_bands_used", (flag == 2) & (each in used))):
            assert (table[column].str.contains(rf"\b{each}\b").to_numpy() == bands).all()
        assert (table["flags"].str[i].astype(int).to_numpy() == flag).all()


def test_the_same_inputs_give_the_same_bytes(catalogued):
    paths = [catalogue_path(load_params().catalogue.name).with_suffix(ending)
             for ending in (".parquet", ".vot", ".fits")]
    before = [path.read_bytes() for path in paths]
    catalogue.main()
    assert [path.read_bytes() for path in paths] == before


def test_asteroids_without_predictions_stop_the_stage(catalogued):
    path = predictions_path(MAIN)
    table = pq.read_table(path)
    write_parquet(table.slice(1), path, read_metadata(path))
    with pytest.raises(PipelineError, match=f"data/predictions lacks .*{ASTEROIDS_PATH}"):
        catalogue.main()
