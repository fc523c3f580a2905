"""What the charts show: what crossvalidate measured, mean spectra, shares of the catalogue."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from asteroid_taxonomy.asteroids import read_asteroids, reflectance_columns
from asteroid_taxonomy.catalogue import proper_names
from asteroid_taxonomy.evaluation.out_of_fold import read_out_of_fold
from asteroid_taxonomy.evaluation.plot_data import read_plot
from asteroid_taxonomy.page import charts
from asteroid_taxonomy.page.chart_style import OPEN

FAILURES = 20


def judged_spectra(nm: Sequence[int]) -> Any:
    """Out-of-fold predictions with each asteroid's proper name, class and reflectances."""
    asteroids = read_asteroids(nm, ["source_id", "class", *reflectance_columns(nm)])
    predictions = read_out_of_fold()
    names = pd.Series(proper_names(predictions["name"]).to_pylist(), dtype=object)
    return predictions.to_pandas().assign(name=names).merge(asteroids.to_pandas(), on="source_id")


def with_error(table: pd.DataFrame) -> pd.DataFrame:
    """Columns low and high beside accuracy: one binomial standard error below and above.

    Bins that hold less than one asteroid, on average over the repeats, are left out.
    """
    table = table[table["asteroids"] > 0]
    share = table["accuracy"]
    error = np.sqrt(share * (1 - share) / table["asteroids"])
    return table.assign(low=(share - error).clip(0), high=(share + error).clip(upper=1)).round(4)


def kept_estimates() -> pd.DataFrame:
    """Both estimates of the accuracy of what is kept, one below the other, by threshold."""
    table = read_plot("kept")
    parts = []
    for key, name in (("weighted", "1: weighted by S/N"), ("degraded", "2: noise added")):
        accuracy, error = table[f"accuracy_{key}"], table[f"accuracy_{key}_se"]
        parts.append(table[["threshold", "kept"]].assign(
            estimate=name, accuracy=accuracy, low=(accuracy - error).round(4),
            high=(accuracy + error).clip(upper=1).round(4)).dropna())
    return pd.concat(parts)


def confusion(classes: Sequence[str]) -> pd.DataFrame:
    """Numbers, and shares of each actual class, of the labelled asteroids."""
    judged = read_plot("confusion")
    table = pd.crosstab(judged["actual"], judged["predicted"]).reindex(
        index=list(classes), columns=list(classes), fill_value=0)
    long = table.stack().rename("asteroids").reset_index()
    return long.assign(share=(long["asteroids"] / long["actual"].map(table.sum(axis=1))).round(4))


def classes_told() -> dict[str, list[float]]:
    """Precision and recall of the classes behind the complexes, by name, where there are both."""
    table = read_plot("classes").dropna().set_index("class")
    return {str(name): [float(row["precision"]), float(row["recall"])]
            for name, row in table.iterrows()}


def mean_spectra(judged: pd.DataFrame, wavelengths_nm: Sequence[int]) -> pd.DataFrame:
    """Median and 16 to 84 % range of the complete labelled spectra of each complex, by band.

    Columns complex, nm, median, low, high.
    """
    rows = []
    for name, members in judged[judged["complete"]].groupby("target"):
        spectra = members[reflectance_columns(wavelengths_nm)].to_numpy()
        for nm, (low, middle, high) in zip(
                wavelengths_nm, np.quantile(spectra, [0.16, 0.5, 0.84], axis=0).T, strict=True):
            rows.append([name, nm, middle, low, high])
    return pd.DataFrame(rows, columns=["complex", "nm", "median", "low", "high"]).round(4)


def confident_failures(judged: pd.DataFrame) -> pd.DataFrame:
    """The wrongly predicted asteroids of the highest confidence, most confident first."""
    probability = judged.filter(regex="^probability_")
    wrong = judged.assign(confidence=probability.max(axis=1))[
        judged["predicted"] != judged["target"]]
    return wrong.sort_values(["confidence", "source_id"], ascending=[False, True])[:FAILURES]


def panels(failures: pd.DataFrame, means: pd.DataFrame, nm: Sequence[int]) -> pd.DataFrame:
    """Points of each failure's spectrum and of the medians of its label and its prediction."""
    points = [pd.DataFrame(columns=["nm", "value", "complex", "panel"])]
    medians = means.rename(columns={"median": "value"})[["nm", "value", "complex"]]
    for _, one in failures.iterrows():
        own = pd.DataFrame({"nm": nm, "complex": "",
                            "value": one[reflectance_columns(nm)].astype(float).round(4)})
        both = medians[medians["complex"].isin([one["target"], one["predicted"]])]
        points.append(pd.concat([both, own]).assign(panel=panel_title(one)))
    return pd.concat(points[1:] or points)


def panel_title(failure: pd.Series) -> str:
    """What stands above a failure's spectrum: its name, its label, what the model said."""
    return f"{failure['name']}: {failure['target']}, said {failure['predicted']}"


def of_crossvalidation(
    judged: pd.DataFrame, means: pd.DataFrame, classes: Sequence[str], nm: Sequence[int],
    kept: int | None = None,
) -> dict[str, Any]:
    """The charts of what cross-validation measured, by name.

    Parameters
    ----------
    judged : pandas.DataFrame
        Out-of-fold predictions with the bands' reflectances.
    means : pandas.DataFrame
        As `mean_spectra` gives it.
    classes, nm : sequence
        The complexes; the wavelengths in nm.
    kept : int, optional
        How many asteroids the catalogue keeps.
    """
    return {
        "confusion": charts.confusion(confusion(classes), classes),
        "reliability": charts.reliability(with_error(read_plot("reliability"))),
        "snr": charts.accuracy_by_bin(with_error(read_plot("snr")), "snr", "Signal to noise"),
        "label_probability": charts.accuracy_by_bin(
            with_error(read_plot("label_probability")), "label_probability",
            "Probability of the label"),
        "coverage": charts.coverage(read_plot("coverage")),
        "kept": charts.kept(kept_estimates(), kept),
        "learning_curve": charts.learning_curve(read_plot("learning_curve")),
        "confident_failures": charts.confident_failures(
            panels(confident_failures(judged), means, nm), classes),
    }


def complex_counts(frame: pd.DataFrame, row: str) -> pd.DataFrame:
    """Asteroids by complex, those without one as left open."""
    counts = frame["complex"].fillna(OPEN).value_counts()
    return counts.rename_axis("complex").rename("asteroids").reset_index().assign(row=row)


def of_catalogue(
    catalogue: pd.DataFrame, classes: Sequence[str], bins: Sequence[str]
) -> dict[str, Any]:
    """The charts of shares in the catalogue (columns complex, abstained, snr_bin), by name."""
    kept = catalogue.assign(complex=catalogue["complex"].where(~catalogue["abstained"]))
    rows = {"all": catalogue, "kept": kept}
    by_snr = {name: kept[kept["snr_bin"] == name] for name in bins}
    return {name: charts.shares(
        pd.concat([complex_counts(frame, row) for row, frame in parts.items()]), classes,
        list(parts), title) for name, parts, title in (
            ("shares", rows, "Shares of the complexes in the whole catalogue"),
            ("shares_snr", by_snr, "Shares of the complexes by S/N, kept asteroids"))}
