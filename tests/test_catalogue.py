"""The catalogue's columns, and its three formats as other programs read them."""

import shutil
import subprocess
import warnings

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from astropy.io import fits
from astropy.io.votable import parse_single_table
from astropy.io.votable.ucd import check_ucd
from astropy.table import Table

from asteroid_taxonomy import catalogue
from asteroid_taxonomy.console import PipelineError
from asteroid_taxonomy.signal_to_noise import mean_signal_to_noise, signal_to_noise

FACTS = {"survey": "Gaia DR3", "classes": '["C", "S"]', "citation": "Galluccio et al. 2022"}


@pytest.fixture
def table():
    """Three asteroids: with a class, without one, unnumbered."""
    schema = catalogue.arrow_schema("CS", "")
    missing = dict.fromkeys(schema.names)
    rows = [missing | {
        "source_id": -4284960000, "number": 1, "name": "Ceres", "survey_name": "ceres",
        "probability_C": 0.86, "probability_S": 0.14, "complex": "C", "confidence": 0.86,
        "abstained": False, "complex_set": "C S", "class": "Ch", "class_probability": 0.5,
        "snr": 31.5, "faint": False, "num_of_spectra": 7, "flags": "0002", "in_training": True,
        "literature_class": "C"},
        missing | {"source_id": -2**62, "number": 20958, "name": "A900 MA", "abstained": True,
                   "faint": True, "reason": "no reflectance at 506 nm", "in_training": False},
        missing | {"source_id": -4284960002, "name": "2010 AB1", "abstained": True,
                   "faint": False, "in_training": False}]
    columns = pa.Table.from_pylist(rows, schema)
    return catalogue.catalogue_table(
        {name: columns[name] for name in columns.column_names}, "CS", "Mahlke 2022 taxonomy")


@pytest.fixture
def path(table, tmp_path):
    """That table as Parquet, with the other formats beside it."""
    path = tmp_path / "made_up.parquet"
    catalogue.write_catalogue(table, FACTS, path)
    for ending, write in catalogue.WRITERS.items():
        write(table, FACTS, "made_up", path.with_suffix(ending))
    return path


def read_by(program, path):
    """A frame of the Parquet file, and the types of some columns in the program's own words."""
    if program == "pandas":
        frame = pd.read_parquet(path)
        return frame, frame.dtypes
    if program == "astropy":
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            found = Table.read(path)
        return found.to_pandas(), {name: found[name].dtype.name for name in found.colnames}
    module = pytest.importorskip(program)
    if program == "polars":
        frame = module.read_parquet(path)
        return frame.to_pandas(), frame.schema
    found = module.sql(f"SELECT * FROM '{path}'")
    return found.df(), dict(zip(found.columns, found.types, strict=True))


@pytest.mark.parametrize(("program", "types"), [
    ("astropy", ["int64", "float64", "float32", "bool", "str256", "float64"]),  # null is NaN
    ("pandas", ["int64", "float64", "float32", "bool", "str", "float64"]),
    ("polars", ["Int64", "Int64", "Float32", "Boolean", "String", "Int32"]),
    ("duckdb", ["BIGINT", "BIGINT", "FLOAT", "BOOLEAN", "VARCHAR", "INTEGER"]),
])
def test_the_parquet_file_is_read_with_values_and_types(path, program, types):
    frame, found = read_by(program, path)
    names = ["source_id", "number", "probability_C", "abstained", "name", "num_of_spectra"]
    assert [str(found[name]) for name in names] == types
    assert frame["source_id"].tolist() == [-4284960000, -2**62, -4284960002]
    assert frame["name"].tolist() == ["Ceres", "A900 MA", "2010 AB1"]
    assert frame["complex"].tolist() == ["C", "", ""] and frame["number"].isna().sum() == 1
    assert frame["probability_C"].isna().tolist() == [False, True, True]


@pytest.mark.parametrize("ending", catalogue.WRITERS)
def test_the_exports_have_the_same_rows_and_values(table, path, ending):
    back = Table.read(path.with_suffix(ending))
    assert back.colnames == table.column_names
    for field in table.schema:
        theirs = np.ma.asarray(back[field.name])
        if pa.types.is_string(field.type):
            assert np.ma.filled(theirs, "").astype(str).tolist() == table[field.name].to_pylist()
        else:
            ours = table[field.name].to_pandas().to_numpy(dtype=float, na_value=np.nan)
            np.testing.assert_array_equal(np.ma.filled(theirs.astype(float), np.nan), ours,
                                          err_msg=field.name)
            assert theirs.dtype.itemsize == np.dtype(field.type.to_pandas_dtype()).itemsize


