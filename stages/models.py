"""The models that `train.model` in params.yaml can name.

Each takes float32 spectra [n, bands] with all bands of the grid, picks the bands it uses, and
gives probabilities of the complexes in alphabetical order. A new one is a function and a line in
MODELS.
"""

from collections.abc import Callable, Sequence
from typing import Any

from sklearn.base import BaseEstimator
from sklearn.compose import ColumnTransformer
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from stages.cli import PipelineError


def _mlp(hyperparameters: dict[str, Any]) -> BaseEstimator:
    return MLPClassifier(**hyperparameters)


MODELS: dict[str, Callable[[dict[str, Any]], BaseEstimator]] = {
    "mlp": _mlp,
}


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
        Steps bands, scaler, classifier.

    Raises
    ------
    PipelineError
        A model or a hyperparameter that does not exist.
    """
    name = train["model"]
    if name not in MODELS:
        raise PipelineError(f"train.model in params.yaml is {name!r}, expected one of "
                            f"{', '.join(MODELS)}; set it to one of these")
    hyperparameters = dict(train.get(name) or {})
    try:
        classifier = MODELS[name](hyperparameters)
    except TypeError as error:
        raise PipelineError(f"train.{name} in params.yaml does not fit the model: {error}; "
                            "remove or rename that hyperparameter") from None
    return Pipeline([
        ("bands", ColumnTransformer([("used", "passthrough", list(used_bands))])),
        ("scaler", StandardScaler()),
        ("classifier", classifier),
    ])
