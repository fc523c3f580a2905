"""Files appear whole, with the same bytes for the same content, and a damaged one is reported."""

import numpy as np
import pyarrow as pa
import pytest

from asteroid_taxonomy import files
from asteroid_taxonomy.console import PipelineError

TABLE = pa.table({"number": pa.array([1, 2], pa.int64()),
                  "p": pa.array([0.1, None], pa.float32())})


def test_a_writer_that_fails_leaves_the_earlier_file_and_nothing_else(tmp_path):
    path = tmp_path / "a.json"
    files.write_json({"a": 1}, path)
    with pytest.raises(TypeError):
        files.write_json({"a": {1, 2}}, path)
    assert files.read_json(path) == {"a": 1}
    assert [p.name for p in tmp_path.iterdir()] == ["a.json"]


def test_the_same_table_gives_the_same_bytes_with_its_metadata(tmp_path):
    for name in ("a", "b"):
        files.write_parquet(TABLE, tmp_path / name, {"survey": "Gaia DR3", "units": {"p": ""}})
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert files.read_metadata(tmp_path / "a") == {"survey": "Gaia DR3", "units": '{"p": ""}'}
    assert files.read_parquet(tmp_path / "a", columns=["p"]).column_names == ["p"]


def test_the_last_bit_of_a_float_does_not_reach_a_file(tmp_path):
    one, other = 0.1 + 0.2, 0.3
    assert one != other
    for name, value in (("a", one), ("b", other)):
        files.write_json({"x": {"y": [np.float32(value), value]}}, tmp_path / name)
    assert (tmp_path / "a").read_text() == (tmp_path / "b").read_text()
    assert files.rounded(np.array([0.1234567, -1e-9], np.float32)).tolist() == [0.12346, 0.0]


def test_a_missing_a_damaged_and_an_empty_file_are_reported_with_what_to_do(tmp_path):
    files.write_parquet(TABLE, tmp_path / "table", {})
    whole = (tmp_path / "table").read_bytes()
    (tmp_path / "flipped").write_bytes(whole[:20] + bytes([whole[20] ^ 1]) + whole[21:])
    (tmp_path / "cut").write_bytes(whole[:-10])
    files.write_parquet(TABLE.slice(0, 0), tmp_path / "empty", {})
    for name, message in (("none", "none not found; run dvc repro"), ("flipped", "is damaged"),
                          ("cut", "is damaged"), ("empty", "empty has no rows; delete it")):
        with pytest.raises(PipelineError, match=message):
            files.read_parquet(tmp_path / name)
    with pytest.raises(PipelineError, match=r"has no column q of type int8"):
        files.read_parquet(tmp_path / "table", pa.schema([("q", pa.int8())]))
