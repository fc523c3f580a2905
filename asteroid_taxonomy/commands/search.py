"""Search hyperparameters of `train.model` by nested cross-validation.

    asteroid-taxonomy search [--ranges FILE] [--scheduler tcp://host:8786]

Not a stage: it takes minutes to hours, and its result is a choice that somebody makes. Reads
params.yaml, the ranges (commands/search.yaml) and data/training_set.parquet, writes
reports/search.json and prints the candidates by rank. Candidates are compared in inner folds; the
choice is evaluated in outer folds that it has not seen, and that is the figure to trust.
"""

import argparse
from pathlib import Path
from typing import Any, Self

import numpy as np
from pydantic import ValidationError
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.model_selection import GridSearchCV, ParameterSampler, StratifiedKFold

from asteroid_taxonomy.console import PipelineError, Progress, one_line
from asteroid_taxonomy.evaluation.cluster import HELP, cluster
from asteroid_taxonomy.evaluation.metrics import scores
from asteroid_taxonomy.files import read_metadata, rounded, write_json
from asteroid_taxonomy.learning.augmentation import Augmentation
from asteroid_taxonomy.learning.models import fit, make_model
from asteroid_taxonomy.learning.training_set import (
    Floats,
    Labelled,
    Rows,
    Strings,
    read_training_set,
)
from asteroid_taxonomy.params import Train, load_params, read_yaml
from asteroid_taxonomy.tables import TRAINING_SET_PATH

LEAST = 4  # asteroids of a target: two outer folds, and two inner ones in each
RESULT_PATH = Path("reports/search.json")


def changed(train: Train, changes: dict[str, Any]) -> Train:
    """Block `train` with other hyperparameters of its model; PipelineError where one is wrong."""
    block = train.chosen
    try:
        new = type(block).model_validate(block.model_dump(exclude_unset=True) | changes)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise PipelineError(f"ranges: {'.'.join(map(str, first['loc']))} of {train.model}: "
                            f"{one_line(first['msg'], 100)}; correct the ranges") from None
    return train.model_copy(update={train.model: new})


class Recipe(ClassifierMixin, BaseEstimator):
    """The model of params.yaml as one estimator, with `changes` to its block.

    A spectrum is float32 [2, bands]: reflectance and error, which makes the noisy copies. A label
    is (target, class). Both come as lists, because joblib would leave an array with one Dask
    worker and wait for ever where that worker is lost.
    """

    def __init__(self, train: Train, wavelengths_nm: list[int],
                 changes: dict[str, Any] | None = None) -> None:
        self.train, self.wavelengths_nm, self.changes = train, wavelengths_nm, changes

    def fit(self, spectra: list[Floats], label: list[list[str]]) -> Self:
        """Build the model and fit it."""
        train = changed(self.train, self.changes or {})
        labelled = Labelled(*np.swapaxes(np.asarray(spectra), 0, 1), *np.asarray(label).T)
        model = make_model(train, self.wavelengths_nm, train.used_bands_nm.asteroid_taxonomy)
        copies = Augmentation(train.chosen.noisy_copies, train.augmentation_seed)
        self.model_ = fit(model, labelled, copies)
        self.classes_ = self.model_.classes_
        return self

    def predict_proba(self, spectra: list[Floats]) -> Floats:
        """Probabilities of the fitted model."""
        return rounded(self.model_.predict_proba(np.asarray(spectra, np.float64)[:, 0]))


def negative_log_loss(recipe: Recipe, spectra: list[Floats], label: list[list[str]]) -> float:
    """Minus the log-loss of the targets."""
    actual = np.asarray([target for target, _ in label])
    return -scores(actual, recipe.predict_proba(spectra), list(recipe.classes_))["log_loss"]


def stratified(rows: Rows, target: Strings, folds: int, seed: int) -> list[tuple[Rows, Rows]]:
    """Training rows and unseen rows of each fold of `rows`."""
    split = StratifiedKFold(folds, shuffle=True, random_state=seed)
    return [(rows[learn], rows[unseen]) for learn, unseen in split.split(rows, target[rows])]


def main(arguments: list[str]) -> None:
    """Search, evaluate the choice, print and write what was found."""
    parser = argparse.ArgumentParser(prog="asteroid-taxonomy search", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ranges", type=Path, default=Path(__file__).with_suffix(".yaml"),
                        help="another file like commands/search.yaml")
    parser.add_argument("--scheduler", help=HELP)
    options = parser.parse_args(arguments)
    params, settings = load_params(), read_yaml(options.ranges)
    nm, train, seed = params.bands.wavelengths_nm, params.train, settings["seed"]
    data = read_training_set(nm, train.used_bands_nm.asteroid_taxonomy)
    members = np.unique(data.target, return_counts=True)[1]
    if members.min() < LEAST:
        raise PipelineError(f"a target has {members.min()} asteroids, and a search needs {LEAST}; "
                            "raise split.min_class_members or split.min_per_complex")
    tried = [{}, *ParameterSampler(settings["ranges"], settings["candidates"] - 1,
                                   random_state=seed)]
    for changes in tried:
        changed(train, changes)
    spectra = list(np.stack([data.reflectance, data.error], axis=1))
    label = np.column_stack([data.target, data.class_name]).tolist()

    def ranked(rows: Rows) -> list[tuple[float, dict[str, Any]]]:
        inner = stratified(rows, data.target, settings["inner_folds"], seed)
        grid = GridSearchCV(Recipe(train, nm), {"changes": tried},
                            cv=[(learn.tolist(), unseen.tolist()) for learn, unseen in inner],
                            scoring=negative_log_loss, refit=False, n_jobs=-1, error_score="raise")
        losses = -grid.fit(spectra, label).cv_results_["mean_test_score"]
        return [(float(losses[i]), tried[i]) for i in np.argsort(losses, kind="stable")]

    every, nested = np.arange(len(label)), []
    outer = stratified(every, data.target, settings["outer_folds"], seed + 1)
    with cluster(options.scheduler), Progress("search", len(outer) + 1, "round") as progress:
        for done, (learn, unseen) in enumerate(outer, 1):
            best = ranked(learn)[0][1]
            model = Recipe(train, nm, best).fit([spectra[i] for i in learn],
                                                [label[i] for i in learn])
            nested.append(scores(data.target[unseen], model.predict_proba(
                [spectra[i] for i in unseen]), list(model.classes_)))
            progress.update(done, note=f"outer fold {done} chose {best or 'params.yaml as it is'}")
        ranking = ranked(every)
    for loss, changes in ranking:
        print(f"  log-loss {loss:.4f}  {changes or 'params.yaml as it is'}")
    loss, changes = ranking[0]
    evaluated = {key: float(np.mean([each[key] for each in nested])) for key in nested[0]}
    write_json({"survey": read_metadata(TRAINING_SET_PATH)["survey"], "model": train.model,
                "candidates": len(ranking), "changes": changes, "log_loss": loss,
                "nested": evaluated}, RESULT_PATH)
    print("in outer folds: " + ", ".join(f"{key} {value:.3f}" for key, value in evaluated.items()))
    flags = [f"-S 'train.{train.model}.{key}={value}'" for key, value in changes.items()]
    choice = " ".join(["dvc exp run", *flags]) if flags else "params.yaml as it is"
    print(f"wrote {RESULT_PATH}; the choice: {choice}")
