"""The models that `train.model` in params.yaml can name: one entry each in MODELS.

Each takes float32 spectra [n, bands] with all bands of the grid, picks the bands it uses, and
gives probabilities of the targets in alphabetical order. Networks, kernels and linear models see
standardised bands. Trees see them as they are: they do not need it, and a threshold between two
values that differ in their last bit would send scikit-learn and an ONNX runtime down different
branches.

scikit-learn takes a second to load and is imported where a model is built: a stage that only asks
what a model is like does without it.
"""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from asteroid_taxonomy.asteroids import used_band_numbers
from asteroid_taxonomy.console import PipelineError
from asteroid_taxonomy.learning.augmentation import Augmentation, with_noisy_copies

if TYPE_CHECKING:
    from sklearn.base import BaseEstimator
    from sklearn.pipeline import Pipeline

ADAM = "sklearn.neural_network._stochastic_optimizers.AdamOptimizer"
TREES = ("sklearn.tree._tree.Tree",)


@dataclass(frozen=True)
class Model:
    """How a model is built and handed on.

    build : its hyperparameters, as scikit-learn calls them -> the unfitted classifier; scaled :
    whether it sees standardised bands; plain_onnx : whether it exports to operators of the
    default ONNX domain alone; trusted_types : what a file of it holds beyond what skops trusts.
    """

    build: Callable[..., "BaseEstimator"]
    scaled: bool = True
    plain_onnx: bool = False
    trusted_types: tuple[str, ...] = ()


def _mlp(**hyperparameters: Any) -> "BaseEstimator":
    from sklearn.neural_network import MLPClassifier

    return MLPClassifier(**hyperparameters)


def _mlp_ensemble(networks: int, random_state: int, **hyperparameters: Any) -> "BaseEstimator":
    """The mean probability of several MLPs that differ in their random start."""
    from sklearn.ensemble import VotingClassifier

    members = [(f"seed_{seed}", _mlp(random_state=seed, **hyperparameters))
               for seed in range(random_state, random_state + networks)]
    return VotingClassifier(members, voting="soft", flatten_transform=False)


def _logistic_regression(**hyperparameters: Any) -> "BaseEstimator":
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(**hyperparameters)


def _random_forest(**hyperparameters: Any) -> "BaseEstimator":
    from sklearn.ensemble import RandomForestClassifier

    return RandomForestClassifier(**hyperparameters)


def _extra_trees(**hyperparameters: Any) -> "BaseEstimator":
    from sklearn.ensemble import ExtraTreesClassifier

    return ExtraTreesClassifier(**hyperparameters)


def _svc(calibration_folds: int, **hyperparameters: Any) -> "BaseEstimator":
    """A support vector machine per class, its probability by Platt's sigmoid, fitted on folds.

    One SVC of all classes would count votes of pairs, and a vote on the fence falls to the other
    side in ONNX's single precision.
    """
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.multiclass import OneVsRestClassifier
    from sklearn.svm import SVC

    return OneVsRestClassifier(CalibratedClassifierCV(
        SVC(**hyperparameters), method="sigmoid", cv=calibration_folds, ensemble=False))


MODELS: dict[str, Model] = {
    "mlp_ensemble": Model(_mlp_ensemble, plain_onnx=True,
                          trusted_types=(ADAM, "sklearn.utils._bunch.Bunch")),
    "mlp": Model(_mlp, plain_onnx=True, trusted_types=(ADAM,)),
    "logistic_regression": Model(_logistic_regression),
    "random_forest": Model(_random_forest, scaled=False, trusted_types=TREES),
    "extra_trees": Model(_extra_trees, scaled=False, trusted_types=TREES),
    "svc": Model(_svc, trusted_types=("sklearn.calibration._CalibratedClassifier",
                                      "sklearn.calibration._SigmoidCalibration")),
}


def make_model(
    train: dict[str, Any], wavelengths_nm: Sequence[int], used_nm: Sequence[int]
) -> "Pipeline":
    """Build the unfitted model that params.yaml describes.

    Parameters
    ----------
    train : dict
        Block `train`: `model`, and under the model's name its hyperparameters.
    wavelengths_nm, used_nm : sequence of int
        The grid, and the bands of it that the model uses, in nm.

    Returns
    -------
    sklearn.pipeline.Pipeline
        Steps bands, scaler (if any), classifier; the last is a SumOfClasses where classes are
        learned.

    """
    from sklearn.compose import ColumnTransformer
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import StandardScaler

    from asteroid_taxonomy.learning.sum_of_classes import SumOfClasses

    model, hyperparameters = MODELS[train["model"]], dict(train[train["model"]])
    learn = hyperparameters.pop("learn")
    hyperparameters.pop("noisy_copies")
    classifier = model.build(**hyperparameters)
    used = used_band_numbers(wavelengths_nm, used_nm)
    return Pipeline([
        ("bands", ColumnTransformer([("used", "passthrough", used)])),
        *([("scaler", StandardScaler())] if model.scaled else []),
        ("classifier", SumOfClasses(classifier) if learn == "class" else classifier),
    ])


def augmentation(train: dict[str, Any]) -> Augmentation:
    """The data augmentation that block `train` of params.yaml asks for."""
    return Augmentation(train[train["model"]]["noisy_copies"], train["augmentation_seed"])


def learns_classes(model: "Pipeline") -> bool:
    """Whether a model learns classes and sums their probabilities."""
    return hasattr(model.steps[-1][1], "class_probabilities")


def fit(
    model: "Pipeline", copies: Augmentation, reflectance: npt.NDArray[np.float32],
    error: npt.NDArray[np.float32], target: npt.NDArray[np.str_],
    class_name: npt.NDArray[np.str_],
) -> "Pipeline":
    """Fit `model` on spectra [n, bands] with targets and classes [n], and on noisy copies.

    Raises
    ------
    PipelineError
        scikit-learn refuses a hyperparameter with these spectra, or has no memory for it.
    """
    from sklearn.exceptions import ConvergenceWarning

    label = np.column_stack([target, class_name]) if learns_classes(model) else target
    with warnings.catch_warnings():
        # max_iter is how long a recipe trains, not a limit it failed to meet
        warnings.simplefilter("ignore", ConvergenceWarning)
        try:
            return model.fit(*with_noisy_copies(reflectance, error, label, copies))
        except (ValueError, MemoryError) as refused:
            raise PipelineError(
                "the model of block train in params.yaml was refused by scikit-learn: "
                f"{' '.join(str(refused).split())}; correct that hyperparameter") from None
