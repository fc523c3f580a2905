"""What is known of asteroids, from the catalogue or, where that is not here, from the archive."""

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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
from asteroid_taxonomy.commands.spectrum_plot import BAD
from asteroid_taxonomy.console import PipelineError, plain
from asteroid_taxonomy.designations import Asked, nearest, normalised, parse
from asteroid_taxonomy.evaluation.expectations import answerable
from asteroid_taxonomy.evaluation.plot_data import PLOTS
from asteroid_taxonomy.files import read_parquet
from asteroid_taxonomy.files.shipped import shipped
from asteroid_taxonomy.onnx_model.classifier import Classifier, load_classifier
from asteroid_taxonomy.onnx_model.description import CLASSES_PATH, MAIN
from asteroid_taxonomy.signal_to_noise import signal_to_noise


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

    labels : the label table's name, "" where its classes are not told.
    """

    known: list[Known]
    missing: list[str]
    classes: list[str]
    wavelengths_nm: list[int]
    normalised_at_nm: int
    survey: str
    labels: str


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
    shared = classifier.classes, nm, classifier.normalised_at_nm, classifier.survey
    unique = list({spectrum.source_id: spectrum for spectrum in found if spectrum}.values())
    if not unique:
        return Answer([], missing, *shared, "")
    reflectance = np.stack([s.reflectance for s in unique])
    probabilities = classifier.probabilities(reflectance)
    complexes, confidence = classifier.complexes(probabilities)
    class_names, how_likely, labels = _classes(classifier, reflectance)
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
        "class": class_names[i], "class_probability": how_likely[i],
        "reason": reasons[i], "snr": float(snr[i]), "bands_missing": gaps[i],
        "flagged_bands_used": names_of(((s.flag == BAD) & used)[None], nm)[0],
    }, s.reflectance, s.error, s.flag) for i, s in enumerate(unique)]
    return Answer(known, missing, *shared, labels)


def _classes(
    complexes: Classifier, reflectance: npt.NDArray[np.float32]
) -> tuple[list[str | None], list[float], str]:
    """The most probable class of each spectrum where it may be told, its probability, the labels.

    As in the catalogue, by the same weights and the same rule; None, and a line that says why,
    where the file of the classes or the report of the cross-validation is not theirs or not here.
    """
    try:
        classes = load_classifier(CLASSES_PATH)
        weights = f"sha256_{MAIN}.skops"
        if classes.metadata.get(weights) != complexes.metadata.get(weights):
            raise PipelineError(f"{classes.path} has other weights than {complexes.path}; run "
                                "`dvc repro export` to make both anew")
        told = set(answerable(classes.classes, shipped(PLOTS / "classes.csv").parent))
    except PipelineError as error:
        print(plain(f"note: classes are left out: {error}"), file=sys.stderr)
        return [None] * len(reflectance), [0.0] * len(reflectance), ""
    names, how_likely = classes.complexes(classes.probabilities(reflectance))
    return ([name if name in told else None for name in names], how_likely.tolist(),
            classes.metadata.get("taxonomy", "").partition(" of the ")[2])


def _name_alone(asked: str) -> str | None:
    """The name asked for, where no number stands before it."""
    key = parse(asked)
    return key.name if key.number is None else None
