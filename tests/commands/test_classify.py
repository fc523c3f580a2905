import itertools
import os
import re

import astropy.units as u
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astropy.table import Table
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from asteroid_taxonomy import console
from asteroid_taxonomy.commands.classify import classify_files, files_of, main
from asteroid_taxonomy.console import PipelineError
from asteroid_taxonomy.onnx_model.classifier import load_classifier
from asteroid_taxonomy.onnx_model.metadata import CLASSES_PATH, ONNX_PATH
from tests.project_fixtures import TOP
from tests.spectra.made_up import GRID, S_LIKE, found

UNITS = {"nm": (1.0, u.nm), "um": (1000.0, u.um), "angstrom": (0.1, u.AA)}
ENDINGS = {"csv": "ascii.csv", "ecsv": "ascii.ecsv", "vot": "votable", "parquet": None,
           "fits": "fits", "tbl": "ascii.ipac", "dat": "ascii.fixed_width", "rst": "ascii.rst"}
FLAT = [1.0] * 12 + [1.01] * 4
HEADER = ",".join(["name", *map(str, GRID)])


def write(table, path):
    """Write an astropy table by the ending of `path`."""
    form = ENDINGS[path.suffix[1:]]
    if form:
        table.write(path, format=form, overwrite=True)
    else:
        pq.write_table(pa.table({n: np.asarray(table[n]) for n in table.colnames}), path)


def wide(ids, spectra, unit="nm"):
    return Table({"source_id": ids, **{f"reflectance_{nm / UNITS[unit][0]:.5g}": spectra[:, j]
                                       for j, nm in enumerate(GRID)}})


def long(ids, spectra, unit="nm"):
    factor, astropy_unit = UNITS[unit]
    table = Table({"source_id": np.repeat(ids, len(GRID)),
                   "wavelength": np.tile(np.array(GRID) / factor, len(ids)),
                   "reflectance": spectra.ravel()})
    table["wavelength"].unit = astropy_unit
    return table


def csv(tmp_path, header, *rows):
    path = tmp_path / "my.csv"
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path


def row(values, name="a"):
    return ",".join([name, *map(str, values)])


@pytest.fixture(scope="module")
def gaia():
    """Spectra of the sample, [n, bands], and their source_id."""
    rows = pq.read_table(TOP / "data/sample/spectra.parquet").slice(0, 16 * 60).to_pandas()
    return rows["source_id"].to_numpy()[::16], rows["reflectance"].to_numpy().reshape(-1, 16)


@pytest.mark.parametrize(("shape", "ending", "unit"), [
    *itertools.product([long], ENDINGS, ["um"]), (long, "ecsv", "angstrom"), (wide, "fits", "nm"),
])
def test_real_spectra_get_the_same_probabilities_in_every_format(
        gaia, tmp_path, shape, ending, unit):
    ids, spectra = gaia
    path = tmp_path / f"mine.{ending}"
    write(shape(ids, spectra, unit), path)
    table = found(path, models=[ONNX_PATH])
    assert table["source_id"].astype("int64").tolist() == ids.tolist()
    at_550 = spectra[:, 4:5]
    expected = load_classifier().probabilities((spectra / at_550).astype(np.float32))
    np.testing.assert_allclose(table.filter(like="probability_").iloc[:, :4], expected, atol=2e-5)


def test_a_spectrum_that_lacks_a_used_band_gets_no_class_and_a_note(tmp_path):
    table = found(csv(tmp_path, HEADER, row(FLAT), row([*FLAT[:7], "", *FLAT[8:]])))
    assert (table["complex"] != "").tolist() == [True, False]
    assert table["note"][1] == "no reflectance at 682 nm" and np.isnan(table["confidence"][1])


def test_a_negative_reflectance_in_a_band_that_is_not_used_changes_nothing(tmp_path):
    table = found(csv(tmp_path, HEADER, row([-0.2, *FLAT[1:]]), row(FLAT)))
    assert table["note"][0] == "values at or below 0 or missing-data markers ignored at 374 nm"
    assert table["confidence"].nunique() == 1 and table["abstained"].nunique() == 1


