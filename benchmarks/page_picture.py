"""Take the picture of the page that README.md shows.

    python -m benchmarks.page_picture

Reads reports/index.html of a finished `dvc repro`, writes docs/page.png. Needs Chromium.
"""

import shutil
from pathlib import Path

from asteroid_taxonomy.console import PipelineError, run

PAGE, PICTURE = Path("reports/index.html"), Path("docs/page.png")
SIZE = {"width": 1000, "height": 560}
TOP = 210  # pixels of title and text that are left out
MOST_BYTES = 150_000


def main() -> None:
    """Open the page as a visitor finds it and take its first screen."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as tools:
        browser = tools.chromium.launch(executable_path=shutil.which("chromium"),
                                        args=["--no-sandbox"])
        page = browser.new_page(viewport=SIZE, color_scheme="light")
        page.goto(PAGE.resolve().as_uri())
        page.wait_for_load_state("networkidle")
        page.mouse.wheel(0, TOP)
        page.wait_for_timeout(500)
        page.screenshot(path=str(PICTURE))
        browser.close()
    if PICTURE.stat().st_size > MOST_BYTES:
        raise PipelineError(f"{PICTURE} has {PICTURE.stat().st_size:,} bytes, at most "
                            f"{MOST_BYTES:,} were expected; make SIZE smaller")
    print(f"wrote {PICTURE}: {PICTURE.stat().st_size:,} bytes")


if __name__ == "__main__":
    run(main)
