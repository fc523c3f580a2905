"""Classify every asteroid that has a spectrum, and write the catalogue in three formats.

Reads   data/asteroids.parquet, data/training_set.parquet, data/predictions,
        data/out_of_fold.parquet, reports/calibration.json, models/asteroid_taxonomy.onnx
Writes  data/catalogue/<catalogue.name>.parquet, .vot and .fits (asteroid_taxonomy/catalogue.py
        describes the columns), reports/catalogue.json, reports/catalogue_by_snr.csv (counts)
"""

import json
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from asteroid_taxonomy import catalogue, files, tables
from asteroid_taxonomy.console import PipelineError, Progress, run
from asteroid_taxonomy.evaluation.calibration import expected_accuracy, read_calibration
from asteroid_taxonomy.learning.predictions import read_predictions
from asteroid_taxonomy.names import proper_names
from asteroid_taxonomy.onnx_model.classifier import load_classifier
from asteroid_taxonomy.onnx_model.metadata import MAIN, ONNX_PATH
from asteroid_taxonomy.params import load_params
from asteroid_taxonomy.signal_to_noise import snr_bins
from asteroid_taxonomy.tables import ASTEROIDS_PATH, OUT_OF_FOLD_PATH, TRAINING_SET_PATH

COUNTS_PATH, BY_SNR_PATH = Path("reports/catalogue.json"), Path("reports/catalogue_by_snr.csv")
Ids, Probabilities = npt.NDArray[np.int64], npt.NDArray[np.float32]


def placed(table: pa.Table, names: list[str], source_id: Ids) -> Probabilities:
    """Columns `names` of `table` for each source_id, [n, names]; NaN where it has no row."""
    out = np.full((len(source_id), len(names)), np.nan, np.float32)
    rows = tables.rows_of(table["source_id"].to_numpy(), source_id, ASTEROIDS_PATH)
    out[rows] = tables.matrix(table, names)
    return out


def main() -> None:
    """Run the stage."""
    params, calibration, model = load_params(), read_calibration(), load_classifier()
    nm, edges = params.bands.wavelengths_nm, params.calibration.snr_edges
    asteroids, metadata = tables.read_asteroids(nm), files.read_metadata(ASTEROIDS_PATH)
    source_id, snr = asteroids["source_id"].to_numpy(), asteroids["snr"].to_numpy()
    training = files.read_parquet(TRAINING_SET_PATH, columns=["source_id", "held_out"])
    training = training.filter(pc.equal(training["held_out"], False))
    trained = np.isin(source_id, training["source_id"].to_numpy())
    predictions, out_of_fold = read_predictions(MAIN), files.read_parquet(OUT_OF_FOLD_PATH)

    def given(prefix: str, names: list[str]) -> Probabilities:
        columns = [prefix + name for name in names]
        out = placed(predictions, columns, source_id)
        out[trained] = placed(out_of_fold, columns, source_id)[trained]  # nothing memorised
        return out

    found = given("probability_", model.classes)
    bands = catalogue.band_columns(*tables.band_matrices(asteroids, nm), nm, model.used)
    if np.isnan(found[np.array(bands["reason"]) == ""]).any():
        raise PipelineError(f"data/predictions or {OUT_OF_FOLD_PATH} lacks asteroids of "
                            f"{ASTEROIDS_PATH}; delete both and run dvc repro")
    decided = model.decide(found, snr)
    scores = calibration["classes"] if "class_probability_" in str(predictions.schema) else {}
    spreads = [name for name in predictions.column_names if name.startswith("spread_")]
    bins, labelled = snr_bins(snr, edges), catalogue.labelled(out_of_fold, edges)
    groups = labelled.groupby("snr_bin", observed=False)["correct"]
    accuracy = groups.mean().where(groups.size() >= catalogue.LEAST)
    table = catalogue.catalogue_table({
        **{name: asteroids[name] for name in ("source_id", "number", "snr", "num_of_spectra")},
        "name": proper_names(asteroids["name"]), "survey_name": asteroids["name"],
        **{f"probability_{c}": column for c, column in zip(model.classes, found.T, strict=True)},
        **{f"spread_{name}": pa.nulls(len(snr)) for name in model.classes},
        **dict(zip(spreads, placed(predictions, spreads, source_id).T, strict=True)),
        "complex": decided.complex, "confidence": decided.confidence,
        "expected_accuracy": expected_accuracy(decided.confidence, snr, calibration),
        "abstained": decided.abstained, "complex_set": decided.complex_set, **bands,
        **catalogue.likeliest(given("class_probability_", list(scores)), scores),
        "faint": snr < catalogue.FAINT_SNR, "snr_bin": bins,
        "snr_bin_accuracy": accuracy.reindex(bins).to_numpy(),
        "literature_class": asteroids["class"], "literature_complex": asteroids["complex"],
        "in_training": trained,
    }, model.classes, metadata["labels"])
    facts = {
        "survey": metadata["survey"], "labels": metadata["labels"], "classes": model.classes,
        "rows": len(table), "abstention_threshold": model.threshold,
        "coverage_of_complex_set": params.calibration.coverage, "model": ONNX_PATH.name,
        "model_sha256": files.sha256(ONNX_PATH), "licence": model.metadata.licence,
        "citation": json.loads(metadata["citation"])}
    name = params.catalogue.name
    path = catalogue.catalogue_path(name)
    with Progress("catalogue", 3, "file") as progress:
        catalogue.write_catalogue(table, facts, path)
        for done, (ending, write) in enumerate(catalogue.WRITERS.items(), 1):
            progress.update(done, note=f"writing {path.with_suffix(ending)}")
            with files.atomic(path.with_suffix(ending)) as part:
                write(table, facts, name, part)
    files.write_json({"survey": metadata["survey"], **catalogue.counts(table, model.classes)},
                     COUNTS_PATH)
    files.write_csv(*catalogue.by_snr(table, labelled), BY_SNR_PATH)
    print(f"wrote {path}, .vot and .fits: {len(table):,} asteroids; counts in {COUNTS_PATH}")


if __name__ == "__main__":
    run(main, __doc__)
