"""The templates of DVC's own plots page: bins in order, numbers in the matrix, a diagonal."""

import csv
import re

import pytest
import vl_convert
from dvc_render import VegaRenderer

from tests.page.made_up import TOP

TEMPLATES = TOP / ".dvc/plots"


def drawn(template, x, y, name, revisions=("main", "workspace")):
    """SVG of the plot of a committed table, with the names of its text marks in order."""
    with (TOP / f"reports/crossvalidation/{name}.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    points = [row | {"rev": revision} for revision in revisions for row in rows]
    spec = VegaRenderer(points, "plot", template=template, template_dir=str(TEMPLATES), x=x, y=y,
                        title="A title").get_filled_template()
    assert "DVC_METRIC" not in str(spec)
    svg = vl_convert.vegalite_to_svg(spec, vl_version="5.8")
    return rows, svg, re.findall(r"<text[^>]*>([^<]*)</text>", svg)


@pytest.mark.parametrize("name", ["snr", "label_probability"])
def test_bars_stand_in_the_order_of_the_table(name):
    rows, _, text = drawn("bars_in_order", "accuracy", name, name)
    bins = [row[name] for row in rows]
    assert [line for line in text if line in bins] == bins
    assert f"{float(rows[0]['accuracy']):.2f}" in text


def test_the_matrix_has_numbers():
    rows, _, text = drawn("confusion_with_numbers", "predicted", "actual", "confusion", ["main"])
    s = sum(row["actual"] == "S" for row in rows)
    right = sum(row["actual"] == row["predicted"] == "S" for row in rows)
    assert f"{right / s:.0%} · {right:,}" in text


def test_the_reliability_has_its_diagonal_in_the_axes_of_its_points():
    svg = drawn("reliability", "confidence", "accuracy", "reliability")[1]
    assert re.search(r'stroke-dasharray="4,4"', svg) and "mark-line" in svg
