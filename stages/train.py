"""Train the classifier on the labelled asteroids that are not held out.

Reads   data/asteroids.parquet
Writes  models/asteroid_taxonomy.skops
"""

import time

import numpy as np

from asteroid_taxonomy.asteroids import ASTEROIDS_PATH, used_band_numbers
from asteroid_taxonomy.console import PipelineError, run
from asteroid_taxonomy.files import read_metadata
from asteroid_taxonomy.learning.model_file import MODEL_PATH, save_model
from asteroid_taxonomy.learning.models import fit, make_model
from asteroid_taxonomy.learning.training_set import learning, load_training_set
from asteroid_taxonomy.params import load_params

PARAMS = ("bands", "split", "train")


def main() -> None:
    """Run the stage."""
    params = load_params(PARAMS)
    wavelengths_nm, train = params["bands"]["wavelengths_nm"], params["train"]
    data = load_training_set(wavelengths_nm, train["used_bands_nm"], params["split"])
    for name in np.unique(data.target):
        print(f"  {name}: {(data.target[data.train] == name).sum():,} to train on, "
              f"{(data.target[data.test] == name).sum():,} held out")
    model = make_model(train, used_band_numbers(wavelengths_nm, train["used_bands_nm"]))
    how = learning(train)
    started = time.monotonic()
    try:
        fit(model, how, data.reflectance[data.train], data.error[data.train],
            data.label[data.train])
    except ValueError as error:
        raise PipelineError(
            f"train.{train['model']} in params.yaml was refused by scikit-learn: "
            f"{' '.join(str(error).split())}; correct that hyperparameter"
        ) from None
    facts = read_metadata(ASTEROIDS_PATH)
    model.survey_, model.target_ = facts["survey"], facts["target"]  # what the file saw and says
    save_model(model)
    print(f"wrote {MODEL_PATH}: {train['model']} on {len(data.train):,} asteroids and "
          f"{how.noisy_copies} noisy copies of each, by {how.learn}, "
          f"{len(train['used_bands_nm'])} bands, {time.monotonic() - started:.1f} s")


if __name__ == "__main__":
    run(main)
