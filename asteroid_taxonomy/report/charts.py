"""The charts of the page and of reports/figures: each a Vega-Lite specification, made once.

The page draws them with Vega in the browser, the stage figures writes them as SVG.
"""

from collections.abc import Sequence
from typing import Any

import altair as alt
import pandas as pd

from asteroid_taxonomy.page.chart_style import (
    DASHES,
    INK,
    OPEN,
    PALETTE,
    PERCENT,
    accuracy_range,
    colour,
    dash,
    finished,
    shown,
    wavelength,
)

# of areas and lines together: the line is the symbol
LINES = alt.Legend(symbolType="stroke", symbolOpacity=1, symbolFillColor="transparent")
FLAGS = ["good", "suspect", "bad"]  # 0, 1, 2 of a survey's flags


def mean_spectra(
    means: pd.DataFrame, classes: Sequence[str], normalised_at_nm: int, interactive: bool = False
) -> dict[str, Any]:
    """Median spectra of the complexes with their spread; if interactive, an asteroid over them.

    Parameters
    ----------
    means : pandas.DataFrame
        complex, nm, median, low, high.
    classes : sequence of str
        The complexes.
    normalised_at_nm : int
        Where every spectrum is 1.
    interactive : bool
        Leave a data set "asteroid" (nm, value, low, high, flag, used) for the page to fill, and
        signals lowest and highest, the ends of the axis of reflectance.
    """
    ends = {"lowest": float(means["low"].min()), "highest": float(means["high"].max())}
    scale = alt.Scale(domain=[alt.ExprRef(name) for name in ends], nice=False, zero=False
                      ) if interactive else alt.Scale(zero=False)

    def reflectance(field: str) -> Any:
        return alt.Y(f"{field}:Q", title=f"Reflectance (1 at {normalised_at_nm} nm)", scale=scale)

    lines = colour(classes, legend=LINES)
    base = alt.Chart(means).encode(x=wavelength(values=list(range(400, 2600, 100))))
    layers = [
        base.mark_area(opacity=0.15, clip=True).encode(
            y=reflectance("low"), y2="high:Q", color=lines),
        base.mark_line(clip=True, strokeWidth=2).encode(
            y=reflectance("median"), color=lines, strokeDash=dash(classes),
            tooltip=["complex:N", "nm:Q", alt.Tooltip("median:Q", format=".3f")]),
    ]
    if interactive:
        own = alt.Chart(alt.NamedData("asteroid")).encode(x=wavelength(), y=reflectance("value"))
        faint = alt.condition("datum.used", alt.value(1), alt.value(0.45))
        layers += [
            own.mark_rule(color=INK, clip=True, opacity=0.6).encode(
                y=reflectance("low"), y2="high:Q"),
            own.mark_line(color=INK, clip=True, strokeWidth=2),
            own.mark_point(color=INK, fill=INK, size=70, clip=True).encode(
                opacity=faint, tooltip=["nm:Q", alt.Tooltip("value:Q", format=".3f"), "flag:N"],
                shape=alt.Shape(
                    "flag:N", title="Flag", legend=alt.Legend(orient="bottom", symbolSize=90),
                    scale=alt.Scale(domain=FLAGS, range=["circle", "triangle-up", "cross"]))),
        ]
    chart = alt.layer(*layers).properties(width="container", height=330)
    if interactive:
        chart = chart.add_params(*(alt.param(name=name, value=v) for name, v in ends.items()))
    return finished(chart, "Median reflectance of each complex against wavelength, with the "
                    "middle two thirds" + ", and the spectrum of an asteroid" * interactive)


