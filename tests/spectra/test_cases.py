"""Each kind of file that once failed, made up again; and the shared ones, where they are here."""

import re

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astropy.io import fits
from astropy.table import Table
from pandas import DataFrame

from asteroid_taxonomy.console import MAX_MESSAGE, PipelineError
from asteroid_taxonomy.spectra.columns import GUESSED
from tests.project_fixtures import TOP
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

LONG = ("name", "wavelength", "reflectance")
SHARED = TOP.parent / "shared" / "cases"


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
MRT = ("Title: Made up\nAuthors: Nobody\nTable: Spectrum\n" + "=" * 80
       + "\nByte-by-byte Description of file: a.txt\n" + "-" * 80
       + "\n Bytes Format Units Label Explanations\n" + "-" * 80
       + "\n 1- 6 F6.4 um wavelength Wavelength\n 8-13 F6.4 --- reflectance Reflectance\n"
       + "-" * 80 + "\nNotes: none\n" + "-" * 80 + "\n")
VISIBLE = [[nm / 1000, r] for nm, r in zip(*finer(S_LIKE, 20, 440, 920), strict=True)]
CASES = {  # name of the file: content, complexes, a part of the notes
    "headerless.txt": (text(rows(GRID, S_LIKE), "\t"), "S", ""),
    "smass.csv": (text(VISIBLE, ",", header=("wavelength", "reflectance")), "S", ""),
    "zeros.csv": (text([*named("a", S_LIKE), *[["a", 0, 0]] * 2, *named("b", C_LIKE)], ",",
                       header=LONG), "SC", "without a plausible wavelength"),
    "zero row alone.csv": (text([["z", 0, 0], *named("b", C_LIKE)], ",", header=LONG), "-C",
                           "no reflectance"),
    "cr.csv": (text(rows(GRID, S_LIKE, "nm"), ",", end="\r", header=LONG[1:]), "S", ""),
    "twice.csv": (text(TWICE, ",", header=LONG), "SC", "averaged"),
    "contradiction.csv": (text([["a", nm, r] for nm, r in zip(*finer(S_LIKE), strict=True)]
                               + [["a", 725, 3.5]], ",", header=LONG), "S?",
                          "ignored at 726 nm; values at the same"),
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
    "flux.csv": (text([[r[0], 9e-15, 1e-16, r[1]] for r in rows(GRID, S_LIKE)], ",",
                      header=("wavelength", "flux", "flux_err", "reflectance")), "S", ""),
    "nights.csv": (text(named("a", D_LIKE, before=("2020-01-01",)) + [
        ["a", "2021-05-05", nm + 10, .7 * r] for nm, r in zip(GRID, C_LIKE, strict=True)], ",",
        header=("name", "date", *LONG[1:])), "OC", ""),
    "nights without a date.csv": (text(named("a", D_LIKE) + [
        ["a", nm + 10, .7 * r] for nm, r in zip(GRID, C_LIKE, strict=True)], ",", header=LONG),
        "OC", "one of several"),
    "orders of each.csv": (text(rows([*GRID[:9], *GRID[7:], *GRID[:9], *GRID[7:]], [
        *S_LIKE[:9], *S_LIKE[7:], *C_LIKE[:9], *C_LIKE[7:]]), ",", header=LONG[1:]), "SC", "aver"),
    "words.txt": (text([[*r, .01] for r in rows(GRID, S_LIKE)],
                       header=("wavelength (um) normalized reflectance error",)), "S", ""),
    "title.txt": (text(rows(GRID, S_LIKE), above="Relative magnitudes of (677)\n"), "S?", GUESSED),
    "wide.csv": (b"# normalised fluxes\n" + wide(["a", *C_LIKE]).encode(), "C?", GUESSED),
    "Sun.txt": (text(rows(GRID, S_LIKE)), "S?", GUESSED),
    "flux.txt": (text(VISIBLE, above="# Reflectances: flux over that of a star\n"), "S?", GUESSED),
    "text.txt": (text(VISIBLE, above="# Reflectances, relative to HD 28099\n"), "S", "2 was"),
    "SA98-978.txt": (text(VISIBLE) + b"normalised flux, no reflectance yet\n", "S?", GUESSED),
    "commas.txt": (text(VISIBLE, above="# wavelength (um), Relative reflectance\n"), "S", ""),
    "preamble.txt": (text(rows(GRID, S_LIKE), above="Asteroid (Number, Name): 99999, Made-up\n"
                          "Observed on (UT): 2000-01-01\nAt observatory: 500\n"), "S", ""),
    "comma.csv": (text(rows(GRID, S_LIKE), ";", ",", header=LONG[1:]), "S", ""),
    "vizier.tsv": (text([["", "um", ""], ["---", "---", "---"], *named("a", S_LIKE, "um")], "\t",
                        header=("Name", "lambda", "Refl"), above="#\n#Made up\n"), "S", ""),
    "rows.csv": (text([[i, *r] for i, r in enumerate(rows(GRID, S_LIKE, "nm"))], ",",
                      header=("id", *LONG[1:])), "S", ""),
    "rows of each.csv": (text([[i % 16, *r] for i, r in enumerate(rows(GRID * 2, S_LIKE + C_LIKE))
                               ], ",", header=("id", *LONG[1:])), "SC", ""),
    "quoted comma.csv": (text([[f'"{number(f, ",")}"' for f in r] for r in rows(GRID, S_LIKE)],
                              ",", header=LONG[1:]), "S", ""),
    "fortran.txt": (text([[f"{nm:.4E}".replace("E", "D"), f"{r:.6E}".replace("E", "d")]
                          for nm, r in rows(GRID, S_LIKE)]), "S", ""),
    "stray comma.csv": (text([*rows(GRID, S_LIKE), ["stray", "word"]], ";", ","), "S",
                        "without a plausible wavelength"),
    "bad point.csv": (text([["a", nm, "bad" if nm == 374 else r] for nm, r in zip(
        GRID, S_LIKE, strict=True)] + named("b", C_LIKE), ",", header=LONG), "SC", ""),
    "empty first.csv": (wide(["a", *[""] * 16], ["b", *C_LIKE]).encode(), "-C", "no reflectance"),
    "images.txt": (text([[nm, r / 20, 3] for nm, r in rows(GRID, S_LIKE)]), "S", ""),
    "reference.csv": (text([[*r, 1] for r in rows(GRID, S_LIKE)], ",",
                           header=("wavelength", "value", "ref")), "S", "value"),
    **{f"{error}.csv": (text([[*r, .3 + i % 3 / 50] for i, r in enumerate(rows(GRID, S_LIKE))],
                             ",", header=("wavelength", "value", error)), "S", "value")
       for error in ("ReflectanceError", "drefl")},
    "text tells.csv": (text(named("x", S_LIKE) + named("y", C_LIKE), ",",
                            header=("planet", *LONG[1:])), "SC", ""),
    "journal.mrt": (MRT.encode() + text([[f"{nm:6.4f}", f"{r:6.4f}"] for nm, r in rows(
        GRID, S_LIKE)]), "S", ""),
    "melted.csv": (text(sorted(named("x", S_LIKE) + [["y", nm + 9, .7 * r] for nm, r in zip(
        GRID, C_LIKE, strict=True)], key=lambda row: row[1]), ",", header=("UT", *LONG[1:])), "SC",
        ""),
    "footnote.txt": (text(rows(GRID, S_LIKE)) + b"Notes: made up, 2 0.5 and more\n", "S", ""),
    "count.tab": (b" 16\n" + text(rows(GRID, S_LIKE, "nm")) + b"made up in 2000\n", "S", ""),
    "between.txt": (text(rows(GRID[:8], S_LIKE[:8])) + b"second page of the table, continued\n"
                    + text(rows(GRID[8:], S_LIKE[8:])), "S", "1 lines between"),
    "normalised flux.csv": (text(rows(GRID, S_LIKE), ",", header=("wavelength", "flux")), "S",
                            "taken from flux"),
    "no header.txt": (text(rows(GRID, S_LIKE)), "S", "no header: column 2 was used"),
    "asteroids as columns.csv": (text([[nm, s, c, d, c, s, c] for nm, s, c, d in zip(
        GRID, S_LIKE, C_LIKE, D_LIKE, strict=True)], ",", header=(
            "wavelength", "433", "951", "243", "4", "1", "2")), "SCOCSC", ""),
    **{f"row names from {first}.txt": (text([[f'"{i}"', *row] for i, row in enumerate(rows(
        *finer(S_LIKE, 1), "nm"), first)], header=('"wavelength"', '"reflectance"')), "S", "")
       for first in (0, 1)},
    **{f"printed {share}.txt": (DataFrame(rows(*finer(S_LIKE, 1)), columns=LONG[1:]).sample(
        frac=share, random_state=0).to_string().encode(), "S", "") for share in (1, 0.4)},
    "text for each point.txt": (text([[f"p{i}", *r] for i, r in enumerate(rows(GRID, S_LIKE))]),
                                "S", "column 3"),
    "names of one letter.csv": (text([[*r, c, d] for r, c, d in zip(
        rows(GRID, S_LIKE), C_LIKE, D_LIKE, strict=True)], ",", header=(
            "wavelength", "value", "V_Mean", "Juno X")), "SCO", "from value, V_Mean, Juno X"),
    "units below.csv": (text([["nm", "-", "-"], *[[*r, .01] for r in rows(GRID, S_LIKE, "nm")]],
                             ",", header=("Wavelength", "Reflectance", "Error")), "S", ""),
    **{f"bars {rule}.md": (text([["", *r, ""] for r in rows(GRID, S_LIKE)], "|", above=(
        f"| wavelength (um) | reflectance |\n{rule}\n")), "S", "")
       for rule in ("|---:|---|", "|---+---|")},
    **{f"{name}.csv": (text(rows(GRID, S_LIKE), ",", header=("wavelength", name)), "S",
                       f"reflectance taken from {name}")
       for name in ("refl_2020", "reflected_flux", "reflectance ratio", "Reflectance at time",
                    "phase corrected reflectance", "Relative refl. (solar analog corrected)")},
    "stray.csv": (text([[.02, 1], *rows(GRID, S_LIKE)], ",", header=LONG[1:]), "S",
                  "without a plausible wavelength"),
    "each row twice.txt": (text(rows(np.repeat(GRID, 2), np.repeat(S_LIKE, 2))), "S", "averaged"),
    "numbers.csv": (text(sorted(named("7", S_LIKE) + named("10", C_LIKE), key=lambda r: r[1]), ",",
                         header=("num", *LONG[1:])), "-", "many wavelengths have two values"),
    "constant.csv": (text([[nm, 1] for nm in GRID], ",", header=LONG[1:]), "C?", "unlike an"),
    **{f"mark {mark}.csv": (text(with_marks(mark), ",", header=LONG), "S?",
                            "missing-data markers")
       for mark in ("-1", "999")},
    **{f"mark {mark} wide.csv": (wide(["a", *S_LIKE[:8], mark, *S_LIKE[9:]], ["b", *C_LIKE]
                                      ).encode(), "-C", "no reflectance at 726 nm")
       for mark in ("-9.99", "0")},
}


