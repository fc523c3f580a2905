"""Pages of made-up surveys, and one browser for all tests that open them."""

import shutil

import pytest

from stages import figures, report
from tests.page.made_up import made_up_project, small_network

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
# a browser that starts as root, and does not call home
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
         "--disable-background-networking", "--disable-component-update"]
GRID = list(range(374, 1035, 44))
USED = [nm for nm in GRID if nm not in (374, 550, 1034)]  # what the committed model uses
TWENTY = list(range(330, 1167, 44))


def run_in(folder, *stages):
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for stage in stages:
            stage.main()
    return folder


@pytest.fixture(scope="session")
def made_up_run(tmp_path_factory):
    """A folder with what figures and report read; do not change."""
    folder = tmp_path_factory.mktemp("made_up") / "project"
    made_up_project(folder, GRID, USED)
    return folder


@pytest.fixture(scope="session")
def reported(made_up_run, tmp_path_factory):
    """A folder with the page of the made-up survey; do not change."""
    folder = tmp_path_factory.mktemp("reported") / "project"
    shutil.copytree(made_up_run, folder)
    return run_in(folder, figures, report)


@pytest.fixture(scope="session")
def twenty_bands(tmp_path_factory):
    """A folder with the page of a survey of twenty bands."""
    folder = tmp_path_factory.mktemp("twenty") / "project"
    made_up_project(folder, TWENTY, model=small_network(len(TWENTY)))
    return run_in(folder, figures, report)


@pytest.fixture(scope="session")
def browser():
    playwright = pytest.importorskip("playwright.sync_api")
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed (Debian package chromium)")
    with playwright.sync_playwright() as running:
        opened = running.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield opened
        opened.close()


@pytest.fixture
def open_page(browser):
    """Open a page and wait until it is ready; it may log no error and ask no network."""
    contexts, complaints = [], []

    def opening(path, after="", ready="are ready", **options):
        contexts.append(browser.new_context(**options))
        page = contexts[-1].new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda line: line.type == "error" and complaints.append(line.text))
        page.on("request", lambda asked: asked.url.startswith("http")
                and complaints.append(asked.url))
        page.goto(path.as_uri() + after)
        page.get_by_role("status").get_by_text(ready).wait_for()
        return page

    yield opening
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.fixture
def page(reported, open_page, request):
    """The page of the made-up survey, ready; an indirect parameter sets screen and colours."""
    return open_page(reported / report.PAGE_PATH, **getattr(request, "param", {}))
