"""Would a temperature make the probabilities better? Measured, and so far answered with no.

Guo et al. 2017 (ICML, PMLR 70, 1321): probabilities to the power of 1 / T, normalised; T > 1 where
a model is too sure of itself. crossvalidate fits T on the other folds and reports what it would
change; the exported graph has none while that is no gain in log-loss.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from asteroid_taxonomy.evaluation.fold_scores import fold_scores

TEMPERATURES = np.linspace(0.5, 2.0, 151)
SMALLEST = 1e-12  # probability, so that the log exists

Strings = npt.NDArray[np.str_]
Floats = npt.NDArray[np.float64]


def tempered(probabilities: Floats, temperature: float) -> Floats:
    """Probabilities [n, classes] to the power of 1 / temperature, normalised."""
    powers = np.maximum(probabilities, SMALLEST) ** (1.0 / temperature)
    return powers / powers.sum(axis=1, keepdims=True)


def best_temperature(actual: Strings, probabilities: Floats, classes: Sequence[str]) -> float:
    """The temperature of TEMPERATURES with which the log-loss of the rows is least."""
    label = np.searchsorted(np.asarray(classes), actual)[:, None]
    losses = [-np.log(np.take_along_axis(tempered(probabilities, t), label, axis=1)).mean()
              for t in TEMPERATURES]
    return float(TEMPERATURES[int(np.argmin(losses))])


def nested(
    actual: Strings, probabilities: Floats, fold: npt.NDArray[np.int64], classes: Sequence[str]
) -> Floats:
    """Probabilities [repeats, n, classes], each after the best temperature of the other folds."""
    out = np.empty_like(probabilities)
    for repeat, numbers in enumerate(fold):
        for number in np.unique(numbers):
            here = numbers == number
            fitted = best_temperature(actual[~here], probabilities[repeat][~here], classes)
            out[repeat, here] = tempered(probabilities[repeat][here], fitted)
    return out


def with_temperature(
    target: Strings, probabilities: Floats, fold: npt.NDArray[np.int64], classes: list[str]
) -> dict[str, float]:
    """The temperature of all predictions, and the figures with one fitted on the other folds."""
    cooled = fold_scores(target, nested(target, probabilities, fold, classes), fold, classes)
    every = best_temperature(np.tile(target, len(fold)), np.concatenate(probabilities), classes)
    return {"temperature": every,
            **{f"cv_{figure}_with_temperature": float(np.mean(cooled[figure]))
               for figure in ("log_loss", "ece")}}
