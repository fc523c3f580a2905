"""VOTable and FITS, read back: numbers, texts and names of every kind."""

import numpy as np
import pyarrow as pa
import pytest
from astropy.table import Table

from asteroid_taxonomy.votable_fits import WRITERS


@pytest.mark.parametrize("ending", WRITERS)
def test_numbers_of_every_kind_keep_their_values_and_their_nulls(tmp_path, ending):
    schema = pa.schema([
        pa.field(name, kind, metadata={"unit": "", "ucd": "meta.id", "description": name})
        for name, kind in (("long", pa.int64()), ("short", pa.int32()), ("real", pa.float32()),
                           ("yes", pa.bool_()), ("text", pa.string()))])
    given = pa.table({
        "long": [-4284960000, None, 2**62, 0], "short": [7, None, 2**31 - 1, 0],
        "real": [0.25, None, -1e30, 0.0], "yes": [True, False, False, True],
        "text": ["Ceres", None, "", "Vesta"]}, schema=schema)
    path = tmp_path / f"made_up{ending}"
    WRITERS[ending](given, {"survey": "made up"}, "made_up", path)
    back = Table.read(path)
    for name in ("long", "short", "real"):
        null = np.ma.getmaskarray(np.ma.asarray(back[name])) | (
            np.isnan(np.ma.filled(np.ma.asarray(back[name], float), np.nan)))
        assert null.tolist() == [False, True, False, False], name
        assert back[name].dtype.itemsize == {"long": 8, "short": 4, "real": 4}[name]
        for i in (0, 2, 3):
            assert back[name][i] == given[name].to_pandas()[i], name
    assert np.asarray(back["yes"]).tolist() == given["yes"].to_pylist()
    assert np.ma.filled(back["text"], "").astype(str).tolist() == ["Ceres", "", "", "Vesta"]


@pytest.mark.parametrize(("ending", "names", "texts"), [
    (".vot", ["Größe", "ab c", "x", "X_"], ["Ångström", "日本"]),
    (".fits", ["Gr\\xf6\\xdfe", "ab c", "x", "X_"], ["\\xc5ngstr\\xf6m", "\\u65e5\\u672c"]),
])
def test_letters_that_a_format_lacks_are_written_out_and_no_column_is_lost(
        tmp_path, ending, names, texts):
    said = {"unit": "", "ucd": "meta.id", "description": "a name"}
    given = pa.table([["Ångström", "日本"]] * 4, pa.schema([
        pa.field(name, pa.string(), metadata=said) for name in ("Größe", "ab\x1bc", "x", "X")]))
    path = tmp_path / f"made_up{ending}"
    WRITERS[ending](given, {"survey": "Gaïa\x07"}, "made_up", path)
    options = {"use_names_over_ids": True} if ending == ".vot" else {}
    back = Table.read(path, **options)
    assert back.colnames == names
    for name in names:
        assert np.asarray(back[name]).astype(str).tolist() == texts
