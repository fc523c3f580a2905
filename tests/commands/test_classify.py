import datetime
import gzip
import itertools
import os
import re
from functools import cache
from unittest.mock import patch

import astropy.units as u
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astropy.table import Table
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from asteroid_taxonomy import console as cli
from asteroid_taxonomy.catalogue import read_catalogue
from asteroid_taxonomy.commands import classify
from asteroid_taxonomy.commands.classify import classify_files, load_classifiers, main
from asteroid_taxonomy.console import PipelineError
from asteroid_taxonomy.onnx_model.description import CLASSES_PATH, ONNX_PATH
from asteroid_taxonomy.votable_fits import WRITERS
from tests.project_fixtures import TOP, simulated_params

BANDS = simulated_params()["bands"]["wavelengths_nm"]
UNITS = {"nm": (1.0, u.nm), "um": (1000.0, u.um), "angstrom": (0.1, u.AA)}
ENDINGS = {"csv": "ascii.csv", "ecsv": "ascii.ecsv", "vot": "votable", "parquet": None}
FLAT = [1.0] * 16


def write(table, path):
    """Write an astropy table by the ending of `path`."""
    form = ENDINGS[path.suffix[1:]]
    if form:
        table.write(path, format=form, overwrite=True)
    else:
        pq.write_table(pa.table({n: np.asarray(table[n]) for n in table.colnames}), path)


def wide(ids, spectra, unit="nm", grid=BANDS):
    factor = UNITS[unit][0]
    return Table({"source_id": ids, **{f"reflectance_{nm / factor:.5g}": spectra[:, j]
                                       for j, nm in enumerate(grid)}})


def long(ids, spectra, unit="nm", grid=BANDS):
    factor, astropy_unit = UNITS[unit]
    table = Table({"source_id": np.repeat(ids, len(grid)),
                   "wavelength": np.tile(np.array(grid) / factor, len(ids)),
                   "reflectance": spectra.ravel()})
    table["wavelength"].unit = astropy_unit
    return table


def answer(path, tmp_path, unit=None, models=(), **options):
    out = tmp_path / "out.parquet"
    classify_files([path], out, unit, models, **options)
    return pq.read_table(out).to_pandas()


def csv(tmp_path, header, *rows):
    path = tmp_path / "my.csv"
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path


def row(values, name="a"):
    return ",".join([name, *map(str, values)])


HEADER = ",".join(["name", *map(str, BANDS)])


def refused(path, tmp_path, unit=None):
    """The sentence with which a file is refused; nothing may have been written."""
    with pytest.raises(PipelineError) as error:
        classify_files([path], tmp_path / "out.parquet", unit)
    assert not [p for p in tmp_path.iterdir() if "out" in p.name]
    sentence = str(error.value)
    assert sentence and "\n" not in sentence
    return sentence


@pytest.mark.parametrize(("shape", "ending", "unit"), [
    *itertools.product([wide, long], ENDINGS, ["nm", "um"]), (long, "ecsv", "angstrom"),
    (wide, "csv", "angstrom"),
])
def test_the_catalogues_own_spectra_come_back_with_the_same_probabilities(
        catalogued, tmp_path, shape, ending, unit):
    names = [f"reflectance_{nm}" for nm in BANDS]
    catalogue, _ = read_catalogue(simulated_params()["catalogue"]["name"])
    table = catalogue.to_pandas().set_index("source_id")
    asteroids = pq.read_table("data/asteroids.parquet").to_pandas().set_index("source_id")
    table = table[table["complex"].notna() & ~table["in_training"]].head(300)
    spectra = asteroids.loc[table.index, names].to_numpy()
    path = tmp_path / f"mine.{ending}"
    write(shape(table.index.to_numpy(), spectra, unit), path)
    found = answer(path, tmp_path, models=[ONNX_PATH])
    assert found["source_id"].astype("int64").tolist() == table.index.tolist()
    for name in (c for c in table if c.startswith("probability_")):
        np.testing.assert_allclose(found[name], table[name], atol=1e-6, rtol=0)


