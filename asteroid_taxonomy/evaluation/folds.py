"""Repeated cross-validation: which asteroids judge which model, and the fits on all cores.

Every labelled asteroid that the model can use is in one fold of each repeat. Folds are stratified
by target and by whether a spectrum is complete, so that a recipe that needs all bands can be
judged in the same folds, on the complete spectra among them.
"""

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.model_selection import StratifiedKFold, train_test_split
from sklearn.pipeline import Pipeline
from sklearn.utils.parallel import Parallel, delayed

from asteroid_taxonomy.console import Progress
from asteroid_taxonomy.learning.augmentation import Augmentation
from asteroid_taxonomy.learning.models import fit
from asteroid_taxonomy.learning.training_set import TrainingSet

Rows = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Spectra = npt.NDArray[np.float32]
Names = npt.NDArray[np.str_]


@dataclass(frozen=True)
class Candidate:
    """A model to judge: unfitted, the columns it uses, and its data augmentation."""

    model: Pipeline
    used: Sequence[int]
    copies: Augmentation


def fold_numbers(data: TrainingSet, folds: int, repeats: int, seed: int) -> Rows:
    """The fold of each asteroid, int64 [repeats, n]."""
    strata = np.char.add(data.target, np.where(data.asteroids["complete"].to_numpy(), "", "*"))
    out = np.empty((repeats, len(strata)), dtype=np.int64)
    with warnings.catch_warnings():
        # a small survey has strata with fewer asteroids than folds: they are spread all the same
        warnings.filterwarnings("ignore", "The least populated class", UserWarning)
        for repeat in range(repeats):
            split = StratifiedKFold(folds, shuffle=True, random_state=seed + repeat)
            for fold, (_, test) in enumerate(split.split(strata, strata)):
                out[repeat, test] = fold
    return out


def share_of(rows: Rows, target: npt.NDArray[np.str_], share: float, seed: int) -> Rows:
    """A share of `rows`, stratified by target."""
    part, _ = train_test_split(rows, train_size=share, random_state=seed, stratify=target[rows])
    return np.sort(part)


def predict_out_of_fold(
    data: TrainingSet, candidates: dict[tuple[str, int], Candidate], fold: Rows,
    shares: Sequence[float], learner: tuple[str, int], seed: int,
) -> tuple[dict[tuple[str, int], Floats], dict[float, Floats]]:
    """Predict each asteroid by models that have not seen it.

    Parameters
    ----------
    data : TrainingSet
        Of all labelled asteroids that any candidate can use.
    candidates : dict
        What to fit in each fold of each repeat.
    fold : int64 [repeats, n]
        From `fold_numbers`.
    shares : sequence of float
        Parts of the training data for the learning curve of candidate `learner`, first repeat.
    seed : int
        Of the parts.

    Returns
    -------
    probabilities : dict
        By candidate, float64 [repeats, n, classes]; NaN where a spectrum lacks a band it uses.
    by_share : dict
        By share, float64 [n, classes].
    """
    n, classes = len(data.target), len(np.unique(data.target))
    whole = {name: ~np.isnan(data.reflectance[:, list(c.used)]).any(axis=1)
             for name, c in candidates.items()}
    probabilities = {name: np.full((*fold.shape, classes), np.nan) for name in candidates}
    by_share = {share: np.full((n, classes), np.nan) for share in shares}
    tasks: list[tuple[Candidate, Rows, Rows, Floats]] = []
    for repeat, numbers in enumerate(fold):
        for number in np.unique(numbers):
            for name, candidate in candidates.items():
                learn = np.flatnonzero((numbers != number) & whole[name])
                judge = np.flatnonzero((numbers == number) & whole[name])
                tasks.append((candidate, learn, judge, probabilities[name][repeat]))
                if name == learner and repeat == 0:
                    tasks += [(candidate, share_of(learn, data.target, share, seed), judge, out)
                              for share, out in by_share.items()]
    with Progress("cross-validation", len(tasks), "fit") as progress:
        for (_, _, judge, out), found in zip(tasks, _fits(data, tasks), strict=True):
            out[judge] = found
            progress.update(progress.done + 1)
    return probabilities, by_share


def _fits(
    data: TrainingSet, tasks: Sequence[tuple[Candidate, Rows, Rows, Floats]]
) -> Iterator[Floats]:
    """The predictions of each task, in their order, whichever process was first."""
    found: Iterator[Floats] = Parallel(n_jobs=-1, return_as="generator")(
        delayed(fit_predict)(candidate.model, candidate.copies, data.reflectance[learn],
                             data.error[learn], data.target[learn], data.class_name[learn],
                             data.reflectance[judge])
        for candidate, learn, judge, _ in tasks)
    return found


def fit_predict(
    model: Pipeline, copies: Augmentation, reflectance: Spectra, error: Spectra, target: Names,
    class_name: Names, unseen: Spectra,
) -> Floats:
    """Fit `model` and give the probabilities of the `unseen` spectra, float64 [m, targets]."""
    fitted = fit(model, copies, reflectance, error, target, class_name)
    probabilities: Floats = fitted.predict_proba(unseen).astype(np.float64)
    return probabilities / probabilities.sum(axis=1, keepdims=True)
