"""The search index: what goes in comes out, for any number of bands and any asteroid number."""

import base64
import gzip
import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from asteroid_taxonomy.asteroids import schema
from asteroid_taxonomy.page import search_index
from tests.page.made_up import CLASSES, ODD, as_table


def table_of(numbers, names, bands):
    n, grid = len(names), list(range(300, 300 + 10 * bands, 10))
    rng = np.random.default_rng(0)
    values = {"source_id": np.arange(n), "number": numbers, "name": names, "snr": np.ones(n),
              **{f"reflectance_{nm}": rng.random(n) for nm in grid},
              **{f"reflectance_err_{nm}": rng.random(n) for nm in grid},
              **{f"flag_{nm}": rng.integers(0, 3, n) for nm in grid}}
    asteroids = as_table(values, schema(grid))
    catalogue = pa.table({
        "number": asteroids["number"], "name": asteroids["name"], "snr": asteroids["snr"],
        **{f"probability_{c}": pa.array(rng.random(n), pa.float32()) for c in CLASSES},
        **{name: pa.array([None] * n, pa.float32()) for name in (
            *(f"spread_{c}" for c in CLASSES), "expected_accuracy", "class_probability")},
        **{name: pa.array([None] * n, pa.string()) for name in ("class", "literature_class")},
        "abstained": pa.array([False] * n),
        "in_training": pa.array([False] * n)})
    return asteroids, catalogue, grid


def unpacked(asteroids, catalogue, grid):
    packed, layout = search_index.encoded(catalogue, asteroids, [None] * len(asteroids), grid,
                                          CLASSES)
    raw = gzip.decompress(base64.b64decode(packed))
    out = {}
    for name, (kind, offset, size) in layout["columns"].items():
        assert offset % np.dtype(kind).itemsize == 0  # a typed array of JavaScript refuses others
        out[name] = np.frombuffer(raw, np.dtype(kind).newbyteorder("<"), size, offset)
    return out, layout


@pytest.mark.parametrize("bands", [2, 16, 17, 20, 62])
def test_the_flag_of_every_band_is_kept(bands):
    asteroids, catalogue, grid = table_of([1, 2, 3], ["a", "b", "c"], bands)
    flags = unpacked(asteroids, catalogue, grid)[0]["flags"].reshape(3, bands)
    assert flags.tolist() == [[row[f"flag_{nm}"] for nm in grid] for row in asteroids.to_pylist()]


def test_numbers_of_64_bits_are_kept():
    numbers = [4000, 2**31, 2**40 + 4000, 2**63 - 1, None]
    asteroids, catalogue, grid = table_of(numbers, list("abcde"), 2)
    columns, layout = unpacked(asteroids, catalogue, grid)
    kept = [None if str(n) == layout["no_number"] else n for n in columns["number"].tolist()]
    assert kept == numbers


def test_names_are_kept_whatever_is_in_them():
    names = [name for _, name in ODD] + ["", "\0", "quote\"d", "Ω\u2028"]
    asteroids, catalogue, grid = table_of(list(range(len(names))), names, 2)
    assert json.loads(unpacked(asteroids, catalogue, grid)[0]["name"].tobytes()) == names


def test_quantised_numbers_keep_their_value_within_half_a_step_and_nulls():
    values = np.array([0.1234, np.nan, -21.1, 99.0])
    whole = search_index.quantised(values, 0.001, np.int16, -(2**15))
    assert whole.tolist() == [123, -(2**15), -21100, 32767]


def test_a_visitor_begins_with_famous_asteroids_where_they_are_there():
    table = pd.DataFrame({"number": [1, 433, 4], "name": ["ceres", "Eros", "not Vesta"]})
    assert search_index.chips(table, CLASSES) == [("Eros", 1), ("Ceres", 0)]


def test_a_visitor_begins_with_bright_asteroids_of_each_complex_elsewhere():
    table = pd.DataFrame({"number": [1, 2, 3], "name": ["a", "b", "c"], "snr": [5.0, 9.0, 2.0],
                          "complex": ["S", "S", "C"]})
    assert search_index.chips(table, CLASSES) == [("c", 2), ("b", 1)]
