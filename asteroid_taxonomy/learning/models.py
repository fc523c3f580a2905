"""The models that `train.model` in params.yaml can name.

Each takes float32 spectra [n, bands] with all bands of the grid, picks the bands it uses, and
gives probabilities of the classes in alphabetical order. A new one is a function and a line in
MODELS. Networks, kernels and linear models see standardised bands. Trees see them as they are:
they do not need it, and a threshold between two values that differ in their last bit would send
scikit-learn and an ONNX runtime down different branches.
"""

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
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

from asteroid_taxonomy.console import PipelineError
from asteroid_taxonomy.learning.sum_of_classes import SumOfClasses
from asteroid_taxonomy.learning.training_set import Learning, learning, with_noisy_copies


def _scaled(classifier: BaseEstimator) -> Pipeline:
    return Pipeline([("scaler", StandardScaler()), ("classifier", classifier)])


def _mlp_ensemble(networks: int, random_state: int, **hyperparameters: Any) -> Pipeline:
    """The mean probability of several MLPs that differ in their random start."""
    members = [(f"seed_{seed}", MLPClassifier(random_state=seed, **hyperparameters))
               for seed in range(random_state, random_state + networks)]
    return _scaled(VotingClassifier(members, voting="soft", flatten_transform=False))


def _svc(calibration_folds: int, **hyperparameters: Any) -> Pipeline:
    """A support vector machine per class, its probability by Platt's sigmoid, fitted on folds.

    One SVC of all classes would count votes of pairs, and a vote on the fence falls to the other
    side in ONNX's single precision.
    """
    return _scaled(OneVsRestClassifier(CalibratedClassifierCV(
        SVC(**hyperparameters), method="sigmoid", cv=calibration_folds, ensemble=False)))


def _blend(
    mlp_weight: float, mlp_ensemble: dict[str, Any], extra_trees: dict[str, Any]
) -> VotingClassifier:
    """The weighted mean of the probabilities of an MLP ensemble and of extra trees."""
    return VotingClassifier(
        [("networks", _mlp_ensemble(**mlp_ensemble)),
         ("trees", ExtraTreesClassifier(**extra_trees))],
        voting="soft", flatten_transform=False,
        weights=np.array([mlp_weight, 1.0 - mlp_weight]),  # a list stops the conversion to ONNX
    )


MODELS: dict[str, Callable[..., BaseEstimator]] = {
    "mlp_ensemble": _mlp_ensemble,
    "mlp": lambda **hyperparameters: _scaled(MLPClassifier(**hyperparameters)),
    "logistic_regression": lambda **hyperparameters: _scaled(
        LogisticRegression(**hyperparameters)),
    "random_forest": RandomForestClassifier,
    "extra_trees": ExtraTreesClassifier,
    "svc": _svc,
    "blend": _blend,
}


def _own(train: dict[str, Any], name: str) -> dict[str, Any]:
    """The hyperparameters under a model's name, without what it learns from."""
    return {key: value for key, value in (train.get(name) or {}).items()
            if key not in Learning.__annotations__}


def make_model(train: dict[str, Any], used_bands: Sequence[int]) -> Pipeline:
    """Build the unfitted model that params.yaml describes.

    Parameters
    ----------
    train : dict
        Block `train`: `model`, and under that name its hyperparameters as scikit-learn calls them.
    used_bands : sequence of int
        Column numbers of the bands to use.

    Returns
    -------
    sklearn.pipeline.Pipeline
        Steps bands, classifier; the last step in them is a SumOfClasses where classes are learned.

    Raises
    ------
    PipelineError
        A model or a hyperparameter that does not exist.
    """
    name = train["model"]
    if name not in MODELS:
        raise PipelineError(f"train.model in params.yaml is {name!r}, expected one of "
                            f"{', '.join(MODELS)}; set it to one of these")
    hyperparameters = _own(train, name)
    if name == "blend":  # of the two models as their own blocks describe them
        hyperparameters |= {part: _own(train, part) for part in ("mlp_ensemble", "extra_trees")}
    try:
        classifier = MODELS[name](**hyperparameters)
    except TypeError as error:
        raise PipelineError(f"train.{name} in params.yaml does not fit the model: {error}; "
                            "remove or rename that hyperparameter") from None
    if learning(train).learn == "class":
        if isinstance(classifier, Pipeline):
            classifier.steps[-1] = ("classifier", SumOfClasses(classifier.steps[-1][1]))
        else:
            classifier = SumOfClasses(classifier)
    return Pipeline([
        ("bands", ColumnTransformer([("used", "passthrough", list(used_bands))])),
        ("classifier", classifier),
    ])


def fit(
    model: Pipeline, how: Learning, reflectance: npt.NDArray[np.float32],
    error: npt.NDArray[np.float32], label: npt.NDArray[np.str_],
) -> Pipeline:
    """Fit `model` on spectra [n, bands] with labels [n], and on their noisy copies."""
    with warnings.catch_warnings():
        # max_iter is how long a recipe trains, not a limit it failed to meet
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(*with_noisy_copies(reflectance, error, label, how))
