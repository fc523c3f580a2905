"""Draw what cross-validation found: where the model is right, where it fails, on what spectra.

Reads   data/asteroids.parquet, data/out_of_fold.parquet, reports/crossvalidation/*.csv
Writes  reports/figures/*.svg, reports/mean_spectra.csv

The same data give the same bytes with the same Matplotlib: no date, no random ids, and text as
text, in whatever sans-serif face the reader has.
"""

from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from sklearn.metrics import ConfusionMatrixDisplay

from asteroid_taxonomy.asteroids import error_columns, read_asteroids, reflectance_columns
from asteroid_taxonomy.console import run
from asteroid_taxonomy.evaluation.out_of_fold import PLOTS, read_out_of_fold
from asteroid_taxonomy.files import atomic, write_csv
from asteroid_taxonomy.params import load_params

PARAMS = ("bands",)
FIGURES = Path("reports/figures")
MEAN_SPECTRA_PATH = Path("reports/mean_spectra.csv")
FAILURES = 20
STYLE: Any = {"svg.hashsalt": "asteroid-taxonomy", "svg.fonttype": "none", "font.size": 9,
         "axes.grid": True, "axes.axisbelow": True, "grid.alpha": 0.3, "axes.spines.top": False,
         "axes.spines.right": False}


def save(figure: Figure, name: str) -> None:
    """Write reports/figures/<name>.svg."""
    with atomic(FIGURES / f"{name}.svg") as part:
        figure.savefig(part, format="svg", metadata={"Date": None, "Creator": None})


def line(name: str, x: str, y: str, title: str, diagonal: bool = False) -> None:
    """Draw column `y` against column `x` of the plot data `name`."""
    data = pd.read_csv(PLOTS / f"{name}.csv")
    figure = Figure(figsize=(5, 3.5), layout="constrained")
    axes = figure.subplots()
    axes.plot(data[x], data[y], "o-", markersize=3)
    if diagonal:
        axes.plot([0, 1], [0, 1], "--", color="grey", linewidth=1)
    axes.set(xlabel=x, ylabel=y, title=title)
    save(figure, name)


def bars(name: str, label: str, title: str) -> None:
    """Draw accuracy, and how many asteroids it is of, for each bin of the plot data `name`."""
    data = pd.read_csv(PLOTS / f"{name}.csv")
    figure = Figure(figsize=(6, 3.5), layout="constrained")
    axes = figure.subplots()
    drawn = axes.bar(data[label], data["accuracy"])
    axes.bar_label(drawn, [f"{n:,}" for n in data["asteroids"]], fontsize=7)
    axes.tick_params(axis="x", rotation=30)
    axes.set(xlabel=label, ylabel="accuracy", title=f"{title}; asteroids above the bars")
    save(figure, name)


def confusion(found: pd.DataFrame) -> None:
    """Draw the confusion matrix of the complete spectra, as shares of each label."""
    figure = Figure(figsize=(5, 4.2), layout="constrained")
    axes = figure.subplots()
    of = found[found["complete"]]
    ConfusionMatrixDisplay.from_predictions(
        of["target"], of["predicted"], normalize="true", values_format=".0%", cmap="Blues",
        colorbar=False, ax=axes)
    axes.grid(False)
    axes.set(ylabel="label", xlabel="predicted", title="Out-of-fold predictions")
    save(figure, "confusion")


def mean_spectra(found: pd.DataFrame, wavelengths_nm: list[int]) -> pd.DataFrame:
    """Median and 16 to 84 % range of the complete labelled spectra of each class, by band."""
    complete = found[found["complete"]]
    rows = []
    for name, members in complete.groupby("target"):
        spectra = members[reflectance_columns(wavelengths_nm)].to_numpy()
        for nm, (low, middle, high) in zip(
                wavelengths_nm, np.quantile(spectra, [0.16, 0.5, 0.84], axis=0).T, strict=True):
            rows.append([name, nm, middle, low, high])
    return pd.DataFrame(rows, columns=["class", "wavelength_nm", "median", "low", "high"])


