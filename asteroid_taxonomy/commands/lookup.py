"""Print what is known of asteroids: complex, probabilities, literature class, spectrum.

    asteroid-taxonomy lookup 433
    asteroid-taxonomy lookup "(433) Eros" Vesta 1974_FV1 --plot
    asteroid-taxonomy lookup --file names.txt

By number, name, designation or source_id, in any case. Reads the catalogue and
data/asteroids.parquet where `dvc repro` or `dvc pull` has put them; elsewhere it asks the archive
for these asteroids' spectra (GAIA_TAP_URL names a mirror) and classifies them with the ONNX file.
Writes nothing but the picture that --output names.
"""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from asteroid_taxonomy.asteroids import (
    ASTEROIDS_PATH,
    error_columns,
    flag_columns,
    matrix,
    names_of,
    reflectance_columns,
)
from asteroid_taxonomy.catalogue import catalogue_path, proper_names, read_catalogue
from asteroid_taxonomy.commands.archive_query import Spectrum, spectra_of
from asteroid_taxonomy.commands.spectrum_plot import BAD, bars, over_the_complexes, write_picture
from asteroid_taxonomy.console import PipelineError, plain
from asteroid_taxonomy.designations import Asked, nearest, normalised, parse
from asteroid_taxonomy.files import read_parquet
from asteroid_taxonomy.onnx_model.classifier import load_classifier
from asteroid_taxonomy.signal_to_noise import signal_to_noise

BAR = 40  # characters of a probability of 1


@dataclass(frozen=True)
class Known:
    """What is known of one asteroid.

    row : values by the catalogue's names of columns; spectrum, error, flag : arrays [bands].
    """

    row: Mapping[str, Any]
    spectrum: npt.NDArray[np.float32]
    error: npt.NDArray[np.float32]
    flag: npt.NDArray[np.integer]


@dataclass(frozen=True)
class Answer:
    """The asteroids found, a sentence for each other, and what all share.

    labels : "" where no literature was read.
    """

    known: list[Known]
    missing: list[str]
    classes: list[str]
    wavelengths_nm: list[int]
    normalised_at_nm: int
    survey: str
    labels: str


