"""Calibrate the models with out-of-fold predictions of all labelled asteroids.

Reads   data/training_set.parquet, data/asteroids.parquet, data/predictions/
Writes  data/out_of_fold.parquet, reports/calibration.json (thresholds, accuracy above them, limits
        of the sets of complexes, expected accuracy, precision of the classes),
        reports/above_threshold.csv (both accuracies by threshold)
"""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from asteroid_taxonomy.console import run
from asteroid_taxonomy.evaluation import bins, conformal, folds, threshold
from asteroid_taxonomy.evaluation.calibration import CALIBRATION_PATH, fit_expected_accuracy
from asteroid_taxonomy.evaluation.degraded import brighter, degraded_spectra
from asteroid_taxonomy.evaluation.metrics import by_class
from asteroid_taxonomy.evaluation.out_of_fold import (
    out_of_fold_table,
    without_training,
    write_out_of_fold,
)
from asteroid_taxonomy.files import read_metadata, rounded, write_csv, write_json
from asteroid_taxonomy.learning import MAIN, VISIBLE
from asteroid_taxonomy.learning.augmentation import as_ground_based
from asteroid_taxonomy.learning.predictions import read_predictions
from asteroid_taxonomy.learning.training_set import read_training_set
from asteroid_taxonomy.params import load_params
from asteroid_taxonomy.tables import (
    ASTEROIDS_PATH,
    OUT_OF_FOLD_PATH,
    error_columns,
    matrix,
    read_asteroids,
    rows_of,
)

CURVE_PATH = Path("reports/above_threshold.csv")


def main() -> None:
    """Run the stage."""
    params = load_params()
    nm, settings, train = params.bands.wavelengths_nm, params.calibration, params.train
    edges, groups = settings.snr_edges, settings.snr_groups
    data = read_training_set(nm, train.used_bands_nm.asteroid_taxonomy)
    source_id, labelled_snr = (data.asteroids[key].to_numpy() for key in ("source_id", "snr"))
    classes, pairs = np.unique(data.target).tolist(), folds.class_pairs(data)
    target, class_names = np.searchsorted(classes, data.target), pairs[:, 1].tolist()

    predictions = read_predictions(MAIN)
    asteroids = read_asteroids(nm, ["source_id", "snr", *error_columns(nm)])
    asteroids = asteroids.take(rows_of(predictions["source_id"].to_numpy(),
                                       asteroids["source_id"].to_numpy(), ASTEROIDS_PATH))
    has_label = np.isin(asteroids["source_id"].to_numpy(), source_id)
    others = asteroids.filter(pa.array(~has_label))

    fold = folds.fold_numbers(data, settings.folds, settings.seed)
    degraded = degraded_spectra(data, matrix(others, error_columns(nm)), others["snr"].to_numpy(),
                                edges, settings.seed)
    ground_like = as_ground_based(data.reflectance, train.ground_based, params.bands,
                                  np.random.default_rng(settings.seed))
    # threads: NumPy releases the interpreter lock, and processes would import scikit-learn again
    found = folds.out_of_fold(data, {
        MAIN: folds.Job(folds.candidate(params, MAIN), fold, degraded),
        VISIBLE: folds.Job(folds.candidate(params, VISIBLE), fold, ground_like[None]),
    }, settings.seed, "threading")
    of_main, (*_, visible) = (folds.of_targets(found[name], pairs) for name in (MAIN, VISIBLE))
    own, of_class = of_main[0], rounded(found[MAIN][0])
    learned = class_names if train.chosen.learn == "class" else []
    table = out_of_fold_table(data.asteroids, own, classes, of_class, learned)

    probabilities = without_training(predictions, table, source_id[data.train],
                                     [f"probability_{name}" for name in classes])
    survey = threshold.Survey(probabilities.argmax(axis=1), probabilities.max(axis=1),
                              bins.numbers(asteroids["snr"].to_numpy(), edges), has_label)
    bin_of = bins.numbers(labelled_snr, edges) == np.arange(len(edges) + 1)[:, None]
    estimates = (threshold.Evaluated.of(own[None], target, bin_of),
                 threshold.Evaluated.of(of_main[1:], target, brighter(labelled_snr, edges)))
    curve = threshold.threshold_curve(*estimates, survey)
    chosen = threshold.lowest_threshold(curve, settings.accuracy)
    above = threshold.above_threshold(*estimates, survey, classes, chosen)

    covered = conformal.cross_checked(own, target, labelled_snr, groups, settings.coverage, fold)
    content: dict[str, Any] = {
        "survey": read_metadata(ASTEROIDS_PATH)["survey"], "model": train.model,
        "threshold": {MAIN: chosen, VISIBLE: settings.visible_threshold},
        "above_threshold": above,
        "all": threshold.above_threshold(*estimates, survey, classes, 0.0),
        "least_probability": {name: conformal.limits(conformal.least_probability(
            p, target, labelled_snr, snr_below, settings.coverage), snr_below, classes)
            for name, p, snr_below in ((MAIN, own, groups), (VISIBLE, visible, []))},
        "coverage": {"all": covered.mean(),
                     **{name: covered[target == k].mean() for k, name in enumerate(classes)}},
        "expected_accuracy": fit_expected_accuracy(
            own.max(axis=1), labelled_snr, own.argmax(axis=1) == target),
        "classes": by_class(data.class_name, pairs[of_class.argmax(axis=1), 1], class_names)
        if learned else {},
    }
    write_out_of_fold(table, content["survey"])
    write_csv(threshold.HEADER, curve, CURVE_PATH)
    write_json(content, CALIBRATION_PATH)
    print(f"wrote {CALIBRATION_PATH}, {CURVE_PATH}, {OUT_OF_FOLD_PATH}: {above['asteroids']:,} of "
          f"{len(probabilities):,} asteroids are above the threshold, {chosen}")


if __name__ == "__main__":
    run(main, __doc__)
