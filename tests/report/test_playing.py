"""The page in a browser: what a visitor does with a spectrum, by mouse and by keyboard."""

import numpy as np
import onnx
import pytest

from asteroid_taxonomy.onnx_model.classifier import load_classifier
from asteroid_taxonomy.onnx_model.description import ONNX_PATH
from stages import report
from tests.page.conftest import GRID, TWENTY, reported_with_the_figures_of
from tests.page.made_up import TOP, made_up_project, small_network

pytestmark = pytest.mark.browser
PHONE, DESK = {"width": 390, "height": 844}, {"width": 1400, "height": 900}
SCREENS = pytest.mark.parametrize("page", [
    {"viewport": DESK}, {"viewport": DESK, "color_scheme": "dark"},
    {"viewport": PHONE}, {"viewport": PHONE, "color_scheme": "dark"},
], indirect=True, ids=["desk", "desk-dark", "phone", "phone-dark"])


def probabilities(page):
    return page.locator("#probabilities td.n").all_text_contents()


def handle(page, nm):
    return page.get_by_role("slider", name=f"Reflectance at {nm} nm")


@pytest.mark.parametrize(("fixture", "bands"), [("reported", 16), ("twenty_bands", 20)])
def test_the_network_of_the_page_gives_the_probabilities_of_onnxruntime(
        request, open_page, fixture, bands):
    folder = request.getfixturevalue(fixture)
    rng = np.random.default_rng(0)
    spectra = (1 + 0.3 * rng.normal(size=(1000, bands))).astype(np.float32)
    spectra[::50, 7] = np.nan
    spectra[::70, 2] *= 1000
    page = open_page(folder / report.PAGE_PATH)
    found = page.evaluate("rows => asteroidTaxonomy.probabilities(rows.map((row) => row.map("
                          "(value) => value ?? NaN)))",
                          np.where(np.isnan(spectra), None, spectra.astype(object)).tolist())
    session = load_classifier(folder / ONNX_PATH).session
    expected = session.run(None, {"float_input": spectra})[0]
    found = np.array([[np.nan if p is None else p for p in row] for row in found], float)
    assert np.isnan(found[::50]).all()
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)


@SCREENS
def test_a_point_is_dragged_and_the_probabilities_follow(page):
    before, point = probabilities(page), handle(page, 814)
    at = float(point.input_value())
    point.scroll_into_view_if_needed()
    box = page.locator("#look_up .mark-symbol.role-mark path").nth(10).bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x, y + 60, steps=4)
    page.mouse.up()
    assert float(point.input_value()) < at - 0.1
    assert probabilities(page) != before
    assert page.text_content("#who").endswith("changed by you")
    moved = page.locator("#look_up .mark-symbol.role-mark path").nth(10).bounding_box()
    assert moved["y"] > box["y"] + 30
    page.click("#undo")
    assert probabilities(page) == before and float(point.input_value()) == pytest.approx(at)


def test_the_keyboard_alone_is_enough(page):
    page.keyboard.press("Tab")
    seen = set()
    for _ in range(25):
        seen.add(page.evaluate("document.activeElement.id"))
        if page.evaluate("document.activeElement.closest('#handles') !== null"):
            break
        page.keyboard.press("Tab")
    assert {"surprise", "start-guess", "query"} <= seen
    before = probabilities(page)
    for _ in range(9):
        page.keyboard.press("ArrowRight")
    point = handle(page, 770)
    at = float(point.input_value())
    for _ in range(5):
        page.keyboard.press("ArrowDown")
    assert float(point.input_value()) == pytest.approx(at - 0.05, abs=1e-6)
    assert probabilities(page) != before
    page.keyboard.press("PageUp")
    assert float(point.input_value()) == pytest.approx(at + 0.05, abs=1e-6)


def test_a_missing_band_can_be_filled(page):
    page.fill("#query", "12")
    page.press("#query", "Enter")
    page.get_by_text("990 nm, which the model needs, is missing").wait_for()
    assert probabilities(page) == []
    handle(page, 990).press("ArrowUp")
    page.locator("#verdict").get_by_text("Most probable").wait_for()
    assert len(probabilities(page)) == 4


def test_every_point_lies_on_the_axis_however_far(page):
    page.fill("#query", "13")
    page.press("#query", "Enter")
    page.get_by_role("status").get_by_text("is shown").wait_for()
    assert float(handle(page, 990).get_attribute("max")) > 3.5
    assert float(handle(page, 990).input_value()) == pytest.approx(3.5, abs=0.001)


def test_noise_is_added_and_taken_away(page):
    before = probabilities(page)
    page.locator("#noise").press("Home")
    page.get_by_text("S/N 3", exact=True).wait_for()
    page.get_by_text("noisy copies of it").wait_for()
    noisy = probabilities(page)
    assert noisy != before
    page.click("#again")
    assert probabilities(page) != noisy
    page.locator("#noise").press("End")
    assert probabilities(page) == before


