"""Classify every asteroid that has a Gaia spectrum, with the ONNX file as it is shipped.

Reads   data/asteroids.parquet, models/asteroid_taxonomy.onnx, data/out_of_fold.parquet,
        reports/crossvalidation/snr.csv
Writes  data/catalogue/<catalogue.name>.parquet (columns in catalogue.py),
        reports/classify.json (asteroids by complex, with and without abstention, by S/N)

A spectrum of one's own is for `python -m asteroid_taxonomy classify`.
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
    rows_of,
)
from asteroid_taxonomy.catalogue import arrow_schema, catalogue_path
from asteroid_taxonomy.console import PipelineError, run
from asteroid_taxonomy.evaluation import accuracy_by_bin as bins
from asteroid_taxonomy.evaluation.out_of_fold import OUT_OF_FOLD_PATH, PLOTS, read_out_of_fold
from asteroid_taxonomy.files import read_metadata, write_json, write_parquet
from asteroid_taxonomy.learning.training_set import read_training_set
from asteroid_taxonomy.onnx_model.classifier import Classifier, load_classifier
from asteroid_taxonomy.onnx_model.description import ONNX_PATH
from asteroid_taxonomy.params import load_params

PARAMS = ("bands.wavelengths_nm", "train.used_bands_nm", "crossvalidate.snr_edges", "catalogue")
COUNTS_PATH = Path("reports/classify.json")
LEAST = 30  # labelled asteroids; of fewer, an accuracy says little
Floats = npt.NDArray[np.float32]


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
    asteroids: pa.Table, probabilities: Floats, classifier: Classifier,
    in_training: npt.NDArray[np.bool_], snr_edges: Sequence[float], labels: str,
) -> tuple[pa.Table, list[str]]:
    """Put the columns together; also give the names of the S/N bins that have asteroids."""
    nm = classifier.wavelengths_nm
    reflectance = matrix(asteroids, reflectance_columns(nm))
    complexes, confidence = classifier.complexes(probabilities)
    names, bin_of = bins.names(snr_edges), bins.numbers(asteroids["snr"].to_numpy(), snr_edges)
    accuracy, unknown = accuracy_by_bin(names)[bin_of], np.isnan(confidence)
    columns = {
        **{name: asteroids[name] for name in ("source_id", "number", "name", "snr")},
        **{f"probability_{name}": pa.array(column, mask=unknown)
           for name, column in zip(classifier.classes, probabilities.T, strict=True)},
        "complex": pa.array(complexes, pa.string()),
        "confidence": pa.array(confidence, mask=unknown),
        "abstained": pa.array(~(confidence >= classifier.threshold)),
        "reason": pa.array(classifier.unclassified_because(reflectance), pa.string()),
        "snr_bin": pa.array(np.asarray(names)[bin_of]),
        "snr_bin_accuracy": pa.array(accuracy, mask=np.isnan(accuracy)),
        "bands_missing": names_of(np.isnan(reflectance), nm),
        "flags": pc.binary_join_element_wise(
            *(asteroids[name].cast(pa.string()) for name in flag_columns(nm)), ""),
        "literature_class": asteroids["class"], "literature_complex": asteroids["complex"],
        "in_training": pa.array(in_training),
    }
    schema = arrow_schema(classifier.classes, labels)
    return (pa.table({name: columns[name] for name in schema.names}, schema=schema),
            [names[i] for i in np.unique(bin_of)])


def main() -> None:
    """Run the stage."""
    params = load_params(PARAMS)
    wavelengths_nm = params["bands"]["wavelengths_nm"]
    classifier = load_classifier()
    if classifier.wavelengths_nm != wavelengths_nm:
        raise PipelineError(f"{ONNX_PATH} takes the bands {classifier.wavelengths_nm} nm, but "
                            f"bands.wavelengths_nm has {wavelengths_nm}; run `dvc repro export`")
    asteroids = read_asteroids(wavelengths_nm).sort_by("source_id")
    source_id = asteroids["source_id"].to_numpy()
    used_nm, *_ = params["train"]["used_bands_nm"].values()
    data = read_training_set(wavelengths_nm, used_nm).asteroids
    labelled = rows_of(data["source_id"].to_numpy(), source_id, ASTEROIDS_PATH, "crossmatch")
    target = np.full(len(source_id), None, dtype=object)
    target[labelled] = data["target"].to_numpy()
    trained_on = data.filter(pc.invert(data["held_out"]))["source_id"].to_numpy()
    in_training = np.isin(source_id, trained_on)

    probabilities = classifier.probabilities(matrix(asteroids, reflectance_columns(
        wavelengths_nm)))
    # nobody is to read what a model has memorised
    out_of_fold = read_out_of_fold()
    judged = rows_of(trained_on, out_of_fold["source_id"].to_numpy(), OUT_OF_FOLD_PATH,
                     "crossvalidate")
    probabilities[rows_of(trained_on, source_id, ASTEROIDS_PATH, "crossmatch")] = matrix(
        out_of_fold, [f"probability_{name}" for name in classifier.classes])[judged]

    said, path = read_metadata(ASTEROIDS_PATH), catalogue_path(params["catalogue"]["name"])
    table, names = catalogue(asteroids, probabilities, classifier, in_training,
                             params["crossvalidate"]["snr_edges"], said["labels"])
    write_parquet(table, path, {
        "survey": said["survey"], "labels": said["labels"], "classes": classifier.classes,
        "rows": str(len(table)), "abstention_threshold": str(classifier.threshold),
        "citation": said["citation"],
    })
    metrics = {"survey": said["survey"], "abstention_threshold": classifier.threshold,
               **counts(table, pa.chunked_array([pa.array(target, pa.string())]),
                        classifier.classes, names)}
    write_json(metrics, COUNTS_PATH)
    for name in ("asteroids", "classified", "kept", *(f"complex_{c}" for c in classifier.classes)):
        print(f"  {name}: {metrics[name]:,}")
    print(f"wrote {path}: {len(table):,} asteroids; counts in {COUNTS_PATH}")


if __name__ == "__main__":
    run(main, __doc__)
