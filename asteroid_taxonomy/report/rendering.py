"""The texts of the page and of the model card, from templates."""

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
    """A share as a percentage; a dash where there is none."""
    return "–" if value is None else f"{100 * value:.{digits}f} %"


def plus_minus(figures: Mapping[str, Any], key: str, error: str = "_se",
               as_percent: bool = True) -> str:
    """A figure with its error, where `figures` has one under the key with `error` behind it."""
    if figures.get(key) is None:
        return "–"
    factor, digits, unit = (100, 1, " %") if as_percent else (1, 3, "")
    spread = figures.get(key + error)
    return (f"{factor * figures[key]:.{digits}f}"
            + (f" ± {factor * spread:.{digits}f}" if spread else "") + unit)


def linked(citation: str) -> Markup:
    """A citation for HTML; its DOI leads to doi.org, its bibcode to NASA's ADS."""
    text = str(Markup.escape(citation))
    text = DOI.sub(lambda m: f'<a href="https://doi.org/{m[0]}">{m[0]}</a>', text)
    return Markup(BIBCODE.sub(
        lambda m: f'<a href="https://ui.adsabs.harvard.edu/abs/{m[0].replace("&amp;", "%26")}">'
                  f"{m[0]}</a>", text))


def in_markdown(value: Any) -> Any:
    """Text that Markdown shows as it is; what `code` made is passed on."""
    return value if isinstance(value, Markup) else str(value).translate(MARKDOWN)


def code(value: Any) -> Markup:
    """Text in a code span of Markdown, which knows no escapes."""
    return Markup("`{}`").format(Markup(" ".join(str(value).replace("`", "'").split())))


def template(name: str) -> jinja2.Template:
    """Read a template; a name it uses and does not get is an error.

    In HTML and in Markdown every value is escaped, unless it is marked as safe.
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
    """JSON that cannot end its script element."""
    return json.dumps(content, separators=(",", ":"), ensure_ascii=False).replace("<", "\\u003c")


def chart_library() -> str:
    """Vega, Vega-Lite and vega-embed as one script, which sets window.vegaEmbed."""
    bundle: str = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;",
                                               vl_version=VL_VERSION)
    return bundle.replace("</script", "<\\/script")


def html(about: Mapping[str, Any], packed: str, **data: Any) -> str:
    """The page: the values of `about`, the packed search index, and `data` as JSON by name."""
    return template("page.html.j2").render(
        **about, library=chart_library(), packed=packed,
        data={name: embedded(content) for name, content in data.items()})


def model_card(about: Mapping[str, Any]) -> str:
    """The model card."""
    return template("model_card.md.j2").render(**about)