@pytest.mark.parametrize("name", CASES)
def test_a_file_as_it_comes_gets_the_right_class(tmp_path, name):
    content, complexes, note = CASES[name]
    path = tmp_path / name
    path.write_bytes(content)
    table = found(path)
    assert "".join(table["complex"].replace("", "-")) == complexes.replace("?", "")
    assert note in "; ".join(table["note"]) and table["note"].str.len().max() <= MAX_MESSAGE
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
        table = found(tmp_path / name)
        assert table["complex"].tolist() == ["S"]
        assert table["note"][0].startswith("reflectance taken from flux") == ("image" in name)


@pytest.mark.parametrize(("axis", "sentence"), [
    ({"CTYPE1": "WAVE", "CUNIT1": "Angstrom", "BUNIT": "erg/cm2/s/A"}, "erg/cm2/s/A for the unit"),
    ({"CTYPE1": "LOGLAM", "CUNIT1": ""}, "over LOGLAM, not over wavelengths"),
    ({"CRVAL1": None}, "over pixels, not over wavelengths"),
    ({"BUNIT": "Relative Flux"}, "Relative Flux for the unit"),
    ({"CRVAL1": 1, "CDELT1": 8}, "has wavelengths from 1 to 1001 nm, which is not"),
])
def test_a_fits_image_of_fluxes_or_without_wavelengths_is_refused(tmp_path, axis, sentence):
    image = fits.PrimaryHDU(np.interp(np.arange(400, 1030, 5), GRID, S_LIKE))
    image.header.update({"CRVAL1": 4000.0, "CDELT1": 50.0} | axis)
    if axis.get("CRVAL1", 1) is None:
        del image.header["CRVAL1"]
    image.writeto(tmp_path / "a.fits")
    with pytest.raises(PipelineError, match=re.escape(sentence)):
        found(tmp_path / "a.fits")


