"""Out-of-fold predictions: each labelled asteroid predicted by a model not trained on it.

Every labelled asteroid is in one fold. Folds are stratified by target and by whether a spectrum is
complete: a model that needs all bands is evaluated on the complete spectra of the same folds.
"""

import warnings
from collections.abc import Hashable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from sklearn.base import clone
from sklearn.model_selection import StratifiedKFold, train_test_split
from sklearn.pipeline import Pipeline

from asteroid_taxonomy.console import Progress
from asteroid_taxonomy.files import rounded
from asteroid_taxonomy.learning.augmentation import Augmentation, augmentation
from asteroid_taxonomy.learning.models import fit, in_parallel, learns_classes, make_model
from asteroid_taxonomy.learning.training_set import (
    Floats,
    Labelled,
    Rows,
    Spectra,
    Strings,
    TrainingSet,
)
from asteroid_taxonomy.params import Params

Fit = tuple[Pipeline, Augmentation, Labelled, Spectra, Strings]


class Job(NamedTuple):
    """A model to fit in each fold, int64 [n], and to predict the asteroids of that fold with.

    used : the columns that a spectrum needs; extra : other spectra of the same asteroids to
    predict too, float32 [layers, n, bands]; share : part of the training rows, for a learning
    curve.
    """

    model: Pipeline
    copies: Augmentation
    used: Sequence[int]
    fold: Rows
    extra: Spectra | None = None
    share: float = 1.0


def job(params: Params, name: str, fold: Rows, extra: Spectra | None = None) -> Job:
    """The job of the model `name` of params.yaml."""
    nm, used_nm = params.bands.wavelengths_nm, dict(params.train.used_bands_nm)[name]
    return Job(make_model(params.train, nm, used_nm), augmentation(params, name),
               [nm.index(band) for band in used_nm], fold, extra)


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
    data: TrainingSet, jobs: Mapping[Hashable, Job], backend: str | None = None
) -> dict[Hashable, Floats]:
    """Do all jobs, their fits in parallel, by the `backend` of in_parallel.

    Returns
    -------
    dict
        By job, float64 [1 + layers, n, classes], not rounded, the asteroids' own spectra first;
        NaN where a spectrum lacks a band that the model uses. The columns are the classes of
        `class_pairs` where the model learns these, else the targets.
    """
    pairs = class_pairs(data)
    parts = [(key, job, *rows) for key, job in jobs.items() for rows in _parts(data, job)]
    fits = (((job.model, job.copies, data.take(learn), _spectra(data, job, unseen), pairs),)
            for _, job, learn, unseen in parts)
    out: dict[Hashable, Floats] = {}
    with Progress("cross-validation", len(parts), "fit") as progress:
        for (key, _, _, unseen), probabilities in zip(
                parts, in_parallel(fit_predict, fits, backend), strict=True):
            layers = probabilities.reshape(-1, len(unseen), probabilities.shape[1])
            empty = np.full((len(layers), len(data.target), layers.shape[2]), np.nan)
            out.setdefault(key, empty)[:, unseen] = layers
            progress.update(progress.done + 1)
    return out


def _parts(data: TrainingSet, job: Job) -> Iterator[tuple[Rows, Rows]]:
    """Rows to train on, and unseen rows, of each fold."""
    whole = np.isfinite(data.reflectance[:, list(job.used)]).all(axis=1)
    for number in np.unique(job.fold):
        learn = np.flatnonzero((job.fold != number) & whole)
        if job.share < 1:
            learn, _ = train_test_split(learn, train_size=job.share, random_state=int(number),
                                        stratify=data.target[learn])
        yield np.sort(learn), np.flatnonzero((job.fold == number) & whole)


def _spectra(data: TrainingSet, job: Job, rows: Rows) -> Spectra:
    own = data.reflectance[rows]
    return own if job.extra is None else np.concatenate([own, *job.extra[:, rows]])


def fit_predict(task: Fit) -> Floats:
    """Fit a model and give the probabilities of the unseen spectra, float64 [m, classes].

    Of `pairs` where the model learns classes: one too rare to be in this part has zeros. The
    arrays come in a tuple, because joblib would leave them with one Dask worker and wait for ever
    where that worker is lost.
    """
    model, copies, labelled, spectra, pairs = task
    fitted, unseen = fit(clone(model), labelled, copies), spectra.astype(np.float64)
    if not learns_classes(fitted):
        of_target: Floats = fitted.predict_proba(unseen)
        return of_target
    summing = fitted[-1]
    probabilities = np.zeros((len(unseen), len(pairs)))
    probabilities[:, np.isin(pairs[:, 1], summing.class_names_)] = (
        summing.estimator.predict_proba(fitted[:-1].transform(unseen)))
    return probabilities
