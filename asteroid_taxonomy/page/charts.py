"""The charts of the report, as Vega-Lite specifications made with Altair.

Colours are those of Okabe & Ito (2008, Color Universal Design), which colour-blind people can
tell apart; dashes and shapes say the same. Axes and text are drawn in the page's own colour
(currentColor), so that they follow its dark and light appearance.
"""

from collections.abc import Sequence
from typing import Any

import altair as alt
import pandas as pd

PALETTE = ["#0072B2", "#009E73", "#D55E00", "#CC79A7", "#E69F00", "#56B4E9", "#F0E442", "#999999"]
OPEN = "left open"  # below the threshold, or without a class
INK, FAINT = "currentColor", "#8886"
DASHES = [[1, 0], [6, 2], [2, 2], [8, 2, 2, 2]]
REFLECTANCE_SHOWN = (0.4, 1.8)  # of a noisy spectrum, what lies beyond is not drawn

alt.data_transformers.disable_max_rows()


def finished(chart: Any, description: str) -> dict[str, Any]:
    """Vega-Lite specification with the house's looks, described for screen readers."""
    styled = chart.properties(description=description, background="transparent").configure(
        font="system-ui, sans-serif").configure_axis(
        labelColor=INK, titleColor=INK, gridColor=FAINT, domainColor=FAINT, tickColor=FAINT,
        labelFontSize=12, titleFontSize=12, titleFontWeight="normal").configure_legend(
        labelColor=INK, titleColor=INK, orient="top", labelFontSize=12, symbolLimit=40,
    ).configure_header(labelColor=INK, titleColor=INK, labelFontSize=12).configure_view(
        stroke=None).configure_title(color=INK)
    spec: dict[str, Any] = styled.to_dict()
    return spec


def colour(classes: Sequence[str], open_: bool = False) -> Any:
    """Encode a complex by colour."""
    domain = [*classes, *([OPEN] if open_ else [])]
    colours = [PALETTE[i % len(PALETTE)] for i in range(len(classes))] + ["#8888"] * open_
    return alt.Color("complex:N", scale=alt.Scale(domain=domain, range=colours),
                     legend=alt.Legend(title="Complex", symbolOpacity=1))


def dash(classes: Sequence[str]) -> Any:
    """Encode a complex by the dashes of its line."""
    return alt.StrokeDash("complex:N", scale=alt.Scale(
        domain=list(classes), range=[DASHES[i % len(DASHES)] for i in range(len(classes))]))


def wavelength() -> Any:
    """Axis of wavelengths."""
    return alt.X("nm:Q", title="Wavelength (nm)", scale=alt.Scale(zero=False, nice=False),
                 axis=alt.Axis(values=list(range(400, 2600, 100))))


def reflectance(field: str = "mean", shown: tuple[float, float] | None = None) -> Any:
    """Axis of reflectances."""
    scale = alt.Scale(zero=False) if shown is None else alt.Scale(domain=shown, nice=False)
    return alt.Y(f"{field}:Q", title="Reflectance (1 at 550 nm)", scale=scale)


def spectra(means: pd.DataFrame, classes: Sequence[str], searched: bool) -> dict[str, Any]:
    """Mean spectra of the complexes with their spread; with `searched`, an asteroid over them.

    Parameters
    ----------
    means : pandas.DataFrame
        complex, nm, mean, low, high.
    classes : sequence of str
        The complexes.
    searched : bool
        Leave an empty data set "asteroid" (nm, mean, low, high) for the page to fill.
    """
    shown = REFLECTANCE_SHOWN if searched else None
    base = alt.Chart(means).encode(x=wavelength(), color=colour(classes))
    layers = [
        base.mark_area(opacity=0.15, clip=True).encode(
            y=reflectance("low", shown), y2="high:Q"),
        base.mark_line(clip=True, strokeWidth=2).encode(
            y=reflectance("mean", shown), strokeDash=dash(classes),
            tooltip=["complex:N", "nm:Q", alt.Tooltip("mean:Q", format=".3f")]),
    ]
    if searched:
        own = alt.Chart(alt.NamedData("asteroid")).encode(x=wavelength())
        layers += [
            own.mark_rule(color=INK, clip=True).encode(y=reflectance("low", shown), y2="high:Q"),
            own.mark_line(color=INK, clip=True, strokeWidth=2).encode(y=reflectance("mean",
                                                                                    shown)),
            own.mark_point(color=INK, filled=True, size=45, clip=True, opacity=1).encode(
                y=reflectance("mean", shown), tooltip=["nm:Q", "mean:Q"]),
        ]
    text = "Mean reflectance of each complex against wavelength, with the middle two thirds"
    return finished(alt.layer(*layers).properties(width="container", height=300),
                    text + (", and the spectrum of the asteroid looked up" if searched else ""))


def confusion(table: pd.DataFrame, classes: Sequence[str]) -> dict[str, Any]:
    """Matrix of actual against predicted; columns actual, predicted, asteroids, share."""
    base = alt.Chart(table).encode(
        x=alt.X("predicted:N", sort=list(classes), title="Predicted",
                axis=alt.Axis(orient="top", labelAngle=0)),
        y=alt.Y("actual:N", sort=list(classes), title="Literature"))
    cells = base.mark_rect().encode(
        color=alt.Color("share:Q", scale=alt.Scale(scheme="blues", domain=[0, 1]), legend=None),
        tooltip=["actual", "predicted", "asteroids", alt.Tooltip("share", format=".1%")])
    dark = alt.datum.share > 0.55
    share = base.mark_text(fontSize=15, dy=-7).encode(
        text=alt.Text("share:Q", format=".0%"),
        color=alt.condition(dark, alt.value("white"), alt.value("#111")))
    count = base.mark_text(fontSize=11, dy=10).encode(
        text=alt.Text("asteroids:Q", format=","),
        color=alt.condition(dark, alt.value("white"), alt.value("#333")))
    side = 70 * len(classes)
    return finished((cells + share + count).properties(width=side, height=side),
                    "Confusion matrix, shares of each literature complex")