def test_a_finer_grid_is_averaged_over_the_band_and_normalised(tmp_path):
    grid = np.arange(350, 1060, 2.0)
    spectrum = 3 * (0.5 + grid / 1100)[None, :]
    coarse = (0.5 + np.array(BANDS) / 1100)[None, :]
    write(long([1], spectrum, "um", grid), tmp_path / "fine.csv")
    write(wide([1], coarse / coarse[0, 4]), tmp_path / "gaia.csv")
    fine, gaia = (answer(tmp_path / f"{n}.csv", tmp_path) for n in ("fine", "gaia"))
    assert fine["probability_S"][0] == pytest.approx(gaia["probability_S"][0], abs=1e-4)


def test_a_file_without_names_is_one_spectrum_in_any_order(tmp_path):
    rows = [f"{nm / 1000},{1 + nm / 1e4}" for nm in BANDS]
    one = answer(csv(tmp_path, "wave,refl", *rows), tmp_path)
    other = answer(csv(tmp_path, "wave,refl", *rows[::-1]), tmp_path)
    assert len(one) == 1 and one.equals(other)


def test_spectra_on_different_grids_come_back_in_the_order_of_the_file(tmp_path):
    rows = [f"{name},{nm},1.0" for name, grid in
            (("b", BANDS), ("a", range(360, 1060, 10)), ("c", BANDS)) for nm in grid]
    found = answer(csv(tmp_path, "name,wavelength,reflectance", *rows), tmp_path)
    assert found["name"].tolist() == ["b", "a", "c"]
    assert found["complex"].nunique() == 1


def test_spectra_that_straddle_batches_stay_whole(tmp_path, monkeypatch):
    monkeypatch.setattr("asteroid_taxonomy.own_spectra.tables.BATCH_ROWS", 7)
    rows = [f"{i},{nm},{1 + i / 100}" for i in range(9) for nm in BANDS]
    found = answer(csv(tmp_path, "id,wavelength,reflectance", *rows), tmp_path)
    assert len(found) == 9 and found["complex"].notna().all()


def test_a_spectrum_that_lacks_a_used_band_gets_a_note_beside_those_that_do_not(tmp_path):
    gap = [*FLAT[:7], "", *FLAT[8:]]
    found = answer(csv(tmp_path, HEADER, row(FLAT), row(gap)), tmp_path)
    assert found["complex"].notna().tolist() == [True, False]
    assert found["note"][1] == "no reflectance at 682 nm" and np.isnan(found["confidence"][1])


def test_a_negative_reflectance_gets_no_class_in_a_used_band_and_a_note_in_another(tmp_path):
    used, unused = row([*FLAT[:7], -0.2, *FLAT[8:]]), row([-0.2, *FLAT[1:]])
    found = answer(csv(tmp_path, HEADER, used, unused, row(FLAT)), tmp_path)
    assert found["complex"].notna().tolist() == [False, True, True]
    assert "no reflectance at 682 nm; negative" in found["note"][0]
    assert found["note"][1] == "negative, or a mark for what was not measured, at 374 nm"
    assert found["confidence"][1] == found["confidence"][2]
    assert found["abstained"][1] == found["abstained"][2]


def test_spectra_that_are_not_normalised_are_normalised_and_it_is_said(tmp_path, capsys):
    twice = csv(tmp_path, HEADER, row([2.0] * 16), row(FLAT))
    found = answer(twice, tmp_path)
    assert found["probability_C"][0] == found["probability_C"][1]
    assert "1 of 2 were not 1 at 550 nm" in capsys.readouterr().out


