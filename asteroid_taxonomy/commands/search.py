"""Search hyperparameters of `train.model`, judged by nested cross-validation.

    asteroid-taxonomy search [--scheduler tcp://host:8786]

Not a stage: it takes minutes to hours, and its result is a choice that somebody makes. Reads
params.yaml (`search`) and data/training_set.parquet, writes reports/search.json, and prints the
candidates by rank and the lines to paste into params.yaml. With the address of a Dask scheduler
(`pip install .[cluster]`) the fits run on its workers, which need this package and its versions.

Candidates are compared in inner folds. How good the choice is, is judged in outer folds that the
choice has not seen: the figure to trust is that one, not the winner's own.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import yaml
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV, ParameterSampler, StratifiedKFold

from asteroid_taxonomy.console import PipelineError, Progress
from asteroid_taxonomy.evaluation.arrays import Rows
from asteroid_taxonomy.evaluation.cluster import HELP, cluster
from asteroid_taxonomy.evaluation.metrics import scores
from asteroid_taxonomy.files import read_metadata, write_json
from asteroid_taxonomy.learning.models import augmentation, fit, make_model
from asteroid_taxonomy.learning.training_set import TRAINING_SET_PATH, read_training_set
from asteroid_taxonomy.onnx_model.description import ONNX_PATH
from asteroid_taxonomy.params import load_params
from asteroid_taxonomy.params.schema import MODELS

PARAMS = ("bands.wavelengths_nm", "train.model", "train.used_bands_nm",
          "train.augmentation_seed", "train.${train.model}", "search")
LEAST = 4  # asteroids: half of them in an outer fold of two, and half of these in an inner one
RESULT_PATH = Path("reports/search.json")


class Recipe(ClassifierMixin, BaseEstimator):
    """The model of params.yaml as one estimator, with `changes` to its block.

    A spectrum is float32 [2, bands] here: reflectance and error, which makes the noisy copies. A
    label is (target, class).
    """

    def __init__(self, train: dict[str, Any], wavelengths_nm: list[int], used_nm: list[int],
                 changes: dict[str, Any] | None = None) -> None:
        self.train, self.wavelengths_nm, self.used_nm = train, wavelengths_nm, used_nm
        self.changes = changes

    def fit(
        self, spectra: Sequence[npt.NDArray[np.float32]], label: Sequence[Sequence[str]]
    ) -> "Recipe":
        """Build the model and fit it."""
        name = self.train["model"]
        train = {**self.train, name: {**self.train[name], **(self.changes or {})}}
        reflectance, error = np.swapaxes(np.asarray(spectra), 0, 1)
        self.model_ = fit(make_model(train, self.wavelengths_nm, self.used_nm),
                          augmentation(train), reflectance, error, *np.asarray(label).T)
        self.classes_ = self.model_.classes_
        return self

    def predict_proba(
        self, spectra: Sequence[npt.NDArray[np.float32]]
    ) -> npt.NDArray[np.floating]:
        """Probabilities of the fitted model."""
        probabilities: npt.NDArray[np.floating] = self.model_.predict_proba(
            np.asarray(spectra)[:, 0])
        return probabilities


def log_likelihood(
    recipe: Recipe, spectra: Sequence[npt.NDArray[np.float32]], label: Sequence[Sequence[str]]
) -> float:
    """Minus the log-loss of the targets: the classes behind them are for learning alone."""
    return -float(log_loss([target for target, _ in label], recipe.predict_proba(spectra),
                           labels=recipe.classes_))


def stratified(
    rows: Rows, target: npt.NDArray[np.str_], folds: int, seed: int
) -> list[tuple[Rows, Rows]]:
    """Rows to learn from and rows to judge on, of each fold of `rows`."""
    split = StratifiedKFold(folds, shuffle=True, random_state=seed)
    return [(rows[learn], rows[judge]) for learn, judge in split.split(rows, target[rows])]


def ranked(found: GridSearchCV) -> list[tuple[float, dict[str, Any]]]:
    """Log-loss and changes of each candidate, best first."""
    losses = -found.cv_results_["mean_test_score"]
    return [(float(losses[i]), found.cv_results_["params"][i]["changes"])
            for i in np.argsort(losses, kind="stable")]


def main(arguments: list[str]) -> None:
    """Search, judge the choice, print and write what was found."""
    parser = argparse.ArgumentParser(prog="asteroid-taxonomy search", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scheduler", help=HELP)
    options = parser.parse_args(arguments)
    params = load_params(PARAMS)
    wavelengths_nm, train, settings = params["bands"]["wavelengths_nm"], params["train"], params[
        "search"]
    used_nm = train["used_bands_nm"][ONNX_PATH.stem]  # the variants take what this one finds
    data = read_training_set(wavelengths_nm, used_nm)
    known = [key.rstrip("?") for key in MODELS[train["model"]]]
    if unknown := [key for key in settings["ranges"] if key not in known]:
        raise PipelineError(f"search.ranges in params.yaml has {', '.join(unknown)}, which no "
                            f"{train['model']} has; it has {', '.join(known)}: choose from these")
    names, members = np.unique(data.target, return_counts=True)
    if members.min() < LEAST:
        raise PipelineError(f"each target needs {LEAST} asteroids, so that outer and inner folds "
                            f"can learn it, and {names[members.argmin()]} has {members.min()}; "
                            "raise split.min_class_members or split.min_per_complex")
    tried = [{}, *ParameterSampler(settings["ranges"], settings["candidates"] - 1,
                                   random_state=settings["seed"])]

    # lists, because joblib keeps an array that Dask is to work on in the memory of one worker, and
    # waits for ever once that worker is lost; lists travel with each task
    spectra = list(np.stack([data.reflectance, data.error], axis=1))
    label = np.column_stack([data.target, data.class_name]).tolist()

    def search(rows: Rows) -> list[tuple[float, dict[str, Any]]]:
        inner = [(learn.tolist(), judge.tolist()) for learn, judge in
                 stratified(rows, data.target, settings["inner_folds"], settings["seed"])]
        grid = GridSearchCV(Recipe(train, wavelengths_nm, used_nm), {"changes": tried}, cv=inner,
                            scoring=log_likelihood, refit=False, n_jobs=-1, error_score="raise")
        return ranked(grid.fit(spectra, label))

    every = np.arange(len(label))
    outer = stratified(every, data.target, settings["outer_folds"], settings["seed"] + 1)
    judged = []
    with cluster(options.scheduler), Progress("search", len(outer) + 1, "round") as progress:
        for done, (learn, judge) in enumerate(outer, 1):
            _, best = search(learn)[0]
            model = Recipe(train, wavelengths_nm, used_nm, best).fit([spectra[i] for i in learn],
                                                   [label[i] for i in learn])
            judged.append(scores(data.target[judge],
                                 model.predict_proba([spectra[i] for i in judge]),
                                 list(model.classes_)))
            progress.update(done, note=f"outer fold {done} chose {best or 'params.yaml as it is'}")
        ranking = search(every)
    report(ranking, judged, train["model"], settings,
           read_metadata(TRAINING_SET_PATH)["survey"])


def report(
    ranking: Sequence[tuple[float, dict[str, Any]]], judged: Sequence[dict[str, float]],
    model: str, settings: dict[str, Any], survey: str,
) -> None:
    """Print the ranking and the lines to paste, write reports/search.json."""
    for loss, changes in ranking:
        print(f"  log-loss {loss:.4f}  {changes or 'params.yaml as it is'}")
    outer = {f"nested_{name}": float(np.mean([j[name] for j in judged])) for name in judged[0]}
    write_json({"survey": survey, "model": model, "configurations": len(ranking),
                "changes": ranking[0][1], "best_log_loss": ranking[0][0], **outer}, RESULT_PATH)
    print(f"the choice, judged in outer folds: {outer}\nfor params.yaml:")
    print(yaml.safe_dump({"train": {model: ranking[0][1]}}, default_flow_style=None), end="")
    print(f"wrote {RESULT_PATH}", file=sys.stderr)
