"""What crossvalidate compares: the recipe of params.yaml, the published one, two simpler ones."""

from pathlib import Path
from typing import Any

import yaml
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.dummy import DummyClassifier
from sklearn.pipeline import Pipeline

from asteroid_taxonomy.asteroids import used_band_numbers
from asteroid_taxonomy.evaluation.folds import Candidate
from asteroid_taxonomy.learning.models import make_model
from asteroid_taxonomy.learning.training_set import Learning, learning
from asteroid_taxonomy.params import merged

PUBLISHED = Path("experiments/published.yaml")
SHIPPED, PUBLISHED_RECIPE = "cv", "published_recipe_cv"  # how their figures' names begin


def candidate(wavelengths_nm: list[int], train: dict[str, Any]) -> Candidate:
    """The model of a block `train` of params.yaml."""
    used = used_band_numbers(wavelengths_nm, train["used_bands_nm"])
    return Candidate(make_model(train, used), used, learning(train))


def candidates(params: dict[str, Any]) -> dict[tuple[str, int], Candidate]:
    """By recipe and seed. The published recipe's own seed is the first of its seeds."""
    wavelengths_nm, train = params["bands"]["wavelengths_nm"], params["train"]
    published = merged(train, yaml.safe_load(PUBLISHED.read_text(encoding="utf-8"))["train"])
    out = {(SHIPPED, 0): candidate(wavelengths_nm, train)}
    for i in range(params["crossvalidate"]["published_seeds"]):
        seed = published["mlp"]["random_state"] + i
        out[PUBLISHED_RECIPE, seed] = candidate(
            wavelengths_nm, merged(published, {"mlp": {"random_state": seed}}))
    for name, model in (("lda_cv", LinearDiscriminantAnalysis()),
                        ("majority_cv", DummyClassifier(strategy="prior"))):
        out[name, 0] = Candidate(Pipeline([("classifier", model)]), range(len(wavelengths_nm)),
                                 Learning(noisy_copies=0, noise_seed=0, learn="target"))
    return out
