"""Pages of made-up surveys, and one browser for all tests that open them."""

import itertools
import shutil

import pytest

from stages import figures, report
from tests.page.made_up import made_up_project, small_network
from tests.project_fixtures import once

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
# a browser that starts as root, and does not call home
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
         "--disable-background-networking", "--disable-component-update"]
GRID = list(range(374, 1035, 44))
USED = [nm for nm in GRID if nm not in (374, 550, 1034)]  # what the committed model uses
TWENTY = list(range(330, 1167, 44))
SCREEN = {"width": 1280, "height": 720}
OPENED = itertools.count()


def run_in(folder, *stages):
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for stage in stages:
            stage.main()
    return folder


@pytest.fixture(scope="session")
def made_up_run(tmp_path_factory):
    """A folder with what figures and report read; do not change."""
    return once(tmp_path_factory, "made_up", lambda folder: made_up_project(folder, GRID, USED))


@pytest.fixture(scope="session")
def reported(made_up_run, tmp_path_factory):
    """A folder with the page of the made-up survey; do not change."""
    def make(folder):
        shutil.copytree(made_up_run, folder, dirs_exist_ok=True)
        run_in(folder, figures, report)

    return once(tmp_path_factory, "reported", make)


@pytest.fixture(scope="session")
def twenty_bands(tmp_path_factory):
    """A folder with the page of a survey of twenty bands; do not change."""
    def make(folder):
        made_up_project(folder, TWENTY, model=small_network(len(TWENTY)))
        run_in(folder, figures, report)

    return once(tmp_path_factory, "twenty", make)


def reported_with_the_figures_of(folder, other):
    """Run report alone in `folder`: of figures it reads the mean spectra, which are `other`'s."""
    shutil.copy(other / figures.MEAN_SPECTRA_PATH, folder / figures.MEAN_SPECTRA_PATH)
    return run_in(folder, report)


@pytest.fixture(scope="session")
def browser():
    playwright = pytest.importorskip("playwright.sync_api")
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed (Debian package chromium)")
    with playwright.sync_playwright() as running:
        opened = running.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield opened
        opened.close()


@pytest.fixture(scope="session")
def tab(browser):
    """The one tab of that browser, and what its pages complained of.

    A process that has drawn the page before opens it in a quarter of the time.
    """
    tab, complaints = browser.new_page(), []
    tab.on("pageerror", lambda error: complaints.append(str(error)))
    tab.on("console", lambda line: line.type == "error" and complaints.append(line.text))
    tab.on("request", lambda asked: asked.url.startswith("http")
           and complaints.append(asked.url))
    return tab, complaints


@pytest.fixture
def open_page(tab):
    """Open a page and wait until it is ready; it may log no error and ask no network."""
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
    """The page of the made-up survey, ready; an indirect parameter sets screen and colours."""
    return open_page(reported / report.PAGE_PATH, **getattr(request, "param", {}))
