"""Evaluate the models by repeated cross-validation, beside the published one and two simpler ones.

Reads   data/training_set.parquet, data/asteroids.parquet, data/out_of_fold.parquet (the first
        repeat of the main model), experiments/published.yaml
Writes  reports/metrics.json, reports/crossvalidation/*.csv

The models of params.yaml learn from all labelled spectra that have their bands; the published
recipe, linear discriminant analysis and the majority class from complete ones in the same folds.
All are compared on complete spectra. `--scheduler tcp://host:port` fits on a Dask cluster.
"""

import argparse

import numpy as np

from asteroid_taxonomy.console import run
from asteroid_taxonomy.evaluation import bins, curves, folds
from asteroid_taxonomy.evaluation.baselines import (
    LEARNING_CURVE,
    PUBLISHED_RECIPE,
    cross_validated,
)
from asteroid_taxonomy.evaluation.cluster import HELP, cluster
from asteroid_taxonomy.evaluation.metrics import predicted
from asteroid_taxonomy.evaluation.out_of_fold import read_out_of_fold
from asteroid_taxonomy.files import read_metadata, write_json
from asteroid_taxonomy.learning import MAIN
from asteroid_taxonomy.learning.training_set import read_training_set
from asteroid_taxonomy.params import load_params
from asteroid_taxonomy.tables import (
    ASTEROIDS_PATH,
    BAD_FLAG,
    compare,
    flag_columns,
    has_bands,
    matrix,
    read_asteroids,
)

METRICS_PATH = curves.FOLDER.with_name("metrics.json")


def main(scheduler: str | None = None) -> None:
    """Run the stage, its fits on the workers of a Dask scheduler if one is named."""
    params = load_params()
    nm, settings, calibration = (params.bands.wavelengths_nm, params.crossvalidate,
                                 params.calibration)
    used_nm, (faint, *_) = params.train.used_bands_nm.asteroid_taxonomy, calibration.snr_groups
    data, out_of_fold = read_training_set(nm, used_nm), read_out_of_fold()
    classes = np.unique(data.target).tolist()
    fold = np.stack([folds.fold_numbers(data, calibration.folds, calibration.seed + repeat)
                     for repeat in range(settings.repeats)])
    with cluster(scheduler):
        found = cross_validated(data, out_of_fold, params, fold)

    complete = data.asteroids["complete"].to_numpy()
    target, own = data.target[complete], found[MAIN][0]
    by_seed = {name: [curves.fold_scores(target, p[:, complete], fold[:len(p), complete], classes)
                      for p in seeds] for name, seeds in found.items()}
    shares = [*settings.learning_curve, 1.0]
    curves.write_learning_curve(dict(zip(shares, [*by_seed.pop(LEARNING_CURVE), curves.fold_scores(
        target, own[:1, complete], fold[:1, complete], classes)], strict=True)))
    means = curves.write_models(by_seed, len(target))
    gains = curves.write_gains(means[MAIN], means[PUBLISHED_RECIPE], calibration.folds)
    cv = {key: float(values.mean()) for key, values in means[MAIN].items()}
    compare("crossvalidate", {"accuracy": cv["accuracy"]}, settings.expected)

    asteroids = read_asteroids(nm)
    survey_snr = asteroids["snr"].to_numpy()[has_bands(asteroids, used_nm)]
    mine = read_asteroids(nm, None, data.asteroids["source_id"].to_numpy())
    flagged = (matrix(mine, flag_columns(used_nm)) == BAD_FLAG).any(axis=1)
    snr, label_probability = (data.asteroids[key].to_numpy()
                              for key in ("snr", "label_probability"))
    correct = np.stack([predicted(p, classes) == data.target for p in own])
    curves.write_curves(target, own[:, complete], classes)
    curves.write_groups("snr", "snr", correct, bins.groups(snr, calibration.snr_edges),
                        bins.groups(survey_snr, calibration.snr_edges))
    curves.write_groups("label_probability", "label_probability", correct,
                        bins.groups(label_probability, settings.label_probability_edges))
    curves.write_groups("groups", "group", correct, {
        "all labelled": complete | True, "complete": complete, "incomplete": ~complete,
        f"S/N below {faint:g}": snr < faint,
        f"complete, S/N below {faint:g}": complete & (snr < faint),
        "with a flagged band": flagged, "without a flagged band": ~flagged})
    curves.write_faint_bias(asteroids, calibration.snr_edges[::2], nm)
    write_json({
        "survey": read_metadata(ASTEROIDS_PATH)["survey"],
        "cv": {"accuracy": cv["accuracy"],
               "accuracy_std": curves.spread(means[MAIN]["accuracy"]), **cv},
        "gain": {"accuracy": gains["accuracy"]},  # over the published recipe
    }, METRICS_PATH)
    print("cross-validation: " + ", ".join(f"{key} {value:.3f}" for key, value in cv.items())
          + f"; gain in accuracy over the published recipe {gains['accuracy']:.3f}")
    print(f"wrote {METRICS_PATH} and {curves.FOLDER}/*.csv: {len(target):,} complete spectra")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m stages.crossvalidate", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scheduler", help=HELP)
    run(lambda: main(**vars(parser.parse_args())))
