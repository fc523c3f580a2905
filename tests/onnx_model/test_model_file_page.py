"""docs/model_file.md: its lines of Python run, and it names what the file says about itself."""

import fnmatch
import re
import subprocess
import sys

import pytest
import yaml

from asteroid_taxonomy.onnx_model.classifier import load_classifier
from tests.onnx_files import SHIPPED, TOP

PAGE = (TOP / "docs/model_file.md").read_text(encoding="utf-8")


def test_the_lines_of_python_print_classes():
    code, = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    done = subprocess.run([sys.executable, "-c", code], cwd=TOP, capture_output=True, text=True,
                          check=True)
    first = [line.split(" [")[0] for line in done.stdout.splitlines()]
    assert len(first) == 4 and set(first) <= {*load_classifier(SHIPPED).classes, "no class"}


@pytest.mark.parametrize("key", load_classifier(SHIPPED).metadata)
def test_every_key_of_the_metadata_is_in_the_table(key):
    named = re.findall(r"`([\w*.]+)`", PAGE)
    assert any(fnmatch.fnmatch(key, pattern) for pattern in named)


def test_the_edits_name_settings_and_values_of_the_flowgraph():
    blocks = {block["name"]: block.get("config") for block in yaml.safe_load(
        (TOP / "models/flowgraph.yml").read_text(encoding="utf-8"))["graph"]}
    for name, setting in (("file_reader", "filepath"), ("onnx_inference", "modelPath"),
                          ("file_reader", "batchSize"), ("reshape", "shape")):
        assert setting in blocks[name] and f"`{setting}" in PAGE and f"`{name}`" in PAGE
    bands = len(load_classifier(SHIPPED).wavelengths_nm)
    assert f"{4 * bands} n bytes" in PAGE
    assert f"`batchSize: {bands} n`" in PAGE and f"'[n, {bands}]'" in PAGE
    count = (TOP / "models/sample_spectra.raw").stat().st_size // (4 * bands)
    assert f"first {count} numbered asteroids" in PAGE
