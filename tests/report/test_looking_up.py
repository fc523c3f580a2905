"""The page in a browser: asteroids are found, and what is not there is said."""

import pytest

from asteroid_taxonomy.catalogue import read_catalogue
from asteroid_taxonomy.params import load_params
from asteroid_taxonomy.report.search_index import FAMOUS
from stages import report

pytestmark = pytest.mark.browser


def look_up(page, query):
    page.fill("#query", query)
    page.press("#query", "Enter")


def status(page):
    return page.get_by_role("status")


@pytest.fixture
def catalogue(reported, monkeypatch):
    monkeypatch.chdir(reported)
    rows = read_catalogue(load_params().catalogue.name)[0].to_pylist()
    return {row["number"]: row for row in rows}


def test_an_asteroid_is_found_as_people_write_it(page):
    for query, title in (
            *((query, "(433) Eros") for query in (" (433)  eros ", "0433", "433.0", "433eros")),
            ("1974_FV1", "1974 FV1"), ("2040 pl", "2040 P-L"), ("EROS", "(433) Eros"),
            ("O’Higgins", "(9000113) O'Higgins"), ("two lines", "(9000111) two\nlines"),
            ("9000115", "(9000115) </script><b>bold</b>"),
            (str(2**60 + 1), f"({2**60 + 1}) Larger Than a Float")):
        look_up(page, query)
        status(page).get_by_text("is shown").wait_for()
        assert page.text_content("#who") == title


def test_of_a_number_with_another_name_the_number_decides_and_a_note_says_so(page):
    look_up(page, "(4) Eros")
    status(page).get_by_text("(4) is Vesta, not Eros.").wait_for()
    assert page.text_content("#who") == "(4) Vesta"


def test_the_page_shows_what_the_catalogue_has(page, catalogue):
    row = catalogue[433]
    shown = [float(text.removesuffix("%")) for text in
             page.locator("#probabilities td.n").all_text_contents()]
    assert shown == pytest.approx([100 * row[f"probability_{c}"] for c in "COSX"], abs=0.06)
    spread = page.locator("#probabilities small").first.text_content()
    assert spread == f"± {100 * row['spread_C']:.1f}"
    assert page.locator("#value-rows tr").count() == 16
    assert f"only {row['complex_set']} remains" in page.text_content("#verdict")
    facts = page.text_content("#facts")
    assert f"Class in the literature: {row['literature_class']}" in facts
    assert "purity (precision)" in facts and "out of fold" in facts
    errors = page.locator("#value-rows td:nth-child(3)").all_text_contents()
    assert all(float(error) > 0 for error in errors)


def test_what_is_doubtful_is_said_and_a_flagged_band_has_another_symbol(page, catalogue):
    for chosen, sentence in (
            (lambda row: row["complex_set"] == "C X",
             "At 90% coverage C and X cannot be excluded."),
            (lambda row: row["faint"], "Faint: below an S/N of 25"),
            (lambda row: row["abstained"] and row["complex"],
             "Below the confidence threshold of 0.8"),
            (lambda row: not row["complex"], "Not classified: there is no reflectance at "),
            (lambda row: row["number"] == 4, "flags 638 nm as bad, which the model uses.")):
        row = next(row for number, row in catalogue.items() if number and chosen(row))
        look_up(page, str(row["number"]))
        page.locator("#answer").get_by_text(sentence).wait_for()
    drawn = page.locator("#look_up .mark-symbol.role-mark path").evaluate_all(
        "points => points.map((point) => point.getAttribute('d').length)")
    assert len(drawn) == 16 and len(set(drawn)) >= 2  # circles and a cross


def test_after_a_failed_search_no_asteroid_is_shown_until_a_suggestion_is_taken(page):
    for query, sentence in (("", "Type a number or a name."),
                            ("Vestaa", "No asteroid with a spectrum is called “Vestaa”.")):
        look_up(page, query)
        status(page).get_by_text(sentence).wait_for()
        assert not page.locator("#answer").is_visible()
        assert not page.locator("#values").is_visible()
        assert page.locator("#neighbours button").count() == 0
        page.wait_for_function("!document.querySelector('#look_up .mark-symbol.role-mark path')")
        assert "#" not in page.url
    status(page).get_by_role("button", name="(4) Vesta").click()
    assert page.text_content("#who") == "(4) Vesta"


@pytest.mark.parametrize(("after", "ready", "title"), [
    ("#4", "is shown", "(4) Vesta"), ("#100%", "is shown", "(9000116) 100%"),
    ("#%E0%A4%A", "is called “%E0%A4%A”", None), ("#h-sets", "are ready", "(433) Eros"),
    ("#spectrum=a;b;c", "does not hold a whole spectrum", None),
])
def test_an_address_with_an_asteroid_shows_it(open_page, reported, after, ready, title):
    page = open_page(reported / report.PAGE_PATH, after, ready)
    assert not title or page.text_content("#who") == title


def test_failures_examples_neighbours_and_random_ones_lead_to_asteroids(page):
    link = page.locator("a.failure").first
    name = link.text_content().split(":")[0]
    link.click()
    status(page).get_by_text(f"{name} is shown").wait_for()
    assert page.locator("#examples .chip").count() == len(FAMOUS) + 2
    before = page.locator("#neighbours button").first.text_content()
    page.locator("#examples .chip").nth(1).click()
    assert page.text_content("#who") == "(4) Vesta"
    page.wait_for_function(
        "text => document.querySelector('#neighbours button').textContent !== text", arg=before)
    assert page.locator("#neighbours button").count() == 6
    neighbour = page.locator("#neighbours button").first
    title = neighbour.text_content().split(":")[0]
    neighbour.click()
    assert page.text_content("#who") == title
    page.click("#surprise")
    status(page).get_by_text("is shown").wait_for()


def test_a_click_on_the_map_opens_the_asteroid_under_the_pointer(page):
    page.locator("#map").scroll_into_view_if_needed()
    at = page.evaluate("""() => {
      const { width, height } = document.getElementById("map").getBoundingClientRect();
      return { x: Math.round(width / 2), y: Math.round(height / 2) };
    }""")
    page.locator("#map").hover(position=at)
    title = page.get_attribute("#map", "title")
    assert title
    page.locator("#map").click(position=at)
    assert page.text_content("#who") == title
    page.select_option("#map-snr", "0")
    assert page.evaluate("asteroidTaxonomy.onMap()") > 3900
