"""The tables in reports/crossvalidation, which DVC and the page draw.

Everywhere: target str [n], probabilities float64 [repeats, n, classes], fold int64 [repeats, n].
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from asteroid_taxonomy.evaluation import bins, metrics
from asteroid_taxonomy.files import write_csv
from asteroid_taxonomy.learning.training_set import Booleans, Floats, Rows, Strings
from asteroid_taxonomy.tables import matrix, reflectance_columns

FOLDER = Path("reports/crossvalidation")
METRICS = ("accuracy", "balanced_accuracy", "macro_f1", "log_loss")
Scores = dict[str, Floats]


def write(name: str, header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Write reports/crossvalidation/<name>.csv."""
    write_csv(header, rows, FOLDER / f"{name}.csv")


def fold_scores(
    target: Strings, probabilities: Floats, fold: Rows, classes: Sequence[str]
) -> Scores:
    """Each of METRICS in each fold of each repeat, float64; `ece` in each repeat.

    On one fold, chance would make up most of the calibration error.
    """
    by_fold = [metrics.scores(target[numbers == number], found[numbers == number], classes)
               for numbers, found in zip(fold, probabilities, strict=True)
               for number in np.unique(numbers)]
    return {name: np.array([each[name] for each in by_fold]) for name in METRICS} | {
        "ece": np.array([metrics.ece(target, found, classes) for found in probabilities])}


def spread(values: Floats) -> float:
    """Standard deviation over folds; 0 of one."""
    return float(np.std(values, ddof=min(1, len(values) - 1)))


def write_models(by_seed: Mapping[str, Sequence[Scores]], asteroids: int) -> dict[str, Scores]:
    """Write the models' metrics; return them, by fold, mean over the seeds of a model.

    The mean of metrics, not of probabilities: a recipe with several seeds is no ensemble.
    """
    means = {name: {key: np.mean([each[key] for each in seeds], axis=0) for key in seeds[0]}
             for name, seeds in by_seed.items()}
    write("models", ["model", "asteroids", "accuracy", "accuracy_std", *METRICS[1:], "ece"],
          [[name, asteroids, found["accuracy"].mean(), spread(found["accuracy"]),
            *(found[key].mean() for key in (*METRICS[1:], "ece"))]
           for name, found in means.items()])
    return means


def write_learning_curve(by_share: Mapping[float, Scores]) -> None:
    """Write the main model's metrics by share of the training part."""
    write("learning_curve", ["share", *METRICS],
          [[share, *(found[key].mean() for key in METRICS)] for share, found in by_share.items()])


def write_gains(model: Scores, published: Scores, folds: int) -> dict[str, float]:
    """Write the gains over the published recipe, paired by fold; return them, by metric."""
    gains = {name: (model[name] - published[name]) * (-1 if name == "log_loss" else 1)
             for name in METRICS}
    write("gains", ["metric", "gain", "gain_se"],
          [[name, gain.mean(), metrics.corrected_error(gain, folds)]
           for name, gain in gains.items()])
    return {name: float(gain.mean()) for name, gain in gains.items()}


def write_curves(target: Strings, probabilities: Floats, classes: Sequence[str]) -> None:
    """Write reliability, confusion and the metrics of each complex."""
    repeats = len(probabilities)
    write("reliability", ["confidence", "accuracy", "asteroids"],
          [[confidence, accuracy, n // repeats] for confidence, accuracy, n in metrics.reliability(
              np.tile(target, repeats), np.concatenate(probabilities), classes)])
    mean = probabilities.mean(axis=0)
    guess = metrics.predicted(mean, classes)
    write("confusion", ["actual", "predicted"], np.column_stack([target, guess]).tolist())
    write("complexes", ["complex", "asteroids", "predicted", "precision", "recall"],
          [[name, *("" if value is None else value for value in row.values())]
           for name, row in metrics.by_class(target, mean, classes).items()])


def write_groups(
    name: str, column: str, correct: Booleans, groups: Mapping[str, Booleans],
    survey: Mapping[str, Booleans] | None = None,
) -> None:
    """Write the accuracy, from `correct` [repeats, n], of groups of labelled asteroids [n].

    Groups without any are left out. With `survey`, the groups of all asteroids: also their share.
    """
    rows = [[label, int(group.sum()), correct[:, group].mean(),
             *([survey[label].mean()] if survey else [])]
            for label, group in groups.items() if group.any()]
    more = ["share_of_all_asteroids"] if survey else []
    write(name, [column, "asteroids", "accuracy", *more], rows)


def write_faint_bias(
    asteroids: pa.Table, edges: Sequence[float], wavelengths_nm: Sequence[int]
) -> None:
    """Write the median spectrum of the largest labelled complex by S/N: faint ones are redder.

    One complex in place of one family, which the tables do not have.
    """
    labelled = asteroids.filter(pc.is_valid(asteroids["complex"]))
    members = pc.value_counts(labelled["complex"])
    largest = members[int(np.argmax(members.field("counts")))]["values"].as_py()
    mine = labelled.filter(pc.equal(labelled["complex"], largest))
    reflectance = matrix(mine, reflectance_columns(wavelengths_nm))
    rows: list[list[object]] = []
    for label, group in bins.groups(mine["snr"].to_numpy(), edges).items():
        for nm, values in zip(wavelengths_nm, reflectance[group].T, strict=True):
            known = values[np.isfinite(values)]
            if len(known):
                rows.append([largest, label, nm, float(np.median(known)), len(known)])
    write("faint_bias", ["complex", "snr", "nm", "median", "asteroids"], rows)
