"""Calibrate the main model with out-of-fold predictions of all labelled asteroids.

Reads   data/training_set.parquet, data/asteroids.parquet, data/predictions/
Writes  data/out_of_fold.parquet, reports/calibration.json (thresholds, accuracy above them, limits
        of the prediction sets, expected accuracy, precision of the classes),
        reports/above_threshold.csv (both accuracies by threshold)

The visible model's threshold and limits are those of params.yaml.
"""

from pathlib import Path

import numpy as np
import pyarrow as pa

from asteroid_taxonomy import tables
from asteroid_taxonomy.console import PipelineError, run
from asteroid_taxonomy.evaluation import conformal, folds
from asteroid_taxonomy.evaluation.calibration import (
    CALIBRATION_PATH,
    fit_expected_accuracy,
    visible_calibration,
)
from asteroid_taxonomy.evaluation.degraded import degraded_spectra
from asteroid_taxonomy.evaluation.metrics import by_class
from asteroid_taxonomy.evaluation.out_of_fold import out_of_fold_table, without_training
from asteroid_taxonomy.evaluation.threshold import THRESHOLDS, Above, Estimates, lowest_threshold
from asteroid_taxonomy.files import read_metadata, rounded, write_csv, write_json, write_parquet
from asteroid_taxonomy.learning import MAIN, VISIBLE
from asteroid_taxonomy.learning.predictions import read_predictions
from asteroid_taxonomy.learning.training_set import Floats, Rows, TrainingSet, read_training_set
from asteroid_taxonomy.params import Params, load_params

CURVE_PATH = Path("reports/above_threshold.csv")


def out_of_fold(
    data: TrainingSet, fold: Rows, survey: pa.Table, params: Params
) -> tuple[Floats, Floats]:
    """Out-of-fold probabilities of classes, [n, classes], and of targets, [1 + bins, n, targets].

    The latter of spectra as they are, and with noise as in each bin of S/N of `survey`. Rounded.
    """
    nm, settings = params.bands.wavelengths_nm, params.calibration
    degraded = degraded_spectra(data, tables.matrix(survey, tables.error_columns(nm)),
                                survey["snr"].to_numpy(), settings.snr_edges, settings.seed)
    # threads: NumPy releases the interpreter lock, and processes would import scikit-learn again
    found = folds.out_of_fold(data, {MAIN: folds.job(params, MAIN, fold, degraded)}, "threading")
    return rounded(found[MAIN][0]), folds.of_targets(found[MAIN], folds.class_pairs(data))


def main() -> None:
    """Run the stage; PipelineError if the model is hardly better than the majority class."""
    params = load_params()
    nm, settings = params.bands.wavelengths_nm, params.calibration
    groups, coverage = settings.snr_groups, settings.coverage
    data, predictions = (read_training_set(nm, params.train.used_bands_nm.asteroid_taxonomy),
                         read_predictions(MAIN))
    source_id, snr = (data.asteroids[key].to_numpy() for key in ("source_id", "snr"))
    classes = np.unique(data.target).tolist()
    target = np.searchsorted(classes, data.target)
    asteroids = tables.read_asteroids(nm, ["source_id", "snr", *tables.error_columns(nm)],
                                      predictions["source_id"].to_numpy())
    has_label = np.isin(asteroids["source_id"].to_numpy(), source_id)

    fold = folds.fold_numbers(data, settings.folds, settings.seed)
    of_class, layers = out_of_fold(data, fold, asteroids.filter(pa.array(~has_label)), params)
    own = layers[0]
    accuracy = (own.argmax(axis=1) == target).mean()
    majority = np.bincount(target).max() / len(target)
    if settings.above_majority is not None and accuracy < majority + settings.above_majority:
        raise PipelineError(f"out-of-fold accuracy {accuracy:.3f} is not above the majority-class "
                            f"baseline {majority:.3f} by calibration.above_majority; check labels "
                            "and source mapping")
    learns_class = params.train.chosen.learn == "class"
    names: list[str] = folds.class_pairs(data)[:, 1].tolist() if learns_class else []
    table = out_of_fold_table(data.asteroids, own, classes, of_class, names)
    survey = without_training(predictions, table, source_id[data.train],
                              [f"probability_{name}" for name in classes])
    found = Estimates(layers, target, snr, survey, asteroids["snr"].to_numpy(), has_label,
                      settings.snr_edges)
    curve = [found.above(threshold) for threshold in THRESHOLDS.tolist()]
    chosen = lowest_threshold(curve, settings.accuracy)
    visible_threshold, visible_limits = visible_calibration(params, classes)
    content = {
        "survey": read_metadata(tables.ASTEROIDS_PATH)["survey"], "model": params.train.model,
        "threshold": {MAIN: chosen, VISIBLE: visible_threshold},
        "above_threshold": found.stored(chosen, classes), "all": found.stored(0.0),
        "least_probability": {
            MAIN: conformal.limits(own, target, snr, groups, coverage, classes),
            VISIBLE: visible_limits},
        "coverage": conformal.cross_checked(own, target, snr, groups, coverage, fold, classes),
        "expected_accuracy": fit_expected_accuracy(own, target, snr),
        "classes": by_class(data.class_name, of_class, names)}
    write_parquet(table, tables.OUT_OF_FOLD_PATH, {"survey": content["survey"]})
    write_csv(Above._fields, curve, CURVE_PATH)
    write_json(content, CALIBRATION_PATH)
    print(f"wrote {CALIBRATION_PATH}, {CURVE_PATH}, {tables.OUT_OF_FOLD_PATH}: "
          f"{found.above(chosen).asteroids:,} of {len(asteroids):,} asteroids are above {chosen}")


if __name__ == "__main__":
    run(main, __doc__)
