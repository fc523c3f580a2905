"""Pasted and dropped spectra: the page answers as `classify` does, or leaves them to it."""

import numpy as np
import pytest

from asteroid_taxonomy.console import PipelineError
from asteroid_taxonomy.onnx_model.metadata import MAIN, VISIBLE, onnx_path
from asteroid_taxonomy.spectra.predict import Model, load_classifiers
from asteroid_taxonomy.spectra.read import read_spectra
from benchmarks.page_answers import CLASSIFY, READS

pytestmark = pytest.mark.browser
NM = np.arange(374, 1035, 44)
EROS = np.array([.68, .75, .83, .92, 1, 1.07, 1.09, 1.15, 1.2, 1.23, 1.22, 1.21, 1.18, 1.18, 1.22,
                 1.33])
ORDER = np.argsort(np.append(NM, NM + 10))
FINE_NM = np.arange(435, 925, 2.5)
FINE = np.interp(FINE_NM, NM, EROS)


def lines(*columns, separator=" "):
    return "\n".join(separator.join(map(str, row)) for row in zip(*columns, strict=True))


def comma(values):
    return [f"{value:.2f}".replace(".", ",") for value in values]


def with_value(values, at, value):
    out = values.copy()
    out[at] = value
    return out


FORMS = {
    "two columns": lines(NM, EROS),
    "percent": "wavelength reflectance\n" + lines(NM, EROS * 85),
    "constant": "wavelength reflectance\n" + lines(NM, [0.5] * 16),
    "418,5;0,80": lines([f"{nm},5" for nm in NM], comma(EROS), separator=";"),
    "Fortran": lines([f"{nm:.3E}".replace("E", "D") for nm in NM / 1000], EROS),
    "418 44 0.80 0.01": lines(NM, [44] * 16, EROS, [0.01] * 16),
    "header": "reflectance,wavelength,error\n" + lines(EROS, NM, [0.01] * 16, separator=","),
    "angstrom, visible": lines(NM[2:14] * 10, EROS[2:14]),
    "overlapping orders": lines(np.append(FINE_NM[:120], FINE_NM[110:]),
                                np.append(FINE[:120], FINE[110:])),
    **{f"mark {mark}": lines(FINE_NM, with_value(FINE, slice(100, 104), mark))
       for mark in (-9.99, 0, 999)},
    "mark in a band that is not used": lines(NM, with_value(EROS, 0, -9.99)),
    "spike": lines(FINE_NM, with_value(FINE, slice(100, 103), 2.5)),
    "two spectra sorted into one": lines(np.append(NM, NM + 10)[ORDER],
                                         np.append(EROS, 2 - EROS)[ORDER]),
    "infrared on another scale": lines(FINE_NM, np.where(FINE_NM > 800, 0.8 * FINE, FINE)),
    "gap": lines(NM, with_value(EROS, 7, np.nan)),
}
LEFT_TO_THE_COMMAND = {
    "two spectra": lines(NM, EROS) + "\n" + lines(NM, 2 - EROS),
    "overlapping orders of two": lines(*[[*x[:9], *x[7:], *x[:9], *x[7:]] for x in (NM, EROS)]),
    "a spectrum per row": ",".join(map(str, NM)) + "\n" + ",".join(map(str, EROS)),
    "comment and prose": "# (433) Eros\nby N. N.\n" + lines(NM, EROS),
    "another quantity": "wavelength,log reflectance\n" + lines(NM, EROS, separator=","),
    "percent without a header": lines(NM, 85 * EROS),
    "names in rows": "name,object\n" + lines(["Eros"] * 16, NM, EROS, separator=","),
    "VOTable": "<?xml version='1.0'?><VOTABLE/>",
}
REFUSED = {
    "both signs": lines(NM[:8], EROS[:8]) + "\n" + lines(NM[8:], comma(EROS[8:])),
    "two reflectances": lines(NM, EROS, EROS * 1.01), "no numbers": "nothing here",
}
INFRARED_NM = np.arange(800, 2491, 10)
UNSUITED = {
    "covers 800-2490 nm; 506-902 nm are needed": lines(INFRARED_NM, INFRARED_NM / 1500),
    "fewer than four points": lines([.45, .55], [.93, 1]),
}