@pytest.mark.parametrize("ending", ["csv", "VOT", "fits"])
def test_every_format_holds_the_rows_of_the_parquet_file(folder, tmp_path, ending):
    expected, out = found(folder, output=tmp_path / "a.parquet"), tmp_path / f"my classes.{ending}"
    classify_files([folder], out)
    if ending == "csv":
        pd.testing.assert_frame_equal(pd.read_csv(out, dtype={"asteroid": "str"}).fillna(
            {c: "" for c in expected.select_dtypes("str")}), expected, check_dtype=False)
        return
    back = Table.read(out, format="fits" if ending == "fits" else "votable")
    assert back.colnames == list(expected)
    for name in back.colnames:
        theirs, ours = np.ma.asarray(back[name]), expected[name]
        if ours.dtype.kind in "fb":
            np.testing.assert_array_equal(np.ma.filled(theirs.astype(float), np.nan), ours)
        else:
            assert np.ma.filled(theirs, "").astype(str).tolist() == ours.tolist()
    content = out.read_bytes()
    for words in (b"stat.probability", b"Probability of complex S", b"meta.software", b"Gaia DR3"):
        assert words in content, words


def test_names_of_any_type_come_out_in_every_format(tmp_path):
    names = {"number": pa.array([433, None], pa.uint64()), "id": pa.array([1, None], pa.int8()),
             "object": pa.array(["é", None]).dictionary_encode(), "run": pa.array([True, None])}
    path = tmp_path / "my.parquet"
    pq.write_table(pa.table({**names, **{str(nm): [1.0, 1.1] for nm in GRID}}), path)
    for ending in ("vot", "fits", "csv", "parquet"):
        classify_files([path], tmp_path / f"out.{ending}")
    table = pq.read_table(tmp_path / "out.parquet").to_pandas()
    assert table["asteroid"].tolist() == ["433", ""] and table["object"].tolist() == ["é", ""]


def refused(path, tmp_path, **options):
    """The message with which a file is refused; nothing may have been written."""
    with pytest.raises(PipelineError) as error:
        classify_files([path], tmp_path / "out.parquet", **options)
    assert not (tmp_path / "out.parquet").exists() and str(error.value).isprintable()
    return str(error.value)


@pytest.mark.parametrize(("header", "rows", "message"), [
    ("wavelength,reflectance", [], "no line with two numbers"),
    (HEADER, [row(["x"] * 16)], "no line with two numbers|and no rows"),
    ("name,class,v", ["a,1,2", "b,2,1"], "has the columns name, class, v; expected"),
    (HEADER + ",374", [row(FLAT) + ",1"], "Duplicate names"),
    (HEADER + ",374.0", [row(FLAT) + ",1"], "one for each wavelength, in order"),
    ("name,10,20,30,40,50", ["a,1,1,1,1,1"], "set --unit "),
    ("na\x1b[31mme,class,x", ["x,1,2", "y,2,3"], r"na \[31mme"),
])
def test_wrong_input_is_refused_and_nothing_is_written(tmp_path, header, rows, message):
    assert re.search(message, refused(csv(tmp_path, header, *rows), tmp_path))


def test_a_unit_that_makes_no_spectrum_is_refused(tmp_path):
    path = csv(tmp_path, "wave,refl", *(f"{nm / 1000},{r}" for nm, r in zip(GRID, S_LIKE,
                                                                           strict=True)))
    assert "from 0.374 to 1.034 nm, which is no" in refused(path, tmp_path, unit="nm")


@pytest.mark.parametrize(("name", "message"), [
    ("none.csv", "does not exist"), ("folder.csv", "contains no files"),
    ("empty.parquet", "empty"),
    ("*.nothing", "does not exist|contains no files"), ("href.vot", "in another file"),
])
def test_a_file_that_is_none_is_refused(tmp_path, name, message):
    (tmp_path / "folder.csv").mkdir()
    (tmp_path / "empty.parquet").touch()
    (tmp_path / "href.vot").write_text('<VOTABLE><STREAM encoding="a" href="file:///etc/passwd">')
    assert re.search(message, refused(tmp_path / name, tmp_path))


def test_the_output_is_neither_the_input_nor_of_another_ending(tmp_path):
    path = csv(tmp_path, HEADER, row(FLAT))
    with pytest.raises(PipelineError, match="is the input"):
        classify_files([path], path)
    with pytest.raises(PipelineError, match="should end in .csv, .parquet, .vot, .fits"):
        classify_files([path], tmp_path / "out.txt")


