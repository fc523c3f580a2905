import re
from unittest.mock import MagicMock

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from astroquery.jplsbdb import SBDB

from asteroid_taxonomy.catalogue import read_catalogue
from asteroid_taxonomy.commands import lookup
from asteroid_taxonomy.console import PipelineError
from asteroid_taxonomy.names import proper_names
from asteroid_taxonomy.params import load_params
from asteroid_taxonomy.tables import SPECTRA
from tests.project_fixtures import TOP

SAMPLE = TOP / "data/sample/spectra.parquet"


@pytest.fixture
def look(capsys):
    """What the command prints about the asteroids that are named."""
    def run(*typed):
        lookup.main(list(typed))
        return capsys.readouterr().out
    return run


def refused(look, *typed):
    """The message with which a look-up ends."""
    with pytest.raises(PipelineError) as error:
        look(*typed)
    message = str(error.value)
    assert len(message) <= 200 and message.isprintable() and "dvc pull" not in message
    return message


def numbers(text):
    return re.findall(r"^\((\d+)\)", text, re.MULTILINE)


# with the catalogue

def test_every_form_finds_an_asteroid_of_the_catalogue(catalogued, look):
    forms = ["433", "(433)", "433.0", "Eros", "EROS", "(433) Eros", "433_eros", "433eros",
             "-4284962966"]
    for typed in forms:
        assert look(typed).startswith("(433) Eros   source_id -4284962966   survey: Gaia DR3")


def test_classifications_and_spectra_are_printed_in_order(catalogued, look):
    text = look("eros", "psyche", "(4)")
    assert numbers(text) == ["433", "16", "4"]
    for line in (r"  S  0\.\d{3} ±0\.\d{3} #+", r"  complex S at 0\.\d{3}",
                 r"  literature: class S, complex S \(Mahlke 2022 taxonomy\)",
                 r"  S/N \d+\.\d; \d+% of labelled asteroids .*",
                 r" +550 +1\.0000 +0\.\d{4} +0"):
        assert re.search(f"^{line}", text, re.MULTILINE), line


@pytest.mark.parametrize("folder", ["catalogued", "archive"])
def test_the_number_decides_and_a_note_gives_the_name(request, folder, capsys):
    request.getfixturevalue(folder)
    for typed in ("(4) Eros", "4 eros", "4eros"):
        lookup.main([typed])
        out, err = capsys.readouterr()
        assert numbers(out) == ["4"] and err == "note: (4) is called Vesta, not 'eros'\n"


def test_sets_faint_spectra_and_missing_classes_are_explained_in_words(catalogued, look):
    frame = read_catalogue(load_params().catalogue.name)[0].to_pandas()
    faint = frame[frame["faint"] & (frame["complex"] != "")].drop_duplicates("complex_set")
    for row in faint.to_dict("records"):
        text = look(str(row["source_id"]))
        assert "caution: below S/N 25 the survey's spectra are biased" in text
        *others, last = row["complex_set"].split()
        assert (f"  {', '.join(others)} and {last} cannot be excluded\n" if others else
                f"  all complexes but {last} can be excluded\n") in text
    row = frame[frame["complex"] == ""].iloc[0]
    assert f"  not classified: {row['reason']}\n" in look(row["name"])


def test_what_is_not_in_the_catalogue_is_named_with_similar_names(catalogued, look):
    for typed, words in (
            ("vestra", "; did you mean Vesta"), ("99999999", "; not every asteroid has one"),
            ("", "of ''"), ("67P", "of '67P'"), ("2001_433_eros", "of '2001_433_eros'")):
        assert words in refused(look, typed)


def test_one_that_is_not_found_does_not_lose_the_others(catalogued, capsys):
    with pytest.raises(PipelineError, match="'88888888'"):
        lookup.main(["433", "99999999", "4", "88888888"])
    out, err = capsys.readouterr()
    assert numbers(out) == ["433", "4"] and err.count("\n") == 1 and "'99999999'" in err


