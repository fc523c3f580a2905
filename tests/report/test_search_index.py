"""The search index: what goes in comes out, for any number of bands and any asteroid number."""

import base64
import gzip
import json

import numpy as np
import pyarrow as pa
import pytest

from asteroid_taxonomy.report import search_index
from tests.report.conftest import ODD

CLASSES = ["C", "S"]


def tables(numbers, names, bands):
    """An asteroid table and a catalogue of so many bands, with what the index reads."""
    n, grid = len(names), list(range(300, 300 + 10 * bands, 10))
    rng = np.random.default_rng(0)
    asteroids = pa.table({
        **{f"reflectance_{nm}": pa.array(rng.random(n), pa.float32()) for nm in grid},
        **{f"reflectance_err_{nm}": pa.array(rng.random(n), pa.float32()) for nm in grid},
        **{f"flag_{nm}": pa.array(rng.integers(0, 3, n), pa.int8()) for nm in grid}})
    catalogue = pa.table({
        "number": pa.array(numbers, pa.int64()), "name": names,
        "complex": ["S"] * n, "snr": pa.array(rng.random(n), pa.float32()),
        **{f"probability_{c}": pa.array(rng.random(n), pa.float32()) for c in CLASSES},
        **{name: pa.array([None] * n, pa.float32()) for name in (
            "spread_C", "spread_S", "expected_accuracy", "class_probability")},
        "complex_set": ["C S"] * n, "class": ["Sq"] * n, "literature_class": [""] * n,
        **{name: [True] * n for name in ("abstained", "in_training", "faint")}})
    return catalogue, asteroids, grid


def unpacked(catalogue, asteroids, grid):
    packed, layout = search_index.encoded(catalogue, asteroids, [None] * len(asteroids), grid,
                                          CLASSES)
    raw = gzip.decompress(base64.b64decode(packed))
    out = {}
    for name, (kind, offset, size) in layout["columns"].items():
        assert offset % np.dtype(kind).itemsize == 0  # a typed array of JavaScript refuses others
        out[name] = np.frombuffer(raw, np.dtype(kind).newbyteorder("<"), size, offset)
    return out, layout


@pytest.mark.parametrize("bands", [2, 17])
def test_every_band_comes_back(bands):
    catalogue, asteroids, grid = tables([1, 2, 3], ["a", "b", "c"], bands)
    columns, layout = unpacked(catalogue, asteroids, grid)
    for column, name, step in (("flags", "flag", 1), ("reflectance",) * 2 + (layout["step"],),
                               ("error", "reflectance_err", layout["fine_step"])):
        given = np.array([[row[f"{name}_{nm}"] for nm in grid] for row in asteroids.to_pylist()])
        found = columns[column].reshape(3, bands) * step
        np.testing.assert_allclose(found, given, rtol=0, atol=0.51 * step)


def test_texts_odd_names_and_numbers_of_64_bits_come_back():
    numbers, names = zip(*ODD, (4, ""), (2**31, "\0"), (2**63 - 1, 'quote"d'), (5, "Ω\u2028"),
                         strict=True)
    columns, layout = unpacked(*tables(numbers, names, 2))
    assert json.loads(columns["name"].tobytes()) == list(names)
    assert [None if str(n) == layout["no_number"] else n
            for n in columns["number"].tolist()] == list(numbers)
    assert [layout["texts"][name][columns[name][0] - 1] for name in ("complex_set", "class")] == [
        "C S", "Sq"]
    assert not columns["literature_class"].any()


def test_quantised_numbers_keep_their_value_within_half_a_step_and_nulls():
    values = np.array([0.1234, np.nan, -21.1, 99.0])
    whole = search_index.quantised(values, 0.001, np.int16, -(2**15))
    assert whole.tolist() == [123, -(2**15), -21100, 32767]


@pytest.mark.parametrize(("numbers", "names", "complexes", "snr", "rows"), [
    ([1, 433, 4], ["ceres", "Eros", "not Vesta"], "SSS", [1, 1, 1], [("Eros", 1), ("Ceres", 0)]),
    ([11, 12, 13], ["a", "b", "c"], "SSC", [5, 9, 2], [("c", 2), ("b", 1)]),
], ids=["famous ones", "bright ones of each complex"])
def test_a_visitor_begins_with(numbers, names, complexes, snr, rows):
    table = pa.table({"number": numbers, "name": names, "complex": list(complexes),
                      "snr": pa.array(snr, pa.float32())})
    assert search_index.examples(table, CLASSES) == rows