def test_compressed_semicolons_byte_order_marks_and_crlf_are_read(tmp_path):
    text = "\ufeff" + HEADER.replace(",", ";") + "\r\n" + row(FLAT).replace(",", ";") + "\r\n"
    (tmp_path / "my.csv.gz").write_bytes(gzip.compress(text.encode()))
    assert len(answer(tmp_path / "my.csv.gz", tmp_path)) == 1


def test_csv_is_written_where_the_output_is_called_so(tmp_path):
    classify_files([csv(tmp_path, HEADER, row(FLAT))], tmp_path / "out.csv")
    assert (tmp_path / "out.csv").read_text().startswith('"name","probability_C"')


@pytest.mark.parametrize("ending", ["vot", "fits", "VOT"])
def test_votable_and_fits_hold_the_rows_of_the_parquet_file_and_what_they_mean(
        folder, tmp_path, ending):
    expected, out = answer(folder, tmp_path), tmp_path / f"my classes.{ending}"
    classify_files([folder], out)
    back = Table.read(out, format="fits" if ending == "fits" else "votable")
    assert back.colnames == list(expected)
    for name in back.colnames:
        theirs, ours = np.ma.asarray(back[name]), expected[name]
        if not pd.api.types.is_numeric_dtype(ours):
            assert np.ma.filled(theirs, "").astype(str).tolist() == ours.fillna("").tolist()
        else:
            np.testing.assert_array_equal(np.ma.filled(theirs.astype(float), np.nan), ours)
    said = out.read_bytes()
    for words in (b"stat.probability", b"Probability of complex S", b"meta.software", b"Gaia DR3"):
        assert words in said, words


def test_a_parquet_file_says_what_its_columns_mean_and_what_made_them(tmp_path):
    answer(csv(tmp_path, HEADER, row(FLAT)), tmp_path)
    schema = pq.read_schema(tmp_path / "out.parquet")
    assert schema.field("name").metadata[b"ucd"] == b"meta.id"
    assert schema.field("confidence").metadata[b"description"] == b"Probability of that complex"
    assert b"asteroid_taxonomy.onnx, abstention" in schema.metadata[b"model_1"]


def test_names_of_whatever_type_come_out_in_every_format(tmp_path):
    names = {"number": pa.array([433, None], pa.uint64()), "id": pa.array([1, None], pa.int8()),
             "object": pa.array(["é", None]).dictionary_encode(), "run": pa.array([True, None]),
             "date": pa.array([datetime.date(2020, 1, 1), None]), "target": pa.nulls(2)}
    path = tmp_path / "my.parquet"
    pq.write_table(pa.table({**names, **{str(nm): [1.0, 1.1] for nm in BANDS}}), path)
    for ending in ("vot", "fits"):
        out = tmp_path / f"out.{ending}"
        classify_files([path], out)
        back = Table.read(out)
        first = [str(back[name][0]) for name in names]
        assert first[0] == "433" and first[4] == "2020-01-01" and back.colnames[0] == "number"
        assert np.ma.getmaskarray(np.ma.asarray(back["id"])).tolist() == [False, True]


@pytest.mark.parametrize("ending", [".vot", ".fits"])
def test_an_output_that_cannot_be_written_whole_leaves_what_was_there(
        tmp_path, monkeypatch, ending):
    def fails(table, facts, name, path):
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setitem(WRITERS, ending, fails)
    path, out = csv(tmp_path, HEADER, row(FLAT)), tmp_path / f"out{ending}"
    out.write_bytes(b"earlier")
    with pytest.raises(OSError, match="No space left"):
        classify_files([path], out)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["my.csv", out.name]
    assert out.read_bytes() == b"earlier"


