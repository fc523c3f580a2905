"""Each kind of file that once failed, made up again; and the shared ones, where they are here."""

import re

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table

from asteroid_taxonomy.console import PipelineError
from tests.spectra.made_up import (
    C_LIKE,
    D_LIKE,
    GRID,
    S_LIKE,
    finer,
    found,
    number,
    rows,
    text,
)
from tests.project_fixtures import TOP

LONG = ("name", "wavelength", "reflectance")
SHARED = TOP.parent / "shared" / "cases" / "files"


def named(name, curve, unit="nm", before=()):
    return [[name, *before, *row] for row in rows(GRID, curve, unit)]


def wide(*spectra):
    lines = [["name", *map(str, GRID)], *spectra]
    return "\n".join(",".join(map(str, line)) for line in lines) + "\n"


def with_marks(mark, low=670, high=720):
    grid, curve = finer(S_LIKE)
    return [["a", nm, mark if low < nm < high else r] for nm, r in zip(grid, curve, strict=True)]


TWICE = [*named("a", S_LIKE), ["a", 726, 1.168], *named("b", C_LIKE)]
ECSV = ("# %ECSV 1.0\n# ---\n# delimiter: ','\n# datatype:\n"
        "# - {name: source_id, datatype: int64}\n"
        "# - {name: reflectance_spectrum, datatype: float32}\n"
        "# - {name: wavelength, unit: nm, datatype: float32}\n"
        "source_id,reflectance_spectrum,wavelength\n-42,null,374.0\n"
        + "".join(f"-42,{r},{nm}\n" for nm, r in zip(GRID[1:], S_LIKE[1:], strict=True)))
RENAMED = ("name," + ",".join(f"{nm},{nm}.1" for nm in GRID) + "\na,"
           + ",".join(f"{r},0.3" for r in S_LIKE) + "\n")
