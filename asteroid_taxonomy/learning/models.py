"""The models that `train.model` in params.yaml can name: one entry each in MODELS.

Each takes spectra [n, bands] with all bands of the grid, selects the bands that it uses, and
returns probabilities of the targets in alphabetical order. Trees get no standardised bands:
rounding could send scikit-learn and an ONNX runtime down different branches.
"""

import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from joblib.externals.loky import get_reusable_executor
from sklearn.base import BaseEstimator
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier, VotingClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.utils.parallel import Parallel, delayed

from asteroid_taxonomy.console import PipelineError, one_line
from asteroid_taxonomy.learning.augmentation import Augmentation, augmented
from asteroid_taxonomy.learning.predictions import Predictions
from asteroid_taxonomy.learning.sum_of_classes import SumOfClasses
from asteroid_taxonomy.learning.training_set import Labelled, Spectra
from asteroid_taxonomy.params import Train

BATCH = 4096  # spectra to predict at a time; more is no faster and takes memory
# what a fitted MLPClassifier predicts with; the rest is the history of its training
FITTED = {"classes_", "coefs_", "intercepts_", "n_features_in_", "n_layers_", "n_outputs_",
          "out_activation_", "_label_binarizer"}


@dataclass(frozen=True)
class Model:
    """How to build a classifier from hyperparameters; whether it gets standardised bands."""

    build: Callable[..., BaseEstimator]
    scaled: bool = True


def _mlp_ensemble(networks: int, random_state: int, **hyperparameters: Any) -> BaseEstimator:
    """The mean probability of several MLPs that differ in their random start."""
    members = [(f"seed_{seed}", MLPClassifier(random_state=seed, **hyperparameters))
               for seed in range(random_state, random_state + networks)]
    return VotingClassifier(members, voting="soft", flatten_transform=False)


def _svc(calibration_folds: int, **hyperparameters: Any) -> BaseEstimator:
    """A support vector machine per class, with probabilities from Platt's sigmoid."""
    # one SVC of all classes would count votes of pairs, and ties differ in the precision of ONNX
    return OneVsRestClassifier(CalibratedClassifierCV(
        SVC(**hyperparameters), method="sigmoid", cv=calibration_folds, ensemble=False))


MODELS: dict[str, Model] = {
    "mlp_ensemble": Model(_mlp_ensemble),
    "mlp": Model(MLPClassifier),
    "logistic_regression": Model(LogisticRegression),
    "random_forest": Model(RandomForestClassifier, scaled=False),
    "extra_trees": Model(ExtraTreesClassifier, scaled=False),
    "svc": Model(_svc),
}


def make_model(train: Train, wavelengths_nm: Sequence[int], used_nm: Sequence[int]) -> Pipeline:
    """Build the unfitted model of block `train` for the bands `used_nm` of a grid.

    Its steps are bands, scaler (if any) and classifier, a SumOfClasses where classes are learned.
    """
    model = MODELS[train.model]
    classifier = model.build(**train.chosen.hyperparameters())
    used = [list(wavelengths_nm).index(nm) for nm in used_nm]
    return Pipeline([
        ("bands", ColumnTransformer([("used", "passthrough", used)])),
        *([("scaler", StandardScaler())] if model.scaled else []),
        ("classifier", SumOfClasses(classifier) if train.chosen.learn == "class" else classifier),
    ])


def learns_classes(model: Pipeline) -> bool:
    """Whether a model learns classes and sums their probabilities."""
    return isinstance(model.steps[-1][1], SumOfClasses)


def members(model: Pipeline) -> list[BaseEstimator]:
    """The fitted classifiers of a model: the networks of an ensemble, or the one there is."""
    classifier = model[-1].estimator if learns_classes(model) else model[-1]
    ensemble = isinstance(classifier, VotingClassifier)
    return list(classifier.estimators_) if ensemble else [classifier]


def in_parallel(
    function: Callable[..., Any], tasks: Iterable[Sequence[Any]], backend: str | None = None
) -> Iterator[Any]:
    """Results of `function`, which fits a model, for each task, its arguments, in their order.

    The backend of joblib is by default loky, or the one of `joblib.parallel_config`.
    """
    warnings.simplefilter("ignore", ConvergenceWarning)  # which scikit-learn passes to workers
    try:
        yield from Parallel(n_jobs=-1, backend=backend, return_as="generator")(
            delayed(function)(*task) for task in tasks)
    except BaseException:  # Ctrl-C, SIGTERM: end the worker processes too
        if backend is None:
            get_reusable_executor(reuse=True).shutdown(wait=True, kill_workers=True)
        raise


def fit(model: Pipeline, labelled: Labelled, copies: Augmentation) -> Pipeline:
    """Fit `model` on labelled spectra and their noisy copies; drop the history of its training.

    PipelineError where scikit-learn refuses a hyperparameter, or lacks memory for it.
    """
    spectra, _, target, class_name = augmented(labelled, copies)
    label = np.column_stack([target, class_name]) if learns_classes(model) else target
    try:
        # max_iter is the length of the training, not a limit it failed to meet; in threads the
        # filter of `in_parallel` holds, since catch_warnings changes those of all threads
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(spectra, label)
    except (ValueError, MemoryError) as error:
        raise PipelineError("scikit-learn refuses a hyperparameter of block train in params.yaml: "
                            f"{one_line(error, 100)}; correct it") from None
    for network in members(model):
        if isinstance(network, MLPClassifier):
            # it depends on the versions of NumPy and SciPy, and would change the model file
            for name in [name for name in vars(network).keys() - FITTED
                         if name.startswith("_") or name.endswith("_")]:
                delattr(network, name)
    return model


def predict(model: Pipeline, spectra: Spectra) -> Predictions:
    """Predict spectra [n, bands] with a fitted model, in double precision."""
    n, networks = len(spectra), members(model)
    classes = model[-1].class_names_.tolist() if learns_classes(model) else []
    targets = model.classes_.tolist()
    spread = len(targets) if len(networks) > 1 else 0
    out = Predictions(np.empty((n, len(targets))), np.empty((n, spread)),
                      np.empty((n, len(classes))), targets, classes)
    for start in range(0, n, BATCH):
        here = slice(start, start + BATCH)
        scaled = model[:-1].transform(spectra[here].astype(np.float64))
        each = np.stack([classifier.predict_proba(scaled) for classifier in networks])
        of_targets = each @ model[-1].members_ if classes else each
        out.probability[here] = of_targets.mean(axis=0)
        if spread:
            out.spread[here] = of_targets.std(axis=0)
        if classes:
            out.by_class[here] = each.mean(axis=0)
    return out