def test_an_output_of_another_ending_gets_a_sentence_with_those_that_there_are(tmp_path):
    path = csv(tmp_path, HEADER, row(FLAT))
    with pytest.raises(PipelineError, match=r"out.txt should end in \.parquet, \.csv, \.vot or "
                                            r"\.fits$"):
        classify_files([path], tmp_path / "out.txt")
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(("header", "rows", "sentence"), [
    ("", [], "no line with two numbers"),
    ("wavelength,reflectance", [], "no line with two numbers"),
    (HEADER, [row(["x"] * 16)], "no line with two numbers|no reflectance|has the columns"),
    (HEADER, [row([-1.0] * 16)], "no reflectance above 0 at 550 nm"),
    (HEADER, [row(["inf"] * 16)], "no line with two numbers|no spectrum of .* can be"),
    ("name,500,550,600,650,700", ["a,1,1,1,1,1"], "no reflectance at .*726"),
    ("name,class", ["a,S"], "no line with two numbers"),
    ("name,class,v", ["a,1,2", "b,2,1"], "has the columns name, class, v; expected"),
    (HEADER + ",374", [row(FLAT) + ",1"], "two columns '374'"),
    (HEADER + ",374.0", [row(FLAT) + ",1"], "two columns for one wavelength"),
    ("name,374nm,0.5um", ["a,1,1"], "several units"),
    ("name,10,20", ["a,1,1"], "unit open; name it with --unit"),
    ("name,wavelength,reflectance", ["a,,1", "a,-5,1"], "no number above 0 in its column wave"),
    ("name,wavelength,reflectance",
     [f"{n},{nm},1" for n in "aba" for nm in BANDS], "do not follow each other; sort"),
])
def test_wrong_input_gets_a_sentence_and_no_file(tmp_path, header, rows, sentence):
    path = csv(tmp_path, header, *rows)
    assert re.search(sentence, refused(path, tmp_path))


@pytest.mark.parametrize(("name", "sentence"), [
    ("none.csv", "does not exist"), ("folder.csv", "holds no files"), ("empty.parquet", "empty"),
])
def test_a_file_that_is_none_gets_a_sentence(tmp_path, name, sentence):
    (tmp_path / "folder.csv").mkdir()
    (tmp_path / "empty.parquet").touch()
    assert sentence in refused(tmp_path / name, tmp_path)


def test_text_where_numbers_belong_gets_a_sentence_in_parquet(tmp_path):
    pq.write_table(pa.table({str(nm): ["1.0"] for nm in BANDS}), tmp_path / "my.parquet")
    sentence = refused(tmp_path / "my.parquet", tmp_path)
    assert "string in its column '374', expected numbers" in sentence


def test_the_input_is_never_overwritten(tmp_path):
    path = csv(tmp_path, HEADER, row(FLAT))
    before = path.read_bytes()
    with pytest.raises(PipelineError, match="is the input"):
        classify_files([path], path)
    assert path.read_bytes() == before


def test_a_large_votable_is_sent_to_parquet(tmp_path, monkeypatch):
    write(wide([1], np.ones((1, 16))), tmp_path / "my.vot")
    monkeypatch.setattr("asteroid_taxonomy.own_spectra.astropy_tables.WHOLE_BYTES", 100)
    assert "stilts tcopy" in refused(tmp_path / "my.vot", tmp_path)


def test_the_command_prints_a_table_and_ends_with_0(tmp_path, monkeypatch, capsys):
    path = csv(tmp_path, HEADER, row(FLAT, "my asteroid"))
    monkeypatch.setattr(cli.signal, "signal", lambda *args: None)
    with pytest.raises(SystemExit) as end:
        cli.run(lambda: main([str(path)]))
    assert end.value.code == 0 and "my asteroid" in capsys.readouterr().out


@pytest.fixture
def folder(tmp_path):
    """Two spectra, one of them on a grid for the visible model only, and a file that is none."""
    folder = tmp_path / "night"
    folder.mkdir()
    for name, grid in (("a000433.[2]", BANDS), ("au1996FG3.txt", range(495, 920, 5))):
        (folder / name).write_text("".join(f"{nm / 1000} {0.5 + nm / 1100}\n" for nm in grid))
    (folder / "notes.txt").write_text("it rained\n")
    return folder


