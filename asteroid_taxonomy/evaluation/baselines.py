"""The models that crossvalidate compares: those of params.yaml, the published one, two simpler."""

from collections.abc import Hashable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.dummy import DummyClassifier
from sklearn.pipeline import Pipeline

from asteroid_taxonomy.evaluation.folds import (
    Candidate,
    Job,
    candidate,
    class_pairs,
    of_targets,
    out_of_fold,
)
from asteroid_taxonomy.evaluation.metrics import Floats, Rows
from asteroid_taxonomy.learning import MAIN, VISIBLE
from asteroid_taxonomy.learning.augmentation import Augmentation
from asteroid_taxonomy.learning.models import make_model
from asteroid_taxonomy.learning.training_set import TrainingSet
from asteroid_taxonomy.params import Mlp, Params, Train, read_yaml
from asteroid_taxonomy.tables import OUT_OF_FOLD_PATH, rows_of

PUBLISHED = Path("experiments/published.yaml")
PUBLISHED_RECIPE = "published"
NO_COPIES = Augmentation(noisy_copies=0, seed=0)


def baselines(
    train: Train, wavelengths_nm: Sequence[int], published_seeds: int
) -> dict[tuple[str, int], Candidate]:
    """The models beside the two of params.yaml, by name and seed; they use all bands.

    The first seed of the published recipe is its own. Of the recipe only the network is used, so
    that it is compared for the same targets, labels and release.
    """
    network, out = Mlp.model_validate(read_yaml(PUBLISHED)["train"]["mlp"]), {}
    for seed in range(network.random_state, network.random_state + published_seeds):
        recipe = train.model_copy(update={
            "model": "mlp", "mlp": network.model_copy(update={"random_state": seed})})
        out[PUBLISHED_RECIPE, seed] = Candidate(
            make_model(recipe, wavelengths_nm, wavelengths_nm), range(len(wavelengths_nm)),
            NO_COPIES)
    for name, model in (("lda", LinearDiscriminantAnalysis()),
                        ("majority", DummyClassifier(strategy="prior"))):
        out[name, 0] = Candidate(Pipeline([("classifier", model)]), range(len(wavelengths_nm)),
                                 NO_COPIES)
    return out


def cross_validated(
    data: TrainingSet, first: pa.Table, params: Params, fold: Rows
) -> tuple[dict[str, list[Floats]], dict[float, Floats]]:
    """Evaluate all models in each fold, int64 [repeats, n].

    Returns
    -------
    by_model : dict
        By model, for each of its seeds, out-of-fold probabilities, float64 [repeats, n, targets].
        The main model's first repeat is that of calibrate, `first`; the visible model has one.
    by_share : dict
        By share of the training part, those of the main model, float64 [n, targets].
    """
    nm, train, settings = params.bands.wavelengths_nm, params.train, params.crossvalidate
    main_model, visible_model = (candidate(params, name) for name in (MAIN, VISIBLE))
    jobs: dict[Hashable, Job] = {(MAIN, 0, r): Job(main_model, numbers)
                                 for r, numbers in enumerate(fold) if r}
    jobs[VISIBLE, 0, 0] = Job(visible_model, fold[0])
    jobs |= {(name, seed, r): Job(model, numbers) for (name, seed), model in baselines(
        train, nm, settings.published_seeds).items() for r, numbers in enumerate(fold)}
    jobs |= {share: Job(main_model, fold[0], share=share) for share in settings.learning_curve}
    pairs, seed = class_pairs(data), params.calibration.seed
    found: dict[Any, Floats] = {key: of_targets(p[0], pairs)
                                for key, p in out_of_fold(data, jobs, seed).items()}

    rows = rows_of(data.asteroids["source_id"].to_numpy(), first["source_id"].to_numpy(),
                   OUT_OF_FOLD_PATH)
    found[MAIN, 0, 0] = np.column_stack([first[f"probability_{name}"].to_numpy()
                                         for name in np.unique(data.target)])[rows]
    by_share = {share: found.pop(share) for share in settings.learning_curve}
    by_model: dict[str, list[Floats]] = {}
    for name, number in dict.fromkeys(key[:2] for key in sorted(found)):
        repeats = [found[key] for key in sorted(found) if key[:2] == (name, number)]
        by_model.setdefault(name, []).append(np.stack(repeats))
    return by_model, by_share
