"""The charts: one template for `dvc plots` and the page, legible, the same bytes each time."""

import csv
import json
import re

import pytest
import vl_convert
import yaml
from dvc_render import VegaRenderer

from asteroid_taxonomy.report import charts, content
from stages import report
from tests.project_fixtures import TOP

PLOTS = [(title, plot, *next(iter(plot["y"].items())))
         for each in yaml.safe_load((TOP / "dvc.yaml").read_text(encoding="utf-8"))["plots"]
         for title, plot in each.items() if "template" in plot]
FIGURES = {"above_threshold", "calibration", "confusion", "faint_bias", "mean_spectra", "shares",
           "shares_above", "snr"}


def texts(svg):
    return [text for text in re.findall(r"<text[^>]*>([^<]*)</text>", svg) if text]


def of_dvc(folder, plot, file, y, revisions):
    """The chart as `dvc plots` fills it, as SVG."""
    with (folder / file).open(encoding="utf-8", newline="") as opened:
        rows = list(csv.DictReader(opened))
    points = [row | {"rev": revision} for revision in revisions for row in rows]
    spec = VegaRenderer(points, "plot", template=str(TOP / plot["template"]), x=plot["x"], y=y,
                        title="A title").get_filled_template()
    assert "DVC_METRIC" not in json.dumps(spec)
    return vl_convert.vegalite_to_svg(spec, vl_version="5.8")


@pytest.mark.parametrize(("title", "plot", "file", "y"), PLOTS, ids=[plot[0] for plot in PLOTS])
def test_dvc_plots_draws_the_chart_of_the_page(catalogued_run, title, plot, file, y):
    name = plot["template"].split("/")[-1].removesuffix(".json")
    assert TOP / plot["template"] == charts.FOLDER / f"{name}.json"
    page = charts.svg(charts.chart(name, catalogued_run / file, plot["x"], y, wide=False,
                                   labels=(plot["x"], y)))
    dvc = of_dvc(catalogued_run, plot, file, y, ["workspace"])
    assert set(texts(page)) <= set(texts(dvc))
    assert of_dvc(catalogued_run, plot, file, y, ["main", "workspace"]) != dvc


def test_the_threshold_of_the_catalogue_is_a_line(catalogued_run, monkeypatch):
    monkeypatch.chdir(catalogued_run)
    drawn = {chosen: charts.svg(content.specifications(chosen)["above_threshold"])
             for chosen in (0.8, None)}
    assert [('stroke-dasharray="4,4"' in svg) for svg in drawn.values()] == [True, False]


def test_figures_are_legible_and_name_no_release(catalogued_run):
    paths = list((catalogued_run / report.FIGURES_PATH).iterdir())
    assert {path.stem for path in paths} == FIGURES
    for path in paths:
        svg = path.read_text(encoding="utf-8")
        # titles of legends are bold and 11 px by Vega's default
        assert min(float(size) for size in re.findall(r'font-size="([\d.]+)px"', svg)) >= 11
        assert ">1,000<" not in svg and not re.search("Gaia|DR3|Mahlke", svg)