def draw_mean_spectra(spectra: pd.DataFrame) -> None:
    """Draw the classes' spectra side by side."""
    groups = list(spectra.groupby("class"))
    figure = Figure(figsize=(2.4 * min(4, len(groups)), 2.6 * -(-len(groups) // 4)),
                    layout="constrained")
    every = figure.subplots(-(-len(groups) // 4), min(4, len(groups)), sharex=True, sharey=True,
                            squeeze=False)
    for axes, (name, of) in zip(every.flat, groups, strict=False):
        axes.fill_between(of["wavelength_nm"], of["low"], of["high"], alpha=0.3, linewidth=0)
        axes.plot(of["wavelength_nm"], of["median"])
        axes.set_title(name)
    figure.supxlabel("wavelength / nm")
    figure.supylabel("reflectance, 1 at 550 nm")
    save(figure, "mean_spectra")


def confident_failures(found: pd.DataFrame) -> pd.DataFrame:
    """The wrongly predicted asteroids of the highest confidence, most confident first."""
    probability = found.filter(regex="^probability_")
    wrong = found.assign(confidence=probability.max(axis=1))[found["predicted"] != found["target"]]
    return wrong.sort_values(["confidence", "source_id"], ascending=[False, True])[:FAILURES]


def draw_failures(failures: pd.DataFrame, spectra: pd.DataFrame, nm: list[int]) -> None:
    """Draw each failure's spectrum between the median spectra of its label and its prediction."""
    figure = Figure(figsize=(12, 11), layout="constrained")
    every = figure.subplots(5, 4, sharex=True)
    median = {name: of["median"] for name, of in spectra.groupby("class")}
    for axes, (_, one) in zip(every.flat, failures.iterrows(), strict=False):
        axes.errorbar(nm, one[reflectance_columns(nm)].astype(float),
                      one[error_columns(nm)].astype(float), fmt="k.", markersize=4, linewidth=0.8)
        axes.plot(nm, median[one["target"]], "C0", label=f"label {one['target']}")
        axes.plot(nm, median[one["predicted"]], "C1--", label=f"predicted {one['predicted']}")
        axes.set_title(f"({one['number']}) {one['name']}: {one['confidence']:.2f}, "
                       f"S/N {one['snr']:.0f}", fontsize=9)
        axes.legend(fontsize=7, frameon=False)
    figure.supxlabel("wavelength / nm")
    figure.supylabel("reflectance, 1 at 550 nm")
    save(figure, "confident_failures")


def main() -> None:
    """Run the stage."""
    wavelengths_nm: list[int] = load_params(PARAMS)["bands"]["wavelengths_nm"]
    columns = ["source_id", *reflectance_columns(wavelengths_nm), *error_columns(wavelengths_nm)]
    found: Any = read_out_of_fold().to_pandas().merge(
        read_asteroids(wavelengths_nm, columns).to_pandas(), on="source_id")
    with matplotlib.rc_context(STYLE):
        confusion(found)
        line("coverage", "coverage", "accuracy", "Accuracy of the most confident share")
        line("reliability", "confidence", "accuracy", "Reliability", diagonal=True)
        line("learning_curve", "share", "accuracy", "Accuracy by share of the training data")
        bars("snr", "snr", "Accuracy by S/N")
        bars("label_probability", "label_probability", "Accuracy by probability of the label")
        spectra = mean_spectra(found, wavelengths_nm)
        draw_mean_spectra(spectra)
        draw_failures(confident_failures(found), spectra, wavelengths_nm)
    write_csv(list(spectra.columns), [
        [name, nm, *(f"{v:.4f}" for v in values)]
        for name, nm, *values in spectra.itertuples(index=False)], MEAN_SPECTRA_PATH)
    print(f"wrote {MEAN_SPECTRA_PATH} and {len(list(FIGURES.glob('*.svg')))} figures in {FIGURES}")


if __name__ == "__main__":
    run(main, __doc__)
