"""Out-of-fold predictions: each labelled asteroid predicted by a model that has not seen it.

Every labelled asteroid is in one fold. Folds are stratified by target and by whether a spectrum is
complete, so that a recipe that needs all bands can be evaluated in the same folds, on the complete
spectra among them.
"""

import warnings
from collections.abc import Hashable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from sklearn.base import clone
from sklearn.model_selection import StratifiedKFold, train_test_split
from sklearn.pipeline import Pipeline

from asteroid_taxonomy.console import PipelineError, Progress
from asteroid_taxonomy.evaluation.metrics import Floats, Rows
from asteroid_taxonomy.files import rounded
from asteroid_taxonomy.learning.augmentation import Augmentation, augmentation
from asteroid_taxonomy.learning.models import fit, in_parallel, learns_classes, make_model
from asteroid_taxonomy.learning.training_set import Labelled, Spectra, Strings, TrainingSet
from asteroid_taxonomy.params import Params


class Candidate(NamedTuple):
    """A model to evaluate: unfitted, the columns it uses, its augmentation."""

    model: Pipeline
    used: Sequence[int]
    copies: Augmentation


class Job(NamedTuple):
    """Fit a candidate in each fold, int64 [n], and predict what it has not seen.

    extra : other spectra of the same asteroids to predict too, float32 [layers, n, bands]; share :
    part of the training rows to use, for a learning curve.
    """

    candidate: Candidate
    fold: Rows
    extra: Spectra | None = None
    share: float = 1.0


class Fit(NamedTuple):
    """One fit: model, augmentation, training spectra and labels, unseen spectra, class pairs.

    A tuple, because joblib would leave arrays with one Dask worker and wait for ever where that
    worker is lost.
    """

    model: Pipeline
    copies: Augmentation
    labelled: Labelled
    unseen: Spectra
    pairs: Strings


def candidate(params: Params, name: str) -> Candidate:
    """The model `name` of params.yaml."""
    nm, used_nm = params.bands.wavelengths_nm, dict(params.train.used_bands_nm)[name]
    return Candidate(make_model(params.train, nm, used_nm), [nm.index(band) for band in used_nm],
                     augmentation(params, name))


def fold_numbers(data: TrainingSet, folds: int, seed: int) -> Rows:
    """The fold of each asteroid, int64 [n]."""
    strata = np.char.add(data.target, np.where(data.asteroids["complete"].to_numpy(), "", "*"))
    fold = np.empty(len(strata), dtype=np.int64)
    with warnings.catch_warnings():
        # in a small survey a stratum may have fewer asteroids than there are folds
        warnings.filterwarnings("ignore", "The least populated class", UserWarning)
        split = StratifiedKFold(folds, shuffle=True, random_state=seed)
        for number, (_, test) in enumerate(split.split(strata, strata)):
            fold[test] = number
    return fold


def class_pairs(data: TrainingSet) -> Strings:
    """The targets and classes there are, str [classes, 2], in the order of SumOfClasses."""
    return np.unique(np.column_stack([data.target, data.class_name]), axis=0)


def of_targets(probabilities: Floats, pairs: Strings) -> Floats:
    """Probabilities [..., classes] of `pairs` summed to those of their targets, rounded."""
    targets = np.unique(pairs[:, 0])
    if probabilities.shape[-1] != len(targets):
        probabilities = probabilities @ (pairs[:, :1] == targets).astype(float)
    return rounded(probabilities)


def out_of_fold(
    data: TrainingSet, jobs: Mapping[Hashable, Job], seed: int, backend: str | None = None
) -> dict[Hashable, Floats]:
    """Do all jobs, their fits in parallel.

    Parameters
    ----------
    data : TrainingSet
    jobs : mapping
    seed : int
        Of the parts that a `share` takes.
    backend : str, optional
        Of joblib; by default loky, or the one of `joblib.parallel_config`.

    Returns
    -------
    dict
        By job, float64 [1 + layers, n, classes], not rounded, the asteroids' own spectra first;
        NaN where a spectrum lacks a band that the candidate uses. The columns are the classes of
        `class_pairs` where the model learns these, else the targets.
    """
    pairs = class_pairs(data)
    parts = [(key, job, *rows) for key, job in jobs.items() for rows in _parts(data, job, seed)]
    out: dict[Hashable, Floats] = {}
    with Progress("cross-validation", len(parts), "fit") as progress:
        found = in_parallel(fit_predict, ((_fit(data, job, learn, unseen, pairs),)
                                          for _, job, learn, unseen in parts), backend)
        for (key, _, _, unseen), probabilities in zip(parts, found, strict=True):
            layers = probabilities.reshape(-1, len(unseen), probabilities.shape[1])
            empty = np.full((len(layers), len(data.target), layers.shape[2]), np.nan)
            out.setdefault(key, empty)[:, unseen] = layers
            progress.update(progress.done + 1)
    return out


def _parts(data: TrainingSet, job: Job, seed: int) -> Iterator[tuple[Rows, Rows]]:
    """Rows to train on, and unseen rows, of each fold."""
    whole = np.isfinite(data.reflectance[:, list(job.candidate.used)]).all(axis=1)
    for number in np.unique(job.fold):
        learn = np.flatnonzero((job.fold != number) & whole)
        if job.share < 1:
            learn = share_of(learn, data.target, job.share, seed)
        yield learn, np.flatnonzero((job.fold == number) & whole)


def _fit(data: TrainingSet, job: Job, learn: Rows, unseen: Rows, pairs: Strings) -> Fit:
    spectra = data.reflectance[None, unseen]
    if job.extra is not None:
        spectra = np.concatenate([spectra, job.extra[:, unseen]])
    return Fit(job.candidate.model, job.candidate.copies, data.take(learn),
               spectra.reshape(-1, spectra.shape[2]), pairs)


def fit_predict(task: Fit) -> Floats:
    """Fit a model and give the probabilities of the unseen spectra, float64 [m, classes].

    Of `pairs` where the model learns classes: one too rare to be in this part has zeros.
    """
    fitted = fit(clone(task.model), task.labelled, task.copies)
    unseen = task.unseen.astype(np.float64)
    if not learns_classes(fitted):
        of_target: Floats = fitted.predict_proba(unseen)
        return of_target
    summing = fitted[-1]
    probabilities = np.zeros((len(unseen), len(task.pairs)))
    probabilities[:, np.isin(task.pairs[:, 1], summing.class_names_)] = (
        summing.estimator.predict_proba(fitted[:-1].transform(unseen)))
    return probabilities


def share_of(rows: Rows, target: Strings, share: float, seed: int) -> Rows:
    """A share of `rows`, stratified by target.

    Raises
    ------
    PipelineError
        It is too small to have each target, or a target too rare to be in it and in the rest.
    """
    try:
        part, _ = train_test_split(rows, train_size=share, random_state=seed,
                                   stratify=target[rows])
    except ValueError:
        raise PipelineError(f"a share of {share:g} of {len(rows):,} asteroids cannot have each "
                            "target; change crossvalidate.learning_curve, or raise "
                            "split.min_per_complex") from None
    return np.sort(part)