def test_the_command_prints_a_table_with_the_class_and_ends_with_0(tmp_path, capsys):
    path = csv(tmp_path, HEADER, row(FLAT, "my asteroid"), row(FLAT, "a\x1b[2Jb"))
    with pytest.raises(SystemExit) as end:
        console.run(lambda: main([str(path)]))
    printed = capsys.readouterr().out
    assert end.value.code == 0 and "my asteroid" in printed and "\x1b" not in printed
    assert re.search(r"my asteroid +(\d\.\d{3} +){4}C", printed)


@pytest.fixture
def folder(tmp_path):
    """Two spectra, one of them on a grid for the visible model only, and a file that is none."""
    folder = tmp_path / "night"
    folder.mkdir()
    for name, grid in (("a000433.[2]", GRID), ("au1996FG3.txt", range(495, 920, 5))):
        (folder / name).write_text("".join(f"{nm / 1000} {0.5 + nm / 1100}\n" for nm in grid))
    (folder / "notes.txt").write_text("it rained\n")
    return folder


def test_a_folder_gives_one_table_and_a_bad_file_is_a_row_with_a_note(folder, tmp_path, capsys):
    table = found(folder, output=tmp_path / "out.parquet")
    assert table["name"].tolist() == ["a000433.[2]", "au1996FG3.txt", "notes.txt"]
    assert table["asteroid"].tolist() == ["433", "1996 FG3", ""]
    assert table["model"].tolist() == ["asteroid_taxonomy", "asteroid_taxonomy_visible", ""]
    assert (table["complex"] != "").tolist() == [True, True, False]
    assert table["note"][2].startswith("has no line with two numbers")
    assert table["abstained"][2] and "3 files (1 cannot be read)" in capsys.readouterr().out
    with pytest.raises(PipelineError, match="notes.txt has no line with two numbers"):
        found(folder, output=tmp_path / "other.parquet", strict=True)
    assert not (tmp_path / "other.parquet").exists()


def test_a_folder_without_any_class_is_a_table_of_reasons(folder, tmp_path, capsys):
    for path in folder.glob("a*"):
        path.write_text("".join(f"{nm} {0.9 + nm / 4000}\n" for nm in range(820, 2450, 5)))
    table = found(folder, output=tmp_path / "out.parquet")
    assert (table["complex"] == "").all() and table["abstained"].all()
    assert table["note"][0].startswith("covers 820-2445 nm; 506-902 nm are needed")
    assert "3 spectra in 3 files (1 cannot be read): 0 classified" in capsys.readouterr().out


def test_where_no_file_can_be_read_the_table_is_written_and_the_command_fails(folder, tmp_path):
    for path in folder.glob("a*"):
        path.write_text("nor this\n")
    with pytest.raises(PipelineError, match="none of 3 files can be read; the first: "):
        found(folder, output=tmp_path / "out.parquet")
    assert len(pq.read_table(tmp_path / "out.parquet")) == 3


def test_a_column_of_numbers_names_the_asteroids(tmp_path):
    rows = [f"x{number},{number},{nm},1.0" for number in (4, 0) for nm in GRID]
    table = found(csv(tmp_path, "denomination,number_mp,wavelength,reflectance", *rows))
    assert table["asteroid"].tolist() == ["4", ""] and table["name"].tolist() == ["x4 4", "x0 0"]


def test_a_plot_is_written_for_each_spectrum(folder, tmp_path):
    classify_files([folder], plots=tmp_path / "plots")
    plots = sorted((tmp_path / "plots").iterdir())
    assert [path.name for path in plots] == ["a000433._2_.png", "au1996FG3.txt.png"]
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in plots)


def test_the_main_model_is_passed_over_where_only_its_bands_have_marks(tmp_path):
    lines = [f"{nm},{-1 if abs(nm - 946) < 10 else 0.5 + nm / 1100}" for nm in range(400, 1030, 5)]
    table = found(csv(tmp_path, "wavelength,reflectance", *lines))
    assert table["model"].tolist() == ["asteroid_taxonomy_visible"]


