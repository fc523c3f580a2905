"""From the classes of the label table to complexes."""

import numpy as np
import pandas as pd
import pytest

from asteroid_taxonomy.console import PipelineError
from asteroid_taxonomy.params import load_params
from asteroid_taxonomy.taxonomy import classified, complexes, strip_feature_flags
from tests.project_fixtures import TOP

TAXONOMY = load_params(TOP / "params.yaml").taxonomy


def test_feature_flags_are_stripped_and_ch_stays():
    for label, bare in (("Mk", "M"), ("Ek", "E"), ("Pe", "P"), ("Xe", "X"), ("Eek", "E"),
                        ("Mek", "M"), ("Xek", "X"), ("Ch", "Ch"), ("S", "S"), ("Sk", "Sk")):
        assert strip_feature_flags(label, TAXONOMY) == bare


def test_each_class_of_the_mahlke_table_has_its_complex():
    for name, labels in (("C", ["B", "C", "Ch"]), ("O", ["D", "K", "O", "R", "V", "Z"]),
                         ("S", ["S", "Q", "A", "L"]), ("X", ["E", "M", "P", "X", "Mk", "Eek"])):
        assert complexes(labels, TAXONOMY) == [name] * len(labels)


def test_unknown_classes_are_counted_and_go_to_a_complex_only_where_params_name_one():
    with pytest.raises(PipelineError, match=r"lacks: Hx \(1\), Wq \(2\); add each"):
        complexes(["Wq", "S", "Wq", "Hx"], TAXONOMY)
    published = TAXONOMY.model_copy(update={"unknown_class": "O", "feature_flags": ""})
    assert complexes(["Wq", "Mk"], published) == ["O", "O"]


def test_the_probability_of_a_label_is_that_of_its_class_without_flags():
    labels = pd.DataFrame({"number": pd.array([1, 2], dtype="Int64"), "class": ["Mk", "Ch"],
                           "probability_M": [0.75, 0.1], "probability_C": [0.2, 0.8]})
    table = classified(labels, TAXONOMY)
    assert table["class_without_flags"].tolist() == ["M", "Ch"]
    assert table["complex"].tolist() == ["X", "C"]
    assert table["label_probability"][0] == pytest.approx(0.75)
    assert np.isnan(table["label_probability"][1])  # the table has none for Ch
