"""The data of the plots that DVC, figures and the page draw of a cross-validation.

Everywhere: target str [n], probabilities float64 [repeats, n, classes], fold int64 [repeats, n].
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from asteroid_taxonomy.evaluation.accuracy_by_bin import by_bin, shares
from asteroid_taxonomy.evaluation.arrays import Floats, Rows, Strings
from asteroid_taxonomy.evaluation.fold_scores import fold_scores
from asteroid_taxonomy.evaluation.metrics import coverage_curve, predicted, reliability
from asteroid_taxonomy.evaluation.plot_data import write_plot


def write_plots(
    target: Strings, probabilities: Floats, fold: Rows, classes: list[str],
    by_share: dict[float, Floats],
) -> float:
    """Write the curves and the confusion; return the accuracy at 60 % coverage."""
    pooled, labels = np.concatenate(probabilities), np.tile(target, len(probabilities))
    accuracy, threshold = coverage_curve(labels, pooled, classes)
    ends = [len(labels) * percent // 100 - 1 for percent in range(2, 101, 2)]
    write_plot("coverage",
               [[(end + 1) / len(labels), accuracy[end], threshold[end]] for end in ends])
    write_plot("reliability",
               [[c, a, n // len(probabilities)] for c, a, n in
                reliability(labels, pooled, classes)])
    rows = []
    for share, found in (*by_share.items(), (1.0, probabilities[0])):
        figures = fold_scores(target, found[None], fold[:1], classes)
        rows.append([share, *(float(np.mean(figures[name])) for name in
                              ("accuracy", "macro_f1", "log_loss"))])
    write_plot("learning_curve", rows)
    write_plot("confusion",
               np.column_stack([target, predicted(probabilities.mean(axis=0), classes)]).tolist())
    return float(accuracy[len(labels) * 6 // 10 - 1])


def write_bins(
    asteroids: pa.Table, target: Strings, probabilities: Floats, classes: list[str],
    survey_snr: npt.NDArray[np.float32], settings: Mapping[str, Any],
) -> None:
    """Write the accuracy by S/N, with the share of the survey in each bin, and by label.

    `asteroids` has the columns snr and label_probability; `settings` are block crossvalidate.
    """
    edges = settings["snr_edges"]
    share = shares(survey_snr, edges)
    write_plot("snr",
               [[name, b.asteroids, b.accuracy, b.ece, share[name]] for name, b in by_bin(
                   asteroids["snr"].to_numpy(), edges, target, probabilities, classes).items()])
    write_plot("label_probability",
               [[name, b.asteroids, b.accuracy] for name, b in by_bin(
                   asteroids["label_probability"].to_numpy(), settings["label_probability_edges"],
                   target, probabilities, classes).items()])


def write_classes(
    class_name: Strings, probabilities: Floats, names: Strings
) -> None:
    """Write how well the classes behind the targets are told apart, out of fold.

    `probabilities` are [n, classes]; precision is empty where a class is never the likeliest.
    """
    guess = names[probabilities.argmax(axis=1)]
    rows = []
    for name in names.tolist():
        guessed, true = guess == name, class_name == name
        both = int((guessed & true).sum())
        rows.append([name, int(true.sum()), int(guessed.sum()), both / max(int(true.sum()), 1),
                     both / int(guessed.sum()) if guessed.any() else ""])
    write_plot("classes", rows)
