"""Train the classifiers on the labelled asteroids that are not held out, and have them predict.

Reads   data/training_set.parquet, data/asteroids.parquet
Writes  models/<name>.skops, data/predictions/<name>.parquet (the model's probabilities of every
        asteroid that has its bands, and of stress inputs), for each name in train.used_bands_nm
"""

import multiprocessing
import sys
import time
import warnings
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from itertools import repeat
from typing import Any

import numpy as np
import pyarrow as pa
from sklearn.pipeline import Pipeline

from asteroid_taxonomy.asteroids import (
    matrix,
    read_asteroids,
    reflectance_columns,
    used_band_numbers,
)
from asteroid_taxonomy.console import PipelineError, run
from asteroid_taxonomy.files import read_metadata
from asteroid_taxonomy.files.atomic_write import together
from asteroid_taxonomy.learning.model_file import model_path, save_model
from asteroid_taxonomy.learning.models import augmentation, fit, make_model
from asteroid_taxonomy.learning.predictions import (
    SURVEY,
    predictions_path,
    spread,
    stress_inputs,
    write_predictions,
)
from asteroid_taxonomy.learning.training_set import (
    TRAINING_SET_PATH,
    TrainingSet,
    has_bands,
    read_training_set,
)
from asteroid_taxonomy.params import load_params

PARAMS = ("bands.wavelengths_nm", "train.model", "train.used_bands_nm",
          "train.augmentation_seed", "train.${train.model}")


def fitted(
    train: dict[str, Any], wavelengths_nm: Sequence[int], used_nm: Sequence[int],
    data: TrainingSet,
) -> tuple[Pipeline, float]:
    """Fit a model to the asteroids that are not held out; also give the seconds that took."""
    model, rows = make_model(train, wavelengths_nm, used_nm), data.train
    started = time.monotonic()
    try:
        fit(model, augmentation(train), data.reflectance[rows], data.error[rows],
            data.target[rows], data.class_name[rows])
    except ValueError as error:
        raise PipelineError(
            f"train.{train['model']} in params.yaml was refused by scikit-learn: "
            f"{' '.join(str(error).split())}; correct that hyperparameter"
        ) from None
    return model, time.monotonic() - started


def write(
    name: str, model: Pipeline, wavelengths_nm: Sequence[int], used_nm: Sequence[int],
    data: TrainingSet, asteroids: pa.Table,
) -> None:
    """Write a fitted model, and what it makes of the survey and of stress inputs."""
    usable = asteroids.filter(pa.array(has_bands(asteroids, wavelengths_nm, used_nm)))
    spectra = matrix(usable, reflectance_columns(wavelengths_nm))
    used = used_band_numbers(wavelengths_nm, used_nm)
    save_model(model, model_path(name))
    write_predictions(
        model.predict_proba, list(model.classes_), usable["source_id"].combine_chunks(),
        {SURVEY: spectra, **stress_inputs(data.reflectance[data.test], used)},
        spread(model, spectra), read_metadata(TRAINING_SET_PATH)["survey"], predictions_path(name))
    by_target = ", ".join(f"{target} {n:,}" for target, n in zip(
        *np.unique(data.target[data.train], return_counts=True), strict=True))
    print(f"wrote {model_path(name)}: trained on {len(data.train):,} asteroids ({by_target}), "
          f"{len(used)} bands, {len(data.test):,} held out; and {predictions_path(name)}: "
          f"{len(usable):,} asteroids")


@together()
def main() -> None:
    """Run the stage."""
    params = load_params(PARAMS)
    wavelengths_nm, train = params["bands"]["wavelengths_nm"], params["train"]
    names = train["used_bands_nm"]
    data = {name: read_training_set(wavelengths_nm, used) for name, used in names.items()}
    # on Linux a copy of this process, which has scikit-learn already, fits each model
    start = multiprocessing.get_context("fork" if sys.platform == "linux" else None)
    with warnings.catch_warnings(), ProcessPoolExecutor(len(names), start) as pool:
        # Python 3.12 warns of threads that the copy would miss: Arrow's, and it reads no table
        warnings.simplefilter("ignore", DeprecationWarning)
        fits = list(pool.map(fitted, repeat(train), repeat(wavelengths_nm), names.values(),
                             data.values()))
    asteroids = read_asteroids(wavelengths_nm,
                               ["source_id", *reflectance_columns(wavelengths_nm)])
    for (name, used_nm), (model, took) in zip(names.items(), fits, strict=True):
        print(f"{name}: {train['model']}, {train[train['model']]}, {took:.1f} s")
        write(name, model, wavelengths_nm, used_nm, data[name], asteroids)


if __name__ == "__main__":
    run(main, __doc__)
