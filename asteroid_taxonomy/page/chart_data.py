"""What the report's charts show: what crossvalidate measured, and shares of the catalogue."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from asteroid_taxonomy.asteroids import reflectance_columns
from asteroid_taxonomy.evaluation.out_of_fold import PLOTS
from asteroid_taxonomy.page import charts
from stages.figures import confident_failures


def with_error(table: pd.DataFrame) -> pd.DataFrame:
    """Columns low and high beside accuracy: one binomial standard error below and above."""
    share = table["accuracy"]
    error = np.sqrt(share * (1 - share) / table["asteroids"])
    return table.assign(low=(share - error).clip(0), high=(share + error).clip(upper=1)).round(4)


def confusion(classes: Sequence[str]) -> pd.DataFrame:
    """Numbers, and shares of each actual class, of the labelled asteroids."""
    found = pd.read_csv(PLOTS / "confusion.csv")
    table = pd.crosstab(found["actual"], found["predicted"]).reindex(
        index=list(classes), columns=list(classes), fill_value=0)
    long = table.stack().rename("asteroids").reset_index()
    return long.assign(share=(long["asteroids"] / long["actual"].map(table.sum(axis=1))).round(4))


def panels(failures: pd.DataFrame, means: pd.DataFrame, nm: Sequence[int]) -> pd.DataFrame:
    """Points of each failure's spectrum and of the means of its label and its prediction."""
    points = [pd.DataFrame(columns=["nm", "mean", "complex", "panel"])]
    for _, one in failures.iterrows():
        own = pd.DataFrame({"nm": nm, "mean": one[reflectance_columns(nm)].astype(float).round(4),
                            "complex": ""})
        both = means.loc[means["complex"].isin([one["target"], one["predicted"]]),
                         ["nm", "mean", "complex"]]
        points.append(pd.concat([both, own]).assign(
            panel=f"{one['name']}: {one['target']}, said {one['predicted']}"))
    return pd.concat(points[1:] or points)


def complex_counts(frame: pd.DataFrame, row: str) -> pd.DataFrame:
    """Asteroids by complex, those without one as left open."""
    counts = frame["complex"].fillna(charts.OPEN).value_counts()
    return counts.rename_axis("complex").rename("asteroids").reset_index().assign(row=row)


def specifications(
    labelled: pd.DataFrame, catalogue: pd.DataFrame, classes: Sequence[str], nm: Sequence[int],
    bins: Sequence[str], threshold: float,
) -> tuple[dict[str, Any], pd.DataFrame]:
    """All charts by the name of their place in the page, and the most confident failures.

    Parameters
    ----------
    labelled : pandas.DataFrame
        Out-of-fold predictions with the bands' reflectances.
    catalogue : pandas.DataFrame
        Columns complex, abstained, snr_bin.
    classes, nm, bins : sequence
        The complexes, the wavelengths, the names of the S/N bins.
    threshold : float
        Of the confidence.
    """
    means = pd.read_csv("reports/mean_spectra.csv").rename(
        columns={"class": "complex", "wavelength_nm": "nm", "median": "mean"})
    failures = confident_failures(labelled)
    coverage = pd.read_csv(PLOTS / "coverage.csv")
    kept = catalogue.assign(complex=catalogue["complex"].where(~catalogue["abstained"]))
    rows = {"every class given": catalogue, "above the threshold": kept}
    by_snr = {name: kept[kept["snr_bin"] == name] for name in bins}
    return {
        "search-chart": charts.spectra(means, classes, searched=True),
        "spectra": charts.spectra(means, classes, searched=False),
        "confusion": charts.confusion(confusion(classes), classes),
        "reliability": charts.reliability(with_error(pd.read_csv(PLOTS / "reliability.csv"))),
        "snr": charts.accuracy_by_snr(with_error(pd.read_csv(PLOTS / "snr.csv"))),
        "coverage": charts.coverage(coverage, float(
            coverage.loc[coverage["threshold"] >= threshold, "coverage"].max())),
        "shares": charts.shares(
            pd.concat([complex_counts(frame, name) for name, frame in rows.items()]),
            classes, list(rows), "Shares of the complexes in the whole catalogue"),
        "shares-snr": charts.shares(
            pd.concat([complex_counts(frame, name) for name, frame in by_snr.items()]),
            classes, bins, "Shares of the complexes by S/N, above the threshold"),
        "failures": charts.failures(panels(failures, means, nm), classes),
    }, failures
