"""Take the picture of the page that README.md shows.

    python -m benchmarks.page_picture

Reads reports/index.html of a finished `dvc repro`, writes docs/page.png. Needs Chromium.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PAGE, PICTURE = Path("reports/index.html"), Path("docs/page.png")
SIZE = {"width": 1000, "height": 662}
TOP = 209  # pixels of title and text that are left out


@contextmanager
def open_page() -> Iterator[Any]:
    """Open the page in Chromium, as a visitor finds it."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as tools:
        browser = tools.chromium.launch(executable_path=shutil.which("chromium"),
                                        args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport=SIZE, color_scheme="light")
        page.goto(PAGE.resolve().as_uri())
        page.get_by_role("status").get_by_text("are ready").wait_for()
        yield page
        browser.close()


if __name__ == "__main__":
    with open_page() as page:
        page.mouse.wheel(0, TOP)
        page.wait_for_timeout(1000)
        page.screenshot(path=str(PICTURE))
    print(f"wrote {PICTURE}: {PICTURE.stat().st_size:,} bytes")
