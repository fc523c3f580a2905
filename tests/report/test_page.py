"""The page and the card: what is written in them."""

import re

import pytest
import yaml

from asteroid_taxonomy.files import read_json
from asteroid_taxonomy.report import content
from stages import report


def texts(folder):
    return [(folder / path).read_text(encoding="utf-8")
            for path in (report.PAGE_PATH, report.CARD_PATH)]


def markup(folder):
    return re.sub(r"<(script|style).*?</\1>", "", texts(folder)[0], flags=re.DOTALL)


def plus_minus(figures, key):
    return f"{100 * figures[key]:.1f} ± {100 * figures[key + '_se']:.1f} %"


def test_the_page_is_one_file_that_loads_nothing(reported):
    assert len(texts(reported)[0]) < 4e6
    assert not re.search(r"(?:src=\"|@import|url\(|<link[^>]*href=\"(?!data:))", markup(reported))


def test_outside_links_lead_to_papers_and_to_files_of_the_project(reported):
    links = set(re.findall(r'<a [^>]*href="([^"#][^"]*)"', markup(reported)))
    assert all(link.startswith(("https://ui.adsabs.harvard.edu/abs/", "https://doi.org/"))
               for link in links if "://" in link) and len([k for k in links if "://" in k]) >= 3
    inside = [reported / "reports" / link for link in links if "://" not in link]
    absent = {path.name for path in inside if not path.resolve().exists()}
    assert absent <= {"CITATION.cff"} and len(inside) >= 7


@pytest.mark.parametrize("population", ["all", "above_threshold"])
def test_both_estimates_are_on_the_page_and_on_the_card(reported, population):
    figures = read_json(reported / "reports/calibration.json")[population]
    for text in (markup(reported), texts(reported)[1]):
        for key in ("accuracy_weighted", "accuracy_degraded"):
            assert plus_minus(figures, key) in text


def test_the_selection_above_the_threshold_is_stated_with_its_numbers(reported):
    counts = read_json(reported / "reports/catalogue.json")["by_complex"]["S"]
    share = f"{100 * counts['above_threshold'] / counts['asteroids']:.0f} % of S"
    for text in (markup(reported), texts(reported)[1]):
        assert share in text and "Do not count or map complexes" in text and "upper bound" in text


def test_the_sets_are_counted_and_their_coverage_is_given(reported):
    page, card = markup(reported), texts(reported)[1]
    coverage = read_json(reported / "reports/calibration.json")["coverage"]
    for text in (page, card):
        assert all(f"{name} {100 * coverage[name]:.1f} %" in text for name in "COSX")
    sets = read_json(reported / "reports/catalogue.json")["complex_set"]
    assert f'<td>C X</td><td class="n">{sets["C X"]:,}</td>' in page


def test_the_card_has_its_chapters(reported):
    card = texts(reported)[1]
    assert re.findall(r"^## (.*)$", card, re.MULTILINE) == [
        "Intended use", "Training data", "Metrics", "Threshold", "Sets and coverage",
        "Limitations", "Citation"]
    assert not re.search(r"\{\{|\{%|None|\bnan\b", card)


def test_no_name_is_markup(reported):
    page = texts(reported)[0]
    assert "<b>bold</b>" not in page and page.count("</script>") == page.count("<script")


@pytest.mark.parametrize("word", ["complex", "macro-F1", "set", "held out", "S/N"])
def test_terms_are_explained_where_they_appear_and_at_the_end(reported, word):
    page = markup(reported)
    assert re.search(rf'<abbr title="[^"]+">{word}</abbr>', page) and f"<dt>{word}</dt>" in page


@pytest.mark.parametrize(("survey", "labels", "known"), [
    ("Gaia DR3", "Mahlke 2022 taxonomy", True), ("Orion 2", "Orion types", False)])
def test_words_are_those_of_the_release(survey, labels, known):
    words = content.words(survey, labels)
    assert all(bool(words[name]) is known for name in ("labels", "sets", "limitations"))


def test_words_and_params_have_the_same_complexes(reported):
    params = yaml.safe_load((reported / "params.yaml").read_text(encoding="utf-8"))
    assert set(content.words("", "")["complexes"]) == set(params["taxonomy"]["complexes"])
