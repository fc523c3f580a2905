"""Plots of spectra over the median spectrum of their complex."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from asteroid_taxonomy.files import shipped

MEANS_PATH = Path("reports/mean_spectra.csv")  # of the labelled asteroids, written by `report`
MARGIN_NM, DRAWN = 60, (0.3, 2.5)  # beyond the bands; reflectances beyond are noise


def plot_spectrum(prediction: Any, row: int = 0, title: str = "") -> Figure:
    """Plot a spectrum of a Prediction over its complex's median and the middle two thirds."""
    figure = Figure(figsize=(7, 4.2), layout="constrained")
    axes = figure.add_subplot(xlabel="wavelength (nm)", ylabel="normalised reflectance")
    complex_, means = prediction.complex[row], pd.read_csv(shipped(MEANS_PATH))
    mean = means[means["complex"] == complex_]
    if len(mean):
        axes.fill_between(mean["nm"], mean["low"], mean["high"], color="0.88")
        axes.plot(mean["nm"], mean["median"], color="0.5", label=f"{complex_}-complex, median")
    nm = np.array(prediction.wavelengths_nm)
    bands, used = prediction.bands[row], prediction.used[row]
    if (points := prediction.points) is not None:
        own = np.flatnonzero(points.spectrum == row)
        own = own[np.argsort(points.nm[own])]
        axes.plot(points.nm[own], points.reflectance[own] / prediction.scale[row], lw=0.8,
                  color="tab:blue", label="spectrum")
    axes.plot(nm[used], bands[used], "o", color="tab:blue", label="bands used")
    axes.plot(nm[~used], bands[~used], "o", mfc="none", color="tab:blue", label="bands not used")
    shown = np.concatenate([bands[np.isfinite(bands)], mean["low"], mean["high"]])
    low, high = np.clip([shown.min(), shown.max()], *DRAWN) if len(shown) else DRAWN
    axes.set(xlim=(nm[0] - MARGIN_NM, nm[-1] + MARGIN_NM), ylim=(low - 0.1, high + 0.1))
    answer = f"{complex_} at {prediction.confidence[row]:.2f}" if complex_ else "not classified"
    answer += ", abstained" if complex_ and prediction.abstained[row] else ""
    axes.set_title(f"{title}: {answer}" if title else answer)
    axes.legend(frameon=False)
    return figure