VISIBLE = [[nm / 1000, r] for nm, r in zip(*finer(S_LIKE, 20, 440, 920), strict=True)]
CASES = {  # name of the file: content, complexes, a part of the notes
    "headerless.txt": (text(rows(GRID, S_LIKE), "\t"), "S", ""),
    "smass.csv": (text(VISIBLE, ",", header=("wavelength", "reflectance")), "S", ""),
    "zeros.csv": (text([*named("a", S_LIKE), *[["a", 0, 0]] * 2, *named("b", C_LIKE)], ",",
                       header=LONG), "SC", "without a wavelength"),
    "zero row alone.csv": (text([["z", 0, 0], *named("b", C_LIKE)], ",", header=LONG), "-C",
                           "no reflectance"),
    "cr.csv": (text(rows(GRID, S_LIKE, "nm"), ",", end="\r", header=LONG[1:]), "S", ""),
    "twice.csv": (text(TWICE, ",", header=LONG), "SC", "averaged"),
    "contradiction.csv": (text([["a", nm, r] for nm, r in zip(*finer(S_LIKE), strict=True)]
                               + [["a", 725, 3.5]], ",", header=LONG), "S?",
                          "not measured, at 726 nm; values at one"),
    "width.tab": (text([[r[0], .025, r[1], .02] for r in rows(GRID, S_LIKE)]), "S", ""),
    "comment.csv": (text([[*r, .01] for r in rows(GRID, S_LIKE, "nm")], ",",
                         header=("# wavelength", "reflectance", "error")), "S", ""),
    "microns.txt": (text([[*r, .01, 1] for r in rows(GRID, S_LIKE)], "    ",
                         header=("    microns", "reflec", "sigma", "imgs")), "S", ""),
    "objects.csv": (text([[*r, .02, c, .02] for r, c in zip(rows(GRID, S_LIKE), C_LIKE,
                                                            strict=True)], ",",
                         header=("wavelength", "A_Mean", "A_Sigma", "B_Mean", "B_Sigma")),
                    "SC", ""),
    "null.ecsv": (ECSV.encode(), "S", ""),
    "distance.csv": (text(named("a", S_LIKE, before=(2.31, 1.42)), ",",
                          header=("name", "r", "delta", *LONG[1:])), "S", ""),
    "magnitude.csv": (text([["a", 15.2, *r] for r in rows(GRID, S_LIKE)], ",",
                           header=("name", "R", *LONG[1:])), "S", ""),
    "flux.csv": (text([[r[0], 9e-15, 1e-16, r[1]] for r in rows(GRID, S_LIKE)], ",",
                      header=("wavelength", "flux", "flux_err", "reflectance")), "S", ""),
    "flux around 1.csv": (text([[r[0], 1 + i / 20, r[1]] for i, r in enumerate(
        rows(GRID, S_LIKE))], ",", header=("wavelength", "flux", "reflectance")), "S", ""),
    "nights.csv": (text(named("a", D_LIKE, before=("2020-01-01",)) + [
        ["a", "2021-05-05", nm + 10, .7 * r] for nm, r in zip(GRID, C_LIKE, strict=True)], ",",
        header=("name", "date", *LONG[1:])), "OC", ""),
    "nights without a date.csv": (text(named("a", D_LIKE) + [
        ["a", nm + 10, .7 * r] for nm, r in zip(GRID, C_LIKE, strict=True)], ",", header=LONG),
        "OC", "one of several"),
    "preamble.txt": (text(rows(GRID, S_LIKE), above="Asteroid (Number, Name): 99999, Made-up\n"
                          "Observed on (UT): 2000-01-01\nAt observatory: 500\n"), "S", ""),
    "comma.csv": (text(rows(GRID, S_LIKE), ";", ",", header=LONG[1:]), "S", ""),
    "vizier.tsv": (text([["", "um", ""], ["---", "---", "---"], *named("a", S_LIKE, "um")], "\t",
                        header=("Name", "lambda", "Refl"), above="#\n#Made up\n"), "S", ""),
    "rows.csv": (text([[i, *r] for i, r in enumerate(rows(GRID, S_LIKE, "nm"))], ",",
                      header=("id", *LONG[1:])), "S", ""),
    "normalized.csv": (text([[*r, .01] for r in rows(GRID, S_LIKE)], ",",
                            header=("Wavelength (micron)", "Normalized Reflectance", "Error")),
                       "S", ""),
    "rows of two.csv": (text([[i, *r] for i, r in enumerate(rows(GRID * 2, S_LIKE + C_LIKE))], ",",
                             header=("id", *LONG[1:])), "SC", ""),
    "rows of each.csv": (text([[i % 16, *r] for i, r in enumerate(rows(GRID * 2, S_LIKE + C_LIKE))
                               ], ",", header=("id", *LONG[1:])), "SC", ""),
    "quoted comma.csv": (text([[f'"{number(f, ",")}"' for f in r] for r in rows(GRID, S_LIKE)],
                              ",", header=LONG[1:]), "S", ""),
    "quoted comma.txt": (text([[f'"{number(f, ",")}"' for f in r] for r in rows(GRID, C_LIKE)],
                              ","), "C", ""),
    "fortran.txt": (text([[f"{nm:.4E}".replace("E", "D"), f"{r:.6E}".replace("E", "d")]
                          for nm, r in rows(GRID, S_LIKE)]), "S", ""),
    "stray comma.csv": (text([*rows(GRID, S_LIKE), ["stray", "word"]], ";", ","), "S",
                        "without a wavelength"),
    "infinite first.csv": (text([["x", nm, "inf"] for nm in GRID] + named("b", C_LIKE), ",",
                                header=LONG), "-C", "no reflectance"),
    "bad point.csv": (text([["a", nm, "bad" if nm == 374 else r] for nm, r in zip(
        GRID, S_LIKE, strict=True)] + named("b", C_LIKE), ",", header=LONG), "SC", ""),
    "empty first.csv": (wide(["a", *[""] * 16], ["b", *C_LIKE]).encode(), "-C", "no reflectance"),
    "images.txt": (text([[nm, r / 20, 3] for nm, r in rows(GRID, S_LIKE)]), "S", ""),
    "reference.csv": (text([[*r, 1] for r in rows(GRID, S_LIKE)], ",",
                           header=("wavelength", "value", "ref")), "S", "value"),
    **{f"{error}.csv": (text([[*r, .3 + i % 3 / 50] for i, r in enumerate(rows(GRID, S_LIKE))],
                             ",", header=("wavelength", "value", error)), "S", "value")
       for error in ("reflerr", "ReflectanceError", "refl_unc", "drefl", "sigmarefl")},
    "text tells.csv": (text(named("x", S_LIKE) + named("y", C_LIKE), ",",
                            header=("planet", *LONG[1:])), "SC", ""),
    "filters.csv": (text([["V" if nm < 700 else "R", nm, r] for nm, r in zip(
        GRID, S_LIKE, strict=True)], ",", header=("filter", *LONG[1:])), "S", ""),
    **{f"mark {mark}.csv": (text(with_marks(mark), ",", header=LONG), "S?",
                            "mark for what was not measured")
       for mark in ("-1", "-9.99", "999", "0")},
    **{f"mark {mark} wide.csv": (wide(["a", *S_LIKE[:8], mark, *S_LIKE[9:]], ["b", *C_LIKE]
                                      ).encode(), "-C", "no reflectance at 726 nm")
       for mark in ("-9.99", "999", "-0.01", "0")},
}


