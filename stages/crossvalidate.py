"""Judge the models of params.yaml by repeated cross-validation, beside three others.

Reads   data/training_set.parquet, data/asteroids.parquet, data/predictions/ (the survey's
        confidences: what the catalogue will keep), experiments/published.yaml
Writes  reports/metrics.json, data/out_of_fold.parquet (each labelled asteroid's probabilities by
        models that have not seen it, mean over the repeats), reports/crossvalidation/*.csv

The main model (`cv_...`), and in the first repeat the one for visible spectra, learn from all
labelled spectra that have their bands. The others learn from complete ones in the same folds: the
published script's recipe (with several seeds, whose metrics are averaged), linear discriminant
analysis, and the majority class. All are judged on complete ones.
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from asteroid_taxonomy.asteroids import (
    ASTEROIDS_PATH,
    BAD_FLAG,
    error_columns,
    flag_columns,
    matrix,
    read_asteroids,
    rows_of,
    used_band_numbers,
)
from asteroid_taxonomy.console import run
from asteroid_taxonomy.evaluation.abstention import (
    Survey,
    abstention_threshold,
    calibration,
    judged,
    kept_metrics,
)
from asteroid_taxonomy.evaluation.accuracy_by_bin import numbers
from asteroid_taxonomy.evaluation.arrays import Floats
from asteroid_taxonomy.evaluation.baselines import PUBLISHED_RECIPE, SHIPPED, VISIBLE, candidates
from asteroid_taxonomy.evaluation.cluster import HELP, cluster
from asteroid_taxonomy.evaluation.curves import write_bins, write_classes, write_plots
from asteroid_taxonomy.evaluation.degraded import brighter, degraded_spectra
from asteroid_taxonomy.evaluation.fold_scores import fold_scores, headline
from asteroid_taxonomy.evaluation.folds import (
    class_pairs,
    fold_numbers,
    of_targets,
    predict_out_of_fold,
)
from asteroid_taxonomy.evaluation.metrics import (
    coverage_curve,
    per_class,
    predicted,
)
from asteroid_taxonomy.evaluation.out_of_fold import OUT_OF_FOLD_PATH, write_out_of_fold
from asteroid_taxonomy.evaluation.plot_data import PLOTS, write_plot
from asteroid_taxonomy.files import print_metrics, read_metadata, write_json
from asteroid_taxonomy.files.atomic_write import together
from asteroid_taxonomy.learning.training_set import has_bands, read_training_set, trained_as
from asteroid_taxonomy.params import load_params

PARAMS = ("bands.wavelengths_nm", "train.model", "train.used_bands_nm",
          "train.augmentation_seed", "train.${train.model}", "crossvalidate")
METRICS_PATH = Path("reports/metrics.json")
FAINT = 30.0  # S/N below which a spectrum counts as faint


@together()
def main(scheduler: str | None = None) -> None:
    """Run the stage, its fits on the workers of a Dask scheduler if one is named."""
    params = load_params(PARAMS)
    wavelengths_nm, settings = params["bands"]["wavelengths_nm"], params["crossvalidate"]
    (name, used_nm), *_ = params["train"]["used_bands_nm"].items()
    data, edges = read_training_set(wavelengths_nm, used_nm), settings["snr_edges"]
    target, classes = data.target, np.unique(data.target).tolist()
    snr = data.asteroids["snr"].to_numpy()

    asteroids = read_asteroids(wavelengths_nm)
    asteroids = asteroids.filter(pa.array(has_bands(asteroids, wavelengths_nm, used_nm)))
    source_id, survey_snr = (asteroids[key].to_numpy() for key in ("source_id", "snr"))
    survey = Survey.of(name, source_id, numbers(survey_snr, edges))
    fold = fold_numbers(data, settings["folds"], settings["repeats"], settings["seed"])
    degraded = degraded_spectra(data, matrix(asteroids, error_columns(wavelengths_nm)),
                                survey_snr, edges, settings["seed"])
    with cluster(scheduler):
        by_class, by_share = predict_out_of_fold(
            data, candidates(params["train"], wavelengths_nm, settings["published_seeds"]), fold,
            settings["learning_curve"], (SHIPPED, 0), degraded, settings["seed"])
    pairs = class_pairs(data)
    probabilities = {key: of_targets(p, pairs) for key, p in by_class.items()}
    shipped, of_degraded = probabilities[SHIPPED, 0][:, 0], probabilities[SHIPPED, 0][:, 1:]
    mean = shipped.mean(axis=0)
    right = predicted(shipped.reshape(-1, len(classes)), classes).reshape(fold.shape) == target
    classwise = by_class[SHIPPED, 0][:, 0].mean(axis=0)
    class_names = pairs[:, 1] if classwise.shape[1] == len(pairs) else np.asarray(classes)
    write_out_of_fold(data.asteroids, predicted(mean, classes), mean, classes, classwise,
                      class_names.tolist(), read_metadata(ASTEROIDS_PATH)["survey"])
    write_classes(data.class_name, classwise, class_names)

    write_bins(data.asteroids, target, shipped, classes, survey_snr, settings)
    number, bins = np.searchsorted(classes, target), np.arange(len(edges) + 1)[:, None]
    kept, curve = kept_metrics(
        judged(shipped[:, None], number, numbers(snr, edges) == bins),
        judged(of_degraded, number, brighter(snr, edges)), survey, classes,
        settings["abstention_accuracy"])
    write_plot("kept", [list(row) for row in curve])

    complete = data.asteroids["complete"].to_numpy()
    flags = matrix(asteroids, flag_columns(wavelengths_nm))[rows_of(
        data.asteroids["source_id"].to_numpy(), source_id, ASTEROIDS_PATH, "crossmatch")]
    flagged = (flags[:, used_band_numbers(wavelengths_nm, used_nm)] == BAD_FLAG).any(axis=1)
    at_60 = write_plots(target[complete], shipped[:, complete], fold[:, complete], classes,
                        {k: of_targets(p, pairs)[complete] for k, p in by_share.items()})
    by_model: dict[str, list[Floats]] = {}
    for (key, _), p in probabilities.items():
        if key != VISIBLE:
            by_model.setdefault(key, []).append(p[:, 0, complete])
    metrics: dict[str, Any] = {
        "survey": read_metadata(ASTEROIDS_PATH)["survey"], "model": params["train"]["model"],
        "trained_as": trained_as(params["train"]),
        "asteroids": int(complete.sum()), "classified_asteroids": len(source_id),
        **headline(target[complete], by_model, fold[:, complete], classes, SHIPPED,
                   PUBLISHED_RECIPE),
        **{f"cv_{k}": v for k, v in per_class(target[complete], mean[complete], classes).items()},
        "accuracy_at_60_coverage": at_60,
    }
    for key, chosen in (("snr_below_30", complete & (snr < FAINT)), ("incomplete", ~complete),
                        ("flagged", flagged), ("not_flagged", ~flagged)):
        # a small survey may have none
        metrics |= {f"accuracy_{key}": right[:, chosen].mean().item() if chosen.any() else None,
                    f"asteroids_{key}": int(chosen.sum())}
    visible = probabilities[VISIBLE, 0][:, 0, complete]
    metrics |= kept | {f"{VISIBLE}_{key}": float(np.mean(values)) for key, values in fold_scores(
        target[complete], visible, fold[:1, complete], classes).items()}
    metrics["visible_abstention_threshold"] = abstention_threshold(
        *coverage_curve(target[complete], visible[0], classes), settings["abstention_accuracy"])
    write_json(metrics, METRICS_PATH)
    print_metrics(metrics)
    lines = calibration(metrics, classes, [*params["train"]["used_bands_nm"]]).items()
    print(f"wrote {METRICS_PATH}, {OUT_OF_FOLD_PATH} and {PLOTS}/*.csv; for params.yaml:\n"
          "calibration:\n" + "\n".join(f"  {key}: {value}" for key, value in lines))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m stages.crossvalidate", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scheduler", help=HELP)
    run(lambda: main(**vars(parser.parse_args())))