def paste(page, text):
    page.locator("details:has(#own)").evaluate("details => details.open = true")
    page.fill("#paste", text)
    page.get_by_text("Classify it").click()
    return page.text_content("#verdict")


def test_the_page_answers_as_the_command(page, reported, tmp_path):
    model = Model(load_classifiers([reported / onnx_path(name) for name in (MAIN, VISIBLE)]))
    for name, text in FORMS.items():
        (tmp_path / "spectrum.txt").write_text(text, newline="")
        (spectra,) = read_spectra(tmp_path / "spectrum.txt")
        found, given = model.of_points(spectra), page.evaluate(CLASSIFY, text)
        if found.complex[0] is None:
            assert given == ["", "", "true", ""] or given.startswith("Not classified"), name
        else:
            assert given == [found.complex[0], found.model[0], str(found.abstained[0]).lower(),
                             found.complex_set[0]], name


def test_the_page_leaves_other_files_to_the_command_and_refuses_what_that_refuses(page, tmp_path):
    for name, text in LEFT_TO_THE_COMMAND.items():
        assert READS in page.evaluate(CLASSIFY, text), name
    for name, text in REFUSED.items():
        (tmp_path / "spectrum.txt").write_text(text)
        with pytest.raises(PipelineError):
            read_spectra(tmp_path / "spectrum.txt")
        assert isinstance(page.evaluate(CLASSIFY, text), str), name
    for reason, text in UNSUITED.items():
        assert reason in page.evaluate(CLASSIFY, text)


def test_a_pasted_spectrum_is_shown_and_its_mark_named(page):
    verdict = paste(page, FORMS["mark -9.99"])
    page.get_by_role("status").get_by_text("Your spectrum is shown").wait_for()
    assert "Treat it as unknown: at 682 nm, a band that the model uses, a missing" in verdict
    assert "visible model (506 to 902 nm)" in verdict
    two_marks = paste(page, lines(FINE_NM, with_value(FINE, [46, 99], -9.99)))
    assert "at 550 and 682 nm, bands that the model uses, missing-data markers" in two_marks
    paste(page, REFUSED["no numbers"])
    page.get_by_role("status").get_by_text("No line has two numbers").wait_for()
    assert not page.locator("#answer").is_visible()


def test_a_link_carries_the_caution_until_its_band_is_moved(page):
    caution = paste(page, lines(FINE_NM, with_value(FINE, 187, -9.99)))
    assert "Treat it as unknown: at 902 nm" in caution
    page.wait_for_function("location.hash.startsWith('#spectrum=')")
    link = page.url
    page.goto("about:blank")
    page.goto(link)
    page.get_by_role("status").get_by_text("from the link").wait_for()
    assert page.text_content("#verdict") == caution
    page.get_by_role("slider", name="Reflectance at 902 nm").press("ArrowUp")
    assert "unknown" not in page.text_content("#verdict")
    page.click("#undo")
    assert page.text_content("#verdict") == caution


def test_only_bands_of_the_model_that_answers_are_missing_or_used(page):
    some = FINE_NM < 880
    missing = paste(page, lines(FINE_NM[some], FINE[some]))
    assert missing == "Not classified: there is no reflectance at 902 nm."
    paste(page, FORMS["angstrom, visible"])
    used = page.locator("#value-rows tr:has(td:last-child:text-is('yes')) td:first-child")
    assert used.all_text_contents() == [str(nm) for nm in NM if 506 <= nm <= 902 and nm != 550]


def test_a_dropped_file_is_classified(page):
    page.evaluate("""text => {
      const dropped = new DataTransfer();
      dropped.items.add(new File([text], "mine.csv"));
      document.body.dispatchEvent(new DragEvent("drop",
        { bubbles: true, cancelable: true, dataTransfer: dropped }));
    }""", FORMS["two columns"])
    page.get_by_role("status").get_by_text("mine.csv is shown").wait_for()
    at = page.get_by_role("slider", name="Reflectance at 990 nm").input_value()
    assert float(at) == pytest.approx(1.22, abs=1e-6)
