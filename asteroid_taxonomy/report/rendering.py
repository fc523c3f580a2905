"""Render the page and the model card from templates."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jinja2
import vl_convert
from markupsafe import Markup

from asteroid_taxonomy.report.charts import VL_VERSION

FOLDER = Path(__file__).parent
MARKDOWN = {ord(sign): f"\\{sign}" for sign in "\\`*_[]<>|#~"} | {ord("\n"): " ", ord("\r"): " "}
DOI = re.compile(r"10\.\d{4,9}/[^\s;,()<>]*[^\s;,()<>.]")
BIBCODE = re.compile(r"\b[12]\d{3}[A-Za-z&;.]{5,12}[\d.]{4,8}[A-Z.][\d.]{4}[A-Z]\b")


def percent(value: float | None, digits: int = 1) -> str:
    """Format a share as a percentage; a dash for None."""
    return "–" if value is None else f"{100 * value:.{digits}f}%"


def plus_minus(figures: Mapping[str, Any], key: str, error: str = "_se",
               as_percent: bool = True) -> str:
    """Format a value and its error, which has the same key with the suffix `error`."""
    if figures.get(key) is None:
        return "–"
    factor, digits, unit = (100, 1, "%") if as_percent else (1, 3, "")
    spread = figures.get(key + error)
    return (f"{factor * figures[key]:.{digits}f}"
            + (f"\u00a0±\u00a0{factor * spread:.{digits}f}" if spread else "") + unit)


def linked(citation: str) -> Markup:
    """Format a citation as HTML, with a link from its DOI to doi.org or its bibcode to ADS."""
    text = str(Markup.escape(citation))
    text = DOI.sub(lambda m: f'<a href="https://doi.org/{m[0]}">{m[0]}</a>', text)
    return Markup(BIBCODE.sub(
        lambda m: f'<a href="https://ui.adsabs.harvard.edu/abs/{m[0].replace("&amp;", "%26")}">'
                  f"{m[0]}</a>", text))


def in_markdown(value: Any) -> Any:
    """Escape text for Markdown, except the output of `code`."""
    return value if isinstance(value, Markup) else str(value).translate(MARKDOWN)


def code(value: Any) -> Markup:
    """Format text as a code span in Markdown, which has no escapes."""
    return Markup("`{}`").format(Markup(" ".join(str(value).replace("`", "'").split())))


def template(name: str) -> jinja2.Template:
    """Read a template; undefined names are errors.

    All values are escaped for HTML or Markdown, unless they are marked as safe.
    """
    html = name.endswith(".html.j2")
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader([FOLDER / "templates", FOLDER / "scripts"]),
        undefined=jinja2.StrictUndefined, autoescape=html, trim_blocks=True, lstrip_blocks=True,
        keep_trailing_newline=True, finalize=None if html else in_markdown)
    made.filters |= {"percent": percent, "code": code, "linked": linked,
                     "number": lambda n: f"{n:,}"}
    made.globals |= {"plus_minus": plus_minus}
    return made.get_template(name)


def embedded(content: Any) -> str:
    """Format as JSON that cannot close the script element around it."""
    return json.dumps(content, separators=(",", ":"), ensure_ascii=False).replace("<", "\\u003c")


def chart_library() -> str:
    """Vega, Vega-Lite and vega-embed as one script, which sets window.vegaEmbed."""
    bundle: str = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;",
                                               vl_version=VL_VERSION)
    return bundle.replace("</script", "<\\/script")


def html(about: Mapping[str, Any], packed: str, **data: Any) -> str:
    """Render the page from the values of `about`, the packed search index, and `data` (JSON)."""
    return template("page.html.j2").render(
        **about, library=chart_library(), packed=packed,
        data={name: embedded(content) for name, content in data.items()})


def model_card(about: Mapping[str, Any]) -> str:
    """Render the model card."""
    return template("model_card.md.j2").render(**about)