@pytest.mark.parametrize("name", ["a.fits", "a.vot", "a.parquet", "a.ecsv"])
def test_a_spectrum_in_each_row_is_read(tmp_path, name):
    table = Table({"target_name": ["a", "b"], "wavelength": [GRID, GRID],
                   "reflectance": [S_LIKE, C_LIKE], "noise": [S_LIKE, C_LIKE]})
    table["wavelength"].unit = "nm"
    table.write(tmp_path / name, **({"format": "votable"} if name == "a.vot" else {}))
    table = found(tmp_path / name)
    assert table["complex"].tolist() == ["S", "C"] and table["name"].tolist() == ["a", "b"]


def test_a_second_table_of_a_fits_file_and_text_of_arrows_view_type_are_read(tmp_path):
    metadata = fits.BinTableHDU(Table({"key": ["observer"], "value": ["nobody"]}), name="ABOUT")
    spectra = fits.BinTableHDU(Table({"WAVE": np.array(GRID) / 1000, "REFL": S_LIKE}))
    fits.HDUList([fits.PrimaryHDU(), metadata, spectra]).writeto(tmp_path / "a.fits")
    assert found(tmp_path / "a.fits")["complex"].tolist() == ["S"]
    columns = {str(nm): [s, c] for nm, s, c in zip(GRID, S_LIKE, C_LIKE, strict=True)}
    pq.write_table(pa.table({"name": pa.array(["a", "b"]).cast(pa.string_view()), **columns}),
                   tmp_path / "a.parquet")
    assert found(tmp_path / "a.parquet")["complex"].tolist() == ["S", "C"]


