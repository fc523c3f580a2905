import csv

import numpy as np
import pyarrow.parquet as pq
import pytest
import yaml

from asteroid_taxonomy.console import PipelineError
from asteroid_taxonomy.evaluation.calibration import read_calibration, visible_calibration
from asteroid_taxonomy.evaluation.out_of_fold import read_out_of_fold, without_training
from asteroid_taxonomy.files import read_json
from asteroid_taxonomy.learning import MAIN
from asteroid_taxonomy.learning.predictions import read_predictions
from asteroid_taxonomy.learning.training_set import read_training_set
from asteroid_taxonomy.params import validated
from asteroid_taxonomy.tables import OUT_OF_FOLD_PATH, TRAINING_SET_PATH, matrix
from stages import calibrate
from tests.project_fixtures import TOP, sample_params

COLUMNS = [f"probability_{c}" for c in "COSX"]
PARAMS = sample_params()


def test_every_labelled_asteroid_is_predicted_out_of_fold(sample_project):
    table, labelled = read_out_of_fold(), pq.read_table(TRAINING_SET_PATH)
    labelled = labelled.filter(labelled["held_out"].is_valid())
    assert table["source_id"].equals(labelled["source_id"])
    assert table["target"].equals(labelled["target"])
    for kind in ("probability_", "class_probability_"):
        names = [name for name in table.column_names if name.startswith(kind)]
        assert np.allclose(sum(table[name].to_numpy() for name in names), 1, atol=1e-4)
    assert {name.removeprefix("class_probability_") for name in names} == set(
        labelled["class_without_flags"].to_pylist())
    likeliest = np.array(list("COSX"))[np.argmax([table[c].to_numpy() for c in COLUMNS], axis=0)]
    assert likeliest.tolist() == table["predicted"].to_pylist()


def test_the_threshold_has_the_accuracy_that_params_ask_for(sample_project):
    found, wanted = read_calibration(), PARAMS["calibration"]["accuracy"]
    with calibrate.CURVE_PATH.open() as file:
        (row,) = [row for row in csv.DictReader(file)
                  if float(row["threshold"]) == found["threshold"][MAIN]]
    above = found["above_threshold"]
    assert above["asteroids"] == int(row["asteroids"]) > 0
    for name in ("weighted", "degraded"):
        assert above[f"accuracy_{name}"] == pytest.approx(float(row[f"accuracy_{name}"]), abs=1e-4)
        assert above[f"accuracy_{name}"] >= wanted
    assert sum(c["asteroids"] for c in above["by_complex"].values()) == above["asteroids"]


def test_what_is_above_the_threshold_is_counted_as_in_the_catalogue(sample_project):
    """Out-of-fold probabilities for those in training, the shipped model's for the others."""
    nm = PARAMS["bands"]["wavelengths_nm"]
    data = read_training_set(nm, PARAMS["train"]["used_bands_nm"][MAIN])
    in_training = data.asteroids["source_id"].to_numpy()[data.train]
    predictions, found = read_predictions(MAIN), read_calibration()
    p = without_training(predictions, read_out_of_fold(), in_training, COLUMNS)
    above = p.max(axis=1) >= found["threshold"][MAIN]
    assert found["all"]["asteroids"] == len(p)
    assert found["above_threshold"]["asteroids"] == above.sum()
    replaced = np.isin(predictions["source_id"].to_numpy(), in_training)
    same = np.isclose(p, matrix(predictions, COLUMNS), atol=1e-6).all(axis=1)
    assert same[~replaced].all() and not same[replaced].all()


def test_the_sets_cover_each_complex_and_the_classes_have_a_precision(sample_project):
    found = read_calibration()
    least = found["least_probability"][MAIN]
    assert least["snr_below"] == [*PARAMS["calibration"]["snr_groups"], None]
    assert all(0 < p < 1 for c in "COSX" for p in least[c])
    assert set(found["coverage"]) == {"all", *"COSX"}
    assert all(abs(share - 0.9) < 0.02 for share in found["coverage"].values())
    assert sum(row["asteroids"] for row in found["classes"].values()) == len(read_out_of_fold())
    assert found["classes"]["V"]["precision"] > 0.8 and found["classes"]["B"]["precision"] is None


def test_calibrating_twice_gives_the_same_bytes_and_another_model_other_numbers(sample_project):
    files = (OUT_OF_FOLD_PATH, calibrate.CURVE_PATH, calibrate.CALIBRATION_PATH)
    first = [path.read_bytes() for path in files]
    calibrate.main()
    assert [path.read_bytes() for path in files] == first
    params = sample_params()
    params["train"]["model"] = "logistic_regression"
    (sample_project / "params.yaml").write_text(yaml.safe_dump(params))
    calibrate.main()
    found = read_calibration()
    assert found["model"] == "logistic_regression" and found["classes"] == {}


@pytest.mark.parametrize(("changes", "classes", "measured"), [
    ({}, "COSX", True), ({}, "CMS", False), ({"visible": None}, "COSX", False)])
def test_the_visible_model_abstains_where_its_calibration_was_not_measured(
        changes, classes, measured):
    nested = sample_params()
    visible = nested["calibration"]["visible"]
    nested["calibration"] |= changes
    threshold, limits = visible_calibration(validated(nested), list(classes))
    assert threshold == (visible["threshold"] if measured else 1.0)
    assert limits == {"snr_below": [None], **{
        name: [visible["least_probability"][name] if measured else None] for name in classes}}


def test_a_model_that_learned_nothing_stops_the_stage(sample_project):
    params = sample_params()
    params["train"]["model"], params["train"]["logistic_regression"]["C"] = (
        "logistic_regression", 1e-9)
    (sample_project / "params.yaml").write_text(yaml.safe_dump(params))
    with pytest.raises(PipelineError, match="not above the majority-class baseline"):
        calibrate.main()
    params["calibration"]["above_majority"] = None
    (sample_project / "params.yaml").write_text(yaml.safe_dump(params))
    calibrate.main()


@pytest.mark.real_data
def test_the_sample_gives_nearly_the_threshold_of_the_survey(sample_project):
    survey = read_json(TOP / calibrate.CALIBRATION_PATH)
    found = read_calibration()
    assert found["threshold"][MAIN] == pytest.approx(survey["threshold"][MAIN], abs=0.04)
