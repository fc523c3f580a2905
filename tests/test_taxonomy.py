import numpy as np
import pandas as pd
import pytest
import yaml

from asteroid_taxonomy.console import PipelineError
from asteroid_taxonomy.taxonomy import classified, complexes, strip_feature_flags

FLAGS, FLAGGED = "ehk", ["E", "M", "P", "X"]


@pytest.fixture
def taxonomy():
    with open("params.yaml", encoding="utf-8") as file:
        return yaml.safe_load(file)["taxonomy"]


@pytest.mark.parametrize(("label", "bare"), [
    ("Mk", "M"), ("Ek", "E"), ("Me", "M"), ("Pe", "P"), ("Xe", "X"), ("Xk", "X"), ("Pk", "P"),
    ("Eek", "E"), ("Mek", "M"), ("Ee", "E"), ("Xek", "X"), ("Ch", "Ch"), ("S", "S"), ("Q", "Q"),
])
def test_feature_flags_are_stripped_and_ch_stays(label, bare):
    assert strip_feature_flags(label, FLAGS, FLAGGED) == bare


@pytest.mark.parametrize(("label", "complex_"), [
    ("B", "C"), ("C", "C"), ("Ch", "C"), ("D", "O"), ("K", "O"), ("V", "O"), ("Z", "O"),
    ("S", "S"), ("Q", "S"), ("A", "S"), ("L", "S"), ("E", "X"), ("M", "X"), ("P", "X"),
    ("Mk", "X"), ("Eek", "X"), ("X", "X"), (None, None),
])
def test_each_class_of_the_mahlke_table_has_its_complex(taxonomy, label, complex_):
    assert complexes([label], taxonomy) == [complex_]


def test_an_unknown_class_stops_with_its_name_and_how_many_have_it(taxonomy):
    with pytest.raises(PipelineError, match=r"Hx \(1 asteroid\), Wq \(2 asteroids\); add"):
        complexes(["Wq", "S", "Wq", "Hx"], taxonomy)


def test_an_unknown_class_goes_to_a_complex_only_where_params_say_so(taxonomy):
    assert complexes(["Wq", "Mk"], {**taxonomy, "unknown_class": "O", "feature_flags": ""}) == [
        "O", "O"]


def test_no_class_belongs_to_two_complexes(taxonomy):
    members = [c for group in taxonomy["complexes"].values() for c in group]
    assert len(members) == len(set(members))


def test_the_probability_of_the_label_is_that_of_its_class_without_flags(taxonomy):
    labels = pd.DataFrame({"number": pd.array([1, 2], dtype="Int64"), "class": ["Mk", "Ch"],
                           "probability_M": [0.75, 0.1], "probability_C": [0.2, 0.8]})
    table = classified(labels, taxonomy)
    assert table["class_without_flags"].tolist() == ["M", "Ch"]
    assert table["complex"].tolist() == ["X", "C"]
    assert table["label_probability"][0] == pytest.approx(0.75)
    assert np.isnan(table["label_probability"][1])  # the source gives none for Ch
