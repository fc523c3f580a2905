import re

import numpy as np
import onnx
import pandas as pd
import pytest
import yaml

from asteroid_taxonomy.catalogue import catalogue_path, read_catalogue
from asteroid_taxonomy.commands.archive_query import spectra_of
from asteroid_taxonomy.commands.lookup import main
from asteroid_taxonomy.console import PipelineError
from asteroid_taxonomy.designations import Asked
from asteroid_taxonomy.onnx_model.classifier import load_classifier
from asteroid_taxonomy.onnx_model.description import CLASSES_PATH, ONNX_PATH
from tests import onnx_files
from tests.project_fixtures import TOP, simulated_params

NAME = simulated_params()["catalogue"]["name"]


@pytest.fixture
def look(capsys):
    """What the command prints of the asteroids asked for."""
    def run(*asked):
        main(list(asked))
        return capsys.readouterr().out
    return run


def refused(look, *asked):
    """The sentence with which a look-up ends."""
    with pytest.raises(PipelineError) as error:
        look(*asked)
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize("asked", [
    ["433"], ["Simulated", "433"], ["(433)"], ["SIMULATED_433"], ["(433) simulated 433"]])
def test_an_asteroid_of_the_catalogue_is_found_in_every_form(catalogued, look, asked):
    said = look(*asked)
    assert said.startswith("(433) Simulated 433 ") and "SIMULATED" in said
    assert "  S  0." in said and "  1034 " in said and "S/N" in said


def test_several_are_printed_in_the_order_asked_each_once(catalogued, look, tmp_path):
    names = tmp_path / "names.txt"
    names.write_text("simulated 16  # Psyche's number\n\n(4)\n", encoding="utf-8")
    said = look("433", "(433)", "--file", str(names))
    assert re.findall(r"^\((\d+)\)", said, re.MULTILINE) == ["433", "16", "4"]


def test_a_source_id_is_found_behind_dashes_and_without(catalogued, look):
    table = read_catalogue(NAME)[0]
    source_id, name = str(table["source_id"][5]), str(table["name"][5])
    assert name in look(source_id) and name in look("--plot", "--", source_id)


def test_a_number_with_another_name_is_found_with_a_note(catalogued, capsys):
    main(["(433) Eros"])
    out, err = capsys.readouterr()
    assert out.startswith("(433)") and "is called 'Simulated 433' here" in err


def test_an_asteroid_without_a_class_says_why(without_506_nm, look):
    table = read_catalogue(NAME)[0].to_pandas()
    said = look(table[table["complex"].isna()]["name"].iloc[0])
    assert "no class: no reflectance at 506 nm" in said and "506   not measured" in said


@pytest.mark.parametrize(("asked", "words"), [
    ("99999999", "is called '99999999'"), ("", "is called ''"),
    ("simulatd 433", ", but Simulated 433"),
])
def test_no_match_in_the_catalogue_gets_a_sentence_with_similar_names(
        catalogued, look, asked, words):
    assert words in refused(look, asked)


def test_one_that_is_not_in_the_catalogue_does_not_lose_the_list(catalogued, capsys):
    with pytest.raises(PipelineError, match=r"^1 of 3 asteroids were not found"):
        main(["433", "99999999", "4"])
    out, err = capsys.readouterr()
    assert re.findall(r"^\((\d+)\)", out, re.MULTILINE) == ["433", "4"]
    assert err.count("\n") == 1 and "is called '99999999'" in err


def test_the_plot_draws_the_spectrum_over_the_complexes(catalogued, look):
    said = look("433", "--plot")
    assert said.count("*") > 5 and "C, O, S, X means" in said


@pytest.mark.parametrize("ending", ["svg", "png"])
def test_the_plot_is_written_as_a_picture(catalogued, look, tmp_path, ending):
    picture = tmp_path / f"plot.{ending}"
    assert f"wrote {picture}" in look("433", "-o", str(picture))
    assert picture.read_bytes()[:4] in (b"<svg", b"\x89PNG")


def test_a_picture_of_another_kind_is_refused(catalogued, look, tmp_path):
    assert "should end in .svg or .png" in refused(look, "433", "-o", str(tmp_path / "plot.pdf"))


# without the catalogue