def test_every_format_describes_its_columns_and_names_its_sources(path):
    found = Table.read(path)
    assert "Delbo et al. 2026" in found["snr_mean"].description
    assert found["snr"].meta["ucd"] == "stat.snr" and found.meta["survey"] == "Gaia DR3"
    fields = parse_single_table(path.with_suffix(".vot")).fields
    assert all(field.ucd and field.description for field in fields)
    text = path.with_suffix(".vot").read_text(encoding="utf-8")
    assert 'name="citation" value="Galluccio et al. 2022"' in text
    header = fits.getheader(path.with_suffix(".fits"), 1)
    assert header["TCOMM1"] == "Source identifier of the survey"
    assert header["TUCD1"] == "meta.id" and "survey: Gaia DR3" in header["COMMENT"]


@pytest.mark.parametrize(("ending", "names", "texts"), [
    (".vot", ["Größe", "ab c", "x", "X_"], ["Ångström", "日本"]),
    (".fits", ["Gr\\xf6\\xdfe", "ab c", "x", "X_"], ["\\xc5ngstr\\xf6m", "\\u65e5\\u672c"]),
])
def test_letters_that_a_format_lacks_are_written_out_and_no_column_is_lost(
        tmp_path, ending, names, texts):
    about = {"unit": "", "ucd": "meta.id", "description": "a name"}
    given = pa.table([["Ångström", "日本"]] * 4, pa.schema([
        pa.field(name, pa.string(), metadata=about) for name in ("Größe", "ab\x1bc", "x", "X")]))
    path = tmp_path / f"made_up{ending}"
    catalogue.WRITERS[ending](given, {"survey": "Gaïa\x07"}, "made_up", path)
    back = Table.read(path, **({"use_names_over_ids": True} if ending == ".vot" else {}))
    assert back.colnames == names
    for name in names:
        assert np.asarray(back[name]).astype(str).tolist() == texts


@pytest.mark.skipif(shutil.which("stilts") is None, reason="needs stilts (a Debian package)")
def test_stilts_finds_nothing_wrong_with_the_votable(path):
    done = subprocess.run(["stilts", "votlint", path.with_suffix(".vot")], capture_output=True)
    assert (done.returncode, done.stdout + done.stderr) == (0, b"")


def test_a_catalogue_of_another_version_is_refused(table, monkeypatch, tmp_path):
    monkeypatch.setattr(catalogue, "FOLDER", tmp_path)
    catalogue.write_catalogue(table, FACTS, tmp_path / "one.parquet")
    assert catalogue.read_catalogue("one")[0].num_rows == 3
    catalogue.write_catalogue(table.drop_columns(["faint"]), FACTS, tmp_path / "two.parquet")
    with pytest.raises(PipelineError, match="has other columns .* run dvc repro"):
        catalogue.read_catalogue("two")


def test_ucds_are_words_of_the_controlled_vocabulary():
    for field in catalogue.arrow_schema("COSX", "labels of a test"):
        ucd = field.metadata[b"ucd"].decode()
        assert check_ucd(ucd, check_controlled_vocabulary=True), field.name


def test_a_class_is_named_only_if_its_precision_in_cross_validation_is_known_and_good():
    scores = {"S": {"predicted": 900, "precision": 0.8}, "K": {"predicted": 3, "precision": 1.0},
              "E": {"predicted": 90, "precision": 0.4}, "Q": {"predicted": 0, "precision": None}}
    found = catalogue.likeliest(np.array([
        [0.7, 0.1, 0.1, 0.1], [0.1, 0.7, 0.1, 0.1], [0.1, 0.1, 0.7, 0.1], [0.1, 0.1, 0.1, 0.7],
        [np.nan] * 4]), scores)
    assert found["class"].to_pylist() == ["S", None, None, None, None]
    assert found["class_probability"].to_pylist() == [0.7, None, None, None, None]
    none = catalogue.likeliest(np.empty((2, 0)), {})  # of a model that learns complexes
    assert none["class"].to_pylist() == [None, None]


def test_the_two_signal_to_noise_ratios_are_median_of_all_and_mean_of_interior_bands():
    reflectance = np.tile(np.arange(1, 17, dtype=np.float32), (2, 1)) ** 2
    error = np.full_like(reflectance, 0.5)
    reflectance[1, 3], error[0, 5] = np.nan, 0.0
    ratio = np.where(error > 0, reflectance / 0.5, np.nan)
    np.testing.assert_allclose(signal_to_noise(reflectance, error), np.nanmedian(ratio, axis=1))
    np.testing.assert_allclose(mean_signal_to_noise(reflectance, error),
                               np.nanmean(ratio[:, 2:14], axis=1))
