"""Judge the recipe of params.yaml by repeated cross-validation, beside three others.

Reads   data/asteroids.parquet, experiments/published.yaml
Writes  reports/metrics.json, data/out_of_fold.parquet (each labelled asteroid's probabilities by
        models that have not seen it, mean over the repeats), reports/crossvalidation/*.csv (plots)

The recipe of params.yaml (`cv_...`) learns from all labelled spectra that have its bands. The
others need all bands: the published script's recipe (with several seeds, its figures are their
mean), linear discriminant analysis, and the majority class learn from the complete spectra in the
same folds. All are judged on complete spectra.
"""

from pathlib import Path

import numpy as np
import numpy.typing as npt

from asteroid_taxonomy.asteroids import (
    ASTEROIDS_PATH,
    read_asteroids,
)
from asteroid_taxonomy.console import run
from asteroid_taxonomy.evaluation.accuracy_by_bin import by_bin, shares, weighted_accuracy
from asteroid_taxonomy.evaluation.baselines import PUBLISHED_RECIPE, SHIPPED, candidates
from asteroid_taxonomy.evaluation.curves import write_plot, write_plots
from asteroid_taxonomy.evaluation.fold_scores import headline
from asteroid_taxonomy.evaluation.folds import fold_numbers, predict_out_of_fold
from asteroid_taxonomy.evaluation.metrics import (
    abstention_threshold,
    coverage_curve,
    per_class,
    predicted,
)
from asteroid_taxonomy.evaluation.out_of_fold import OUT_OF_FOLD_PATH, PLOTS, write_out_of_fold
from asteroid_taxonomy.files import print_metrics, read_metadata, write_json
from asteroid_taxonomy.learning.training_set import has_bands, read_training_set
from asteroid_taxonomy.params import load_params

PARAMS = ("bands.wavelengths_nm", "train.model", "train.used_bands_nm",
          "train.augmentation_seed", "train.${train.model}", "crossvalidate")
METRICS_PATH = Path("reports/metrics.json")
FAINT = 30.0  # S/N below which a spectrum counts as faint


def population_snr(wavelengths_nm: list[int], used_nm: list[int]) -> npt.NDArray[np.float32]:
    """S/N of every asteroid that has the bands in use, labelled or not."""
    survey = read_asteroids(wavelengths_nm)
    snr: npt.NDArray[np.float32] = survey["snr"].to_numpy()
    return snr[has_bands(survey, wavelengths_nm, used_nm)]


def mean_or_none(right: npt.NDArray[np.bool_]) -> float | None:
    """The share that is right; None of no asteroids, as a small survey may have."""
    return float(right.mean()) if right.size else None


def main() -> None:
    """Run the stage."""
    params = load_params(PARAMS)
    wavelengths_nm, settings = params["bands"]["wavelengths_nm"], params["crossvalidate"]
    used_nm, *_ = params["train"]["used_bands_nm"].values()
    data = read_training_set(wavelengths_nm, used_nm)
    target, classes = data.target, np.unique(data.target).tolist()
    fold = fold_numbers(data, settings["folds"], settings["repeats"], settings["seed"])
    probabilities, by_share = predict_out_of_fold(
        data, candidates(params["train"], wavelengths_nm, settings["published_seeds"]), fold,
        settings["learning_curve"], (SHIPPED, 0), settings["seed"])
    shipped = probabilities[SHIPPED, 0]
    mean = shipped.mean(axis=0)
    right = predicted(shipped.reshape(-1, len(classes)), classes).reshape(fold.shape) == target

    survey = read_metadata(ASTEROIDS_PATH)["survey"]
    write_out_of_fold(data.asteroids, predicted(mean, classes), mean, classes, survey)

    snr, edges = data.asteroids["snr"].to_numpy(), settings["snr_edges"]
    population = population_snr(wavelengths_nm, used_nm)
    by_snr, share = by_bin(snr, edges, target, shipped, classes), shares(population, edges)
    weighted, weighted_se = weighted_accuracy(by_snr, share)
    write_plot("snr", ["snr", "asteroids", "accuracy", "ece", "share_of_all_asteroids"],
               [[name, b.asteroids, b.accuracy, b.ece, share[name]]
                for name, b in by_snr.items()])
    by_label = by_bin(data.asteroids["label_probability"].to_numpy(),
                      settings["label_probability_edges"], target, shipped, classes)
    write_plot("label_probability", ["label_probability", "asteroids", "accuracy"],
               [[name, b.asteroids, b.accuracy] for name, b in by_label.items()])

    complete = data.asteroids["complete"].to_numpy()
    faint = complete & (snr < FAINT)
    of_shipped = (target[complete], shipped[:, complete], fold[:, complete], classes)
    at_60 = write_plots(*of_shipped, {k: p[complete] for k, p in by_share.items()})
    curve = coverage_curve(np.tile(target[complete], len(shipped)),
                           np.concatenate(shipped[:, complete]), classes)
    recipes: dict[str, list[npt.NDArray[np.float64]]] = {}
    for (name, _), p in probabilities.items():
        recipes.setdefault(name, []).append(p[:, complete])
    found = {
        "survey": survey,
        "model": params["train"]["model"],
        "asteroids": int(complete.sum()),
        "classified_asteroids": len(population),
        **headline(target[complete], recipes, fold[:, complete], classes, SHIPPED,
                   PUBLISHED_RECIPE),
        **{f"cv_{k}": v for k, v in per_class(target[complete], mean[complete], classes).items()},
        "accuracy_at_60_coverage": at_60,
        "accuracy_snr_below_30": mean_or_none(right[:, faint]),
        "asteroids_snr_below_30": int(faint.sum()),
        "accuracy_incomplete": mean_or_none(right[:, ~complete]),
        "asteroids_incomplete": int((~complete).sum()),
        "population_accuracy": weighted,
        "population_accuracy_se": weighted_se,
        "abstention_threshold": abstention_threshold(*curve, settings["abstention_accuracy"]),
    }
    write_json(found, METRICS_PATH)
    print_metrics(found)
    print(f"wrote {METRICS_PATH}, {OUT_OF_FOLD_PATH} and {PLOTS}/*.csv; for params.yaml:\n"
          f"calibration:\n  abstention_threshold: {found['abstention_threshold']:.3f}")


if __name__ == "__main__":
    run(main)