@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """An empty folder, as the current one."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.loopback
@pytest.mark.parametrize(("asked", "name"), [
    (["4"], "(4) Vesta"), (["(4) Vesta"], "(4) Vesta"), (["VESTA"], "(4) Vesta"),
    (["2010_AB1"], "2010 AB1"), (["2010", "AB1"], "2010 AB1"), (["-4284960000"], "(1) Ceres"),
    (["O'Higgins"], "(2) O'Higgins"), (["O''Higgins"], "(2) O'Higgins"),
])
def test_without_the_catalogue_the_archive_is_asked_once(elsewhere, archive, look, asked, name):
    said = look(*asked)
    assert said.startswith(f"{name}   source_id -42849") and "from the archive" in said
    assert said.count("#") > 100 and "1034" in said and len(archive.queries) == 1


@pytest.mark.loopback
def test_several_asteroids_are_one_query(elsewhere, archive, look):
    said = look("4", "16", "psyche", "--plot")
    assert re.findall(r"^\((\d+)\)", said, re.MULTILINE) == ["4", "16"]
    assert len(archive.queries) == 1 and said.count("*") > 10


@pytest.mark.loopback
def test_a_number_and_a_name_of_another_are_two(elsewhere, archive, look):
    assert re.findall(r"^\((\d+)\)", look("4", "psyche"), re.MULTILINE) == ["4", "16"]
    assert re.findall(r"^\((\d+)\)", look("4", "vesta"), re.MULTILINE) == ["4"]


@pytest.mark.loopback
def test_a_null_band_that_is_needed_leaves_the_class_open(elsewhere, archive, look):
    missing = [row for row in archive.rows if row[2] == "5" and row[5] == "902.0"]
    missing[0][6] = "NaN"
    said = look("5")
    assert "no class: no reflectance at" in said and "902   not measured" in said


@pytest.mark.loopback
def test_without_the_catalogue_the_class_is_told_where_cross_validation_can_answer_for_it(
        elsewhere, archive, look):
    measured = pd.read_csv(TOP / "reports/crossvalidation/classes.csv", keep_default_na=False)
    telling = set(measured["class"][(measured["predicted"] >= 30) & (
        pd.to_numeric(measured["precision"]) >= 0.5)])
    classes, told = load_classifier(TOP / CLASSES_PATH), 0
    for spectrum in spectra_of([Asked(n) for n in range(1, 20)], classes.metadata,
                               classes.wavelengths_nm):
        (name,), (how_likely,) = classes.complexes(
            classes.probabilities(spectrum.reflectance[None]))
        said = re.findall(r"^  class .*", look(str(spectrum.number)), re.MULTILINE)
        assert said == [f"  class {name} at {how_likely:.3f} (Mahlke 2022 taxonomy)"] * (
            name in telling)
        told += name in telling
    assert 0 < told < 19


@pytest.mark.loopback
def test_classes_of_other_weights_are_left_out_with_a_line_that_says_so(
        elsewhere, archive, capsys):
    (elsewhere / "models").mkdir()
    onnx.save(onnx_files.shipped(**{"sha256_asteroid_taxonomy.skops": "another"}), ONNX_PATH)
    main(["4"])
    out, err = capsys.readouterr()
    assert "  complex " in out and "  class " not in out
    assert err.startswith("note: classes are left out: ") and "has other weights than" in err


@pytest.mark.loopback
def test_without_the_report_of_the_classes_they_are_left_out_with_a_line_that_says_so(
        elsewhere, archive, capsys, monkeypatch):
    monkeypatch.setattr("asteroid_taxonomy.commands.known.PLOTS", elsewhere)
    main(["4"])
    out, err = capsys.readouterr()
    assert "  complex " in out and "  class " not in out
    assert "classes are left out: " in err and "classes.csv does not exist" in err


@pytest.mark.loopback
@pytest.mark.parametrize(("answer", "words"), [
    ((503, "<html><title>busy</title></html>"), "answered 503 and no table: busy"),
    ((200, '<VOTABLE><INFO name="QUERY_STATUS" value="ERROR">no \x1b such column</INFO>'),
     "no table: no such column"),
    ((200, ""), "no table: nothing"), ((200, "a,b\n1,2\n"), "no table: a,b 1,2"),
    ((200, "x" * 11_000_000), "and no table"),
])
def test_an_answer_that_is_no_table_is_one_sentence(elsewhere, archive, look, answer, words):
    archive.answer = answer
    sentence = refused(look, "4")
    assert words in sentence and "GAIA_TAP_URL" in sentence and sentence.isprintable()


@pytest.mark.loopback
@pytest.mark.parametrize("spoil", [
    lambda rows: rows.pop(), lambda rows: rows.append(rows[-1]),
    lambda rows: rows[-1].__setitem__(5, "1035.0e9"), lambda rows: rows[-1].__setitem__(6, "x")])
def test_a_spectrum_that_is_not_whole_is_refused(elsewhere, archive, look, spoil):
    archive.rows = [list(row) for row in archive.rows if row[2] == "4"]
    spoil(archive.rows)
    assert "expected numbers at the 16 wavelengths" in refused(look, "4")


@pytest.mark.loopback
def test_an_asteroid_that_the_archive_lacks_is_named_and_the_others_are_printed(
        elsewhere, archive, capsys):
    with pytest.raises(PipelineError, match=r"^2 of 3 asteroids were not found"):
        main(["vestra", "4", "99"])
    out, err = capsys.readouterr()
    assert out.startswith("(4) Vesta")
    assert [line.split(";")[0] for line in err.splitlines()] == [
        "the archive has no spectrum of 'vestra'", "the archive has no spectrum of '99'"]


@pytest.mark.loopback
def test_an_asteroid_that_the_archive_lacks_ends_with_a_sentence(elsewhere, archive, look):
    assert "has no spectrum of 'vestra'" in refused(look, "vestra", "-o", "vestra.svg")


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/tap", "nonsense"])
@pytest.mark.loopback
def test_without_network_there_is_a_sentence(elsewhere, look, monkeypatch, url):
    monkeypatch.setenv("GAIA_TAP_URL", url)
    sentence = refused(look, "4")
    assert url in sentence and "needs the network" in sentence and "dvc pull" in sentence


def test_a_model_that_does_not_name_its_archive_is_told():
    with pytest.raises(PipelineError, match="does not say where its spectra come from"):
        list(spectra_of([Asked(4)], {"spectra_service": "https://archive.example.org"}, [550]))


def test_nothing_asked_for_ends_with_2(look):
    with pytest.raises(SystemExit) as end:
        look()
    assert end.value.code == 2


def test_a_list_that_cannot_be_read_is_named(look):
    assert "none.txt cannot be read" in refused(look, "--file", "none.txt")


@pytest.mark.real_data
@pytest.mark.parametrize("asked", ["433", "Eros", "(433) Eros", "433 Eros", "O'Higgins", "Xi'an",
                                   "1974_FV1", "1974 FV1", "-4284962966"])
def test_every_form_finds_a_real_asteroid(real_asteroids, monkeypatch, look, asked):
    monkeypatch.chdir(TOP)
    params = yaml.safe_load((TOP / "params.yaml").read_text(encoding="utf-8"))
    if not catalogue_path(params["catalogue"]["name"]).exists():
        pytest.skip("the catalogue is not here: dvc pull, or dvc repro")
    said = look(asked)
    if asked in ("433", "Eros"):
        assert "literature: class S" in said


def test_predictions_of_python_are_those_of_the_look_up(elsewhere):
    from asteroid_taxonomy import load

    nm = np.arange(374, 1035, 44)
    steps = np.stack([np.linspace(0.8, 1.3, 16), np.full(16, 7.0)])
    answer = load().predict(nm, steps)
    assert answer.probabilities.shape == (2, 4) and answer.classes == ["C", "O", "S", "X"]
    assert answer.complex[0] == answer.classes[answer.probabilities[0].argmax()]
    again = load(TOP / ONNX_PATH).predict(nm[::-1], 3 * steps[0, ::-1])
    np.testing.assert_allclose(again.probabilities, answer.probabilities[:1], atol=1e-6)
    gap = load().predict(nm, np.where(nm == 902, np.nan, steps[0]))
    assert gap.complex[0] is None and gap.abstained[0] and "902" in gap.note[0]


@pytest.mark.parametrize(("wavelengths", "reflectance"), [
    ([374, 418], [1, 2, 3]), ([374, 374], [1, 1]), ([-374, 418], [1, 1]), ([[374]], [1]),
    ([374, float("nan")], [1, 1]),
])
def test_arrays_that_do_not_fit_get_a_sentence(elsewhere, wavelengths, reflectance):
    from asteroid_taxonomy import load

    with pytest.raises(PipelineError, match="expected wavelengths|wavelengths should be"):
        load().predict(wavelengths, reflectance)
