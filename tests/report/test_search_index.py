"""The search index: what goes in comes out, for any number of bands and any asteroid number."""

import base64
import gzip
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from asteroid_taxonomy.report import search_index
from asteroid_taxonomy.tables import (
    ASTEROIDS_PATH,
    error_columns,
    flag_columns,
    matrix,
    reflectance_columns,
)

CLASSES = ["C", "O", "S", "X"]


def unpacked(catalogue, asteroids, nm):
    packed, layout = search_index.encoded(catalogue, asteroids, [None] * len(asteroids), nm,
                                          CLASSES)
    raw = gzip.decompress(base64.b64decode(packed))
    out = {}
    for name, (kind, offset, size) in layout["columns"].items():
        assert offset % np.dtype(kind).itemsize == 0  # a typed array of JavaScript refuses others
        out[name] = np.frombuffer(raw, np.dtype(kind).newbyteorder("<"), size, offset)
    return out, layout


@pytest.mark.parametrize("bands", [2, 16])
def test_every_band_number_name_and_text_comes_back(reported, bands):
    catalogue = pq.read_table(reported / "data/catalogue/gaia_dr3_sample.parquet")
    asteroids, nm = pq.read_table(reported / ASTEROIDS_PATH), list(range(374, 1035, 44))[:bands]
    columns, layout = unpacked(catalogue, asteroids, nm)
    for column, names, step in (("flags", flag_columns, 1),
                                ("reflectance", reflectance_columns, layout["step"]),
                                ("error", error_columns, layout["fine_step"])):
        given, found = matrix(asteroids, names(nm)), columns[column].reshape(-1, bands)
        known = ~np.isnan(given)
        np.testing.assert_allclose(found[known] * step, given[known], rtol=1e-6, atol=0.51 * step)
        assert len(set(found[~known].tolist())) == (1 if (~known).any() else 0)
    assert [None if str(n) == layout["no_number"] else n
            for n in columns["number"].tolist()] == catalogue["number"].to_pylist()
    assert json.loads(columns["name"].tobytes()) == catalogue["name"].to_pylist()
    for name in ("complex_set", "class", "literature_class"):
        words = ["", *layout["texts"][name]]
        assert [words[code] for code in columns[name]] == catalogue[name].to_pylist()


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
