"""The page in a browser: what a visitor does with a spectrum, by mouse and by keyboard."""

import numpy as np
import pytest

from asteroid_taxonomy.onnx_model.classifier import load_classifier
from asteroid_taxonomy.onnx_model.metadata import MAIN, VISIBLE, onnx_path
from stages import report

pytestmark = pytest.mark.browser
PHONE, DESK = {"width": 390, "height": 844}, {"width": 1400, "height": 900}
SCREENS = pytest.mark.parametrize("page", [
    {"viewport": DESK, "color_scheme": "dark"}, {"viewport": PHONE},
], indirect=True, ids=["dark desk", "light phone"])
POINTS = "#look_up .mark-symbol.role-mark path"
MIDDLES = """elements => elements.map((element) => {
    const { x, y, width, height } = element.getBoundingClientRect();
    if (element.tagName !== "INPUT") return [x + width / 2, y + height / 2];
    const share = (element.value - element.min) / (element.max - element.min);
    return [x + width / 2, y + width / 2 + (1 - share) * (height - width)];
})"""


def probabilities(page):
    return page.locator("#probabilities td.n").all_text_contents()


def values(page):
    return page.locator("#handles input").evaluate_all(
        "handles => handles.map((handle) => Number(handle.value))")


def handle(page, nm):
    return page.get_by_role("slider", name=f"Reflectance at {nm} nm")


def middle(box):
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def test_the_networks_of_the_page_give_the_probabilities_of_onnxruntime(page, reported):
    rng = np.random.default_rng(0)
    spectra = (1 + 0.3 * rng.normal(size=(1000, 16))).astype(np.float32)
    found = page.evaluate("""rows => asteroidTaxonomy.models.map(
        (model) => [model.name, model.compute(rows)])""", spectra.tolist())
    assert [name for name, _ in found] == [MAIN, VISIBLE]
    for name, probability in found:
        classifier = load_classifier(reported / onnx_path(name))
        expected = classifier.session.run(None, {"float_input": spectra})[0]
        np.testing.assert_allclose(probability, expected, rtol=0, atol=1e-5)


@SCREENS
def test_the_handle_lies_on_its_point_and_drags_it_and_the_answer_follows(page):
    page.locator(POINTS).first.wait_for()
    points, handles = (page.locator(each).evaluate_all(MIDDLES)
                       for each in (POINTS, "#handles input"))
    np.testing.assert_allclose(handles, points, atol=0.5)
    before, point = probabilities(page), handle(page, 814)
    at = float(point.input_value())
    point.scroll_into_view_if_needed()
    x, y = middle(page.locator(POINTS).nth(10).bounding_box())
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x, y + 60, steps=4)
    page.mouse.up()
    assert float(point.input_value()) < at - 0.1
    assert probabilities(page) != before
    assert page.text_content("#who") == "(433) Eros, changed"
    assert middle(page.locator(POINTS).nth(10).bounding_box())[1] > y + 30
    page.click("#undo")
    assert probabilities(page) == before and float(point.input_value()) == pytest.approx(at)


def test_the_keyboard_is_enough(page):
    seen = set()
    for _ in range(25):
        page.keyboard.press("Tab")
        seen.add(page.evaluate("document.activeElement.id"))
        if page.evaluate("document.activeElement.closest('#handles') !== null"):
            break
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


def test_noise_is_added_and_all_four_answers_are_counted(page):
    before = probabilities(page)
    page.locator("#noise").press("Home")
    page.get_by_text("S/N 3", exact=True).wait_for()
    counted = page.text_content("#stability")
    assert counted.startswith("Of 100 noisy copies: ")
    assert sum(int(n) for n in counted.split() if n.isdigit() and n != "100") == 100
    assert all(f" {name}" in counted for name in "COSX")
    noisy = probabilities(page)
    assert noisy != before
    assert page.text_content("#who") == "(433) Eros, noise added"
    assert "Treat it as unknown: the spectrum is too jagged" in page.text_content("#verdict")
    page.click("#again")
    assert probabilities(page) != noisy
    page.locator("#noise").press("End")
    assert probabilities(page) == before


def test_a_link_carries_a_changed_spectrum(page, open_page):
    handle(page, 814).press("PageDown")
    page.wait_for_function("location.hash.startsWith('#spectrum=')")
    changed, spectrum, path = probabilities(page), values(page), page.url
    page.goto("about:blank")
    page.goto(path)
    page.get_by_role("status").get_by_text("from the link").wait_for()
    assert probabilities(page) == changed
    assert values(page) == pytest.approx(spectrum, abs=1e-4)
    for _ in range(2):
        assert page.text_content("#who") == "(433) Eros, changed"
        handle(page, 814).press("PageDown")


def test_the_picture_has_the_name_of_the_asteroid_and_a_guess_hides_the_answer(page):
    with page.expect_download() as download:
        page.click("#picture")
    assert download.value.suggested_filename == "(433) Eros.png"
    assert download.value.path().read_bytes().startswith(b"\x89PNG")
    page.click("#start-guess")
    assert not page.locator("#answer").is_visible() and not page.locator("#values").is_visible()
    assert not page.locator("#handles").is_visible()
    page.locator("#noise").press("Home")
    assert page.text_content("#stability") == "" and not page.locator("#undo").is_visible()
    page.locator("#guess-classes button").first.click()
    page.get_by_role("status").get_by_text("You: C. The network: ").wait_for()
    assert page.locator("#answer").is_visible()
    page.get_by_role("button", name="Guess another").click()
    assert page.locator("#guess").is_visible()


def test_a_model_that_the_page_cannot_compute_leaves_the_look_up(reported, tmp_path, open_page):
    page = (reported / report.PAGE_PATH).read_text(encoding="utf-8")
    (tmp_path / "page.html").write_text(
        page.replace('"graph":{"unknown":[]', '"graph":{"unknown":["Erf"]'), encoding="utf-8")
    page = open_page(tmp_path / "page.html")
    page.get_by_text("This model cannot be computed in the page: it has Erf.").wait_for()
    assert not page.locator("#handles").is_visible() and not page.locator("#noise").is_visible()
    assert len(probabilities(page)) == 4


@SCREENS
def test_the_page_invites_draws_every_chart_and_is_no_wider_than_the_screen(page):
    for box in (page.get_by_text("Your turn:"), page.locator("#surprise")):
        at = box.bounding_box()
        assert at["y"] + at["height"] < page.viewport_size["height"]
    for figure in page.locator("figure > div[id]:not(#handles)").all():
        figure.scroll_into_view_if_needed()
        figure.locator("svg").wait_for()
    wide, screen = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert wide <= screen
    ink = page.evaluate("getComputedStyle(document.body).color")
    assert ink in page.locator("figure svg text").evaluate_all(
        "texts => texts.map((text) => getComputedStyle(text).fill)")
    for box in page.locator(".scroll").all():
        if box.is_visible() and box.evaluate("box => box.scrollWidth > box.clientWidth + 1"):
            assert "wide" in box.get_attribute("class")