@pytest.mark.parametrize(("name", "content", "sentence"), [
    ("a.xml", b'<?xml version="1.0"?><Product_Observational xmlns="http://pds.nasa.gov/pds4/pds/'
     b'v1"><File><file_name>a.tab</file_name></File></Product_Observational>',
     "is a PDS label; give the table it describes"),
    ("a.bin", bytes(range(256)) * 4, "is neither text, Parquet"),
    ("a.txt", b"", "no line with two numbers"),
    ("a.csv", text(named("a", S_LIKE, before=(1.2,)), ",", header=(
        "name", "normalised reflectance", "wavelength", "relative reflectance")),
     "has more than one column that could be the reflectance among name, normalised"),
    ("a.csv", text(rows(GRID, S_LIKE), ",", header=("wavelength (nm)", "reflectance")),
     "has wavelengths from 0.374 to 1.034 nm, which is not a reflectance"),
    ("a.csv", text(rows(GRID, S_LIKE), ",", header=("x", "y")), "expected columns wavelength"),
    ("a.csv", text([[nm, 9e-15 * r] for nm, r in zip(GRID, S_LIKE, strict=True)], ",", header=(
        "wavelength", "flux (W/m2/um)")), "W/m2/um for the unit of"),
    ("a.txt", text([[nm, s, .01, c, .01] for nm, s, c in zip(GRID, S_LIKE, C_LIKE, strict=True)]),
     "could be reflectances or errors; begin it with"),
    ("a.txt", text([[nm, .3 + i % 3 / 50, s] for i, (nm, s) in enumerate(zip(
        GRID, S_LIKE, strict=True))]), "could be reflectances or errors; begin it with"),
    ("a.csv", text([GRID, S_LIKE, [.3 * r for r in S_LIKE]], ","),
     "reflectances and errors of one"),
    ("a.csv", text([["a", *S_LIKE]], ",", header=("name", *map(str, [433, 951, *GRID[2:]]))),
     "not clearly one for each wavelength, in order"),
    ("a.csv", text([["a", *S_LIKE, *S_LIKE]], ",", header=("name", *(
        f"{nm}{end}" for nm in GRID for end in ("", ".1")))), "not clearly one for each"),
    ("a.json", b'{"wavelength": [374], "reflectance": [1]}', "is JSON or LaTeX, which is not"),
    *[("a.csv", text(rows(GRID, C_LIKE), ",", header=first) + text(rows(
        GRID, S_LIKE) * 2, ",", header=second), "has more than one table") for first, second in (
            (("wavelength", "reflectance", "error"), ("wave", "refl", "err")),
            (("nm", "reflectance", "error"), ("um", "reflectance", "error")))],
    *[("a.txt", text([[nm / unit, scale * r, 1.2 + i % 5 / 10] for i, (nm, r) in enumerate(
        zip(GRID, S_LIKE, strict=True))]), "column 2, column 3 could be reflectances")
      for unit, scale in ((1000, 60), (1, .05))],  # percent, albedo, and an error
    ("a.txt", text([[nm, .3 + i % 3 / 50, 20 * s] for i, (nm, s) in enumerate(zip(
        GRID, S_LIKE, strict=True))]), "could be reflectances or errors; begin it with"),
    ("a.csv", text([[i, *[s] * 9] for i, s in enumerate(S_LIKE)], ",", header=(
        "", *map(str, range(404, 440, 4)))), "column 1, 404, 408"),  # asteroids by number
    *[("a.csv", text(rows(GRID, S_LIKE), ",", header=LONG[1:]) + text(rows(
        GRID, C_LIKE), ",", header=("wavelength", name)), "has more than one table")
      for name in ("solar_flux", "magnitude")],
    ("a.txt", text([[nm, nm / 600, r / 20] for nm, r in rows(GRID, S_LIKE)]), "could be reflec"),
    ("a.txt", text([[i + 1, r] for i, r in enumerate(finer(S_LIKE, 1)[1])]), "from 1 to 631 nm"),
    ("a.txt", text([[i + 440, nm / 1000, r] for i, (nm, r) in enumerate(zip(
        *finer(S_LIKE, 1), strict=True))], header=LONG[1:]), "a column more than its header"),
    ("a.csv", text([["1/cm", "none"], *rows(GRID, S_LIKE)], ",", header=LONG[1:]),
     "0.374 to 1.034 1/cm"),
    ("a.csv", text([[*r, r[0]] for r in rows(GRID, S_LIKE)], ",",
                   header=(*LONG[1:], "wavelength.1")), "wavelength, wavelength.1, each of which"),
])
def test_a_file_that_leaves_doubt_gets_a_sentence(tmp_path, name, content, sentence):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(PipelineError) as error:
        found(tmp_path / name)
    assert sentence in str(error.value) and str(error.value).isprintable()
    assert len(str(error.value)) <= len(f"{tmp_path / name} ") + MAX_MESSAGE


