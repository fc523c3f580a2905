"""From templates and what they show to the text of the page and of the model card."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jinja2
import vl_convert
from markupsafe import Markup

from asteroid_taxonomy.page.chart_style import VL_VERSION

FOLDER = Path(__file__).parent
MARKDOWN = {ord(sign): f"\\{sign}" for sign in "\\`*_[]<>|#~"} | {ord("\n"): " ", ord("\r"): " "}


def percent(value: float | None, digits: int = 1) -> str:
    """A share as a percentage; a small survey may have none."""
    return "–" if value is None else f"{100 * value:.{digits}f} %"


def plus_minus(figures: Mapping[str, Any], key: str, as_percent: bool = True,
               error: str = "_std") -> str:
    """A figure with its error, if `figures` has one under the key with `error` behind it."""
    if figures.get(key) is None:
        return "–"
    factor, digits, unit = (100, 1, " %") if as_percent else (1, 3, "")
    spread = figures.get(key + error)
    return (f"{factor * figures[key]:.{digits}f}"
            + (f" ± {factor * spread:.{digits}f}" if spread else "") + unit)


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
    made.filters |= {"percent": percent, "code": code, "number": lambda n: f"{n:,}"}
    made.globals |= {"plus_minus": plus_minus}
    return made.get_template(name)


def embedded(content: Any) -> str:
    """JSON that cannot end the script element it stands in."""
    return json.dumps(content, separators=(",", ":"), ensure_ascii=False).replace("<", "\\u003c")


def chart_library() -> str:
    """Vega, Vega-Lite and vega-embed as one script, which sets window.vegaEmbed."""
    bundle: str = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;",
                                               vl_version=VL_VERSION)
    return bundle.replace("</script", "<\\/script")


def html(about: Mapping[str, Any], packed: str, **data: Any) -> str:
    """The page's text: what `about` says, the packed search index, and `data` as JSON by name."""
    return template("page.html.j2").render(
        **about, library=chart_library(), packed=packed,
        data={name: embedded(content) for name, content in data.items()})


def model_card(about: Mapping[str, Any]) -> str:
    """The model card's text."""
    return template("model_card.md.j2").render(**about)
