"""README.md and docs/, and the blocks in them that scripts write, between markers.

A block begins with the line `<!-- name: how it is made -->` and ends with `<!-- /name -->`.
"""

import re
from collections.abc import Callable, Mapping
from pathlib import Path

from asteroid_taxonomy.console import PipelineError
from asteroid_taxonomy.files import atomic

PAGES = [Path("README.md"), *sorted(Path("docs").glob("*.md"))]


def fresh(pages: Mapping[Path, str], blocks: Mapping[str, Callable[[], str]]) -> dict[Path, str]:
    """The texts of `pages` with each block made anew, between `<!-- name: how -->` and its end."""
    pages = dict(pages)
    for name, make in blocks.items():
        pattern = re.compile(f"(<!-- {name}: [^>]*-->\n).*?(<!-- /{name} -->)", re.DOTALL)
        if not any(map(pattern.search, pages.values())):
            raise PipelineError(f"one of {', '.join(map(str, pages))} should have the lines "
                                f"<!-- {name}: ... --> and <!-- /{name} -->; put them back")
        block = make()
        pages = {page: pattern.sub(lambda m, block=block: f"{m[1]}{block}\n{m[2]}", text)
                 for page, text in pages.items()}
    return pages


def texts() -> dict[Path, str]:
    """The pages as they are."""
    return {page: page.read_text(encoding="utf-8") for page in PAGES}


def rewrite(blocks: Mapping[str, Callable[[], str]]) -> None:
    """Replace what stands between the markers of these blocks."""
    before = texts()
    changed = {page: text for page, text in fresh(before, blocks).items() if text != before[page]}
    for page, text in changed.items():
        with atomic(page) as part:
            part.write_text(text, encoding="utf-8", newline="\n")
    names = ", ".join(map(str, changed))
    print(f"wrote {names or 'nothing: the pages have these figures already'}")