@pytest.mark.parametrize("name", [
    "reflectance_mag", "log(1/reflectance)", "1-reflectance", "1/reflectance", "refl_solar",
    "solar_reflectance", "magnitudes", "reflectance^-1", "irradiance", "transmittance", "A",
    "continuum-removed", "Eros", "flux", "reflectance (not solar corrected)", "raw",
    "inverse reflectance"])
def test_a_column_that_is_not_called_reflectance_is_never_above_the_threshold(tmp_path, name):
    (tmp_path / "a.csv").write_bytes(text(VISIBLE, ",", header=("wavelength", name)))
    table = found(tmp_path / "a.csv")
    assert table["complex"][0] == "S" and table["abstained"][0]
    assert table["note"][0] == f"reflectance taken from {name}; {GUESSED}"


@pytest.mark.parametrize("name", [
    "reflectance", "Relative Reflectance", "norm_refl", "reflectance_spectrum", "Mean reflectance",
    "Refl. (normalised at 0.55 um)", "Normalized_Reflectance(0.55um)", "spectral reflectivity"])
def test_a_column_called_reflectance_is_one_at_any_scale(tmp_path, name):
    percent = text([[nm, 12 * r] for nm, r in VISIBLE], ",", header=("wavelength", name))
    (tmp_path / "a.csv").write_bytes(percent)
    table = found(tmp_path / "a.csv")
    assert table["complex"][0] == "S" and not table["abstained"][0] and table["note"][0] == ""


def test_errors_in_rows_of_their_own_are_never_above_the_threshold(tmp_path):
    errors = [.02] * 8 + [.021] * 8
    (tmp_path / "a.csv").write_text(wide(*[[f"a{i}", *S_LIKE] for i in range(5)], ["a", *errors]))
    (tmp_path / "b.csv").write_bytes(text(named("R", S_LIKE) + named("R error", errors), ",",
                                          header=("kind", *LONG[1:])))
    (tmp_path / "c.txt").write_bytes(text(rows(GRID, S_LIKE) + rows(GRID, errors)))
    for name in ("a.csv", "b.csv", "c.txt"):
        notes = found(tmp_path / name)["note"].str.endswith(GUESSED)
        assert notes.tolist() == [False] * (len(notes) - 1) + [True], name


@pytest.mark.parametrize("folder", ["files", "files3"])
@pytest.mark.real_data
def test_the_shared_cases_are_answered_or_refused(tmp_path, folder):
    if not (SHARED / folder).exists():
        pytest.skip("../shared/cases is not here")
    refused = {"17", "21", "31", "32", "36", "39", "40", "43"}
    complexes = {"05": "--", "06": "SC", "08": "SC", "12": "SC", "16": "OC", "29": "SS",
                 "35": "--", "42": "SC-"}
    for path in sorted((SHARED / folder).glob("[0-9]*")):
        number = path.name[:2]
        if number in refused:
            with pytest.raises(PipelineError):
                found(path, output=tmp_path / "out.parquet")
        else:
            table = found(path, output=tmp_path / "out.parquet")
            assert "".join(table["complex"].replace("", "-")) == complexes.get(number, "S"), path
            assert number not in ("04", "33") or table["abstained"].all()
