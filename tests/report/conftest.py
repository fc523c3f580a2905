"""The page of the sample with odd names in it, and one browser for all tests that open it."""

import itertools
import shutil

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stages import report
from tests.project_fixtures import once

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
# a browser that starts as root, and does not call home
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
         "--disable-background-networking", "--disable-component-update"]
SCREEN = {"width": 1280, "height": 720}
OPENED = itertools.count()
ODD = [(2**40 + 4000, "Large Number"), (2**60 + 1, "Larger Than a Float"), (9000111, "two\nlines"),
       (9000113, "O'Higgins"), (None, "1974 FV1"), (None, "2040 P-L"),
       (9000115, "</script><b>bold</b>"), (9000116, "100%")]


def give_odd_names(path):
    """Give the last asteroids of a catalogue, which nobody has heard of, the odd names."""
    table = pq.read_table(path)
    for key, odd in zip(("number", "name"), zip(*ODD, strict=True), strict=True):
        at, field = table.schema.get_field_index(key), table.schema.field(key)
        values = [*table[key].to_pylist()[:-len(ODD)], *odd]
        table = table.set_column(at, field, pa.array(values, field.type))
    pq.write_table(table, path)


@pytest.fixture(scope="session")
def reported(catalogued_run, tmp_path_factory):
    """A folder with the page of the sample, odd names in it; do not change."""
    def make(folder):
        shutil.copytree(catalogued_run, folder, dirs_exist_ok=True)
        give_odd_names(folder / "data/catalogue/gaia_dr3_sample.parquet")
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(folder)
            report.main()

    return once(tmp_path_factory, "reported", make)


@pytest.fixture(scope="session")
def tab():
    """The one tab of the browser, and what its pages complained of."""
    playwright = pytest.importorskip("playwright.sync_api")
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed (Debian package chromium)")
    with playwright.sync_playwright() as running:
        browser = running.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        tab, complaints = browser.new_page(), []
        tab.on("pageerror", lambda error: complaints.append(str(error)))
        tab.on("console", lambda line: line.type in ("error", "warning")
               and complaints.append(line.text))
        tab.on("request", lambda asked: asked.url.startswith("http")
               and complaints.append(asked.url))
        yield tab, complaints
        browser.close()


@pytest.fixture
def open_page(tab):
    """Open a page and wait until it is ready; it may log nothing and use no network."""
    page, complaints = tab

    def opening(path, after="", ready="are ready", viewport=SCREEN, color_scheme="light"):
        page.set_viewport_size(viewport)
        page.emulate_media(color_scheme=color_scheme)
        # the query makes it another document: a new # alone would leave the old one as it is
        page.goto(f"{path.as_uri()}?{next(OPENED)}{after}")
        page.get_by_role("status").get_by_text(ready).wait_for()
        return page

    yield opening
    found = complaints[:]
    complaints.clear()
    assert found == []


@pytest.fixture
def page(reported, open_page, request):
    """The page of the sample, ready; an indirect parameter sets screen and colours."""
    return open_page(reported / report.PAGE_PATH, **getattr(request, "param", {}))
