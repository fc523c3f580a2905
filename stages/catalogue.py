"""Classify every asteroid with a spectrum, and write the catalogue in three formats.

Reads   data/asteroids.parquet, data/training_set.parquet, data/predictions,
        data/out_of_fold.parquet, reports/calibration.json, models/asteroid_taxonomy.onnx
Writes  data/catalogue/<catalogue.name>.parquet, .vot and .fits (asteroid_taxonomy/catalogue.py
        describes the columns), reports/catalogue.json, reports/catalogue_by_snr.csv (counts)
"""

import json
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from asteroid_taxonomy import catalogue, files, tables
from asteroid_taxonomy.console import PipelineError, Progress, run
from asteroid_taxonomy.evaluation import bins
from asteroid_taxonomy.evaluation.calibration import expected_accuracy, read_calibration
from asteroid_taxonomy.evaluation.out_of_fold import read_out_of_fold, without_training
from asteroid_taxonomy.learning.predictions import read_predictions
from asteroid_taxonomy.names import proper_names
from asteroid_taxonomy.onnx_model.classifier import load_classifier
from asteroid_taxonomy.onnx_model.metadata import MAIN, ONNX_PATH
from asteroid_taxonomy.params import load_params
from asteroid_taxonomy.tables import ASTEROIDS_PATH, TRAINING_SET_PATH

COUNTS_PATH, BY_SNR_PATH = Path("reports/catalogue.json"), Path("reports/catalogue_by_snr.csv")


def main() -> None:
    """Run the stage."""
    params, calibration, model = load_params(), read_calibration(), load_classifier()
    nm, edges, name = (params.bands.wavelengths_nm, params.calibration.snr_edges,
                       params.catalogue.name)
    asteroids, metadata = tables.read_asteroids(nm), files.read_metadata(ASTEROIDS_PATH)
    source_id, snr = asteroids["source_id"].to_numpy(), asteroids["snr"].to_numpy()
    training = files.read_parquet(TRAINING_SET_PATH, columns=["source_id", "held_out"])
    trained = training.filter(pc.equal(training["held_out"], False))["source_id"].to_numpy()
    predictions, out_of_fold = read_predictions(MAIN), read_out_of_fold()
    rows = tables.rows_of(predictions["source_id"].to_numpy(), source_id, ASTEROIDS_PATH)

    def placed(values: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
        """Align values of the predictions [m, columns] with the asteroids [n, columns]."""
        out = np.full((len(source_id), values.shape[1]), np.nan)
        out[rows] = values
        return out

    def probabilities(prefix: str, names: list[str]) -> npt.NDArray[np.float64]:
        columns = [prefix + each for each in names]
        return placed(without_training(predictions, out_of_fold, trained, columns)
                      if columns else np.empty((len(rows), 0)))

    def snr_bins(values: npt.NDArray[np.floating]) -> pd.Categorical:
        return pd.Categorical.from_codes(bins.numbers(values, edges), bins.names(edges))

    found = probabilities("probability_", model.classes)
    bands = catalogue.band_columns(*tables.band_matrices(asteroids, nm), nm, model.used)
    if np.isnan(found[np.array(bands["reason"]) == ""]).any():
        raise PipelineError(f"data/predictions lacks asteroids of {ASTEROIDS_PATH}; delete it and "
                            "run dvc repro")
    decided = model.decide(found, snr)
    spreads = [each for each in predictions.column_names if each.startswith("spread_")]
    labelled = pd.DataFrame({
        "snr_bin": snr_bins(out_of_fold["snr"].to_numpy()),
        "complex": out_of_fold["predicted"].to_numpy(),
        "correct": pc.equal(out_of_fold["predicted"], out_of_fold["target"]).to_numpy()})
    in_bin = labelled.groupby("snr_bin", observed=False)["correct"]
    accuracy = in_bin.mean().where(in_bin.size() >= catalogue.LEAST)
    classes = calibration["classes"]
    table = catalogue.catalogue_table({
        **{key: asteroids[key] for key in ("source_id", "number", "snr", "num_of_spectra")},
        "name": proper_names(asteroids["name"]), "survey_name": asteroids["name"],
        **{f"probability_{c}": column for c, column in zip(model.classes, found.T, strict=True)},
        **{f"spread_{c}": pa.nulls(len(snr)) for c in model.classes},
        **dict(zip(spreads, placed(tables.matrix(predictions, spreads)).T, strict=True)),
        "complex": decided.complex, "confidence": decided.confidence,
        "expected_accuracy": expected_accuracy(decided.confidence, snr, calibration),
        "abstained": decided.abstained, "complex_set": decided.complex_set, **bands,
        **catalogue.likeliest(probabilities("class_probability_", list(classes)), classes),
        "faint": snr < catalogue.FAINT_SNR, "snr_bin": snr_bins(snr),
        "snr_bin_accuracy": accuracy.reindex(snr_bins(snr)).to_numpy(),
        "literature_class": asteroids["class"], "literature_complex": asteroids["complex"],
        "in_training": np.isin(source_id, trained),
    }, model.classes, metadata["labels"])
    facts = {
        "survey": metadata["survey"], "labels": metadata["labels"],
        "classes": json.dumps(model.classes), "abstention_threshold": str(model.threshold),
        "coverage_of_complex_set": str(params.calibration.coverage), "model": ONNX_PATH.name,
        "model_sha256": files.sha256(ONNX_PATH), "licence": model.metadata.licence,
        "citation": metadata["citation"]}
    path = catalogue.catalogue_path(name)
    with Progress("catalogue", 1 + len(catalogue.WRITERS), "file") as progress:
        catalogue.write_catalogue(table, facts, path)
        for done, (ending, write) in enumerate(catalogue.WRITERS.items(), 1):
            progress.update(done, note=f"writing {path.with_suffix(ending)}")
            with files.atomic(path.with_suffix(ending)) as part:
                write(table, facts, name, part)
    counts, by_snr = catalogue.counts(table, labelled)
    files.write_json({"survey": metadata["survey"], **counts}, COUNTS_PATH)
    files.write_csv(list(by_snr), by_snr.to_numpy().tolist(), BY_SNR_PATH)
    print(f"wrote {path}, .vot and .fits: {len(table):,} asteroids; counts in {COUNTS_PATH}")


if __name__ == "__main__":
    run(main, __doc__)
