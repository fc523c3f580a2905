"""Files as the surveys distribute them, where ../shared/data/surveys is."""

import pandas as pd
import pytest

from tests.project_fixtures import TOP
from tests.spectra.made_up import found

FOLDER = TOP.parent / "shared" / "data" / "surveys"
pytestmark = pytest.mark.real_data


@pytest.fixture(scope="module")
def surveys(tmp_path_factory):
    """The files with their classes, and the result of `classify` for the folder."""
    if not FOLDER.exists():
        pytest.skip("../shared/data/surveys is not here")
    output = tmp_path_factory.mktemp("surveys") / "out.parquet"
    table = found(FOLDER, output=output).groupby("file").first()
    files = pd.read_csv(FOLDER / "classes.csv", dtype=str)
    files["path"] = [str(FOLDER / s / f) for s, f in zip(files["survey"], files["file"],
                                                        strict=True)]
    return files.drop(columns="class").join(table, on="path")


def test_every_file_opens_and_those_that_cover_the_visible_get_a_class(surveys):
    without = surveys[surveys["complex"] == ""]
    assert len(surveys) - len(without) == 176
    assert without["note"].str.contains("are needed|no reflectance|several spectra").all()


def test_no_class_above_the_threshold_comes_from_marks_or_spikes(surveys):
    above = surveys[~surveys["abstained"]]
    used = {"asteroid_taxonomy": (418, 990), "asteroid_taxonomy_visible": (506, 902)}
    for note, model in zip(above["note"], above["model"], strict=True):
        for part in note.split("; "):
            if " ignored at " in part:
                for bands in part.split(" at ")[-1].removesuffix(" nm").split(", "):
                    first, _, last = bands.partition("-")
                    assert int(last or first) < used[model][0] or int(first) > used[model][1], note


def test_the_asteroid_is_told_from_the_files_name(surveys):
    numbered = surveys[surveys["number"].notna()]
    assert (numbered["asteroid"] == numbered["number"]).mean() > 0.95
