"""The page and the card: what they say."""

import re
import shutil

import pytest

from asteroid_taxonomy.files import read_json
from asteroid_taxonomy.raw_tables import SIMULATED
from stages import report
from tests.page.conftest import GRID, USED, reported_with_the_figures_of, run_in
from tests.page.made_up import LABELS, SURVEY, made_up_project


def texts(folder):
    return [(folder / path).read_text(encoding="utf-8")
            for path in (report.PAGE_PATH, report.CARD_PATH)]


def markup(folder):
    return re.sub(r"<(script|style).*?</\1>", "", texts(folder)[0], flags=re.DOTALL)


def test_the_page_is_one_file_below_15_mb_that_asks_for_nothing(reported):
    assert len(texts(reported)[0]) < 15e6
    assert not re.search(r"(?:src|href)=\"(?!data:|#)|@import|url\(", markup(reported))


def test_another_release_and_another_label_table_are_named_and_these_are_not(reported):
    page, card = markup(reported), texts(reported)[1]
    for text in (page, card):
        assert SURVEY in text and LABELS in text and "Nobody 2099" in text
    # what the committed model says about itself is the file's own affair
    page = re.sub(r'<dl class="facts">.*?</dl>', "", page, flags=re.DOTALL)
    for text in (page, card):
        assert not re.search("Gaia|DR3|Mahlke|Galluccio", text.split("<pre")[0])


def test_the_simulated_survey_says_so_in_a_banner(reported, tmp_path):
    made_up_project(tmp_path, GRID, USED, survey=SIMULATED)
    reported_with_the_figures_of(tmp_path, reported)
    page, card = texts(tmp_path)
    assert 'class="banner"' in page and "do not exist" in page and "do not exist" in card


def test_both_estimates_for_the_kept_stand_on_the_page_and_on_the_card(reported):
    metrics = read_json(reported / "reports/metrics.json")
    for text in (markup(reported), texts(reported)[1]):
        for key in ("kept_accuracy_weighted", "kept_accuracy_degraded",
                    "population_accuracy_weighted", "population_accuracy_degraded"):
            assert f"{100 * metrics[key]:.1f} ± {100 * metrics[key + '_se']:.1f} %" in text


def test_the_card_has_its_chapters_and_the_figures_of_the_metrics(reported):
    card = texts(reported)[1]
    for heading in ("Intended use", "Training data", "Metrics", "Limitations", "Citation"):
        assert f"## {heading}" in card
    assert f"{100 * read_json(reported / 'reports/metrics.json')['cv_accuracy']:.1f} ± " in card


def test_no_name_is_markup(reported):
    page = texts(reported)[0]
    assert "<b>bold</b>" not in page and page.count("</script>") == page.count("<script")


def test_the_same_run_gives_the_same_bytes(reported, tmp_path):
    shutil.copytree(reported, tmp_path, dirs_exist_ok=True)
    run_in(tmp_path, report)
    assert texts(tmp_path) == texts(reported)


@pytest.mark.parametrize("word", ["complex", "macro-F1", "published recipe", "held out", "S/N"])
def test_words_are_explained_where_they_stand_and_at_the_end(reported, word):
    page = markup(reported)
    assert re.search(rf'<abbr title="[^"]+">{word}</abbr>', page) and f"<dt>{word}</dt>" in page
