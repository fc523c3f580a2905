"""The tables in reports/crossvalidation, which DVC and the page draw.

Everywhere: target str [n], probabilities float64 [repeats, n, classes], fold int64 [repeats, n].
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from asteroid_taxonomy.evaluation import bins
from asteroid_taxonomy.evaluation.metrics import (
    Booleans,
    Floats,
    Rows,
    Strings,
    by_class,
    corrected_error,
    coverage_curve,
    ece,
    predicted,
    reliability,
    scores,
)
from asteroid_taxonomy.files import write_csv
from asteroid_taxonomy.tables import matrix, reflectance_columns

FOLDER = Path("reports/crossvalidation")
FIGURES = ("accuracy", "balanced_accuracy", "macro_f1", "log_loss")
Scores = dict[str, Floats]


def write(name: str, header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Write reports/crossvalidation/<name>.csv."""
    write_csv(header, rows, FOLDER / f"{name}.csv")


def fold_scores(
    target: Strings, probabilities: Floats, fold: Rows, classes: Sequence[str]
) -> Scores:
    """Each of FIGURES in each fold of each repeat, float64; `ece` in each repeat.

    On one fold, chance would make up most of the calibration error.
    """
    by_fold = [scores(target[numbers == number], found[numbers == number], classes)
               for numbers, found in zip(fold, probabilities, strict=True)
               for number in np.unique(numbers)]
    return {name: np.array([each[name] for each in by_fold]) for name in FIGURES} | {
        "ece": np.array([ece(target, found, classes) for found in probabilities])}


def write_models(by_seed: Mapping[str, Sequence[Scores]], asteroids: int) -> dict[str, Scores]:
    """Write the models' metrics; return them, by fold, mean over the seeds of a model.

    The mean of metrics, not of probabilities: a recipe with several seeds is no ensemble.
    """
    means = {name: {key: np.mean([each[key] for each in seeds], axis=0) for key in seeds[0]}
             for name, seeds in by_seed.items()}
    write("models", ["model", "asteroids", "accuracy", "accuracy_std", *FIGURES[1:], "ece"],
          [[name, asteroids, found["accuracy"].mean(), spread(found["accuracy"]),
            *(found[key].mean() for key in (*FIGURES[1:], "ece"))]
           for name, found in means.items()])
    return means


def spread(values: Floats) -> float:
    """Standard deviation over folds; 0 of one."""
    return float(np.std(values, ddof=min(1, len(values) - 1)))


def write_gains(model: Scores, published: Sequence[Scores], folds: int) -> dict[str, float]:
    """Write the paired gains over the published recipe; return the means, by metric.

    Positive where the model is better: over the mean of the recipe's seeds, and over its first.
    """
    rows: dict[str, list[float]] = {}
    for name in FIGURES:
        sign = -1 if name == "log_loss" else 1
        seeds = [each[name] for each in published]
        gains = [sign * (model[name] - other) for other in (np.mean(seeds, axis=0), seeds[0])]
        rows[name] = [figure for gain in gains
                      for figure in (float(gain.mean()), corrected_error(gain.tolist(), folds))]
    write("gains", ["metric", "gain", "gain_se", "gain_one_seed", "gain_one_seed_se"],
          [[name, *row] for name, row in rows.items()])
    return {name: row[0] for name, row in rows.items()}


def write_curves(target: Strings, probabilities: Floats, classes: Sequence[str]) -> None:
    """Write coverage, reliability, confusion and the metrics of each complex."""
    pooled, labels = np.concatenate(probabilities), np.tile(target, len(probabilities))
    accuracy, threshold = coverage_curve(labels, pooled, classes)
    ends = [len(labels) * percent // 100 - 1 for percent in range(2, 101, 2)]
    write("coverage", ["coverage", "accuracy", "threshold"],
          [[(end + 1) / len(labels), accuracy[end], threshold[end]] for end in ends])
    write("reliability", ["confidence", "accuracy", "asteroids"],
          [[c, a, n // len(probabilities)] for c, a, n in reliability(labels, pooled, classes)])
    guess = predicted(probabilities.mean(axis=0), classes)
    write("confusion", ["actual", "predicted"], np.column_stack([target, guess]).tolist())
    write_classes("complexes", "complex", target, guess, classes)


def write_learning_curve(by_share: Mapping[float, Scores]) -> None:
    """Write metrics by share of the training part."""
    names = ("accuracy", "macro_f1", "log_loss")
    write("learning_curve", ["share", *names],
          [[share, *(found[name].mean() for name in names)] for share, found in by_share.items()])


def write_classes_behind(class_name: Strings, out_of_fold: pa.Table) -> None:
    """Write the metrics of the classes behind the complexes, if the model learns these."""
    prefix = "class_probability_"
    names = [c.removeprefix(prefix) for c in out_of_fold.column_names if c.startswith(prefix)]
    if names:
        guess = predicted(np.column_stack([out_of_fold[prefix + c].to_numpy() for c in names]),
                          names)
        write_classes("classes", "class", class_name, guess, names)


def write_classes(
    name: str, header: str, actual: Strings, guess: Strings, classes: Sequence[str]
) -> None:
    """Write precision, recall and F1 of each class; precision is empty where it is unknown."""
    write(name, [header, "asteroids", "predicted", "precision", "recall", "f1"],
          [[each, *("" if v is None else v for v in row.values())]
           for each, row in by_class(actual, guess, classes).items()])


def write_bins(
    name: str, value: Floats, edges: Sequence[float], target: Strings, probabilities: Floats,
    classes: Sequence[str], survey: Floats | None = None,
) -> None:
    """Write the accuracy of labelled asteroids in bins of a value; those without any are left out.

    Of S/N also the calibration error, and the share of the survey's asteroids in each bin.
    """
    of_value, rows = bins.numbers(value, edges), []
    for i, label in enumerate(bins.names(edges)):
        here = of_value == i
        if here.any():
            labels = np.tile(target[here], len(probabilities))
            found = np.concatenate(probabilities[:, here])
            row = [label, int(here.sum()), (predicted(found, classes) == labels).mean()]
            rows.append(row if survey is None else [
                *row, ece(labels, found, classes), bins.counts(survey, edges)[i] / len(survey)])
    extra = [] if survey is None else ["ece", "share_of_all_asteroids"]
    write(name, [name, "asteroids", "accuracy", *extra], rows)


def write_groups(correct: Booleans, groups: Mapping[str, Booleans]) -> None:
    """Write the accuracy, from `correct` [repeats, n], of groups of labelled asteroids [n]."""
    write("groups", ["group", "asteroids", "accuracy"],
          [[name, int(group.sum()), correct[:, group].mean() if group.any() else ""]
           for name, group in groups.items()])


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
    bin_of, rows = bins.numbers(mine["snr"].to_numpy(), edges), []
    for i, label in enumerate(bins.names(edges)):
        for nm, values in zip(wavelengths_nm, reflectance[bin_of == i].T, strict=True):
            known = values[np.isfinite(values)]
            if len(known):
                rows.append([largest, label, nm, float(np.median(known)), len(known)])
    write("faint_bias", ["complex", "snr", "nm", "median", "asteroids"], rows)
