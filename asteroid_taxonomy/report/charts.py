"""Charts of the page, reports/figures and `dvc plots show`: one Vega-Lite file each.

The files in charts/ are templates of `dvc plots` (see dvc.yaml). Their anchors are filled here as
in DVC, with one revision. The page draws them with Vega in the browser.
"""

import json
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import vl_convert

from asteroid_taxonomy.files import missing

FOLDER = Path(__file__).parent / "charts"
VL_VERSION = vl_convert.get_vegalite_versions()[-1]  # DVC's pages load 5.2
# Okabe & Ito (2008, Color Universal Design); charts/*.json have the same colours
PALETTE = ["#0072B2", "#009E73", "#D55E00", "#CC79A7", "#E69F00", "#56B4E9", "#F0E442"]
SVG_WIDTH_PX = 600  # of charts that are as wide as their container on the page
INK, FAINT = "currentColor", "#8884"  # follows the page's dark and light appearance
_TEXT = {"labelColor": INK, "titleColor": INK, "labelFontSize": 12, "titleFontSize": 12}
STYLE: dict[str, Any] = {
    "font": "system-ui, sans-serif", "background": "transparent", "view": {"stroke": None},
    "axis": {"gridColor": FAINT, "domainColor": FAINT, "tickColor": FAINT,
             "titleFontWeight": "normal", **_TEXT},
    "legend": {"orient": "top", "symbolStrokeWidth": 3, "symbolSize": 200, **_TEXT},
}


def chart(
    name: str, data: Path, x: str = "", y: str = "", wide: bool = True,
    labels: tuple[str, str] = ("", ""), **params: Any,
) -> dict[str, Any]:
    """Fill a template with the rows of a CSV file.

    Parameters
    ----------
    name : str
        Of the file in charts/, without .json.
    data : Path
    x, y : str
        Columns, for templates that do not set them.
    wide : bool
        As wide as its container, instead of the width in the template.
    labels : tuple of str
        Titles of the axes, for templates that do not set them.
    **params
        Values of the template's own params.

    Raises
    ------
    PipelineError
        No such CSV file.
    """
    if not data.exists():
        raise missing(data)
    rows = {"values": data.read_text(encoding="utf-8"), "format": {"type": "csv"}}
    anchors = {"<DVC_METRIC_DATA>": None, "<DVC_METRIC_X>": x, "<DVC_METRIC_Y>": y,
               "<DVC_METRIC_X_LABEL>": labels[0], "<DVC_METRIC_Y_LABEL>": labels[1],
               "<DVC_METRIC_COLOR>": {"value": PALETTE[0]}}
    spec: dict[str, Any] = _replaced(json.loads((FOLDER / f"{name}.json").read_text()), anchors)
    del spec["$schema"], spec["title"]
    if inner := spec.pop("spec", None):  # one column for each revision
        del spec["facet"]
        spec |= inner
    for each in [spec, *spec.get("layer", [])]:
        if each.get("data") == {"values": None}:
            each["data"] = rows
    for each in spec.get("params", []):
        each["value"] = params.get(each["name"], each["value"])
    return spec | ({"width": "container"} if wide else {})


def _replaced(value: Any, anchors: Mapping[str, Any]) -> Any:
    if isinstance(value, dict):
        return {key: _replaced(each, anchors) for key, each in value.items()}
    if isinstance(value, list):
        return [_replaced(each, anchors) for each in value]
    return anchors.get(value, value) if isinstance(value, str) else value


def with_asteroid(spec: dict[str, Any]) -> dict[str, Any]:
    """Mean spectra overlaid with the data set "asteroid", which the page fills.

    Its columns are nm, value, low, high, flag and used; the params lowest and highest are the ends
    of the axis of reflectance.
    """
    more = json.loads((FOLDER / "asteroid.json").read_text())
    return spec | {"params": more["params"], "layer": spec["layer"] + more["layer"]}


def svg(spec: dict[str, Any]) -> str:
    """Draw a chart as SVG; the same specification and library give the same text."""
    # Liberation Sans comes with vl_convert, so text has the same width on all machines
    config = STYLE | {"font": "Liberation Sans, Arial, sans-serif", "background": "white"}
    fixed = {"width": SVG_WIDTH_PX} if spec.get("width") == "container" else {}
    drawn = vl_convert.vegalite_to_svg(spec | fixed | {"config": config}, vl_version=VL_VERSION)
    # clip paths are numbered through all charts that a process draws
    numbers: dict[str, int] = {}
    return re.sub(r'(?<= id="clip)\d+|(?<=url\(#clip)\d+',
                  lambda clip: str(numbers.setdefault(clip[0], len(numbers))), drawn) + "\n"


def height_px(drawn: str) -> int:
    """Height of a chart as `svg` draws it, with axes and legends, in pixels."""
    size = re.search(r'height="([\d.]+)"', drawn)
    return math.ceil(float(size[1])) if size else 0
