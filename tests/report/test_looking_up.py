"""The page in a browser: asteroids are found, and what is not there is said."""

import pytest

from asteroid_taxonomy.catalogue import read_catalogue
from asteroid_taxonomy.page.search_index import FAMOUS
from stages import report
from tests.page.made_up import CLASSES, SURVEY, TOP

pytestmark = pytest.mark.browser


def ask(page, query):
    page.fill("#query", query)
    page.press("#query", "Enter")


@pytest.mark.parametrize("query", ["433", "Eros", "EROS", "(433) Eros", "433 eros",
                                   " (433)  EROS ", "0433", "(433)"])
def test_an_asteroid_is_found_as_people_write_it(page, query):
    ask(page, query)
    page.get_by_role("status").get_by_text("is shown").wait_for()
    assert page.text_content("#who") == "(433) eros"


@pytest.mark.parametrize(("query", "title"), [
    ("1974_FV1", "1974 fv1"), ("1974 FV1", "1974 fv1"), ("1974fv1", "1974 fv1"),
    ("O’Higgins", "(13) o'higgins"), ("o''higgins", "(13) o'higgins"),
    ("12", "(12) after two lines"), ("100%", "(16) 100%"), ("two lines", "(11) two\nlines"),
    ("15", "(15) </script><b>bold</b>"),
])
def test_odd_names_are_found_and_do_not_shift_others(page, query, title):
    ask(page, query)
    page.get_by_role("status").get_by_text("is shown").wait_for()
    assert page.text_content("#who") == title


def test_the_page_shows_the_probabilities_of_the_catalogue(page, reported, monkeypatch):
    monkeypatch.chdir(reported)
    row = next(row for row in read_catalogue("made_up")[0].to_pylist() if row["number"] == 433)
    shown = [float(text.removesuffix(" %")) for text in
             page.locator("#probabilities td.n").all_text_contents()]
    assert shown == pytest.approx([100 * row[f"probability_{c}"] for c in CLASSES], abs=0.06)
    assert page.locator("#probabilities small").first.text_content() == "± 3.0"
    assert page.locator("#value-rows tr").count() == 16


def test_a_flagged_band_that_the_model_uses_is_marked_and_said(page):
    assert f"{SURVEY} flags 990 nm as bad, a band the model uses" in page.text_content("#verdict")
    assert "When tested, 93 % of those called V were" in page.text_content("#facts")
    drawn = page.locator("#look_up .mark-symbol.role-mark path").evaluate_all(
        "points => points.map((point) => point.getAttribute('d').length)")
    assert len(drawn) == 16 and len(set(drawn)) == 2  # circles and a cross


def test_a_missing_band_is_said(page):
    ask(page, "12")
    page.get_by_text("No class: 990 nm, which the model needs, is missing.").wait_for()


@pytest.mark.parametrize(("query", "sentence"), [
    ("no such thing", "No asteroid with a spectrum is called “no such thing”."),
    ("", "Type a number or a name."), ("<b>x</b>", "called “<b>x</b>”"),
])
def test_after_a_failed_search_no_asteroid_looks_like_the_answer(page, query, sentence):
    ask(page, query)
    page.get_by_role("status").get_by_text(sentence).wait_for()
    assert not page.locator("#answer").is_visible() and not page.locator("#values").is_visible()
    assert page.locator("#neighbours button").count() == 0
    page.wait_for_function("!document.querySelector('#look_up .mark-symbol.role-mark path')")
    assert "#" not in page.url


@pytest.mark.parametrize("query", ["asteroid 100", "asterid 1000"])
def test_a_suggestion_leads_to_the_asteroid(page, query):
    ask(page, query)
    page.get_by_role("status").get_by_role("button").first.click()
    assert page.text_content("#who") == "(1000) asteroid 1000"


@pytest.mark.parametrize(("after", "status", "title"), [
    ("#4000", "is shown", "(4000) small number"), ("#100%", "is shown", "(16) 100%"),
    ("#eros", "is shown", "(433) eros"), ("#%E0%A4%A", "is called “%E0%A4%A”", None),
])
def test_an_address_with_an_asteroid_shows_it(open_page, reported, after, status, title):
    page = open_page(reported / report.PAGE_PATH, after, status)
    assert not title or page.text_content("#who") == title


def test_failures_lead_to_the_look_up(page):
    panels = page.locator("#confident_failures")
    panels.scroll_into_view_if_needed()
    panels.locator("svg").wait_for()
    name = panels.locator(".role-title-text text").first.text_content().split(":")[0]
    panels.locator(".mark-line path").first.click(force=True)
    page.get_by_role("status").get_by_text(f"{name} is shown").wait_for()
    page.get_by_text("As a table").click()
    link = page.locator("#h-failures ~ details a").nth(1)
    link.click()
    page.get_by_role("status").get_by_text(f"{link.text_content()} is shown").wait_for()


def test_chips_neighbours_and_surprises_are_asteroids_of_the_catalogue(page):
    page.locator("#chips .chip").first.click()
    assert page.text_content("#who") == "(433) eros"
    page.locator("#neighbours button").first.wait_for()
    assert page.locator("#neighbours button").count() == 6
    neighbour = page.locator("#neighbours button").first
    title = neighbour.text_content().split(":")[0]
    neighbour.click()
    assert page.text_content("#who") == title
    page.click("#surprise")
    page.get_by_role("status").get_by_text("is shown").wait_for()


@pytest.mark.parametrize(("query", "title"), [
    ("4000", "(4000) small number"), (str(2**40 + 4000), f"({2**40 + 4000}) large number"),
    (str(2**60 + 1), f"({2**60 + 1}) larger than a float"),
])
def test_with_twenty_bands_numbers_of_64_bits_are_told_apart(
        open_page, twenty_bands, query, title):
    page = open_page(twenty_bands / report.PAGE_PATH)
    ask(page, query)
    page.get_by_role("status").get_by_text("is shown").wait_for()
    assert page.text_content("#who") == title


def test_with_twenty_bands_a_flag_of_the_last_ones_is_seen(open_page, twenty_bands):
    page = open_page(twenty_bands / report.PAGE_PATH)
    flags = page.locator("#value-rows tr td:nth-child(4)").all_text_contents()
    assert flags == ["good"] * 15 + ["bad"] + ["good"] * 4
    assert page.locator("#handles input").count() == 20


@pytest.mark.real_data
def test_famous_asteroids_are_found_among_all(open_page, real_asteroids):
    if not (TOP / report.PAGE_PATH).exists():
        pytest.skip("the page is not here: dvc pull, or dvc repro")
    page = open_page(TOP / report.PAGE_PATH)
    assert page.locator("#chips .chip").count() == len(FAMOUS) + 2
    ask(page, "eros")
    page.get_by_text("Class in the literature: S").wait_for()
    assert page.evaluate(
        "performance.getEntriesByName('first-contentful-paint')[0].startTime") < 2000