def test_models_of_different_classes_are_refused(tmp_path):
    with pytest.raises(PipelineError, match="other classes or bands"):
        found(csv(tmp_path, HEADER, row(FLAT)), models=[TOP / ONNX_PATH, TOP / CLASSES_PATH])


def test_files_are_those_given_in_folders_or_matching_but_no_labels_or_hidden_ones(tmp_path):
    for name in ("b.tab", "a1.[2]", ".hidden", "b.xml", "alone.xml", "deep/c.dat", "out.csv"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    names = [p.relative_to(tmp_path).as_posix()
             for p in files_of([tmp_path], tmp_path / "out.csv")]
    assert names == ["a1.[2]", "alone.xml", "b.tab", "deep/c.dat"]
    assert len(files_of([tmp_path / "b.tab", tmp_path / "b.*", tmp_path / "a1.[2]"])) == 2


def test_an_unset_variable_is_not_this_folder(capsys):
    with pytest.raises(SystemExit):
        main([""])
    assert "a file's name is empty" in capsys.readouterr().err


@pytest.mark.skipif(os.name != "posix", reason="names of files are text elsewhere")
def test_a_file_whose_name_is_no_text_is_read(tmp_path):
    path = tmp_path / os.fsdecode(b"Erb\xfc.txt")
    try:
        path.write_text("\n".join(f"{nm} {r}" for nm, r in zip(GRID, S_LIKE, strict=True)))
    except OSError:
        pytest.skip("this file system takes text alone")
    classify_files([path], tmp_path / "out.parquet", plots=tmp_path)
    assert pq.read_table(tmp_path / "out.parquet")["name"].to_pylist() == ["Erb\\xfc.txt"]


def survives(path, tmp_path):
    """Classify a file that may be anything: an answer or an error, never another exception."""
    out = tmp_path / "out.parquet"
    out.unlink(missing_ok=True)
    try:
        classify_files([path], out)
        assert pq.read_table(out).num_rows > 0
    except PipelineError as error:
        assert str(error).isprintable() and not out.exists()


fuzzing = settings(max_examples=60, deadline=None,
                   suppress_health_check=[HealthCheck.function_scoped_fixture])
CELLS = st.one_of(st.floats().map(str), st.text(max_size=6), st.integers().map(str),
                  st.sampled_from(["", "NaN", "1e999", "-0", '"', ",", "0.55um", "9" * 10_000]))
HEADS = st.one_of(st.sampled_from([*map(str, GRID), "name", "wavelength", "reflectance", "0.55um",
                                   "id", "refl" * 20_000, "a(" * 20_000]), st.text(max_size=8))


@fuzzing
@given(header=st.lists(HEADS, max_size=20),
       rows=st.lists(st.lists(CELLS, max_size=20), max_size=6))
def test_any_text_gets_an_answer_or_an_error(tmp_path, header, rows):
    path = tmp_path / "fuzz.csv"
    path.write_text("\n".join(",".join(cells) for cells in [header, *rows]), encoding="utf-8",
                    errors="surrogatepass", newline="")
    survives(path, tmp_path)


@pytest.fixture(scope="module")
def good_files(tmp_path_factory):
    """One good file of each kind, as bytes."""
    folder = tmp_path_factory.mktemp("good")
    spectra = np.random.default_rng(1).normal(1, 0.1, (40, 16))
    for ending in ENDINGS:
        write(long(np.arange(40), spectra), folder / f"x.{ending}")
    return [(path.suffix, path.read_bytes()) for path in sorted(folder.iterdir())]


@fuzzing
@given(data=st.data())
def test_truncated_and_bit_flipped_files_get_an_answer_or_an_error(tmp_path, good_files, data):
    ending, good = data.draw(st.sampled_from(good_files), label="file")
    spoilt = bytearray(good)
    for bit in data.draw(st.lists(st.integers(0, 8 * len(good) - 1), max_size=4), label="flip"):
        spoilt[bit // 8] ^= 1 << bit % 8
    keep = data.draw(st.one_of(st.just(len(good)), st.integers(0, len(good))), label="keep")
    path = tmp_path / f"spoilt{ending}"
    path.write_bytes(bytes(spoilt[:keep]))
    survives(path, tmp_path)
