"""Draw what cross-validation measured: where the model is right, where it fails, on what spectra.

Reads   data/asteroids.parquet, data/out_of_fold.parquet, reports/crossvalidation/*.csv
Writes  reports/figures/*.svg, reports/mean_spectra.csv

The charts are those of the page (asteroid_taxonomy/page/charts.py). The same data give the same
bytes with the same Altair and vl-convert.
"""

from pathlib import Path
from typing import Any

from asteroid_taxonomy.console import run
from asteroid_taxonomy.files import write_csv
from asteroid_taxonomy.files.atomic_write import atomic, together
from asteroid_taxonomy.page import charts
from asteroid_taxonomy.page.chart_data import judged_spectra, mean_spectra, of_crossvalidation
from asteroid_taxonomy.page.chart_style import svg
from asteroid_taxonomy.params import load_params

PARAMS = ("bands.wavelengths_nm", "bands.normalised_at_nm")
FIGURES = Path("reports/figures")
MEAN_SPECTRA_PATH = Path("reports/mean_spectra.csv")


@together()
def main() -> None:
    """Run the stage."""
    bands: dict[str, Any] = load_params(PARAMS)["bands"]
    nm = bands["wavelengths_nm"]
    judged = judged_spectra(nm)
    classes = [name.removeprefix("probability_") for name in judged.filter(regex="^probability_")]

    means = mean_spectra(judged, nm)
    drawn = of_crossvalidation(judged, means, classes, nm)
    drawn["mean_spectra"] = charts.mean_spectra(means, classes, bands["normalised_at_nm"])
    for name, chart in drawn.items():
        with atomic(FIGURES / f"{name}.svg") as part:
            part.write_text(svg(chart), encoding="utf-8", newline="\n")
    write_csv(list(means.columns), means.itertuples(index=False), MEAN_SPECTRA_PATH)
    print(f"wrote {MEAN_SPECTRA_PATH} and {len(drawn)} figures in {FIGURES}")


if __name__ == "__main__":
    run(main, __doc__)
