"""Classify every asteroid that has a Gaia spectrum, with the ONNX files as they are shipped.

Reads   data/asteroids.parquet, data/training_set.parquet, models/asteroid_taxonomy.onnx and
        asteroid_taxonomy_classes.onnx, data/predictions/ (how far the networks differ),
        data/out_of_fold.parquet, reports/crossvalidation/snr.csv and classes.csv
Writes  data/catalogue/<catalogue.name>.parquet (columns in catalogue.py), reports/classify.json
        (asteroids by complex, with and without abstention), reports/catalogue_by_snr.csv

A spectrum of one's own is for `asteroid-taxonomy classify`.
"""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from asteroid_taxonomy.asteroids import (
    ASTEROIDS_PATH,
    BAD_FLAG,
    flag_columns,
    matrix,
    names_of,
    read_asteroids,
    reflectance_columns,
    rows_of,
)
from asteroid_taxonomy.catalogue import (
    arrow_schema,
    by_snr,
    catalogue_path,
    counts,
    nullable,
    proper_names,
)
from asteroid_taxonomy.console import PipelineError, run
from asteroid_taxonomy.evaluation import accuracy_by_bin as bins
from asteroid_taxonomy.evaluation.expectations import (
    accuracy_by_bin,
    answerable,
    expected_accuracy,
)
from asteroid_taxonomy.evaluation.out_of_fold import OUT_OF_FOLD_PATH, read_out_of_fold
from asteroid_taxonomy.files import (
    print_metrics,
    read_metadata,
    sha256,
    write_csv,
    write_json,
    write_parquet,
)
from asteroid_taxonomy.files.atomic_write import together
from asteroid_taxonomy.learning.predictions import spreads
from asteroid_taxonomy.learning.training_set import read_training_set
from asteroid_taxonomy.onnx_model.classifier import load_classifier
from asteroid_taxonomy.onnx_model.description import CLASSES_PATH, MAIN, ONNX_PATH
from asteroid_taxonomy.params import load_params

PARAMS = ("bands.wavelengths_nm", "train.used_bands_nm", "crossvalidate.snr_edges", "catalogue")
COUNTS_PATH = Path("reports/classify.json")
BY_SNR_PATH = Path("reports/catalogue_by_snr.csv")


@together()
def main() -> None:
    """Run the stage."""
    params = load_params(PARAMS)
    nm = params["bands"]["wavelengths_nm"]
    used_nm, *_ = params["train"]["used_bands_nm"].values()
    edges = params["crossvalidate"]["snr_edges"]
    complexes, classes = load_classifier(), load_classifier(CLASSES_PATH)
    if complexes.wavelengths_nm != nm:
        raise PipelineError(f"{ONNX_PATH} takes the bands {complexes.wavelengths_nm} nm, but "
                            f"bands.wavelengths_nm has {nm}; run `dvc repro export`")
    asteroids = read_asteroids(nm).sort_by("source_id")
    source_id, snr = asteroids["source_id"].to_numpy(), asteroids["snr"].to_numpy()
    data = read_training_set(nm, used_nm).asteroids
    rows = rows_of(data["source_id"].to_numpy(), source_id, ASTEROIDS_PATH, "crossmatch")
    target = np.full(len(source_id), None, dtype=object)
    target[rows] = data["target"].to_numpy()
    in_training = np.zeros(len(source_id), bool)
    in_training[rows] = ~data["held_out"].to_numpy()

    reflectance = matrix(asteroids, reflectance_columns(nm))
    probabilities, of_class = (c.probabilities(reflectance) for c in (complexes, classes))
    # nobody is to read what a model has memorised
    out_of_fold = read_out_of_fold()
    judged = rows_of(source_id[in_training], out_of_fold["source_id"].to_numpy(),
                     OUT_OF_FOLD_PATH, "crossvalidate")
    for given, kind, names in ((probabilities, "probability", complexes.classes),
                               (of_class, "class_probability", classes.classes)):
        given[in_training] = matrix(out_of_fold, [f"{kind}_{n}" for n in names])[judged]

    name, confidence = complexes.complexes(probabilities)
    likeliest, how_likely = classes.complexes(of_class)
    told = np.isin(likeliest.astype(str), answerable(classes.classes))
    right = pc.equal(out_of_fold["predicted"], out_of_fold["target"]).to_numpy()
    expected = expected_accuracy(
        matrix(out_of_fold, [f"probability_{c}" for c in complexes.classes]).max(axis=1),
        out_of_fold["snr"].to_numpy(), right, confidence, snr)
    bin_names, bin_of = bins.names(edges), bins.numbers(snr, edges)
    flags = matrix(asteroids, flag_columns(nm))
    unused = np.setdiff1d(np.arange(len(nm)), complexes.used)
    flagged = flags == BAD_FLAG
    flagged[:, unused] = False
    columns = {
        **{key: asteroids[key] for key in ("source_id", "number", "snr", "num_of_spectra")},
        "name": proper_names(asteroids["name"]), "survey_name": asteroids["name"],
        **{f"probability_{c}": nullable(p)
           for c, p in zip(complexes.classes, probabilities.T, strict=True)},
        **{f"spread_{c}": nullable(p) for c, p in spreads(
            source_id, complexes.classes, MAIN).items()},
        "complex": pa.array(name, pa.string()), "confidence": nullable(confidence),
        "expected_accuracy": nullable(expected),
        "abstained": pa.array(~(confidence >= complexes.threshold)),
        "reason": pa.array(complexes.unclassified_because(reflectance), pa.string()),
        "class": pa.array(likeliest, pa.string(), mask=~told),
        "class_probability": pa.array(how_likely, mask=~told),
        "snr_bin": pa.array(np.asarray(bin_names)[bin_of]),
        "snr_bin_accuracy": nullable(accuracy_by_bin(bin_names)[bin_of]),
        "bands_missing": names_of(np.isnan(reflectance), nm),
        "flags": pc.binary_join_element_wise(
            *(asteroids[key].cast(pa.string()) for key in flag_columns(nm)), ""),
        "flagged_bands_used": names_of(flagged, nm),
        "literature_class": asteroids["class"], "literature_complex": asteroids["complex"],
        "in_training": pa.array(in_training),
    }
    metadata, path = read_metadata(ASTEROIDS_PATH), catalogue_path(params["catalogue"]["name"])
    schema = arrow_schema(complexes.classes, metadata["labels"])
    table = pa.table({key: columns[key] for key in schema.names}, schema=schema)
    write_parquet(table, path, {
        "survey": metadata["survey"], "labels": metadata["labels"], "classes": complexes.classes,
        "rows": str(len(table)), "abstention_threshold": str(complexes.threshold),
        "model": ONNX_PATH.name, "model_sha256": sha256(ONNX_PATH),
        "licence": complexes.metadata["licence"], "citation": metadata["citation"],
    })
    metrics = {"survey": metadata["survey"], "abstention_threshold": complexes.threshold,
               **counts(table, target, complexes.classes)}
    write_json(metrics, COUNTS_PATH)
    write_csv(["snr_bin", "complex", "asteroids", "kept"], by_snr(table, bin_names), BY_SNR_PATH)
    print_metrics(metrics)
    print(f"wrote {path}: {len(table):,} asteroids; counts in {COUNTS_PATH} and {BY_SNR_PATH}")


if __name__ == "__main__":
    run(main, __doc__)
