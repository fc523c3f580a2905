"""Train the classifier on the labelled asteroids that are not held out.

Reads   data/asteroids.parquet
Writes  models/asteroid_taxonomy.skops
"""

import time
import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from stages.asteroids import ASTEROIDS_PATH
from stages.bands import used_band_numbers
from stages.cli import PipelineError, run
from stages.files import load_params, read_metadata
from stages.model_file import MODEL_PATH, save_model
from stages.models import make_model
from stages.training_set import load_training_set

PARAMS = ("bands", "split", "train")


def main() -> None:
    """Run the stage."""
    params = load_params(PARAMS)
    wavelengths_nm, train = params["bands"]["wavelengths_nm"], params["train"]
    data = load_training_set(wavelengths_nm, train["used_bands_nm"], params["split"])
    for name in np.unique(data.complex):
        print(f"  {name}: {(data.complex[data.train] == name).sum():,} to train on, "
              f"{(data.complex[data.test] == name).sum():,} held out")
    model = make_model(train, used_band_numbers(wavelengths_nm, train["used_bands_nm"]))
    started = time.monotonic()
    with warnings.catch_warnings():
        # max_iter is how long this recipe trains, not a limit it failed to meet
        warnings.simplefilter("ignore", ConvergenceWarning)
        try:
            model.fit(data.reflectance[data.train], data.complex[data.train])
        except ValueError as error:
            raise PipelineError(
                f"train.{train['model']} in params.yaml was refused by scikit-learn: "
                f"{' '.join(str(error).split())}; correct that hyperparameter"
            ) from None
    model.survey_ = read_metadata(ASTEROIDS_PATH)["survey"]  # so that the file says what it saw
    save_model(model)
    print(f"wrote {MODEL_PATH}: {train['model']} on {len(data.train):,} asteroids, "
          f"{len(train['used_bands_nm'])} bands, {time.monotonic() - started:.1f} s")


if __name__ == "__main__":
    run(main)
