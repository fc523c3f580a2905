"""docs/model_file.md: its lines of Python run, and its names are those of the files."""

import re
import subprocess
import sys

import numpy as np
import pyarrow.parquet as pq
import pytest
import yaml

from asteroid_taxonomy.onnx_model.classifier import load_classifier
from asteroid_taxonomy.onnx_model.metadata import Metadata
from asteroid_taxonomy.spectra.predict import load_model
from tests.onnx_files import SHIPPED, TOP

PAGE = (TOP / "docs/model_file.md").read_text(encoding="utf-8")
PROGRAM, RESAMPLING, PADDING = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


def test_the_program_prints_classes():
    done = subprocess.run([sys.executable, "-c", PROGRAM], cwd=TOP, capture_output=True, text=True,
                          check=True)
    first = [line.split(" [")[0] for line in done.stdout.splitlines()]
    assert len(first) == 4 and set(first) <= {*load_classifier(SHIPPED).classes, "unknown"}


@pytest.mark.parametrize("grid", [
    np.arange(374, 1035, 44), np.arange(440, 925, 2.5), np.arange(430, 901, 23.7),
    np.arange(400, 950, 60), np.array([420., 470, 510, 550, 590, 700, 760, 830, 900])],
    ids=["gaia", "smass", "primass", "coarse", "uneven"])
def test_the_lines_that_resample_a_spectrum_do_what_classify_does(grid):
    space = {"np": np}
    exec(RESAMPLING, space)
    model = load_classifier(SHIPPED)
    table = pq.read_table(TOP / "data/sample/spectra.parquet")["reflectance"].to_numpy()
    spectra = table.reshape(-1, 16)
    for spectrum in spectra[np.isfinite(spectra).all(axis=1)][:20]:
        reflectance = np.interp(grid, model.wavelengths_nm, spectrum)
        expected = load_model().predict(grid, reflectance, "nm").bands[0]
        found = space["to_bands"](np.asarray(grid, float), reflectance, model.wavelengths_nm)
        assert np.allclose(found, expected, atol=1e-6, equal_nan=True)


def test_the_lines_that_pad_a_file_fill_the_last_batch_with_nan(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    mine = np.arange(5 * 16.0).reshape(5, 16)
    exec(PADDING, {"np": np, "mine": mine, "n": 4})
    found = np.fromfile("my_spectra.raw", "<f4").reshape(-1, 4, 16)
    assert np.array_equal(found.reshape(-1, 16)[:5], mine) and np.isnan(found[1, 1:]).all()


def test_every_key_of_the_metadata_is_in_the_table():
    assert [key for key in Metadata.model_fields if f"`{key}`" not in PAGE] == []


def test_the_edits_name_settings_and_values_of_the_flowgraph():
    blocks = {block["name"]: block.get("config") for block in yaml.safe_load(
        (TOP / "models/flowgraph.yml").read_text(encoding="utf-8"))["graph"]}
    for name, setting in (("file_reader", "filepath"), ("file_reader", "batchSize"),
                          ("reshape", "shape")):
        assert setting in blocks[name] and f"`{setting}`" in PAGE and f"`{name}`" in PAGE
    bands = len(load_classifier(SHIPPED).wavelengths_nm)
    count = (TOP / "models/sample_spectra.raw").stat().st_size // (4 * bands)
    assert f"`batchSize` to {bands} n" in PAGE and f"file of {count} asteroids" in PAGE