def reliability(table: pd.DataFrame) -> dict[str, Any]:
    """Accuracy against confidence; columns confidence, accuracy, low, high, asteroids."""
    scale = alt.Scale(domain=[0.2, 1])
    diagonal = alt.Chart(pd.DataFrame({"confidence": [0.2, 1], "accuracy": [0.2, 1]})).mark_line(
        color=INK, strokeDash=[4, 4], opacity=0.6)
    base = alt.Chart(table)
    points = base.mark_line(point={"size": 60}, color=PALETTE[0])
    bars = base.mark_rule(color=PALETTE[0], clip=True).encode(y="low:Q", y2="high:Q")
    x = alt.X("confidence:Q", scale=scale, title="Confidence", axis=alt.Axis(format="%"))
    y = alt.Y("accuracy:Q", scale=scale, title="Accuracy", axis=alt.Axis(format="%"))
    return finished(alt.layer(
        diagonal.encode(x=x, y=y), bars.encode(x=x),
        points.encode(x=x, y=y, tooltip=["asteroids", alt.Tooltip("confidence", format=".1%"),
                                         alt.Tooltip("accuracy", format=".1%")]),
    ).properties(width="container", height=300), "Reliability: accuracy against confidence")


def accuracy_by_snr(table: pd.DataFrame) -> dict[str, Any]:
    """Accuracy by S/N; columns snr, accuracy, low, high, asteroids, share_of_all_asteroids."""
    base = alt.Chart(table).encode(x=alt.X("snr:N", sort=table["snr"].tolist(),
                                           title="Signal to noise",
                                           axis=alt.Axis(labelAngle=-40)))
    share = base.mark_bar(color="#8885").encode(
        y=alt.Y("share_of_all_asteroids:Q", axis=alt.Axis(format="%"),
                title="Share of all asteroids (bars), accuracy (points)",
                scale=alt.Scale(domain=[0, 1])),
        tooltip=["snr", alt.Tooltip("share_of_all_asteroids", format=".1%")])
    rules = base.mark_rule(color=PALETTE[2], strokeWidth=2).encode(y="low:Q", y2="high:Q")
    points = base.mark_point(color=PALETTE[2], filled=True, size=70, opacity=1).encode(
        y="accuracy:Q", tooltip=["snr", alt.Tooltip("accuracy", format=".1%"), "asteroids"])
    return finished((share + rules + points).properties(width="container", height=300),
                    "Accuracy on labelled asteroids and share of all asteroids, by S/N")


def coverage(table: pd.DataFrame, threshold_coverage: float) -> dict[str, Any]:
    """Accuracy of the most confident; columns coverage, accuracy, threshold."""
    base = alt.Chart(table).encode(
        x=alt.X("coverage:Q", title="Share of asteroids that get a class",
                axis=alt.Axis(format="%"), scale=alt.Scale(domain=[0, 1])),
        y=alt.Y("accuracy:Q", title="Accuracy on these", axis=alt.Axis(format="%"),
                scale=alt.Scale(zero=False)),
        tooltip=[alt.Tooltip(f"{name}:Q", format=".1%") for name in table.columns])
    at = alt.Chart(pd.DataFrame({"coverage": [threshold_coverage]})).mark_rule(
        color=INK, strokeDash=[4, 4]).encode(x="coverage:Q")
    return finished((base.mark_line(color=PALETTE[0]) + at).properties(
        width="container", height=300), "Accuracy of the most confident part against its size")


def failures(points: pd.DataFrame, classes: Sequence[str]) -> dict[str, Any]:
    """Spectra of asteroids, over the means of the complexes in question; one panel each.

    Columns: panel, nm, mean, complex ("" for the asteroid itself).
    """
    base = alt.Chart().encode(x=alt.X("nm:Q", title=None, scale=alt.Scale(zero=False, nice=False),
                                      axis=alt.Axis(values=[400, 700, 1000])),
                              y=alt.Y("mean:Q", title=None, scale=alt.Scale(
                                  domain=REFLECTANCE_SHOWN, nice=False)))
    means = base.transform_filter("datum.complex != ''").mark_line(
        strokeWidth=2.5, clip=True).encode(color=colour(classes), strokeDash=dash(classes))
    own = base.transform_filter("datum.complex == ''").mark_line(
        color=INK, point={"color": INK, "size": 14, "clip": True}, strokeWidth=1, clip=True)
    chart = alt.layer(means, own, data=points).properties(width=135, height=100).facet(
        facet=alt.Facet("panel:N", title=None, sort=points["panel"].unique().tolist()), columns=5)
    return finished(chart, "Spectra of the most confident failures over the mean spectra of the "
                           "complexes predicted and in the literature")


def shares(table: pd.DataFrame, classes: Sequence[str], order: Sequence[str],
           title: str) -> dict[str, Any]:
    """Stacked shares of the complexes; columns row, complex, asteroids."""
    rank = {name: i for i, name in enumerate([*classes, OPEN])}
    bars = alt.Chart(table.assign(rank=table["complex"].map(rank))).mark_bar().encode(
        x=alt.X("asteroids:Q", stack="normalize", title="Share of asteroids",
                axis=alt.Axis(format="%")),
        y=alt.Y("row:N", sort=list(order), title=None, axis=alt.Axis(labelLimit=130)),
        color=colour(classes, open_=True), order="rank:Q",
        tooltip=["row", "complex", alt.Tooltip("asteroids", format=",")])
    return finished(bars.properties(width="container", height={"step": 30}), title)
