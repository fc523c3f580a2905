"""What the report's charts show: figures of the labelled asteroids and of the whole catalogue."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from stages import report_charts as charts
from stages.scores import coverage_curve, predicted, reliability

FAILURES = 20  # the most confident ones
CURVE_POINTS = 200  # of the coverage curve that are drawn
FEW = 30  # fewer asteroids than this say nothing of an accuracy


@dataclass(frozen=True)
class Judged:
    """Labelled asteroids with all bands and what models that did not see them say.

    facts : pandas.DataFrame [n], name, number, snr_bin, class; actual : str [n]; probabilities :
    float [n, classes]; reflectance : float [n, bands].
    """

    facts: pd.DataFrame
    actual: npt.NDArray[np.str_]
    probabilities: npt.NDArray[np.floating]
    reflectance: npt.NDArray[np.floating]


def standard_error(share: float, of: int) -> float:
    """Binomial, of a share measured on `of` asteroids."""
    return float(np.sqrt(max(share * (1 - share), 0) / max(of, 1)))


def with_error(accuracy: float, asteroids: int) -> dict[str, float | int]:
    """Accuracy with its interval of one standard error."""
    error = standard_error(accuracy, asteroids)
    return {"accuracy": accuracy, "low": max(accuracy - error, 0),
            "high": min(accuracy + error, 1), "asteroids": asteroids}


def mean_spectra(judged: Judged, classes: Sequence[str], nm: Sequence[int]) -> pd.DataFrame:
    """Mean and middle two thirds of each complex's spectra."""
    rows = []
    for name in classes:
        own = judged.reflectance[judged.actual == name]
        low, high = np.nanpercentile(own, [16.7, 83.3], axis=0)
        rows.append(pd.DataFrame({"complex": name, "nm": nm, "mean": np.nanmean(own, axis=0),
                                  "low": low, "high": high}).round(4))
    return pd.concat(rows)


def confusion(judged: Judged, classes: Sequence[str]) -> pd.DataFrame:
    """Counts and shares of each actual complex."""
    table = pd.crosstab(judged.actual, predicted(judged.probabilities, classes)).reindex(
        index=classes, columns=classes, fill_value=0)
    long = table.stack().rename("asteroids").rename_axis(["actual", "predicted"]).reset_index()
    total = table.sum(axis=1)
    return long.assign(share=(long["asteroids"] / long["actual"].map(total)).round(4))


def by_snr(judged: Judged, classes: Sequence[str], all_bins: Sequence[str],
           order: Sequence[str]) -> pd.DataFrame:
    """Accuracy on labelled asteroids and share of all asteroids per bin of S/N."""
    right = predicted(judged.probabilities, classes) == judged.actual
    share = pd.Series(all_bins).value_counts(normalize=True)
    rows: list[dict[str, Any]] = []
    for name in order:
        here = (judged.facts["snr_bin"] == name).to_numpy()
        known = with_error(float(right[here].mean()), int(here.sum())) if here.sum() >= FEW else {
            "asteroids": int(here.sum())}
        rows.append({"bin": name, "share": float(share.get(name, 0.0)), **known})
    return pd.DataFrame(rows).round(4)


def failures(judged: Judged, classes: Sequence[str], nm: Sequence[int],
             means: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """List the most confident failures, and the points of their panels."""
    guess = predicted(judged.probabilities, classes)
    confidence = judged.probabilities.max(axis=1)
    wrong = np.flatnonzero(guess != judged.actual)
    worst = wrong[np.argsort(-confidence[wrong], kind="stable")][:FAILURES]
    listed = judged.facts.iloc[worst].assign(
        actual=judged.actual[worst], predicted=guess[worst], confidence=confidence[worst])
    points = []
    for row, fact in zip(worst, listed.itertuples(), strict=True):
        panel = f"{fact.name}: {fact.actual}, said {fact.predicted}"
        own = pd.DataFrame({"nm": nm, "mean": judged.reflectance[row].round(4), "complex": ""})
        both = means[means["complex"].isin([fact.actual, fact.predicted])]
        points.append(pd.concat([both[["nm", "mean", "complex"]], own]).assign(panel=panel))
    return listed, pd.concat(points) if points else pd.DataFrame(
        columns=["nm", "mean", "complex", "panel"])


def complex_counts(frame: pd.DataFrame, row: str) -> pd.DataFrame:
    """Asteroids by complex, those without one as left open."""
    counts = frame["complex"].fillna(charts.OPEN).value_counts()
    return counts.rename_axis("complex").rename("asteroids").reset_index().assign(row=row)


def specifications(
    judged: Judged, catalogue: pd.DataFrame, classes: Sequence[str], nm: Sequence[int],
    bins: Sequence[str], threshold: float,
) -> tuple[dict[str, Any], pd.DataFrame]:
    """All charts by the name of their place in the page, and the list of failures."""
    means = mean_spectra(judged, classes, nm)
    listed, points = failures(judged, classes, nm, means)
    accuracy, confidence = coverage_curve(judged.actual, judged.probabilities, classes)
    shown = np.unique(np.linspace(FEW, len(accuracy) - 1, CURVE_POINTS).astype(int))
    curve = pd.DataFrame({"coverage": (shown + 1) / len(accuracy), "accuracy": accuracy[shown],
                          "confidence": confidence[shown]}).round(4)
    calibration = pd.DataFrame([
        {"confidence": c, **with_error(a, n)}
        for c, a, n in reliability(judged.actual, judged.probabilities, classes)]).round(4)
    kept = catalogue.assign(complex=catalogue["complex"].where(~catalogue["abstained"]))
    overall = pd.concat([complex_counts(catalogue, "every class given"),
                         complex_counts(kept, "above the threshold")])
    faint_to_bright = pd.concat([complex_counts(kept[kept["snr_bin"] == name], name)
                                 for name in bins])
    return {
        "search-chart": charts.spectra(means, classes, searched=True),
        "spectra": charts.spectra(means, classes, searched=False),
        "confusion": charts.confusion(confusion(judged, classes), classes),
        "reliability": charts.reliability(calibration),
        "snr": charts.accuracy_by_snr(by_snr(judged, classes, catalogue["snr_bin"], bins), bins),
        "coverage": charts.coverage(curve, float((confidence >= threshold).mean())),
        "shares": charts.shares(overall, classes, ["every class given", "above the threshold"],
                                "Shares of the complexes in the whole catalogue"),
        "shares-snr": charts.shares(faint_to_bright, classes, bins,
                                    "Shares of the complexes by S/N, above the threshold"),
        "failures": charts.failures(points, classes),
    }, listed
