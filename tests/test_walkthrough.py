"""The walk-through's output is that of the data that are here."""

from pathlib import Path

import pytest

from benchmarks import pages, walkthrough

DATA = ("data/raw/spectra.parquet", "data/asteroids.parquet", "data/out_of_fold.parquet",
        "models/asteroid_taxonomy.skops", "data/catalogue/gaia_dr3_taxonomy.parquet")


@pytest.mark.real_data
@pytest.mark.parametrize("name", walkthrough.BLOCKS)
def test_the_output_in_the_pages_is_that_of_this_run(name):
    if missing := [path for path in DATA if not (Path(path)).exists()]:
        pytest.skip(f"{missing[0]} is not here: dvc pull, or dvc repro with a mirror")
    texts = pages.texts()
    assert pages.fresh(texts, {name: walkthrough.BLOCKS[name]}) == texts
