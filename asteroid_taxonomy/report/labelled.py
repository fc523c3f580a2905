"""Labelled asteroids on the page: mean spectra and the most confident errors."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import pyarrow as pa

from asteroid_taxonomy.tables import matrix, reflectance_columns

FAILURES = 20
PERCENTILES = (16, 50, 84)


def mean_spectra(
    asteroids: pa.Table, target: pd.Series, wavelengths_nm: Sequence[int]
) -> pd.DataFrame:
    """Median and 16 to 84 % range of the complete labelled spectra of each complex, by band.

    Parameters
    ----------
    asteroids : pyarrow.Table
        As tables.read_asteroids gives it.
    target : pandas.Series
        The complex of each asteroid; null without a label.
    wavelengths_nm : sequence of int

    Returns
    -------
    pandas.DataFrame
        complex, nm, median, low, high.
    """
    spectra = matrix(asteroids, reflectance_columns(wavelengths_nm)).astype(np.float64)
    complete = np.isfinite(spectra).all(axis=1)
    rows = [[name, nm, middle, low, high] for name in sorted(target.dropna().unique())
            for nm, (low, middle, high) in zip(wavelengths_nm, np.percentile(
                spectra[complete & (target == name).to_numpy()], PERCENTILES, axis=0).T,
                strict=True)]
    return pd.DataFrame(rows, columns=["complex", "nm", "median", "low", "high"])


def confident_failures(catalogue: pd.DataFrame, target: pd.Series) -> pd.DataFrame:
    """The labelled asteroids that are misclassified with the highest confidence."""
    wrong = catalogue.assign(target=target)[
        target.notna() & (catalogue["complex"] != target) & catalogue["confidence"].notna()]
    return wrong.sort_values(["confidence", "source_id"], ascending=[False, True])[:FAILURES]