def confusion(table: pd.DataFrame, classes: Sequence[str]) -> dict[str, Any]:
    """Matrix of actual against predicted; columns actual, predicted, asteroids, share."""
    base = alt.Chart(table).encode(
        x=alt.X("predicted:N", sort=list(classes), title="Predicted",
                axis=alt.Axis(orient="top", labelAngle=0)),
        y=alt.Y("actual:N", sort=list(classes), title="Literature"))
    cells = base.mark_rect().encode(
        color=alt.Color("share:Q", scale=alt.Scale(scheme="blues", domain=[0, 1]), legend=None),
        tooltip=["actual", "predicted", "asteroids", shown("share")])
    ink = alt.condition(alt.datum.share > 0.55, alt.value("white"), alt.value("#111"))
    share = base.mark_text(fontSize=15, dy=-7).encode(
        text=alt.Text("share:Q", format=".0%"), color=ink)
    count = base.mark_text(dy=11).encode(text=alt.Text("asteroids:Q", format=","), color=ink)
    side = 70 * len(classes)
    return finished((cells + share + count).properties(width=side, height=side),
                    "Confusion matrix, shares of each literature complex")


def reliability(table: pd.DataFrame) -> dict[str, Any]:
    """Accuracy against confidence; columns confidence, accuracy, low, high, asteroids."""
    scale = alt.Scale(domain=[0.2, 1])
    x = alt.X("confidence:Q", scale=scale, title="Confidence", axis=PERCENT)
    y = alt.Y("accuracy:Q", scale=scale, title="Accuracy", axis=PERCENT)
    diagonal = alt.Chart(pd.DataFrame({"confidence": [0.2, 1], "accuracy": [0.2, 1]})).mark_line(
        color=INK, strokeDash=[4, 4], opacity=0.6).encode(x=x, y=y)
    base = alt.Chart(table).encode(x=x)
    points = base.mark_line(point={"size": 60}, color=PALETTE[0]).encode(
        y=y, tooltip=["asteroids", shown("confidence"), shown("accuracy")])
    bars = accuracy_range(base, color=PALETTE[0], clip=True)
    return finished((diagonal + bars + points).properties(width="container", height=300),
                    "Reliability: accuracy against confidence")


def accuracy_by_bin(table: pd.DataFrame, field: str, title: str) -> dict[str, Any]:
    """Accuracy by bins of `field`; columns accuracy, low, high, asteroids.

    And share_of_all_asteroids, where the table has it, as bars.
    """
    base = alt.Chart(table).encode(x=alt.X(f"{field}:N", sort=table[field].tolist(), title=title,
                                           axis=alt.Axis(labelAngle=-40)))
    share, layers = "share_of_all_asteroids", []
    if share in table:
        layers.append(base.mark_bar(color="#8885").encode(
            y=alt.Y(f"{share}:Q", axis=PERCENT), tooltip=[field, shown(share)]))
    layers += [
        accuracy_range(base, color=PALETTE[2], strokeWidth=2),
        base.mark_point(color=PALETTE[2], filled=True, size=70, opacity=1).encode(
            y=alt.Y("accuracy:Q", axis=PERCENT, scale=alt.Scale(domain=[0, 1]),
                    title="Accuracy (points)" + ", share of all (bars)" * (share in table)),
            tooltip=[field, shown("accuracy"), "asteroids"]),
    ]
    return finished(alt.layer(*layers).properties(width="container", height=300),
                    f"Accuracy on labelled asteroids by {title}")


def coverage(table: pd.DataFrame) -> dict[str, Any]:
    """Accuracy of the most confident labelled ones; columns coverage, accuracy, threshold."""
    chart = alt.Chart(table).mark_line(color=PALETTE[0]).encode(
        x=alt.X("coverage:Q", title="Share of labelled asteroids that get a class",
                axis=PERCENT, scale=alt.Scale(domain=[0, 1])),
        y=alt.Y("accuracy:Q", title="Accuracy on these", axis=PERCENT,
                scale=alt.Scale(zero=False)),
        tooltip=[shown(name) for name in table.columns])
    return finished(chart.properties(width="container", height=300),
                    "Accuracy of the most confident part against its size")


