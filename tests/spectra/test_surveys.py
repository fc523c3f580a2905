"""Files as the surveys distribute them, where ../shared/data/surveys is."""

import numpy as np
import pandas as pd
import pytest

from asteroid_taxonomy.console import PipelineError
from tests.spectra.made_up import found
from tests.project_fixtures import TOP

FOLDER = TOP.parent / "shared" / "data" / "surveys"
pytestmark = pytest.mark.real_data


@pytest.fixture(scope="module")
def surveys(tmp_path_factory):
    """The files with their classes, and what `classify` says of the folder."""
    if not FOLDER.exists():
        pytest.skip("../shared/data/surveys is not here")
    output = tmp_path_factory.mktemp("surveys") / "out.parquet"
    table = found(FOLDER, output=output).groupby("file").first()
    files = pd.read_csv(FOLDER / "classes.csv", dtype=str)
    files["path"] = [str(FOLDER / s / f) for s, f in zip(files["survey"], files["file"],
                                                        strict=True)]
    return files.join(table, on="path")


def covered(path):
    """Whether the points that were measured leave no gap over 60 nm in 0.493 ... 0.918 um."""
    points = pd.read_csv(path, sep=r"[\s,]+", engine="python", header=None, names=range(40),
                         encoding="latin-1").apply(pd.to_numeric, errors="coerce")
    nm, value = points[0].to_numpy(), points[1].to_numpy()
    nm = nm * (1000 if np.nanmedian(nm) < 10 else 0.1)
    nm = np.sort(nm[(nm > 0) & (value > 0)])
    inside = nm[(nm > 480) & (nm < 930)]
    return len(inside) > 1 and inside[0] < 493 and inside[-1] > 918 and np.diff(inside).max() < 60


def test_every_file_opens(surveys):
    assert surveys["note"].dropna().str.startswith(("no ", "neg", "row", "val", "one")).all()


def test_every_spectrum_that_covers_the_visible_gets_probabilities(surveys):
    visible = surveys[[covered(path) for path in surveys["path"]]]
    assert len(visible) > 90
    assert visible["probability_S"].notna().all(), visible[visible["probability_S"].isna()]["path"]


def test_no_class_comes_from_marks_for_what_was_not_measured(surveys):
    doubtful = surveys[surveys["note"].fillna("").str.contains("not measured")]
    used = doubtful[doubtful["complex"].notna()]
    assert len(used) < len(doubtful)
    for note, model, abstained in zip(used["note"], used["model"], used["abstained"],
                                      strict=True):
        bands = [int(nm) for nm in note.split(", at ")[1].split(" nm")[0].split(", ")]
        last = 902 if model.endswith("visible") else 990
        assert abstained or min(bands) > last


def test_the_asteroid_is_told_from_the_files_name(surveys):
    numbered = surveys[surveys["number"].notna()]
    same = numbered["asteroid"] == numbered["number"]
    assert same.mean() > 0.95


def test_a_single_file_that_holds_no_visible_spectrum_gets_a_sentence(surveys, tmp_path):
    with pytest.raises(PipelineError, match="no reflectance above 0 at 550 nm"):
        found(FOLDER / "akari" / "0308_Polyxo.txt", output=tmp_path / "out.parquet")
