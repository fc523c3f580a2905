import pytest

from asteroid_taxonomy.catalogue import CATALOGUE_PATH, read_catalogue
from asteroid_taxonomy.commands import lookup
from asteroid_taxonomy.console import PipelineError
from tests.project_fixtures import TOP


def look(monkeypatch, capsys, *asked):
    monkeypatch.setattr("sys.argv", ["lookup", *asked])
    lookup.main()
    return capsys.readouterr().out


@pytest.mark.parametrize("asked", [("433",), ("Simulated", "433"), ("(433)",), ("SIMULATED 433",)])
def test_an_asteroid_is_found_by_number_and_by_name(catalogued, monkeypatch, capsys, asked):
    said = look(monkeypatch, capsys, *asked)
    assert said.startswith("(433) simulated 433 ") and "SIMULATED" in said
    assert "  S  0." in said and "  1034 " in said and "S/N" in said


def test_an_asteroid_without_a_class_says_why(without_506_nm, monkeypatch, capsys):
    table = read_catalogue()[0].to_pandas()
    said = look(monkeypatch, capsys, table[table["complex"].isna()]["name"].iloc[0])
    assert "no class: no reflectance at 506 nm" in said and "506   not measured" in said


@pytest.mark.parametrize(("asked", "sentence"), [
    ("99999999", "is called '99999999'"), ("", "is called ''"),
    ("simulatd 433", "but simulated 433"),
])
def test_no_match_gets_a_sentence_with_similar_names(catalogued, monkeypatch, capsys, asked,
                                                     sentence):
    with pytest.raises(PipelineError, match=sentence):
        look(monkeypatch, capsys, asked)


def test_without_a_name_the_usage_is_said(monkeypatch, capsys):
    with pytest.raises(PipelineError, match="usage: "):
        look(monkeypatch, capsys)


@pytest.mark.real_data
@pytest.mark.parametrize("asked", ["433", "Eros"])
def test_eros_is_an_s(real_asteroids, monkeypatch, capsys, asked):
    monkeypatch.chdir(TOP)
    if not CATALOGUE_PATH.exists():
        pytest.skip("the catalogue is not here: dvc pull, or dvc repro")
    assert "literature: class S" in look(monkeypatch, capsys, asked)
