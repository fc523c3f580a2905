"""The page and the card: what is written in them."""

import re

import yaml

from asteroid_taxonomy.files import read_json
from asteroid_taxonomy.report import content
from asteroid_taxonomy.report.rendering import plus_minus
from stages import report


def texts(folder):
    return [(folder / path).read_text(encoding="utf-8")
            for path in (report.PAGE_PATH, report.CARD_PATH)]


def markup(folder):
    return re.sub(r"<(script|style).*?</\1>", "", texts(folder)[0], flags=re.DOTALL)


def test_the_page_is_one_file_that_loads_nothing_and_in_which_no_name_is_markup(reported):
    page = texts(reported)[0]
    assert len(page) < 4e6
    assert not re.search(r"(?:src=\"|@import|url\(|<link[^>]*href=\"(?!data:))", markup(reported))
    assert "<b>bold</b>" not in page and page.count("</script>") == page.count("<script")


def test_outside_links_lead_to_papers_and_to_files_of_the_project(reported):
    links = set(re.findall(r'<a [^>]*href="([^"#][^"]*)"', markup(reported)))
    assert all(link.startswith(("https://ui.adsabs.harvard.edu/abs/", "https://doi.org/"))
               for link in links if "://" in link) and len([k for k in links if "://" in k]) >= 3
    inside = [reported / "reports" / link for link in links if "://" not in link]
    absent = {path.name for path in inside if not path.resolve().exists()}
    assert absent <= {"CITATION.cff"} and len(inside) >= 7


def test_estimates_selection_and_coverage_are_on_the_page_and_on_the_card(reported):
    calibration, counts = (read_json(reported / f"reports/{name}.json")
                           for name in ("calibration", "catalogue"))
    s = counts["by_complex"]["S"]
    figures = [f"{100 * s['above_threshold'] / s['asteroids']:.0f}% of S",
               *(f"{name} {100 * calibration['coverage'][name]:.1f}%" for name in "COSX"),
               *(plus_minus(calibration[population], key)
                 for population in ("all", "above_threshold")
                 for key in ("accuracy_weighted", "accuracy_degraded"))]
    for text in (markup(reported), texts(reported)[1]):
        assert [figure for figure in figures if figure not in text] == []
        assert "Do not count or map complexes" in text and "upper bound" in text
    assert not re.search(r"\{\{|\{%|None|\bnan\b", texts(reported)[1])
    sets = f'<td>C X</td><td class="n">{counts["complex_set"]["C X"]:,}</td>'
    assert sets in markup(reported)


def test_terms_are_explained_where_they_appear_and_at_the_end(reported):
    page, terms = markup(reported), {"complex", "macro-F1", "prediction set", "held out", "S/N"}
    for words in (r'<abbr title="[^"]+">([^<]+)</abbr>', "<dt>([^<]+)</dt>"):
        assert terms <= set(re.findall(words, page))


def test_words_are_those_of_the_release_with_the_complexes_of_params(reported):
    words = content.words("Gaia DR3", "Mahlke 2022 taxonomy")
    assert words["labels"] and words["sets"] and words["limitations"]
    params = yaml.safe_load((reported / "params.yaml").read_text(encoding="utf-8"))
    assert set(content.words("", "")["complexes"]) == set(params["taxonomy"]["complexes"])
