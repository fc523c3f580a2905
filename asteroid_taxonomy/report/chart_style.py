"""What the charts have in common: colours, dashes, axes, sizes of text; and how one becomes SVG.

Colours are those of Okabe & Ito (2008, Color Universal Design), which colour-blind people can
tell apart; dashes say the same. Axes and text are drawn in the page's own colour (currentColor),
so that they follow its dark and light appearance; an SVG of its own has it black on white.
"""

import math
import re
from collections.abc import Sequence
from typing import Any

import altair as alt
import vl_convert

PALETTE = ["#0072B2", "#009E73", "#D55E00", "#CC79A7", "#E69F00", "#56B4E9", "#F0E442", "#999999"]
OPEN = "left open"  # below the threshold, or without a class
INK, FAINT = "currentColor", "#8884"
DASHES = [[1, 0], [6, 2], [2, 2], [8, 2, 2, 2]]
TEXT_PX = 12
SVG_WIDTH_PX = 600  # of what is as wide as its container on the page
VL_VERSION = ".".join(alt.SCHEMA_VERSION[1:].split(".")[:2])  # v6.1.0 -> 6.1
PERCENT = alt.Axis(format="%", tickCount=6)


def finished(chart: Any, description: str) -> dict[str, Any]:
    """Vega-Lite specification with the house's looks, described for screen readers."""
    ink = {"labelColor": INK, "titleColor": INK, "labelFontSize": TEXT_PX,
           "titleFontSize": TEXT_PX}
    styled = chart.properties(description=description, background="transparent").configure(
        font="system-ui, sans-serif").configure_axis(
        gridColor=FAINT, domainColor=FAINT, tickColor=FAINT, titleFontWeight="normal", **ink
        ).configure_legend(orient="top", symbolLimit=40, symbolStrokeWidth=3, symbolSize=200, **ink
        ).configure_header(labelColor=INK, titleColor=INK, labelFontSize=TEXT_PX
        ).configure_text(fontSize=TEXT_PX).configure_view(stroke=None)
    with alt.data_transformers.enable("default", max_rows=None):
        spec: dict[str, Any] = styled.to_dict()
    return spec


def svg(spec: dict[str, Any]) -> str:
    """The chart as a file of its own: the same specification and library give the same text."""
    fixed = {"width": SVG_WIDTH_PX} if spec.get("width") == "container" else {}
    # Liberation Sans comes with vl_convert: text is measured alike wherever the figures are made
    config = spec["config"] | {"font": "Liberation Sans, Arial, sans-serif"}
    drawn = vl_convert.vegalite_to_svg(spec | fixed | {"background": "white", "config": config},
                                       vl_version=VL_VERSION)
    # clip paths are numbered through all charts that a process draws
    numbers: dict[str, int] = {}
    return re.sub(r'(?<= id="clip)\d+|(?<=url\(#clip)\d+',
                  lambda clip: str(numbers.setdefault(clip[0], len(numbers))), drawn) + "\n"


def height_px(spec: dict[str, Any]) -> int:
    """How high the chart is when it is drawn, with axes and legends, in pixels."""
    size = re.search(r'height="([\d.]+)"', svg(spec))
    return math.ceil(float(size[1])) if size else 0


def colour(classes: Sequence[str], open_: bool = False, **properties: Any) -> Any:
    """Encode a complex by colour, and what is left open by grey."""
    domain = [*classes, *([OPEN] if open_ else [])]
    colours = [PALETTE[i % len(PALETTE)] for i in range(len(classes))] + ["#8888"] * open_
    return alt.Color("complex:N", title="Complex", **properties,
                     scale=alt.Scale(domain=domain, range=colours))


def dash(classes: Sequence[str]) -> Any:
    """Encode a complex by the dashes of its line."""
    return alt.StrokeDash("complex:N", title="Complex", scale=alt.Scale(
        domain=list(classes), range=[DASHES[i % len(DASHES)] for i in range(len(classes))]))


def wavelength(**axis: Any) -> Any:
    """Axis of wavelengths."""
    return alt.X("nm:Q", title="Wavelength (nm)", axis=alt.Axis(format="d", **axis),
                 scale=alt.Scale(zero=False, nice=False, padding=8))


def accuracy_range(base: Any, **mark: Any) -> Any:
    """Rules from one standard error below the accuracy to one above it."""
    return base.mark_rule(**mark).encode(y=alt.Y("low:Q", axis=PERCENT), y2="high:Q")


def shown(field: str) -> Any:
    """A share, as a tooltip shows it."""
    return alt.Tooltip(f"{field}:Q", format=".1%")
