"""Classify every asteroid that has a Gaia spectrum, with the ONNX file as it is shipped.

Reads   data/asteroids.parquet, models/asteroid_taxonomy.onnx, data/out_of_fold.parquet,
        reports/crossvalidation/snr.csv
Writes  data/catalogue/gaia_dr3_taxonomy.parquet (columns in catalogue.py),
        reports/classify.json (asteroids by complex, with and without abstention, by S/N)

A spectrum of one's own is for `python -m asteroid_taxonomy.commands.classify`.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from asteroid_taxonomy.asteroids import (
    ASTEROIDS_PATH,
    flag_columns,
    matrix,
    names_of,
    read_asteroids,
    reflectance_columns,
)
from asteroid_taxonomy.catalogue import CATALOGUE_PATH, arrow_schema
from asteroid_taxonomy.console import PipelineError, run
from asteroid_taxonomy.evaluation import accuracy_by_bin as bins
from asteroid_taxonomy.evaluation.out_of_fold import OUT_OF_FOLD_PATH, PLOTS, read_out_of_fold
from asteroid_taxonomy.files import read_metadata, write_json, write_parquet
from asteroid_taxonomy.learning.training_set import load_training_set
from asteroid_taxonomy.onnx_model.classifier import Classifier, load_classifier
from asteroid_taxonomy.onnx_model.contract import ONNX_PATH
from asteroid_taxonomy.params import load_params

PARAMS = ("bands", "split", "train", "crossvalidate")
COUNTS_PATH = Path("reports/classify.json")
LEAST = 30  # labelled asteroids; of fewer, an accuracy says little
Floats = npt.NDArray[np.float32]


def put_out_of_fold(
    probabilities: Floats, source_ids: npt.NDArray[np.int64],
    in_training: npt.NDArray[np.bool_], out_of_fold: pa.Table, classes: Sequence[str],
) -> None:
    """Replace, in place, what the classifier says of asteroids that it was trained on.

    Raises
    ------
    PipelineError
        An asteroid of the training set without out-of-fold probabilities.
    """
    order = np.argsort(out_of_fold["source_id"].to_numpy())
    known = out_of_fold["source_id"].to_numpy()[order]
    wanted = source_ids[in_training]
    place = np.searchsorted(known, wanted).clip(max=max(len(known) - 1, 0))
    absent = wanted[known[place] != wanted] if len(known) else wanted
    if len(absent):
        raise PipelineError(
            f"{OUT_OF_FOLD_PATH} lacks {len(absent):,} asteroids of the training set (source_id "
            f"{absent[0]} for one); run `dvc repro crossvalidate` to make it anew")
    given = matrix(out_of_fold, [f"probability_{name}" for name in classes])
    probabilities[in_training] = given[order[place]]


def accuracy_by_bin(names: Sequence[str]) -> Floats:
    """Accuracy that crossvalidate measured in each bin of S/N; NaN where too few were there."""
    found = pd.read_csv(PLOTS / "snr.csv").set_index("snr").reindex(list(names))
    return found["accuracy"].where(found["asteroids"] >= LEAST).to_numpy(np.float32)


def by_complex(
    key: str, every: pd.DataFrame, kept: pd.DataFrame, classes: Sequence[str]
) -> dict[str, int]:
    """Asteroids of each complex, <key>_C, and those kept of them, <key>_C_kept."""
    return {f"{key}_{name}{of}": int((rows["complex"] == name).sum())
            for name in classes for of, rows in (("", every), ("_kept", kept))}


def counts(
    table: pa.Table, target: pa.ChunkedArray, classes: Sequence[str], names: Sequence[str]
) -> dict[str, Any]:
    """Asteroids by complex, with abstention (_kept) and without, in all and by bin of S/N.

    Also the share on which the catalogue and `target`, the label, agree: of asteroids trained on,
    out of fold, and of those held out.
    """
    frame = table.select(["complex", "abstained", "snr_bin", "in_training"]).append_column(
        "target", target).to_pandas()
    kept = frame[~frame["abstained"]]
    out: dict[str, Any] = {"asteroids": len(frame), "classified": int(frame["complex"].count()),
                           "kept": len(kept), **by_complex("complex", frame, kept, classes)}
    for name in names:
        here, kept_here = frame[frame["snr_bin"] == name], kept[kept["snr_bin"] == name]
        key = f"snr_{name.replace(' ', '_')}"
        out |= {key: len(here), f"{key}_kept": len(kept_here),
                **by_complex(key, here, kept_here, classes)}
    labelled = frame[frame["target"].notna() & frame["complex"].notna()]
    for name, part in (("out_of_fold", labelled[labelled["in_training"]]),
                       ("held_out", labelled[~labelled["in_training"]])):
        agree = float((part["complex"] == part["target"]).mean()) if len(part) else None
        out |= {f"{name}_asteroids": len(part), f"{name}_agreement": agree}
    return out


def catalogue(
    asteroids: pa.Table, reflectance: Floats, probabilities: Floats, classifier: Classifier,
    in_training: npt.NDArray[np.bool_], snr_edges: Sequence[float],
) -> tuple[pa.Table, list[str]]:
    """Put the columns together; also give the names of the S/N bins that have asteroids."""
    complexes, confidence = classifier.complexes(probabilities)
    names = bins.names(snr_edges)
    bin_of = bins.numbers(asteroids["snr"].to_numpy(), snr_edges)
    accuracy = accuracy_by_bin(names)[bin_of]
    flags = matrix(asteroids, flag_columns(classifier.wavelengths_nm)).astype(np.int8)
    unknown = np.isnan(confidence)
    table = pa.table([
        asteroids["source_id"], asteroids["number"], asteroids["name"],
        *(pa.array(column, mask=unknown) for column in probabilities.T),
        pa.array(complexes, pa.string()), pa.array(confidence, mask=unknown),
        pa.array(~(confidence >= classifier.threshold)),
        pa.array(classifier.unclassified_because(reflectance), pa.string()),
        asteroids["snr"], pa.array(np.asarray(names)[bin_of]),
        pa.array(accuracy, mask=np.isnan(accuracy)),
        names_of(np.isnan(reflectance), classifier.wavelengths_nm),
        ["".join(map(str, row)) for row in flags.tolist()],
        asteroids["class"], asteroids["complex"], pa.array(in_training),
    ], schema=arrow_schema(classifier.classes))
    return table, [names[i] for i in np.unique(bin_of)]


def main() -> None:
    """Run the stage."""
    params = load_params(PARAMS)
    wavelengths_nm = params["bands"]["wavelengths_nm"]
    classifier = load_classifier()
    if classifier.wavelengths_nm != wavelengths_nm:
        raise PipelineError(f"{ONNX_PATH} takes the bands {classifier.wavelengths_nm} nm, but "
                            f"bands.wavelengths_nm has {wavelengths_nm}; run `dvc repro export`")
    asteroids = read_asteroids(wavelengths_nm).sort_by("source_id")
    data = load_training_set(wavelengths_nm, params["train"]["used_bands_nm"], params["split"])
    trained_on = data.asteroids["source_id"].take(pa.array(data.train))
    in_training = pc.is_in(asteroids["source_id"], trained_on.combine_chunks()).to_numpy()

    reflectance = matrix(asteroids, reflectance_columns(wavelengths_nm))
    probabilities = classifier.probabilities(reflectance)
    put_out_of_fold(probabilities, asteroids["source_id"].to_numpy(), in_training,
                    read_out_of_fold(), classifier.classes)
    table, names = catalogue(asteroids, reflectance, probabilities, classifier, in_training,
                             params["crossvalidate"]["snr_edges"])
    said = read_metadata(ASTEROIDS_PATH)
    write_parquet(table, CATALOGUE_PATH, {
        "survey": said["survey"], "classes": classifier.classes, "rows": str(len(table)),
        "abstention_threshold": str(classifier.threshold), "citation": said["citation"],
    })
    found = {"survey": said["survey"], "abstention_threshold": classifier.threshold,
             **counts(table, asteroids["target"], classifier.classes, names)}
    write_json(found, COUNTS_PATH)
    for name in ("asteroids", "classified", "kept", *(f"complex_{c}" for c in classifier.classes)):
        print(f"  {name}: {found[name]:,}")
    print(f"wrote {CATALOGUE_PATH}: {len(table):,} asteroids; counts in {COUNTS_PATH}")


if __name__ == "__main__":
    run(main)
