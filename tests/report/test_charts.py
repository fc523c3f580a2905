"""The charts: one definition for page and figures, legible, the same bytes each time."""

import os
import re
import shutil
import subprocess
import sys

import pytest

from stages import figures
from tests.page.made_up import TOP

NAMES = {"confident_failures", "confusion", "coverage", "kept", "label_probability",
         "learning_curve", "mean_spectra", "reliability", "snr"}


@pytest.fixture(scope="module")
def drawn(made_up_run, tmp_path_factory):
    """A folder with the figures of the made-up survey."""
    folder = tmp_path_factory.mktemp("figures") / "project"
    shutil.copytree(made_up_run, folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        figures.main()
    return folder


def test_every_chart_is_a_figure(drawn):
    assert {path.stem for path in (drawn / figures.FIGURES).iterdir()} == NAMES


def test_the_same_data_give_the_same_bytes(drawn, monkeypatch):
    def content():
        return {path.name: path.read_bytes() for path in (drawn / figures.FIGURES).iterdir()}

    before = content()
    monkeypatch.chdir(drawn)
    figures.main()
    assert content() == before


def test_python_without_docstrings_draws_the_same(drawn):
    before = (drawn / figures.FIGURES / "snr.svg").read_bytes()
    subprocess.run([sys.executable, "-OO", "-m", "stages.figures"], cwd=drawn, check=True,
                   env=os.environ | {"PYTHONPATH": str(TOP)})
    assert (drawn / figures.FIGURES / "snr.svg").read_bytes() == before


def test_text_has_twelve_pixels_at_least_and_a_thousand_no_comma(drawn):
    for path in (drawn / figures.FIGURES).iterdir():
        text = path.read_text(encoding="utf-8")
        assert min(float(size) for size in re.findall(r'font-size="([\d.]+)px"', text)) >= 12
        assert ">1,000<" not in text, path


def test_nothing_of_a_release_stands_in_the_figures(drawn):
    for path in (drawn / figures.FIGURES).iterdir():
        assert not re.search("Gaia|DR3|Mahlke", path.read_text(encoding="utf-8")), path
