import pytest

from asteroid_taxonomy.commands.classify import main
from asteroid_taxonomy.console import PipelineError
from asteroid_taxonomy.own_spectra.naming import asteroid_in, files_of


@pytest.mark.parametrize(("name", "asteroid"), [
    ("a000433.[2]", "433"), ("00062_erato.tab", "62"), ("10hygiea.tab", "10"),
    ("2000YL29_20070715.txt", "2000 YL29"), ("au1996FG3.[4]", "1996 FG3"),
    ("au2021jq24.sp284.txt", "2021 JQ24"), ("spec1580.dat", "1580"), ("003485_vis.tab", "3485"),
    ("spec2012TM139.dat", "2012 TM139"), ("110_081108t135334.tab", "110"), ("2897_IR.txt", "2897"),
    ("s2_2001sb173.tab", "2001 SB173"), ("f2_15977.tab", "15977"), ("(433) Eros.txt", "433"),
    ("433 Eros.csv", "433"), ("1974_FV1.txt", "1974 FV1"), ("a002062.8", "2062"),
    ("6344 P-L.txt", "6344 P-L"), ("19fortuna2.tab", "19"),
    ("berthold.tab", None), ("Li_20120219.txt", None), ("20070715.txt", None),
    ("2020-01-01_obs.txt", None), ("test1.csv", None), ("aPluto.sp122.txt", None),
])
def test_a_files_name_tells_the_asteroid(name, asteroid):
    assert asteroid_in(name) == asteroid


@pytest.fixture
def folder(tmp_path):
    for name in ("b.tab", "a.txt", ".hidden", "b.xml", "alone.xml", "deep/c.dat", "out.csv"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


def test_a_folder_gives_its_files_but_hidden_ones_labels_and_the_output(folder):
    names = [p.relative_to(folder).as_posix() for p in files_of([folder], folder / "out.csv")]
    assert names == ["a.txt", "alone.xml", "b.tab", "deep/c.dat"]


def test_a_pattern_gives_what_it_matches_and_a_name_with_brackets_is_a_name(folder):
    (folder / "a1.[2]").touch()
    assert [p.name for p in files_of([folder / "*.t*", folder / "a1.[2]"])] == [
        "a.txt", "b.tab", "a1.[2]"]


def test_a_file_that_is_given_twice_is_read_once(folder):
    assert len(files_of([folder / "a.txt", folder / "a.*"])) == 1


@pytest.mark.parametrize("given", ["empty", "*.nothing"])
def test_nothing_found_gets_a_sentence(tmp_path, given):
    (tmp_path / "empty").mkdir()
    with pytest.raises(PipelineError, match="holds no files; name"):
        files_of([tmp_path / given])


@pytest.mark.parametrize("typed", ["", "  "])
def test_an_unset_variable_is_not_this_folder(typed, capsys):
    with pytest.raises(SystemExit):
        main([typed])
    assert "a file's name is empty" in capsys.readouterr().err
