import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from asteroid_taxonomy.names import Identity, asteroid_in, nearest, normalised, parse, proper_names


@pytest.mark.parametrize(("typed", "identity"), [
    (["433", "(433)", "433.0", "433.", " 00433 "], Identity(number=433)),
    (["(433) Eros", "433 Eros", "433_eros", "433eros", "(433)EROS"], Identity(433, name="eros")),
    (["4vesta"], Identity(4, name="vesta")), (["85Io"], Identity(85, name="io")),
    (["O'Higgins", "O''Higgins", "O’Higgins"], Identity(name="o'higgins")),
    (["1974 FV1", "1974_FV1", "1974FV1", "(1974 FV1)", "J74F01V"], Identity(name="1974 fv1")),
    (["K01X87N", "2001 XN87"], Identity(name="2001 xn87")),
    (["K07Tf8A"], Identity(name="2007 ta418")),
    (["A801 AA", "A801AA", "a801_aa"], Identity(name="a801 aa")),
    (["2040 P-L", "2040P-L", "2040_p-l"], Identity(name="2040 p-l")),
    (["-4284962966"], Identity(source_id=-4284962966)),
    (["2001_433_eros"], Identity(name="2001 433 eros")),
    *(([typed], Identity(name=typed.lower()))  # no asteroids
      for typed in ("67P", "1I", "9" * 30, "", "67P/Churyumov")),
])
def test_every_form_of_a_number_a_name_or_a_designation_is_understood(typed, identity):
    assert {each: parse(each) for each in typed} == dict.fromkeys(typed, identity)


def test_a_files_name_gives_the_asteroid_or_none():
    expected = {
        "a000433.[2]": "433", "00062_erato.tab": "62", "10hygiea.tab": "10",
        "au1996FG3": "1996 FG3", "au1996FG3.[4]": "1996 FG3", "spec1580.dat": "1580",
        "2000YL29_20070715.txt": "2000 YL29",
        "au2021jq24.sp284.txt": "2021 JQ24", "003485_vis.tab": "3485", "2897_IR.txt": "2897",
        "110_081108t135334.tab": "110", "s2_2001sb173.tab": "2001 SB173", "f2_15977.tab": "15977",
        "(433) Eros.txt": "433", "433 Eros.csv": "433", "1974_FV1.txt": "1974 FV1",
        "a002062.8": "2062", "6344 P-L.txt": "6344 P-L", "19fortuna2.tab": "19",
        "2001_einstein.tab": "2001", "2pallas.txt": "2", **dict.fromkeys((
            "berthold.tab", "Li_20120219.txt", "20070715.txt", "2020-01-01_obs.txt", "test1.csv",
            "aPluto.sp122.txt", "67P.txt", "67P_churyumov.dat", "1I.tab", "2001_433_eros.txt"))}
    assert {name: asteroid_in(name) for name in expected} == expected


def test_names_have_their_capitals():
    expected = {
        "ceres": "Ceres", "o'higgins": "O'Higgins", "xi'an": "Xi'an", "2010 ab1": "2010 AB1",
        "2040 p-l": "2040 P-L", "4788 t-3": "4788 T-3", "d'arrest": "D'Arrest",
        "van de graaff": "Van De Graaff", "a900 ma": "A900 MA", "ha'apai": "Ha'apai",
        "ångström": "Ångström", "k'ya-k'ya": "K'Ya-K'Ya", None: None}
    names = proper_names(pa.chunked_array([list(expected)], pa.string()))
    assert names.to_pylist() == list(expected.values())


def test_every_name_of_the_sample_is_found_as_it_is_printed():
    names = proper_names(pc.unique(pq.read_table("data/sample/spectra.parquet")["name"]))
    for name in names.to_pylist():
        assert parse(name) == Identity(name=normalised(name))


def test_a_misspelt_name_gets_suggestions_and_a_designation_none():
    names = ["Vesta", "Vestina", "Eros", "2001 XN87"]
    assert nearest("vestra", names) == ["Vesta", "Vestina"]
    assert nearest("2001 XN88", names) == []
