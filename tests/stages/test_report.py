"""The stage report: its outputs, and what it says where an input is missing."""

from pathlib import Path

import pytest

from asteroid_taxonomy.console import PipelineError
from asteroid_taxonomy.files import read_json, write_json
from stages import report


def outputs():
    paths = [report.PAGE_PATH, report.CARD_PATH, *sorted(report.FIGURES_PATH.iterdir())]
    return {path: path.read_bytes() for path in paths}


def test_the_same_run_gives_the_same_bytes(catalogued, capsys):
    before = outputs()
    report.main()
    assert outputs() == before
    assert "4,024 asteroids to look up" in capsys.readouterr().out


@pytest.mark.parametrize("path", ["reports/calibration.json", "reports/above_threshold.csv",
                                  "reports/crossvalidation/models.csv"])
def test_a_missing_input_is_named(catalogued, path):
    Path(path).unlink()
    with pytest.raises(PipelineError, match=f"{path} not found; run dvc repro"):
        report.main()


def test_figures_that_cannot_be_estimated_are_dashes(catalogued):
    path = Path("reports/calibration.json")
    calibration = read_json(path)
    above = calibration["above_threshold"]
    for block in (above, *above["by_complex"].values()):
        block |= {key: None for key in block if key.startswith("accuracy")}
    write_json(calibration | {"classes": {}}, path)
    report.main()
    card = report.CARD_PATH.read_text(encoding="utf-8")
    assert "| of these S | 1," in card and "| – | – |" in card
