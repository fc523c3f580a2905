import pytest
from hypothesis import given
from hypothesis import strategies as st

from asteroid_taxonomy.designations import Asked, nearest, normalised, parse


@pytest.mark.parametrize(("asked", "expected"), [
    ("433", Asked(433)), (" (433) ", Asked(433)), ("(433) Eros", Asked(433, name="eros")),
    ("433 EROS", Asked(433, name="eros")), ("00062_erato", Asked(62, name="erato")),
    ("-4284962966", Asked(source_id=-4284962966)), ("Eros", Asked(name="eros")),
    ("1862 Apollo", Asked(1862, name="apollo")), ("Van Albada", Asked(name="van albada")),
    ("2040 P-L", Asked(name="2040 p-l")), ("3138_T-1", Asked(name="3138 t-1")),
    ("9" * 30, Asked(name="9" * 30)), ("²", Asked(name="²")), ("", Asked(name="")),
    ("(2015) ", Asked(2015)), ("simulated 433", Asked(name="simulated 433")),
    *((form, Asked(name="1974 fv1")) for form in (
        "1974 FV1", "1974_FV1", "1974FV1", "1974  fv1", "1974 FV 1")),
    *((form, Asked(name="o'higgins")) for form in (
        "O'Higgins", "o''higgins", "O’HIGGINS", "O`Higgins")),
])
def test_what_people_type_is_taken_apart(asked, expected):
    assert parse(asked) == expected


@given(st.text())
def test_any_text_is_taken_apart_and_a_normalised_name_stays_as_it_is(text):
    assert any(part is not None for part in parse(text))
    assert normalised(normalised(text)) == normalised(text)


def test_the_nearest_names_are_given_as_they_are_written():
    names = ["Ceres", "O'Higgins", "Eros", "1974 FV1"]
    assert nearest("ohiggins", names) == ["O'Higgins"]
    assert nearest("ERSO", names)[0] == "Eros" and nearest("quux", names) == []