def test_the_plot_is_a_png(catalogued, look, tmp_path):
    path = tmp_path / "eros.png"
    assert f"wrote {path}" in look("433", "--plot", str(path))
    assert path.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(("arguments", "words"), [
    ([], "required: asteroid"), (["4", "--plot", "x.pdf"], "ends in .png"),
    (["4", "5", "--plot", "x.png"], "takes one asteroid")])
def test_wrong_arguments_end_with_2(look, capsys, arguments, words):
    with pytest.raises(SystemExit) as end:
        look(*arguments)
    assert end.value.code == 2 and words in capsys.readouterr().err


# without the catalogue

@pytest.fixture
def archive(tmp_path, monkeypatch):
    """An empty folder, and an archive with the sample's spectra, which a test may change."""
    state = {"rows": pq.read_table(SAMPLE).select(
        [c.role for c in SPECTRA.columns if c.role != "num_of_spectra"])}

    def fetch(role, value, *about):
        return state["rows"].filter(pc.equal(state["rows"][role], value))

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(lookup, "fetch_spectrum", fetch)
    monkeypatch.setattr(lookup.Archive, "names_like", lambda archive, name: proper_names(
        state["rows"]["name"].unique()).to_pylist())
    return state


def test_without_the_catalogue_the_archives_spectrum_is_classified(archive, look):
    for typed, name in (("4", "(4) Vesta"), ("(4) Vesta", "(4) Vesta"),
                        ("-4284967256", "(4) Vesta"), ("K00AE2H", "(14264) 2000 AH142")):
        text = look(typed)
        assert text.startswith(f"{name}   source_id -428") and "  complex " in text
        assert "from the archive; the model may have been trained on this asteroid" in text
    assert "did you mean Vesta" in refused(look, "vestra")


def changed(rows, role, wavelength, value):
    """Rows with another value at one wavelength, or at all (None)."""
    here = pa.array(np.full(len(rows), True)) if wavelength is None else pc.equal(
        rows["wavelength"], wavelength)
    column = pc.if_else(here, pa.scalar(value, rows[role].type), rows[role])
    return rows.set_column(rows.column_names.index(role), role, column)


@pytest.mark.parametrize(("role", "wavelength", "value", "words"), [
    ("reflectance", None, 5.0, "reflectance is not 1 at 550 nm"),
    ("flag", 638, 7, "flag is outside 0 ... 2"),
    ("wavelength", 1034, 1035.0, "wavelength is not on the grid")])
def test_rows_that_are_no_spectrum_are_refused_as_in_the_fetch(
        archive, look, role, wavelength, value, words):
    archive["rows"] = changed(archive["rows"], role, wavelength, value)
    assert words in refused(look, "4")


@pytest.mark.parametrize("value", [None, -0.1])
def test_without_a_band_that_is_needed_there_is_no_class(archive, look, value):
    archive["rows"] = changed(archive["rows"], "reflectance", 902, value)
    if value is None:
        archive["rows"] = changed(archive["rows"], "error", 902, None)
    text = look("4")
    assert "  not classified: " in text and "902 nm" in text and "  complex " not in text


def test_jpl_resolves_a_designation_of_an_asteroid_that_has_a_name(archive, look, monkeypatch):
    answers = [{"object": {"des": "1", "fullname": "1 Ceres (A801 AA)"}},
               {"code": "200", "message": "specified object was not found"}, OSError("no route"),
               ValueError("Server response not readable.")]

    def query(name, cache):
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(SBDB, "query", query)
    assert numbers(look("A801 AA")) == ["1"]
    while answers:
        assert "'A801 AA'" in refused(look, "A801 AA")


def test_similar_names_are_queried_by_their_beginning_and_end(monkeypatch):
    service = MagicMock()
    fetch = service.return_value.__enter__.return_value.fetch
    fetch.return_value = pa.table({"name": ["vesta"]})
    monkeypatch.setattr(lookup, "TapService", service)
    archive = lookup.Archive()
    assert archive.names_like("vestra") == ["Vesta"] and archive.names_like("2001 xn87") == []
    ((query, *_), _), = fetch.call_args_list
    assert str(query) == ("SELECT denomination FROM gaiadr3.sso_source WHERE LOWER(denomination) "
                       "LIKE 've%' OR LOWER(denomination) LIKE '%tra'")