def main(arguments: list[str]) -> None:
    """Look up what the command line names."""
    parser = argparse.ArgumentParser(prog="asteroid-taxonomy lookup", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("asteroid", nargs="*", help="number, name, designation or source_id")
    parser.add_argument("--file", type=Path, help="text file with an asteroid in each line")
    parser.add_argument("--plot", action="store_true",
                        help="draw the spectrum over the mean spectra of the complexes")
    parser.add_argument("-o", "--output", type=Path, help="draw that into a file, .svg or .png")
    given = parser.parse_intermixed_args(arguments)
    asked = [*given.asteroid, *(_lines(given.file) if given.file else ())]
    if not asked:
        parser.error("name an asteroid, for instance 433 or eros")
    answer = look_up(asked)
    if given.output and len(answer.known) > 1:
        parser.error(f"--output draws one asteroid, but {len(answer.known)} are asked for")
    for known in answer.known:
        draw = over_the_complexes if given.plot else bars
        for line in [*describe(known, answer), *draw(answer.wavelengths_nm, known.spectrum,
                                                     known.error, known.flag), ""]:
            print(plain(line))
    if given.output and answer.known:
        one = answer.known[0]
        write_picture(_title(one.row), answer.wavelengths_nm, one.spectrum, one.error, one.flag,
                      answer.normalised_at_nm, given.output)
        print(f"wrote {given.output}")
    if len(asked) == 1 and answer.missing:
        raise PipelineError(answer.missing[0])
    for sentence in answer.missing:
        print(plain(sentence), file=sys.stderr)
    if answer.missing:
        raise PipelineError(f"{len(answer.missing)} of {len(asked)} asteroids were not found; the "
                            "lines above say which")


def look_up(asked: Sequence[str]) -> Answer:
    """Find each asteroid asked for, once, in the order asked."""
    if ASTEROIDS_PATH.exists():
        from asteroid_taxonomy.params import load_params  # an installed package has none

        params = load_params(["catalogue", "bands.normalised_at_nm"])
        if catalogue_path(params["catalogue"]["name"]).exists():
            return _in_the_catalogue(asked, **params["catalogue"], **params["bands"])
    return _from_the_archive(asked)


def _in_the_catalogue(asked: Sequence[str], name: str, normalised_at_nm: int) -> Answer:
    table, said = read_catalogue(name)
    names = [name or "" for name in table["name"].to_pylist()]
    by = {"name": {normalised(name): i for i, name in enumerate(names)},
          "number": {n: i for i, n in enumerate(table["number"].to_pylist())},
          "source_id": {s: i for i, s in enumerate(table["source_id"].to_pylist())}}

    def row_of(one: str) -> int | None:
        key = parse(one)
        role, value = key.most_telling()
        row = by[role].get(value)
        if row is not None and key.name and by["name"].get(key.name) != row:
            print(plain(f"note: {one!r} is called {names[row]!r} here"), file=sys.stderr)
        return row

    rows, missing = {}, []
    whole = " ".join(asked)  # perhaps one name of several words
    for one in [whole] if _name_alone(whole) in by["name"] else asked:
        row = row_of(one)
        if row is None:
            close = nearest(parse(one).name or one, names)
            missing.append(f"none of the {len(table):,} asteroids of the catalogue is called "
                           f"{one!r}{', but ' + ', '.join(close) if close else ''}; not "
                           f"every asteroid has a {said['survey']} spectrum")
        else:
            rows[row] = table.slice(row, 1).to_pylist()[0]
    spectra = read_parquet(ASTEROIDS_PATH, pa.schema([("source_id", pa.int64())]))
    nm = [int(name.removeprefix("flag_")) for name in spectra.column_names
          if name.startswith("flag_")]
    known = []
    for row in rows.values():
        one = spectra.filter(pc.equal(spectra["source_id"], row["source_id"]))
        known.append(Known(row, matrix(one, reflectance_columns(nm))[0],
                           matrix(one, error_columns(nm))[0],
                           np.array([one[name][0].as_py() for name in flag_columns(nm)])))
    return Answer(known, missing, json.loads(said["classes"]), nm, normalised_at_nm,
                  said["survey"], said["labels"])


def _from_the_archive(asked: Sequence[str]) -> Answer:
    classifier = load_classifier()
    nm = classifier.wavelengths_nm
    whole = _name_alone(" ".join(asked))  # perhaps one name of several words
    keys = [parse(one) for one in asked]
    spectra = list(spectra_of([*keys, Asked(name=whole)], classifier.metadata, nm))
    by: dict[tuple[str, Any], Spectrum] = {key: s for s in spectra for key in (
        ("name", normalised(s.name)), ("number", s.number), ("source_id", s.source_id))}
    found = [by["name", whole]] if ("name", whole) in by else [
        by.get(key.most_telling()) for key in keys]
    missing = [f"the archive has no spectrum of {one!r}; not every asteroid has a "
               f"{classifier.survey} spectrum, and without the catalogue (`dvc pull`) names that "
               "are nearly right are not found"
               for one, spectrum in zip(asked, found, strict=False) if spectrum is None]
    shared = classifier.classes, nm, classifier.normalised_at_nm, classifier.survey, ""
    unique = list({spectrum.source_id: spectrum for spectrum in found if spectrum}.values())
    if not unique:
        return Answer([], missing, *shared)
    reflectance = np.stack([s.reflectance for s in unique])
    probabilities = classifier.probabilities(reflectance)
    complexes, confidence = classifier.complexes(probabilities)
    snr = signal_to_noise(reflectance, np.stack([s.error for s in unique]))
    reasons, gaps = classifier.unclassified_because(reflectance), names_of(
        np.isnan(reflectance), nm)
    names = proper_names(pa.chunked_array([[s.name for s in unique]])).to_pylist()
    used = np.isin(np.arange(len(nm)), classifier.used)
    known = [Known({
        "source_id": s.source_id, "number": s.number, "name": names[i], "complex": complexes[i],
        **{f"probability_{name}": None if np.isnan(p) else float(p)
           for name, p in zip(classifier.classes, probabilities[i], strict=True)},
        "confidence": float(confidence[i]), "abstained": not confidence[i] >= classifier.threshold,
        "reason": reasons[i], "snr": float(snr[i]), "bands_missing": gaps[i],
        "flagged_bands_used": names_of(((s.flag == BAD) & used)[None], nm)[0],
    }, s.reflectance, s.error, s.flag) for i, s in enumerate(unique)]
    return Answer(known, missing, *shared)


def describe(known: Known, answer: Answer) -> list[str]:
    """Lines that say what is known of an asteroid, but for its spectrum."""
    row = known.row
    lines = [f"{_title(row)}   source_id {row['source_id']}   survey: {answer.survey}", ""]
    for name in answer.classes:
        value, spread = row[f"probability_{name}"], row.get(f"spread_{name}")
        within = f" ±{spread:.3f}" if spread is not None else ""
        lines.append(f"  {name}  -" if value is None else
                     f"  {name}  {value:5.3f}{within} {'#' * round(BAR * value)}".rstrip())
    if row["complex"] is None:
        lines.append(f"  no class: {row['reason']}")
    else:
        doubt = ", below the threshold: take it as unknown" if row["abstained"] else ""
        lines.append(f"  complex {row['complex']} at {row['confidence']:.3f}{doubt}")
    if row.get("class"):
        lines.append(f"  class {row['class']} at {row['class_probability']:.3f} ({answer.labels})")
    if row.get("in_training"):
        lines.append("  (out of fold: from models that did not see this asteroid)")
    if row["flagged_bands_used"]:
        lines.append(f"  careful: the survey flags {row['flagged_bands_used']} nm as bad, which "
                     "the classifier looks at")
    lines += ["", f"  S/N {row['snr']:.1f}"]
    if row.get("expected_accuracy") is not None:
        lines[-1] += (f"; of labelled asteroids with this S/N and confidence "
                      f"{row['expected_accuracy']:.0%} are right")
    if not answer.labels:
        lines.append("  from the archive; literature class and measured accuracy are in the "
                     "catalogue (`dvc pull`)")
    elif row["literature_class"]:
        lines.append(f"  literature: class {row['literature_class']}, complex "
                     f"{row['literature_complex']} ({answer.labels})")
    else:
        lines.append("  literature: no class")
    return [*lines, f"  bands missing: {row['bands_missing'] or 'none'}", ""]


def _name_alone(asked: str) -> str | None:
    """The name asked for, where no number stands before it."""
    key = parse(asked)
    return key.name if key.number is None else None


def _title(row: Mapping[str, Any]) -> str:
    return f"({row['number']}) {row['name']}" if row["number"] else str(row["name"])


def _lines(path: Path) -> list[str]:
    """The asteroids that a file names, one in each line; # begins a comment."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise PipelineError(f"{path} cannot be read ({error}); name a text file with an asteroid "
                            "in each line") from None
    return [line for line in (line.split("#")[0].strip() for line in text.splitlines()) if line]
