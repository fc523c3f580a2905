"""The page and the card: what they say, and, in headless Chromium, how the page behaves."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from asteroid_taxonomy.catalogue import CATALOGUE_PATH, read_catalogue
from asteroid_taxonomy.commands import lookup
from asteroid_taxonomy.page import search_index as report_search
from stages import report
from tests.project_fixtures import TOP, run_in_a_copy

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
# a browser that starts as root, and does not call home
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
         "--disable-background-networking", "--disable-component-update"]


@pytest.fixture(scope="module")
def reported(catalogued_run, tmp_path_factory):
    """A folder with the page of the simulated survey; do not change."""
    return run_in_a_copy(catalogued_run, tmp_path_factory.mktemp("reported") / "project", report)


@pytest.fixture(scope="module")
def browser():
    playwright = pytest.importorskip("playwright.sync_api")
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed (Debian package chromium)")
    with playwright.sync_playwright() as running:
        opened = running.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield opened
        opened.close()


@pytest.fixture
def page(reported, browser, request):
    """The page, opened and ready; fails where it logged an error or asked the network."""
    context = browser.new_context(**getattr(request, "param", {}))
    opened, complaints = context.new_page(), []
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.on("console", lambda said: complaints.append(said.text) if said.type == "error"
              else None)
    opened.on("request", lambda asked: complaints.append(asked.url) if asked.url.startswith("http")
              else None)
    opened.goto((reported / report.PAGE_PATH).as_uri())
    opened.get_by_role("status").get_by_text("are ready").wait_for()
    yield opened
    context.close()
    assert complaints == []


def test_the_page_is_one_file_below_15_mb_that_asks_for_nothing(reported):
    text = (reported / report.PAGE_PATH).read_text(encoding="utf-8")
    assert len(text) < 15e6
    markup = re.sub(r"<script.*?</script>", "", text, flags=re.DOTALL)
    assert not re.search(r"(?:src|href)=\"(?!data:|#)|@import|url\(", markup)


def test_the_simulated_survey_says_so_in_a_banner(reported):
    page, card = ((reported / path).read_text(encoding="utf-8")
                  for path in (report.PAGE_PATH, report.CARD_PATH))
    assert 'class="banner"' in page and "do not exist" in page and "do not exist" in card


def test_the_page_says_on_how_many_spectra_the_file_was_verified(reported):
    spectra = report.read_json(reported / "reports/verify.json")["all_classifiable_spectra"]
    page = " ".join((reported / "reports/index.html").read_text(encoding="utf-8").split())
    assert f"agrees with the trained model on {spectra:,} spectra" in page


def test_the_card_gives_the_figures_of_the_metrics(reported):
    card = (reported / report.CARD_PATH).read_text(encoding="utf-8")
    for heading in ("Intended use", "Training data", "Metrics", "Limitations", "Citation"):
        assert f"## {heading}" in card
    metrics = report.read_json(reported / "reports/metrics.json")
    assert f"{100 * metrics['cv_accuracy']:.1f} ± " in card


def test_the_page_and_the_card_say_what_was_searched(reported, tmp_path, monkeypatch):
    def said(folder):
        return [" ".join((folder / path).read_text(encoding="utf-8").split())
                for path in (report.PAGE_PATH, report.CARD_PATH)]

    assert all("were not searched on this survey: they are those chosen on Gaia DR3" in text
               for text in said(reported))
    folder = tmp_path / "searched"
    shutil.copytree(reported, folder)
    monkeypatch.chdir(folder)
    survey = report.read_json(Path("reports/metrics.json"))["survey"]
    search = report.read_json(Path("reports/search.json")) | {"survey": survey}
    Path("reports/search.json").write_text(json.dumps(search))
    report.main()
    for text in said(folder):
        assert f"{search['configurations']} candidates were compared by nested" in text
        assert f"and {search['configurations_by_hand']} configurations by hand before" in text


def test_the_same_run_gives_the_same_bytes(reported, monkeypatch):
    monkeypatch.chdir(reported)
    before = [path.read_bytes() for path in (report.PAGE_PATH, report.CARD_PATH)]
    report.main()
    assert [p.read_bytes() for p in (report.PAGE_PATH, report.CARD_PATH)] == before


def test_embedded_json_cannot_end_its_script():
    assert "</script" not in report.embedded({"name": "</script><b>"})


def test_quantised_numbers_keep_their_value_within_half_a_step_and_nulls():
    values = np.array([0.1234, np.nan, -21.1, 99.0])
    whole = report_search.quantised(values, 0.001, np.int16, -(2**15))
    assert whole.tolist() == [123, -(2**15), -21100, 32767]


@pytest.mark.browser
@pytest.mark.parametrize("asked", ["433", "Simulated 433", "(433) simulated 433"])
def test_an_asteroid_is_found_by_number_and_by_name(page, asked):
    page.fill("#query", asked)
    page.press("#query", "Enter")
    page.locator("#answer").wait_for()
    assert page.text_content("#who") == "(433) simulated 433"
    assert page.locator("#value-rows tr").count() == 16
    assert page.locator("#search-chart svg path[aria-roledescription=point]").count() >= 10


@pytest.mark.browser
def test_the_page_shows_the_probabilities_of_the_catalogue(page, reported, monkeypatch):
    monkeypatch.chdir(reported)
    table = read_catalogue()[0]
    row = table.slice(lookup.find(table, "100"), 1).to_pylist()[0]
    page.fill("#query", "100")
    page.press("#query", "Enter")
    page.locator("#answer").wait_for()
    shown = [float(text.removesuffix(" %")) for text in
             page.locator("#probabilities td.n").all_text_contents()]
    assert shown == pytest.approx([100 * row[f"probability_{c}"] for c in "COSX"], abs=0.06)
    assert f"S/N {row['snr']:.1f}" in page.text_content("#facts")


@pytest.mark.browser
@pytest.mark.parametrize(("asked", "sentence"), [
    ("no such thing", "No asteroid with a spectrum is called “no such thing”."),
    ("simulated 43", "is shown below"), ("", "Type a number or a name."),
    ("<b>x</b>", "called “<b>x</b>”"),
])
def test_what_is_not_there_is_said(page, asked, sentence):
    page.fill("#query", asked)
    page.press("#query", "Enter")
    page.get_by_role("status").get_by_text(sentence).wait_for()


@pytest.mark.browser
def test_the_keyboard_alone_is_enough(page):
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "query"
    page.keyboard.type("7")
    page.keyboard.press("Enter")
    page.locator("#answer").wait_for()
    for _ in range(6):
        if page.evaluate("document.activeElement.textContent").startswith("The values"):
            break
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert page.locator("#values").get_attribute("open") is not None


@pytest.mark.browser
def test_an_address_with_an_asteroid_shows_it(page, reported):
    page.goto("about:blank")
    page.goto((reported / report.PAGE_PATH).as_uri() + "#433")
    page.locator("#answer").wait_for()
    assert page.text_content("#who") == "(433) simulated 433"


@pytest.mark.browser
@pytest.mark.parametrize("page", [
    {"viewport": {"width": 1200, "height": 900}},
    {"viewport": {"width": 1200, "height": 900}, "color_scheme": "dark"},
    {"viewport": {"width": 360, "height": 740}},
], indirect=True, ids=["light", "dark", "phone"])
def test_every_chart_is_drawn_and_nothing_is_wider_than_the_screen(page):
    for figure in page.locator("figure > div").all():
        figure.scroll_into_view_if_needed()
        figure.locator("svg").wait_for()
    wide, screen = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert wide <= screen
    ink, paper = page.evaluate("(({color, backgroundColor}) => [color, backgroundColor])"
                               "(getComputedStyle(document.body))")
    brightness = [sum(map(int, re.findall(r"\d+", c)[:3])) for c in (ink, paper)]
    assert abs(brightness[0] - brightness[1]) > 500
    assert page.locator("#snr svg text").first.evaluate("e => getComputedStyle(e).fill") == ink


@pytest.mark.browser
def test_the_text_is_on_screen_within_two_seconds(page):
    paint = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
    assert paint < 2000


@pytest.mark.browser
@pytest.mark.real_data
def test_eros_is_found_among_all_of_gaias_asteroids(browser, real_asteroids):
    path = TOP / report.PAGE_PATH
    if not path.exists() or not (TOP / CATALOGUE_PATH).exists():
        pytest.skip("the page is not here: dvc pull, or dvc repro")
    opened = browser.new_page()
    opened.goto(path.as_uri() + "#eros")
    opened.locator("#answer").wait_for()
    assert opened.text_content("#who") == "(433) eros"
    assert "Literature class: S" in opened.text_content("#facts")
    assert opened.evaluate(
        "performance.getEntriesByName('first-contentful-paint')[0].startTime") < 2000
    opened.close()
