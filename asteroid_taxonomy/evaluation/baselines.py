"""The models that crossvalidate compares: those of params.yaml, the published one, two simpler."""

from collections.abc import Hashable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.dummy import DummyClassifier
from sklearn.pipeline import Pipeline

from asteroid_taxonomy.evaluation.folds import Job, class_pairs, job, of_targets, out_of_fold
from asteroid_taxonomy.evaluation.out_of_fold import of_asteroids
from asteroid_taxonomy.learning import MAIN, VISIBLE
from asteroid_taxonomy.learning.augmentation import Augmentation
from asteroid_taxonomy.learning.models import make_model
from asteroid_taxonomy.learning.training_set import Floats, Rows, TrainingSet
from asteroid_taxonomy.params import Mlp, Params, read_yaml

PUBLISHED = Path("experiments/published.yaml")
PUBLISHED_RECIPE = "published"
LEARNING_CURVE = "learning_curve"
NO_COPIES = Augmentation(noisy_copies=0, seed=0)


def baselines(params: Params) -> dict[tuple[str, int], Pipeline]:
    """The unfitted models beside the two of params.yaml, by name and seed; they use all bands.

    Of the published recipe only the network is used, so that it is compared for the same targets,
    labels and release. Its first seed is its own.
    """
    network = Mlp.model_validate(read_yaml(PUBLISHED)["train"]["mlp"])
    nm = params.bands.wavelengths_nm
    out = {("lda", 0): Pipeline([("classifier", LinearDiscriminantAnalysis())]),
           ("majority", 0): Pipeline([("classifier", DummyClassifier(strategy="prior"))])}
    for seed in range(params.crossvalidate.published_seeds):
        mlp = network.model_copy(update={"random_state": network.random_state + seed})
        recipe = params.train.model_copy(update={"model": "mlp", "mlp": mlp})
        out[PUBLISHED_RECIPE, seed] = make_model(recipe, nm, nm)
    return out


def cross_validated(
    data: TrainingSet, first: pa.Table, params: Params, fold: Rows
) -> dict[str, list[Floats]]:
    """Evaluate all models in each fold, int64 [repeats, n].

    By model, for each of its seeds: out-of-fold probabilities, float64 [repeats, n, targets]. The
    main model's first repeat is that of calibrate, `first`; the visible model has one, and so has
    LEARNING_CURVE, the main model with each share of the training part.
    """
    every, pairs = range(data.reflectance.shape[1]), class_pairs(data)
    jobs: dict[Hashable, Job] = {(MAIN, 0, r): job(params, MAIN, numbers)
                                 for r, numbers in enumerate(fold) if r}
    jobs[VISIBLE, 0, 0] = job(params, VISIBLE, fold[0])
    jobs |= {(LEARNING_CURVE, share, 0): job(params, MAIN, fold[0])._replace(share=share)
             for share in params.crossvalidate.learning_curve}
    jobs |= {(*key, r): Job(model, NO_COPIES, every, numbers)
             for key, model in baselines(params).items() for r, numbers in enumerate(fold)}
    found: dict[Any, Floats] = {key: of_targets(p[0], pairs)
                                for key, p in out_of_fold(data, jobs).items()}
    found[MAIN, 0, 0] = of_asteroids(first, data.asteroids["source_id"].to_numpy(),
                                     [f"probability_{name}" for name in np.unique(data.target)])
    out: dict[str, list[Floats]] = {}
    for name, number in dict.fromkeys(key[:2] for key in sorted(found)):
        repeats = [found[key] for key in sorted(found) if key[:2] == (name, number)]
        out.setdefault(name, []).append(np.stack(repeats))
    return out
