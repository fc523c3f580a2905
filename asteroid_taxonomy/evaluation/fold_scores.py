"""Figures of models over repeated folds: means, spreads, and paired differences.

Everywhere: target str [n], probabilities float64 [repeats, n, classes], fold int64 [repeats, n].
A model that was fitted with several seeds has the mean of their figures in each fold (of figures,
not of probabilities: it is not an ensemble), because one network's luck is none of its merits.
"""

import numpy as np

from asteroid_taxonomy.evaluation.arrays import Floats, Rows, Strings
from asteroid_taxonomy.evaluation.metrics import corrected_error, ece, scores


def fold_scores(
    target: Strings, probabilities: Floats, fold: Rows, classes: list[str]
) -> dict[str, list[float]]:
    """Each figure of `scores` in each fold of each repeat; `ece` in each repeat.

    On one fold chance would make up most of the calibration error.
    """
    by_fold = [scores(target[numbers == number], found[numbers == number], classes)
               for numbers, found in zip(fold, probabilities, strict=True)
               for number in np.unique(numbers)]
    return {name: [figures[name] for figures in by_fold] for name in by_fold[0]} | {
        "ece": [ece(target, found, classes) for found in probabilities]}


def headline(
    target: Strings, probabilities: dict[str, list[Floats]], fold: Rows, classes: list[str],
    shipped: str, reference: str,
) -> dict[str, float]:
    """Mean of each model's figures; of `shipped` their spread and its gains over `reference`.

    `probabilities` holds a list for each model, one entry per seed.
    A gain is positive where `shipped` is better; its standard error is corrected for folds that
    share training data (`corrected_error`). gain_... is that over the mean of the seeds of
    `reference`, gain_..._one_seed that over its first seed alone.
    """
    by_seed = {name: [fold_scores(target, found, fold, classes) for found in seeds]
               for name, seeds in probabilities.items()}
    by_model = {name: {figure: np.mean([seed[figure] for seed in every], axis=0)
                        for figure in every[0]} for name, every in by_seed.items()}
    out = {}
    for name, figures in by_model.items():
        for figure, values in figures.items():
            out[f"{name}_{figure}"] = float(np.mean(values))
            if name == shipped:
                out[f"{name}_{figure}_std"] = float(np.std(values, ddof=min(1, len(values) - 1)))
    for figure, sign in (("accuracy", 1), ("balanced_accuracy", 1), ("macro_f1", 1),
                         ("log_loss", -1)):
        for which, other in (("", by_model[reference]), ("_one_seed", by_seed[reference][0])):
            gain = sign * (by_model[shipped][figure] - np.asarray(other[figure]))
            out |= {f"gain_{figure}{which}": float(gain.mean()),
                    f"gain_{figure}{which}_se": corrected_error(gain.tolist(),
                                                                int(fold.max()) + 1)}
    return out