def test_a_folder_gives_one_table_and_a_bad_file_is_a_row_with_a_note(folder, tmp_path, capsys):
    table = answer(folder, tmp_path)
    assert table["name"].tolist() == ["a000433.[2]", "au1996FG3.txt", "notes.txt"]
    assert table["asteroid"].tolist()[:2] == ["433", "1996 FG3"]
    assert table["model"].tolist()[:2] == ["asteroid_taxonomy", "asteroid_taxonomy_visible"]
    assert table["complex"].notna().tolist() == [True, True, False]
    assert table["note"][2].startswith("has no line with two numbers")
    assert table["abstained"][2] and "1 file could not be read" in capsys.readouterr().err


def test_the_richest_model_is_passed_over_where_a_mark_lies_in_its_bands_only(tmp_path):
    grid = np.arange(400, 1030, 5)
    lines = [f"{nm},{-1 if abs(nm - 946) < 10 else 0.5 + nm / 1100}" for nm in grid]
    table = answer(csv(tmp_path, "wavelength,reflectance", *lines), tmp_path)
    assert table["model"].tolist() == ["asteroid_taxonomy_visible"]


def test_strict_stops_at_a_bad_file_and_writes_nothing(folder, tmp_path):
    with pytest.raises(PipelineError, match="notes.txt has no line with two numbers"):
        answer(folder, tmp_path, strict=True)
    assert not (tmp_path / "out.parquet").exists()


def test_files_of_different_kinds_and_columns_come_in_one_table(folder, tmp_path):
    write(wide([7, 8], np.ones((2, 16))), folder / "wide.vot")
    pq.write_table(pa.table({"number": pa.array([1], pa.int32()), "name": ["Ceres"],
                             **{str(nm): [1.0] for nm in BANDS}}), folder / "x.parquet")
    table = answer(folder, tmp_path)
    assert table["name"].tolist()[-3:] == ["7", "8", "1 Ceres"]


def test_where_no_file_can_be_classified_there_is_a_sentence(folder, tmp_path):
    for path in folder.glob("a*"):
        path.unlink()
    (folder / "other.txt").write_text("nor this\n")
    with pytest.raises(PipelineError, match="no spectrum of 2 files can be classified"):
        answer(folder, tmp_path)


def test_models_of_different_classes_are_refused(tmp_path):
    path = csv(tmp_path, HEADER, row(FLAT))
    with pytest.raises(PipelineError, match="other classes or bands"):
        answer(path, tmp_path, models=[TOP / ONNX_PATH, TOP / CLASSES_PATH])


@cache
def shipped_classifiers():
    """What `classify` loads each time it is called: half of what a small file takes."""
    return load_classifiers([])


def survives(path, tmp_path):
    """Classify a file that may be anything: an answer or a sentence, never another exception."""
    out = tmp_path / "out.parquet"
    out.unlink(missing_ok=True)
    try:
        with patch.object(classify, "load_classifiers", lambda paths: shipped_classifiers()):
            classify_files([path], out)
        assert pq.read_table(out).num_rows > 0
    except PipelineError as error:
        assert str(error) and not out.exists()
    assert not list(tmp_path.glob(".*part"))


fuzzing = settings(max_examples=150, deadline=None,
                   suppress_health_check=[HealthCheck.function_scoped_fixture])
CELLS = st.one_of(st.floats().map(str), st.text(max_size=6), st.integers().map(str),
                  st.sampled_from(["", "NaN", "1e999", "-0", '"', ",", "0.55um"]))


@fuzzing
@given(header=st.lists(st.one_of(st.sampled_from([*map(str, BANDS), "name", "wavelength",
                                                  "reflectance", "0.55um", "id"]),
                                 st.text(max_size=8)), max_size=20),
       rows=st.lists(st.lists(CELLS, max_size=20), max_size=6))