@pytest.mark.parametrize("name", CASES)
def test_a_file_as_it_comes_gets_the_right_class(tmp_path, name):
    content, complexes, note = CASES[name]
    path = tmp_path / name
    path.write_bytes(content)
    table = found(path)
    assert "".join(table["complex"].replace("", "-")) == complexes.replace("?", "")
    assert note in "; ".join(table["note"])
    if "?" in complexes:
        assert table["abstained"].all()


def test_fits_tables_and_one_dimensional_spectra_are_read(tmp_path):
    grid, curve = finer(S_LIKE)
    image = fits.PrimaryHDU(curve.astype(np.float32))
    image.header.update({"CRVAL1": 0.4, "CDELT1": 0.005, "CUNIT1": "um"})
    image.writeto(tmp_path / "image.fits")
    Table({"WAVE": np.array(GRID) * 10.0, "REFLECTANCE": S_LIKE}).write(tmp_path / "a.fits")
    Table({"WAVE": [np.array(GRID) / 1000], "REFL": [S_LIKE]}).write(tmp_path / "row.fits")
    for name in ("image.fits", "a.fits", "row.fits"):
        assert found(tmp_path / name)["complex"].tolist() == ["S"]


@pytest.mark.parametrize(("axis", "sentence"), [
    ({"CTYPE1": "WAVE-LOG", "CRVAL1": 400.0}, None),
    ({"CTYPE1": "LOGLAM", "CRVAL1": 2.6}, "over LOGLAM (CTYPE1), not over wavelengths"),
    ({"CTYPE1": "VELO", "CRVAL1": 400.0}, "over VELO (CTYPE1), not over wavelengths"),
    ({"CRVAL1": "x"}, "without CRVAL1 and CDELT1"),
])
def test_the_axis_of_a_one_dimensional_spectrum_is_read_or_refused(tmp_path, axis, sentence):
    step = np.log(1030 / 400) / 199
    image = fits.PrimaryHDU(np.interp(400 * np.exp(step * np.arange(200)), GRID, S_LIKE))
    image.header.update({"CDELT1": 400 * step} | axis)
    image.writeto(tmp_path / "a.fits")
    if sentence is None:
        assert found(tmp_path / "a.fits")["complex"].tolist() == ["S"]
        return
    with pytest.raises(PipelineError, match=re.escape(sentence)):
        found(tmp_path / "a.fits")


@pytest.mark.parametrize("name", ["a.fits", "a.parquet"])
def test_a_spectrum_in_each_row_gets_a_sentence(tmp_path, name):
    Table({"name": ["a", "b"], "wave": [GRID, GRID], "refl": [S_LIKE, C_LIKE]}
          ).write(tmp_path / name)
    with pytest.raises(PipelineError, match="has lists in its columns wave, refl; save it with"):
        found(tmp_path / name)


