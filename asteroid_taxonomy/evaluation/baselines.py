"""What crossvalidate compares: the model of params.yaml, the published one, two simpler ones."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.dummy import DummyClassifier
from sklearn.pipeline import Pipeline

from asteroid_taxonomy.asteroids import used_band_numbers
from asteroid_taxonomy.evaluation.folds import Candidate
from asteroid_taxonomy.learning.augmentation import Augmentation
from asteroid_taxonomy.learning.models import augmentation, make_model
from asteroid_taxonomy.params import PARAMS, merged, read_yaml, validated

PUBLISHED = Path("experiments/published.yaml")
# how their metrics' names begin
SHIPPED, VISIBLE, PUBLISHED_RECIPE = "cv", "visible_cv", "published_recipe_cv"
NO_COPIES = Augmentation(noisy_copies=0, seed=0)


def candidate(
    train: dict[str, Any], wavelengths_nm: Sequence[int], used_nm: Sequence[int]
) -> Candidate:
    """The model of a block `train` of params.yaml that uses these bands."""
    return Candidate(make_model(train, wavelengths_nm, used_nm),
                     used_band_numbers(wavelengths_nm, used_nm), augmentation(train))


def candidates(
    train: dict[str, Any], wavelengths_nm: Sequence[int], published_seeds: int
) -> dict[tuple[str, int], Candidate]:
    """By model and seed. The published recipe's own seed is the first of its seeds."""
    # its network alone, on all bands of any grid: other complexes, or another release, are judged
    # beside it too
    network = {key: read_yaml(PUBLISHED)["train"][key] for key in ("model", "mlp")}
    published = validated(merged(read_yaml(PARAMS), {"train": network}), str(PUBLISHED))["train"]
    published["augmentation_seed"] = train["augmentation_seed"]
    used_nm, visible_nm = train["used_bands_nm"].values()
    out = {(SHIPPED, 0): candidate(train, wavelengths_nm, used_nm)}
    out[VISIBLE, 0] = replace(candidate(train, wavelengths_nm, visible_nm), repeats=1)
    first = published["mlp"]["random_state"]
    for seed in range(first, first + published_seeds):
        published["mlp"] = {**published["mlp"], "random_state": seed}
        out[PUBLISHED_RECIPE, seed] = candidate(published, wavelengths_nm, wavelengths_nm)
    for name, model in (("lda_cv", LinearDiscriminantAnalysis()),
                        ("majority_cv", DummyClassifier(strategy="prior"))):
        out[name, 0] = Candidate(Pipeline([("classifier", model)]), range(len(wavelengths_nm)),
                                 NO_COPIES)
    return out
