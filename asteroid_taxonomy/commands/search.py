"""Search hyperparameters of `train.model` by nested cross-validation.

Reads params.yaml, the ranges (commands/search.yaml) and data/training_set.parquet, writes
reports/search.json and prints the candidates by rank. Candidates are compared in inner folds; the
choice is evaluated in outer folds that it has not seen, and that is the figure to trust.
"""

from pathlib import Path
from typing import Any, Self

import numpy as np
from pydantic import ValidationError
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.model_selection import GridSearchCV, ParameterSampler, StratifiedKFold

from asteroid_taxonomy.console import PipelineError, Progress, command_line, one_line
from asteroid_taxonomy.evaluation.cluster import HELP, cluster
from asteroid_taxonomy.evaluation.metrics import scores
from asteroid_taxonomy.files import read_metadata, rounded, write_json
from asteroid_taxonomy.learning.augmentation import Augmentation
from asteroid_taxonomy.learning.models import fit, make_model
from asteroid_taxonomy.learning.training_set import Floats, Labelled, Rows, read_training_set
from asteroid_taxonomy.params import Train, load_params, read_yaml
from asteroid_taxonomy.tables import TRAINING_SET_PATH

RESULT_PATH = Path("reports/search.json")
AS_IT_IS = "params.yaml as it is"


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
    """The model of a block `train`, for spectra [2, bands] (reflectance, error), (target, class).

    In lists: an array would stay with one Dask worker, and be waited for if that one is lost.
    """

    def __init__(self, train: Train, wavelengths_nm: list[int]) -> None:
        self.train, self.wavelengths_nm = train, wavelengths_nm

    def fit(self, spectra: list[Floats], label: list[list[str]]) -> Self:
        """Build the model and fit it."""
        labelled = Labelled(*np.swapaxes(np.asarray(spectra), 0, 1), *np.asarray(label).T)
        train, nm = self.train, self.wavelengths_nm
        self.model_ = fit(make_model(train, nm, train.used_bands_nm.asteroid_taxonomy), labelled,
                          Augmentation(train.chosen.noisy_copies, train.augmentation_seed))
        self.classes_ = self.model_.classes_
        return self

    def predict_proba(self, spectra: list[Floats]) -> Floats:
        """Probabilities of the fitted model."""
        return rounded(self.model_.predict_proba(np.asarray(spectra, np.float64)[:, 0]))


def evaluated(recipe: Any, spectra: list[Floats], label: list[list[str]]) -> dict[str, float]:
    """Metrics of a fitted recipe, or of the best one of a grid."""
    return scores(np.asarray(label)[:, 0], recipe.predict_proba(spectra), list(recipe.classes_))


def main(arguments: list[str]) -> None:
    """Search, evaluate the choice, print and write what was found."""
    parser = command_line("search", __doc__)
    parser.add_argument("--ranges", type=Path, default=Path(__file__).with_suffix(".yaml"),
                        help="another file like commands/search.yaml")
    parser.add_argument("--scheduler", help=HELP)
    options = parser.parse_args(arguments)
    params, settings = load_params(), read_yaml(options.ranges)
    nm, train, seed = params.bands.wavelengths_nm, params.train, settings["seed"]
    data = read_training_set(nm, train.used_bands_nm.asteroid_taxonomy)
    tried = [{}, *ParameterSampler(settings["ranges"], settings["candidates"] - 1,
                                   random_state=seed)]
    candidates = {"train": [changed(train, changes) for changes in tried]}
    spectra = list(np.stack([data.reflectance, data.error], axis=1))
    label = np.column_stack([data.target, data.class_name]).tolist()

    def of(rows: Rows) -> tuple[list[Floats], list[list[str]]]:
        return [spectra[i] for i in rows], [label[i] for i in rows]

    def search(rows: Rows) -> GridSearchCV:
        split = StratifiedKFold(settings["inner_folds"], shuffle=True, random_state=seed)
        inner = [[part.tolist() for part in fold] for fold in split.split(rows, data.target[rows])]
        grid = GridSearchCV(Recipe(train, nm), candidates, cv=inner, n_jobs=-1,
                            scoring=lambda *given: -evaluated(*given)["log_loss"],
                            error_score="raise")
        return grid.fit(*of(rows))

    outer = StratifiedKFold(settings["outer_folds"], shuffle=True, random_state=seed + 1)
    nested = []
    with cluster(options.scheduler), Progress("search", outer.n_splits + 1, "round") as progress:
        for done, (learn, unseen) in enumerate(outer.split(label, data.target), 1):
            grid = search(learn)
            nested.append(evaluated(grid, *of(unseen)))
            progress.update(done, note=f"best: {tried[grid.best_index_] or AS_IT_IS}")
        losses = -search(np.arange(len(label))).cv_results_["mean_test_score"]
    best, *_ = ranking = np.argsort(losses, kind="stable")
    print(*(f"  log-loss {losses[i]:.4f}  {tried[i] or AS_IT_IS}" for i in ranking), sep="\n")
    metrics = {key: float(np.mean([each[key] for each in nested])) for key in nested[0]}
    write_json({"survey": read_metadata(TRAINING_SET_PATH)["survey"], "model": train.model,
                "candidates": len(tried), "changes": tried[best], "log_loss": losses[best],
                "nested": metrics}, RESULT_PATH)
    print("in outer folds: " + ", ".join(f"{key} {value:.3f}" for key, value in metrics.items()))
    flags = "".join(f" -S 'train.{train.model}.{k}={v}'" for k, v in tried[best].items())
    print(f"wrote {RESULT_PATH}; the choice: {f'dvc exp run{flags}' if flags else AS_IT_IS}")