@pytest.mark.parametrize(("name", "content", "sentence"), [
    ("a.xml", b'<?xml version="1.0"?><Product_Observational xmlns="http://pds.nasa.gov/pds4/pds/'
     b'v1"><File><file_name>a.tab</file_name></File></Product_Observational>',
     "is a PDS label; give the table it describes, a.tab"),
    ("a.lbl", b'PDS_VERSION_ID = PDS3\r\n^TABLE = "A.TAB"\r\nEND\r\n', "describes, A.TAB,"),
    ("a.xlsx", b"PK\x03\x04" + bytes(100), "save it as CSV"),
    ("a.html", b"<!DOCTYPE html><html></html>", "save the table as CSV"),
    ("a.bin", bytes(range(256)) * 4, "is neither text, Parquet"),
    ("a.txt", b"", "is empty"),
    ("a.csv", text(named("a", S_LIKE, before=(1.1,)), ",", header=(
        "name", "normalised reflectance", "wavelength", "relative reflectance")),
     "has the columns normalised reflectance and relative reflectance, each of which could"),
    ("a.csv", text([[*r, 1.2] for r in rows(GRID, S_LIKE)], ",",
                   header=("wavelength", "flux", "r")), "call the one that is reflectance so"),
    ("a.csv", text(rows(GRID, S_LIKE), ",", header=("wavelength (nm)", "reflectance")),
     "says that its wavelengths are in nm, but they are around"),
    ("a.csv", text(rows(GRID, S_LIKE), ",", header=("x", "y")), "expected a column of wave"),
    *[("a.txt", text([[nm / unit, scale * r, 1.2 + i % 5 / 10] for i, (nm, r) in enumerate(
        zip(GRID, S_LIKE, strict=True))]), "second and third columns of numbers could each be")
      for unit, scale in ((1000, 60), (1, 60), (1000, .05))],  # percent, albedo, and an error
    *[("a.csv", text(sorted(named("x", S_LIKE) + [["y", nm + 9, .7 * r] for nm, r in zip(
        GRID, C_LIKE, strict=True)], key=lambda row: row[1]), ",", header=(name, *LONG[1:])),
       f"rows do not follow each other; sort it by {name}") for name in ("obj", "UT", "planet")],
])
def test_a_file_that_leaves_doubt_gets_a_sentence(tmp_path, name, content, sentence):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(PipelineError, match=re.escape(sentence)):
        found(tmp_path / name)


@pytest.mark.parametrize("at", [0, 3, 15])
@pytest.mark.parametrize("several", [1, 6])
@pytest.mark.parametrize("header", [(), LONG[1:]])
@pytest.mark.parametrize(("separator", "sign", "other"), [
    (" ", ".", ","), (";", ",", "."), ("\t", ".", ","), (" ", ",", ".")])
def test_a_file_with_decimal_commas_and_points_is_refused(
        tmp_path, separator, sign, other, header, several, at):
    lines = [[number(nm, sign), f"{r:.3f}".replace(".", sign)] for nm, r in rows(GRID, S_LIKE)]
    lines[at:at + several] = [[nm, r.replace(sign, other)] for nm, r in lines[at:at + several]]
    (tmp_path / "a.csv").write_bytes(text(lines, separator, header=header))
    with pytest.raises(PipelineError, match="for the decimal sign elsewhere; write all of them"):
        found(tmp_path / "a.csv")


@pytest.mark.real_data
@pytest.mark.parametrize("name", sorted(p.name for p in SHARED.glob("*")) or ["none"])
def test_the_shared_cases_are_right(tmp_path, name):
    if not SHARED.exists():
        pytest.skip("../shared/cases is not here")
    right = {"06": "SC", "08": "SC", "12": "SC", "16": "OC", "29": "SS"}.get(name[:2], "S")
    try:
        table = found(SHARED / name, output=tmp_path / "out.parquet")
    except PipelineError as error:
        assert name[:2] in ("05", "21"), error
    else:
        assert "".join(table["complex"]) == right
        assert name[:2] != "04" or table["abstained"].all()
