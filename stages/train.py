"""Train the classifier on the labelled asteroids that are not held out, and have it predict.

Reads   data/training_set.parquet, data/asteroids.parquet
Writes  models/asteroid_taxonomy.skops, data/predictions.parquet (the model's probabilities of
        every asteroid that has its bands, and of stress inputs)
"""

import time

import numpy as np
import pyarrow as pa

from asteroid_taxonomy.asteroids import (
    matrix,
    read_asteroids,
    reflectance_columns,
    used_band_numbers,
)
from asteroid_taxonomy.console import PipelineError, run
from asteroid_taxonomy.files import read_metadata
from asteroid_taxonomy.learning.model_file import MODEL_PATH, save_model
from asteroid_taxonomy.learning.models import augmentation, fit, make_model
from asteroid_taxonomy.learning.predictions import (
    PREDICTIONS_PATH,
    SURVEY,
    stress_inputs,
    write_predictions,
)
from asteroid_taxonomy.learning.training_set import (
    TRAINING_SET_PATH,
    has_bands,
    read_training_set,
)
from asteroid_taxonomy.params import load_params

PARAMS = ("bands.wavelengths_nm", "train.model", "train.used_bands_nm",
          "train.augmentation_seed", "train.${train.model}")


def main() -> None:
    """Run the stage."""
    params = load_params(PARAMS)
    wavelengths_nm, train = params["bands"]["wavelengths_nm"], params["train"]
    data = read_training_set(wavelengths_nm, train["used_bands_nm"])
    for name in np.unique(data.target):
        print(f"  {name}: {(data.target[data.train] == name).sum():,} to train on, "
              f"{(data.target[data.test] == name).sum():,} held out")
    model, copies = make_model(train, wavelengths_nm), augmentation(train)
    started = time.monotonic()
    try:
        fit(model, copies, data.reflectance[data.train], data.error[data.train],
            data.target[data.train], data.class_name[data.train])
    except ValueError as error:
        raise PipelineError(
            f"train.{train['model']} in params.yaml was refused by scikit-learn: "
            f"{' '.join(str(error).split())}; correct that hyperparameter"
        ) from None
    took = time.monotonic() - started
    save_model(model)

    columns = reflectance_columns(wavelengths_nm)
    survey = read_asteroids(wavelengths_nm, ["source_id", *columns])
    survey = survey.filter(pa.array(has_bands(survey, wavelengths_nm, train["used_bands_nm"])))
    used = used_band_numbers(wavelengths_nm, train["used_bands_nm"])
    write_predictions(
        model.predict_proba, list(model.classes_), survey["source_id"].combine_chunks(),
        {SURVEY: matrix(survey, columns), **stress_inputs(data.reflectance[data.test], used)},
        read_metadata(TRAINING_SET_PATH)["survey"])
    print(f"wrote {MODEL_PATH}: {train['model']} on {len(data.train):,} asteroids and "
          f"{copies.noisy_copies} noisy copies of each, by "
          f"{train[train['model']]['learn']}, {len(used)} bands, {took:.1f} s; and "
          f"{PREDICTIONS_PATH}: of {len(survey):,} asteroids")


if __name__ == "__main__":
    run(main)
