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
from concurrent.futures.process import BrokenProcessPool
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
from asteroid_taxonomy.learning.models import augmentation, fit, make_model
from asteroid_taxonomy.learning.predictions import (
    SURVEY,
    Predictions,
    Spectra,
    predict,
    predictions_path,
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


def fit_and_predict(
    train: dict[str, Any], wavelengths_nm: Sequence[int], used_nm: Sequence[int],
    data: TrainingSet, inputs: dict[str, Spectra],
) -> tuple[Pipeline, Predictions, float]:
    """Fit a model to the asteroids that are not held out; also give the seconds that took."""
    model, rows = make_model(train, wavelengths_nm, used_nm), data.train
    started = time.monotonic()
    fit(model, augmentation(train), data.reflectance[rows], data.error[rows],
        data.target[rows], data.class_name[rows])
    took = time.monotonic() - started
    return model, predict(model, inputs), took


@together()
def main() -> None:
    """Run the stage."""
    params = load_params(PARAMS)
    wavelengths_nm, train = params["bands"]["wavelengths_nm"], params["train"]
    columns, names = reflectance_columns(wavelengths_nm), train["used_bands_nm"]
    asteroids = read_asteroids(wavelengths_nm, ["source_id", *columns])
    data, usable, inputs = {}, {}, {}
    for name, used_nm in names.items():
        data[name] = read_training_set(wavelengths_nm, used_nm)
        usable[name] = asteroids.filter(pa.array(has_bands(asteroids, wavelengths_nm, used_nm)))
        inputs[name] = {SURVEY: matrix(usable[name], columns), **stress_inputs(
            data[name].reflectance[data[name].test], used_band_numbers(wavelengths_nm, used_nm))}

    # on Linux a copy of this process, which has scikit-learn already, works on each model
    start = multiprocessing.get_context("fork" if sys.platform == "linux" else None)
    with warnings.catch_warnings(), ProcessPoolExecutor(len(names), start) as pool:
        # Python 3.12 warns of threads that the copy would miss: Arrow's, and it reads no table
        warnings.simplefilter("ignore", DeprecationWarning)
        try:
            under_way = pool.map(fit_and_predict, repeat(train), repeat(wavelengths_nm),
                                 names.values(), data.values(), inputs.values())
            # half a second of skops' imports, while the copies are busy
            from asteroid_taxonomy.learning.model_file import model_path, save_model

            fits = list(under_way)
        except BrokenProcessPool:
            raise PipelineError(
                f"a process that fitted train.{train['model']} was killed, most likely for want "
                "of memory; make that model smaller in params.yaml, or run this where there is "
                "more") from None
        except BaseException:
            for copy in multiprocessing.active_children():  # the pool would wait for their fits
                copy.kill()
            raise

    survey = read_metadata(TRAINING_SET_PATH)["survey"]
    print(f"{train['model']}: {train[train['model']]}")
    for name, (model, predictions, took) in zip(names, fits, strict=True):
        learned = data[name].target[data[name].train]
        save_model(model, model_path(name))
        write_predictions(predictions, list(model.classes_),
                          usable[name]["source_id"].combine_chunks(), inputs[name], survey,
                          predictions_path(name))
        by_target = ", ".join(f"{target} {n:,}" for target, n in zip(
            *np.unique(learned, return_counts=True), strict=True))
        print(f"wrote {model_path(name)}: fitted in {took:.1f} s to {len(learned):,} asteroids "
              f"({by_target}), {len(names[name])} bands, {len(data[name].test):,} held out; and "
              f"{predictions_path(name)}: {len(usable[name]):,} asteroids")


if __name__ == "__main__":
    run(main, __doc__)
