"""Repeated cross-validation: which asteroids judge which model, and the fits on all cores.

Every labelled asteroid that the model can use is in one fold of each repeat. Folds are stratified
by target and by whether a spectrum is complete, so that a recipe that needs all bands can be
judged in the same folds, on the complete spectra among them.
"""

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from sklearn.model_selection import StratifiedKFold, train_test_split
from sklearn.pipeline import Pipeline
from sklearn.utils.parallel import Parallel, delayed

from asteroid_taxonomy.console import PipelineError, Progress
from asteroid_taxonomy.evaluation.arrays import Floats, Rows
from asteroid_taxonomy.learning.augmentation import Augmentation
from asteroid_taxonomy.learning.models import fit, learns_classes
from asteroid_taxonomy.learning.training_set import TrainingSet

Spectra = npt.NDArray[np.float32]
Names = npt.NDArray[np.str_]


@dataclass(frozen=True)
class Candidate:
    """A model to judge: unfitted, the columns it uses, its augmentation, in how many repeats."""

    model: Pipeline
    used: Sequence[int]
    copies: Augmentation
    repeats: int | None = None  # None: in all


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
    """A share of `rows`, stratified by target.

    Raises
    ------
    PipelineError
        It is too small to have each target, or a target too rare to be in it and in the rest.
    """
    try:
        part, _ = train_test_split(rows, train_size=share, random_state=seed,
                                   stratify=target[rows])
    except ValueError as error:
        raise PipelineError(
            f"a share of {share:g} of {len(rows):,} asteroids (crossvalidate.learning_curve) "
            f"and the rest should both have each target: {error}; change that share, or raise "
            "split.min_class_members or split.min_per_complex") from None
    return np.sort(part)


def predict_out_of_fold(
    data: TrainingSet, candidates: dict[tuple[str, int], Candidate], fold: Rows,
    shares: Sequence[float], learner: tuple[str, int], degraded: Spectra, seed: int,
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
    degraded : float32 [layers, n, bands]
        Other spectra of the same asteroids, which `learner` is to judge too.
    seed : int
        Of the parts.

    Returns
    -------
    probabilities : dict
        By candidate, float64 [repeats, 1 + layers, n, classes], the asteroids' own spectra first;
        `layers` is 0 for all but `learner`, and NaN stands where a spectrum lacks a band it uses.
        The columns are the classes of `class_pairs` where the model learns these, else targets.
    by_share : dict
        By share, float64 [n, classes].
    """
    own = data.reflectance[None]
    pairs = class_pairs(data)
    layers = {name: np.concatenate([own, degraded]) if name == learner else own
              for name in candidates}
    whole = {name: ~np.isnan(data.reflectance[:, list(c.used)]).any(axis=1)
             for name, c in candidates.items()}
    width = {name: len(pairs) if learns_classes(c.model) else len(np.unique(pairs[:, 0]))
             for name, c in candidates.items()}
    out = {name: np.full((c.repeats or len(fold), *layers[name].shape[:2], width[name]), np.nan)
           for name, c in candidates.items()}
    by_share = {share: np.full((1, len(data.target), width[learner]), np.nan) for share in shares}
    tasks: list[tuple[Candidate, Rows, Rows, Spectra, Floats]] = []
    for repeat, numbers in enumerate(fold):
        for number in np.unique(numbers):
            for name, candidate in candidates.items():
                if repeat >= len(out[name]):
                    continue
                learn = np.flatnonzero((numbers != number) & whole[name])
                judge = np.flatnonzero((numbers == number) & whole[name])
                tasks.append((candidate, learn, judge, layers[name], out[name][repeat]))
                if name == learner and repeat == 0:
                    tasks += [(candidate, share_of(learn, data.target, share, seed), judge, own,
                               part) for share, part in by_share.items()]
    with Progress("cross-validation", len(tasks), "fit") as progress:
        for (_, _, judge, _, part), probabilities in zip(tasks, _fits(data, tasks, pairs),
                                                         strict=True):
            part[:, judge] = probabilities.reshape(len(part), len(judge), -1)
            progress.update(progress.done + 1)
    return out, {share: part[0] for share, part in by_share.items()}


def class_pairs(data: TrainingSet) -> Names:
    """The targets and classes there are, str [classes, 2], in the order of SumOfClasses."""
    return np.unique(np.column_stack([data.target, data.class_name]), axis=0)


class Fit(NamedTuple):
    """All that one fit needs: model, training spectra [n, bands] and labels [n], unseen spectra.

    A tuple, because joblib would leave arrays with one Dask worker and wait for ever where that
    one is lost.
    """

    model: Pipeline
    copies: Augmentation
    reflectance: Spectra
    error: Spectra
    target: Names
    class_name: Names
    unseen: Spectra
    pairs: Names


def _fits(
    data: TrainingSet, tasks: Sequence[tuple[Candidate, Rows, Rows, Spectra, Floats]],
    pairs: Names,
) -> Iterator[Floats]:
    """The predictions of each task, in their order, whichever process was first."""
    predictions: Iterator[Floats] = Parallel(n_jobs=-1, return_as="generator")(
        delayed(fit_predict)(Fit(candidate.model, candidate.copies, data.reflectance[learn],
                                 data.error[learn], data.target[learn], data.class_name[learn],
                                 layers[:, judge].reshape(-1, layers.shape[2]), pairs))
        for candidate, learn, judge, layers, _ in tasks)
    return predictions


def fit_predict(task: Fit) -> Floats:
    """Fit the model and give the probabilities of the unseen spectra, float64 [m, classes].

    Of `pairs` where the model learns classes: one too rare to be in this part has zeros.
    """
    fitted = fit(task.model, task.copies, task.reflectance, task.error, task.target,
                 task.class_name)
    if not learns_classes(fitted):
        probabilities: Floats = fitted.predict_proba(task.unseen).astype(np.float64)
    else:
        summing = fitted.steps[-1][1]
        probabilities = np.zeros((len(task.unseen), len(task.pairs)))
        probabilities[:, np.isin(task.pairs[:, 1], summing.class_names_)] = (
            summing.class_probabilities(fitted[:-1].transform(task.unseen)))
    return probabilities / probabilities.sum(axis=1, keepdims=True)


def of_targets(probabilities: Floats, pairs: Names) -> Floats:
    """Probabilities [..., classes] of `pairs` summed to those of their targets, if they are."""
    targets = np.unique(pairs[:, 0])
    if probabilities.shape[-1] == len(targets) != len(pairs):
        return probabilities
    return probabilities @ (pairs[:, :1] == targets).astype(float)