@pytest.mark.parametrize(("unit", "separator"), [(1, " "), (0.001, ","), (10, "\t")])
def test_two_columns_are_pasted_in_whatever_unit(page, unit, separator):
    lines = ["# wavelength reflectance", *(f"{nm * unit:g}{separator}{2 + 2 * (nm - 550) / 1000:g}"
                                           for nm in range(350, 1071, 5)), "1100,-1"]
    page.get_by_text("Your own spectrum").click()
    page.fill("#paste", "\n".join(lines))
    page.get_by_text("Classify it").click()
    page.get_by_role("status").get_by_text("Your spectrum is shown").wait_for()
    values = [float(handle(page, nm).input_value()) for nm in GRID]
    assert values == pytest.approx([1 + (nm - 550) / 1000 for nm in GRID], abs=2e-3)
    assert len(probabilities(page)) == 4


@pytest.mark.parametrize(("text", "sentence"), [
    ("nothing here", "no line has two numbers"), ("0.7 1.0\n0.8 1.1", "no reflectance at 550 nm"),
    ("500 1\n520 1\n550 1\n560 1\n600 1", "No class"),
])
def test_what_cannot_be_classified_is_said(page, text, sentence):
    page.get_by_text("Your own spectrum").click()
    page.fill("#paste", text)
    page.get_by_text("Classify it").click()
    page.locator("#status, #verdict").filter(has_text=sentence).wait_for()
    assert probabilities(page) == []


def test_a_dropped_file_is_classified(page):
    text = "\n".join(f"{nm} {1 + (nm - 550) / 2000}" for nm in GRID)
    page.evaluate("""text => {
      const dropped = new DataTransfer();
      dropped.items.add(new File([text], "mine.csv"));
      document.body.dispatchEvent(new DragEvent("drop",
        { bubbles: true, cancelable: true, dataTransfer: dropped }));
    }""", text)
    page.get_by_role("status").get_by_text("mine.csv is shown").wait_for()
    assert float(handle(page, 990).input_value()) == pytest.approx(1.22, abs=1e-6)


@SCREENS
def test_a_guess_hides_the_answer_until_it_is_made(page):
    assert page.locator("#start-guess").bounding_box()["y"] < page.viewport_size["height"]
    page.click("#start-guess")
    assert not page.locator("#answer").is_visible() and not page.locator("#values").is_visible()
    assert not page.locator("#handles").is_visible()
    page.locator("#guess-classes button").first.click()
    page.get_by_role("status").get_by_text("You said C, the network").wait_for()
    assert page.locator("#answer").is_visible()
    page.get_by_role("button", name="Guess another").click()
    assert page.locator("#guess").is_visible()


def test_a_model_that_the_page_cannot_compute_leaves_the_look_up(
        tmp_path, open_page, twenty_bands):
    model = small_network(len(TWENTY))
    model.graph.node[3].op_type = "Erf"
    made_up_project(tmp_path, TWENTY, model=model)
    reported_with_the_figures_of(tmp_path, twenty_bands)
    page = open_page(tmp_path / report.PAGE_PATH)
    page.get_by_text("This model cannot be computed in the page: it has Erf.").wait_for()
    assert not page.locator("#handles").is_visible() and not page.locator("#noise").is_visible()
    assert len(probabilities(page)) == 4


@SCREENS
def test_every_chart_is_drawn_where_room_was_kept_and_nothing_is_wider_than_the_screen(page):
    page.locator("#neighbours button").first.wait_for()
    before = page.evaluate("document.documentElement.scrollHeight")
    for figure in page.locator("figure > div[id]:not(#handles)").all():
        figure.scroll_into_view_if_needed()
        figure.locator("svg").wait_for()
    assert page.evaluate("document.documentElement.scrollHeight") == pytest.approx(before, abs=30)
    wide, screen = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert wide <= screen
    ink = page.evaluate("getComputedStyle(document.body).color")
    text = page.locator("figure svg text").evaluate_all(
        "texts => texts.map((text) => [parseFloat(getComputedStyle(text).fontSize), "
        "getComputedStyle(text).fill])")
    assert min(size for size, _ in text) >= 12
    assert ink in {fill for _, fill in text}
    for box in page.locator(".scroll").all():
        if box.is_visible() and box.evaluate("box => box.scrollWidth > box.clientWidth + 1"):
            assert "wide" in box.get_attribute("class")


@SCREENS
def test_the_first_screen_asks_the_visitor_to_do_something(page):
    box = page.get_by_text("Your turn:").bounding_box()
    assert box["y"] + box["height"] < page.viewport_size["height"]
    assert page.locator("#surprise").bounding_box()["y"] < page.viewport_size["height"]


def test_provenance_breaks_at_words_on_a_phone(open_page, reported):
    page = open_page(reported / report.PAGE_PATH, viewport=PHONE)
    narrow = page.locator("dl.facts dd").evaluate_all(
        "all => all.filter((one) => one.offsetWidth && one.offsetWidth < 300).length")
    assert narrow == 0


def test_the_committed_model_is_one_the_page_can_compute():
    from asteroid_taxonomy.page.network import network

    assert network(onnx.load(TOP / ONNX_PATH))["unknown"] == []