def kept(table: pd.DataFrame, asteroids: int | None) -> dict[str, Any]:
    """Estimated accuracy of what a catalogue keeps; a line at so many kept `asteroids`.

    Columns kept, threshold, estimate, accuracy, low, high.
    """
    names = table["estimate"].unique().tolist()
    base = alt.Chart(table).encode(
        x=alt.X("kept:Q", title="Asteroids kept", axis=alt.Axis(format="~s", tickCount=6)),
        color=alt.Color("estimate:N", title="Estimate", legend=LINES,
                        scale=alt.Scale(domain=names, range=PALETTE[:len(names)])))
    chart = base.mark_area(opacity=0.2).encode(
        y=alt.Y("low:Q", axis=PERCENT, scale=alt.Scale(zero=False), title="Accuracy on these"),
        y2="high:Q")
    chart += base.mark_line().encode(
        y="accuracy:Q", strokeDash=alt.StrokeDash("estimate:N", title="Estimate", scale=alt.Scale(
            domain=names, range=DASHES[:len(names)])),
        tooltip=["estimate", alt.Tooltip("kept", format=","), "threshold", shown("accuracy")])
    if asteroids is not None:
        chart += alt.Chart(pd.DataFrame({"kept": [asteroids]})).mark_rule(
            color=INK, strokeDash=[4, 4]).encode(x="kept:Q")
    return finished(chart.properties(width="container", height=300),
                    "Estimated accuracy of the kept asteroids against their number")


def learning_curve(table: pd.DataFrame) -> dict[str, Any]:
    """Accuracy by how much was learned from; columns share, accuracy."""
    chart = alt.Chart(table).mark_line(color=PALETTE[0], point={"size": 60}).encode(
        x=alt.X("share:Q", title="Share of the training data", axis=PERCENT),
        y=alt.Y("accuracy:Q", title="Accuracy", axis=PERCENT, scale=alt.Scale(zero=False)),
        tooltip=[shown("share"), shown("accuracy")])
    return finished(chart.properties(width="container", height=300),
                    "Accuracy against the share of the training data")


def confident_failures(points: pd.DataFrame, classes: Sequence[str]) -> dict[str, Any]:
    """Spectra of asteroids, over the medians of the complexes in question; one panel each.

    Columns: panel, nm, value, complex ("" for the asteroid itself). Each panel has its own scale:
    one odd spectrum would flatten the others.
    """
    base = alt.Chart().encode(
        x=wavelength(values=[400, 700, 1000]).title(None),
        y=alt.Y("value:Q", title=None, scale=alt.Scale(zero=False), axis=alt.Axis(tickCount=4)))
    medians = base.transform_filter("datum.complex != ''").mark_line(strokeWidth=2.5).encode(
        color=colour(classes), strokeDash=dash(classes))
    own = base.transform_filter("datum.complex == ''").mark_line(
        color=INK, point={"color": INK, "size": 14}, strokeWidth=1)
    chart = alt.layer(medians, own, data=points).properties(width=130, height=100).facet(
        facet=alt.Facet("panel:N", title=None, sort=points["panel"].unique().tolist()), columns=5
        ).resolve_scale(y="independent")
    return finished(chart, "Spectra of the most confident failures over the median spectra of the "
                           "complexes predicted and in the literature")


def shares(table: pd.DataFrame, classes: Sequence[str], order: Sequence[str],
           title: str) -> dict[str, Any]:
    """Stacked shares of the complexes; columns row, complex, asteroids."""
    rank = {name: i for i, name in enumerate([*classes, OPEN])}
    bars = alt.Chart(table.assign(rank=table["complex"].map(rank))).mark_bar().encode(
        x=alt.X("asteroids:Q", stack="normalize", title="Share of asteroids", axis=PERCENT),
        y=alt.Y("row:N", sort=list(order), title=None, axis=alt.Axis(labelLimit=130)),
        color=colour(classes, open_=True), order="rank:Q",
        tooltip=["row", "complex", alt.Tooltip("asteroids", format=",")])
    return finished(bars.properties(width="container", height={"step": 30}), title)
