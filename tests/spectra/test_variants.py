"""However a spectrum is written down, it comes back with the probabilities of the clean table."""

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from asteroid_taxonomy.console import PipelineError
from asteroid_taxonomy.onnx_model.classifier import load_classifier
from tests.spectra.made_up import (
    CURVES,
    ENDINGS,
    FACTOR,
    GRID,
    found,
    number,
    packed,
    rows,
    text,
)

SEPARATORS = ["\t", ",", ";", " ", "   ", ", ", "; ", "|"]
HEADERS = [("wavelength", "reflectance"), ("Wavelength (micron)", "Normalized Reflectance"),
           ("lambda", "Refl"), ("wave", "refl"), ("Wavelength[um]", "Reflectance"),
           ("WAVELENGTH", "REFLECTANCE"), ("wl", "reflec"), ("microns", "reflectivity")]
PROSE = ["", "Asteroid: 99999, Made-up\nObserved on 2000 01 01 at 568\n\n",
         "# made up\n# by nobody, 2000-01-01\n", "! a comment\n", "; another: 1 2\n",
         "The spectrum below is of 1 night.\n"]
MARKS = ["-1", "-1.0000", "-9.99", "-99", "-999", "0", "0.0000", "99.99", "999", "9999", "nan",
         "null", "--", "-0.9999"]


def expected(curve):
    spectrum = np.array([curve], np.float32)
    return load_classifier().probabilities(spectrum)[0]


def probabilities(table):
    return table[[c for c in table if c.startswith("probability_")]].to_numpy()


@st.composite
def files(draw):
    """Bytes and ending of a file in one of many layouts, and the complexes it holds."""
    separator = draw(st.sampled_from(SEPARATORS))
    decimal = draw(st.sampled_from([".", ","]))
    assume(decimal == "." or separator.strip() != ",")
    unit = draw(st.sampled_from(["nm", "um", "angstrom"]))
    end = draw(st.sampled_from(["\n", "\r\n", "\r"]))
    order = draw(st.sampled_from(["ascending", "descending", "any"]))
    layout = draw(st.sampled_from(["two", "error", "width", "header", "comment", "named", "wide",
                                   "side by side", "vizier"]))
    names = draw(st.permutations(list(CURVES)))
    prose = draw(st.sampled_from(PROSE))
    mark = draw(st.sampled_from([None, *MARKS]))
    blanks = not separator.strip(" ")

    def spectrum(name, extra=(), before=()):
        table = [[*before, *row] for row in rows(GRID, CURVES[name], unit, extra)]
        at = len(before)
        if mark is not None:  # 374 and 1034 nm are used by no classifier
            field = mark.replace(".", decimal)
            table[0][at + 1] = table[-1][at + 1] = field
            if mark.startswith("0"):
                table.append([*before, 0, 0, *extra])
        if order == "descending":
            table.reverse()
        elif order == "any":
            table = draw(st.permutations(table))
        return table

    first = names[0]
    head = draw(st.sampled_from(HEADERS))
    if unit != "um":
        head = ("wavelength", "reflectance")
    if blanks:
        head = tuple(name.replace(" (", "(").replace(" ", "_") for name in head)
    if layout in ("two", "error", "width"):
        table = {"two": spectrum(first), "error": spectrum(first, (0.02,)),
                 "width": [[r[0], 0.025 * 1000, *r[1:]] for r in spectrum(first, (0.02,))]}[layout]
        return text(table, separator, decimal, end, above=prose), [first]
    if layout == "header":
        return text(spectrum(first, (0.02,)), separator, decimal, end, (*head, "error"), prose), [
            first]
    if layout == "comment":
        return text(spectrum(first), separator, decimal, end,
                    ("# " + head[0], head[1]), prose), [first]
    if layout == "named":
        table = [row for name in names for row in spectrum(name, before=(f"a{name}",))]
        return text(table, separator, decimal, end, ("name", "wavelength", "reflectance"),
                    prose), names
    if layout == "vizier":
        table = spectrum(first, before=("a",))
        header = ("Name", "lambda", "Refl")
        lines = [["", {"um": "um", "nm": "nm", "angstrom": "Angstrom"}[unit], ""],
                 ["----", "-----", "-----"]]
        return text(lines + table, "\t", decimal, end, header, "#\n#Made up\n"), [first]
    if layout == "wide":
        columns = [number(nm / FACTOR[unit]) for nm in GRID]
        table = [[f"a{name}", *CURVES[name]] for name in names]
        return text(table, separator, decimal, end, ("name", *columns), prose), names
    table = [[nm / FACTOR[unit],
              *(v for name in names for v in (CURVES[name][j], 0.02))]
             for j, nm in enumerate(GRID)]
    header = ("wavelength", *(n for name in names for n in (f"A{name}_Mean", f"A{name}_Sigma")))
    return text(table, separator, decimal, end, header, prose), names


@settings(max_examples=60, deadline=None,
          suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(file=files(), ending=st.sampled_from(ENDINGS), way=st.sampled_from(["", ".gz"]))
def test_a_spectrum_in_any_layout_gets_the_probabilities_of_the_clean_table(
        tmp_path, file, ending, way):
    content, names = file
    path = tmp_path / f"a000433{ending}{way}"
    path.write_bytes(packed(content, way))
    table = found(path)
    assert table["complex"].tolist() == list(names), content
    for row, name in zip(probabilities(table), names, strict=True):
        np.testing.assert_allclose(row, expected(CURVES[name]), atol=2e-5)
    path.unlink()


@pytest.mark.parametrize("mark", MARKS[::3])
def test_a_mark_for_missing_data_in_a_used_band_never_gives_a_class(tmp_path, mark):
    table = rows(GRID, CURVES["S"])
    table[7][1] = mark
    path = tmp_path / "a.txt"
    path.write_bytes(text(table, header=("wave", "refl")))
    answer = found(path)
    assert answer["complex"].tolist() == [""] and answer["abstained"].all()
    assert answer["note"][0].startswith("no reflectance at 682 nm")


@pytest.mark.parametrize("first", ["0,9", "inf"], ids=["of another sign", "not measured"])
def test_a_first_spectrum_that_is_called_as_a_unit_is_not_left_out(tmp_path, first):
    path = tmp_path / "made_up.csv"
    path.write_text("\n".join([";".join(["name", *map(str, GRID)]),
                               ";".join(["A", "1", *[first] * (len(GRID) - 1)]),
                               ";".join(["B", *["1.0"] * len(GRID)])]))
    if first == "inf":
        assert found(path, tmp_path)["name"].tolist() == ["A", "B"]
    else:
        with pytest.raises(PipelineError, match="write all numbers with one sign"):
            found(path, tmp_path)