def test_any_text_gets_an_answer_or_a_sentence(tmp_path, header, rows):
    path = tmp_path / "fuzz.csv"
    path.write_text("\n".join(",".join(cells) for cells in [header, *rows]), encoding="utf-8",
                    errors="surrogatepass", newline="")
    survives(path, tmp_path)


@fuzzing
@given(values=st.lists(st.lists(st.one_of(st.floats(), st.none()), min_size=16, max_size=16),
                       min_size=1, max_size=4))
def test_any_number_gets_an_answer_or_a_sentence(tmp_path, values):
    path = csv(tmp_path, HEADER, *(row(["" if v is None else v for v in r]) for r in values))
    survives(path, tmp_path)


@pytest.fixture(scope="module")
def real_files(tmp_path_factory):
    """One good file of each kind, as bytes."""
    folder = tmp_path_factory.mktemp("good")
    spectra = np.random.default_rng(1).normal(1, 0.1, (40, 16))
    out = []
    for ending, shape in itertools.product(ENDINGS, (wide, long)):
        write(shape(np.arange(40), spectra), folder / f"x.{ending}")
        out.append((ending, (folder / f"x.{ending}").read_bytes()))
    return out


@settings(fuzzing, max_examples=200)
@given(data=st.data())
def test_truncated_and_bit_flipped_files_get_an_answer_or_a_sentence(tmp_path, real_files, data):
    ending, good = data.draw(st.sampled_from(real_files), label="file")
    spoilt = bytearray(good)
    for bit in data.draw(st.lists(st.integers(0, 8 * len(good) - 1), max_size=4), label="flip"):
        spoilt[bit // 8] ^= 1 << bit % 8
    keep = data.draw(st.one_of(st.just(len(good)), st.integers(0, len(good))), label="keep")
    path = tmp_path / f"spoilt.{ending}"
    path.write_bytes(bytes(spoilt[:keep]))
    survives(path, tmp_path)


@pytest.mark.parametrize("name", ["model", "complex", "note", "probability_C"])
def test_a_name_of_spectra_that_the_result_takes_itself_is_kept_beside_it(tmp_path, name):
    rows = [f"{spectrum},{nm},1.0" for spectrum in ("first", "second") for nm in BANDS]
    path = csv(tmp_path, f"{name},wavelength,reflectance", *rows)
    found = answer(path, tmp_path)
    assert found[f"{name}_"].tolist() == ["first", "second"]
    assert found["model"].tolist() == ["asteroid_taxonomy"] * 2 and found["complex"].notna().all()


@pytest.mark.parametrize("kind", [pa.large_string(), pa.string_view(),
                                  pa.dictionary(pa.int32(), pa.string())], ids=str)
def test_text_of_every_type_of_arrow_is_harmless_to_a_spreadsheet(tmp_path, kind):
    pq.write_table(pa.table({"name": pa.array(["=1+1", "Eros"]).cast(kind),
                             **{str(nm): [1.0, 1.0] for nm in BANDS}}), tmp_path / "a.parquet")
    classify_files([tmp_path / "a.parquet"], tmp_path / "out.csv")
    assert pd.read_csv(tmp_path / "out.csv")["name"].tolist() == ["'=1+1", "Eros"]


@pytest.mark.skipif(os.name != "posix", reason="names of files are text elsewhere")
@pytest.mark.parametrize("many", [False, True])
def test_a_file_whose_name_is_no_text_is_read(tmp_path, many):
    folder = tmp_path / "in"
    folder.mkdir()
    path = folder / os.fsdecode(b"Erb\xfc.txt")
    try:
        path.write_text("\n".join(f"{nm} 1.0" for nm in BANDS))
    except OSError:
        pytest.skip("this file system takes text alone")
    (folder / os.fsdecode(b"\xff.txt")).write_text("nothing")
    out = tmp_path / "out.parquet"
    classify_files([folder if many else path], out)
    assert pq.read_table(out)["name"].to_pylist() == ["Erb\\xfc.txt", "\\xff.txt"][:many + 1]
