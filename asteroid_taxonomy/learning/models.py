"""The models that `train.model` in params.yaml can name: one entry each in MODELS.

Each takes spectra [n, bands] with all bands of the grid, selects the bands that it uses, and
returns probabilities of the targets in alphabetical order. Networks, kernels and linear models get
standardised bands. Trees do not need it, and rounding could then send scikit-learn and an ONNX
runtime down different branches.
"""

import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
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
from asteroid_taxonomy.learning.sum_of_classes import SumOfClasses
from asteroid_taxonomy.learning.training_set import Labelled
from asteroid_taxonomy.params import Train

# what a fitted MLPClassifier predicts with; the rest is the history of its training
FITTED = {"classes_", "coefs_", "intercepts_", "n_features_in_", "n_layers_", "n_outputs_",
          "out_activation_", "_label_binarizer"}


@dataclass(frozen=True)
class Model:
    """How a model is built and exported.

    build : its hyperparameters, as scikit-learn calls them -> the unfitted classifier; scaled :
    whether it gets standardised bands; plain_onnx : whether it exports to operators of the
    default ONNX domain only; trusted_types : types in its file beyond those that skops trusts.
    """

    build: Callable[..., BaseEstimator]
    scaled: bool = True
    plain_onnx: bool = False
    trusted_types: tuple[str, ...] = ()


def _mlp_ensemble(networks: int, random_state: int, **hyperparameters: Any) -> BaseEstimator:
    """The mean probability of several MLPs that differ in their random start."""
    members = [(f"seed_{seed}", MLPClassifier(random_state=seed, **hyperparameters))
               for seed in range(random_state, random_state + networks)]
    return VotingClassifier(members, voting="soft", flatten_transform=False)


def _svc(calibration_folds: int, **hyperparameters: Any) -> BaseEstimator:
    """A support vector machine per class, with probabilities from Platt's sigmoid.

    One SVC of all classes would count votes of pairs, and ties of votes differ in the single
    precision of ONNX.
    """
    return OneVsRestClassifier(CalibratedClassifierCV(
        SVC(**hyperparameters), method="sigmoid", cv=calibration_folds, ensemble=False))


TREES = ("sklearn.tree._tree.Tree",)
MODELS: dict[str, Model] = {
    "mlp_ensemble": Model(_mlp_ensemble, plain_onnx=True,
                          trusted_types=("sklearn.utils._bunch.Bunch",)),
    "mlp": Model(MLPClassifier, plain_onnx=True),
    "logistic_regression": Model(LogisticRegression),
    "random_forest": Model(RandomForestClassifier, scaled=False, trusted_types=TREES),
    "extra_trees": Model(ExtraTreesClassifier, scaled=False, trusted_types=TREES),
    "svc": Model(_svc, trusted_types=("sklearn.calibration._CalibratedClassifier",
                                      "sklearn.calibration._SigmoidCalibration")),
}


def make_model(train: Train, wavelengths_nm: Sequence[int], used_nm: Sequence[int]) -> Pipeline:
    """Build the unfitted model of block `train` of params.yaml.

    Parameters
    ----------
    train : params.Train
    wavelengths_nm, used_nm : sequence of int
        The grid, and the bands of it that the model uses, nm.

    Returns
    -------
    sklearn.pipeline.Pipeline
        Steps bands, scaler (if any), classifier; the last is a SumOfClasses where classes are
        learned.
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
    """Results of `function` for each task, a sequence of arguments, in their order.

    Parameters
    ----------
    function : callable
        Fits a model.
    tasks : iterable of sequences
    backend : str, optional
        Of joblib; by default loky, or the one of `joblib.parallel_config`.
    """
    warnings.simplefilter("ignore", ConvergenceWarning)  # which scikit-learn passes to workers
    yield from Parallel(n_jobs=-1, backend=backend, return_as="generator")(
        delayed(function)(*task) for task in tasks)


def fit(model: Pipeline, labelled: Labelled, copies: Augmentation) -> Pipeline:
    """Fit `model` on labelled spectra and their noisy copies; drop the history of its training.

    Raises
    ------
    PipelineError
        scikit-learn refuses a hyperparameter with these spectra, or lacks memory for it.
    """
    spectra, _, target, class_name = augmented(labelled, copies)
    label = np.column_stack([target, class_name]) if learns_classes(model) else target
    # max_iter is the length of the training, not a limit it failed to meet
    warnings.simplefilter("ignore", ConvergenceWarning)
    try:
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
