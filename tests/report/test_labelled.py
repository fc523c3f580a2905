"""Mean spectra and failures of the labelled asteroids."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from asteroid_taxonomy.report.labelled import confident_failures, mean_spectra


def test_mean_spectra_are_those_of_complete_labelled_spectra():
    asteroids = pa.table({"reflectance_400": pa.array([1.0, 2.0, 3.0, None, 9.0], pa.float32()),
                          "reflectance_500": pa.array([1.0, 1.0, 1.0, 7.0, 1.0], pa.float32())})
    means = mean_spectra(asteroids, pd.Series(["S", "S", "S", "S", None]), [400, 500])
    assert means[["complex", "nm"]].to_numpy().tolist() == [["S", 400], ["S", 500]]
    assert means.loc[0, ["low", "median", "high"]].tolist() == pytest.approx([1.32, 2.0, 2.68])


def test_failures_are_labelled_asteroids_of_another_complex_the_most_confident_first():
    catalogue = pd.DataFrame({"source_id": [1, 2, 3, 4, 5], "complex": ["S", "S", "C", "S", ""],
                              "confidence": [0.6, 0.9, 0.8, 0.99, np.nan]})
    target = pd.Series(["C", "C", "C", None, "S"])
    failures = confident_failures(catalogue, target)
    assert failures["source_id"].tolist() == [2, 1]
    assert failures["target"].tolist() == ["C", "C"]
