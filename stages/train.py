"""Train the classifiers on the labelled asteroids that are not held out, and predict the survey.

Reads   data/training_set.parquet, data/asteroids.parquet
Writes  models/<name>.skops, data/predictions/<name>.parquet (probabilities of every asteroid that
        has the model's bands), for each name in train.used_bands_nm
"""

import time

import pyarrow as pa
from sklearn.pipeline import Pipeline

from asteroid_taxonomy.console import run
from asteroid_taxonomy.files import read_metadata
from asteroid_taxonomy.learning import MAIN, model_path
from asteroid_taxonomy.learning.augmentation import Augmentation, augmentation
from asteroid_taxonomy.learning.models import fit, in_parallel, make_model, predict
from asteroid_taxonomy.learning.predictions import Predictions, predictions_path, write_predictions
from asteroid_taxonomy.learning.training_set import Labelled, Spectra, read_training_set
from asteroid_taxonomy.params import load_params
from asteroid_taxonomy.tables import (
    TRAINING_SET_PATH,
    has_bands,
    matrix,
    read_asteroids,
    reflectance_columns,
)


def fit_and_predict(
    model: Pipeline, labelled: Labelled, copies: Augmentation, spectra: Spectra
) -> tuple[Pipeline, Predictions, float]:
    """Fit a model and predict `spectra` [n, bands]; also give the seconds that the fit took."""
    started = time.monotonic()
    fit(model, labelled, copies)
    took = time.monotonic() - started
    return model, predict(model, spectra), took


def main() -> None:
    """Run the stage."""
    params = load_params()
    nm, train, used = params.bands.wavelengths_nm, params.train, dict(params.train.used_bands_nm)
    data = read_training_set(nm, used[MAIN])
    learned = data.take(data.train)
    columns = reflectance_columns(nm)
    asteroids = read_asteroids(nm, ["source_id", *columns])
    spectra, source_id = matrix(asteroids, columns), asteroids["source_id"]
    usable = {name: has_bands(asteroids, used_nm) for name, used_nm in used.items()}
    # threads: NumPy releases the interpreter lock, and processes would import scikit-learn again
    fits = in_parallel(fit_and_predict, [
        (make_model(train, nm, used[name]), learned, augmentation(params, name),
         spectra[usable[name]]) for name in used], "threading")

    # half a second of skops' imports, while the models are fitted
    from asteroid_taxonomy.learning.model_file import save_model

    survey = read_metadata(TRAINING_SET_PATH)["survey"]
    print(f"{train.model}: {train.chosen.model_dump(exclude_unset=True)}")
    for name, (model, predictions, took) in zip(used, fits, strict=True):
        save_model(model, model_path(name))
        write_predictions(predictions, source_id.filter(pa.array(usable[name])), survey,
                          predictions_path(name))
        print(f"wrote {model_path(name)}: fitted in {took:.1f} s to {len(data.train):,} asteroids "
              f"({', '.join(model.classes_)}), {len(used[name])} bands, {len(data.test):,} held "
              f"out; and {predictions_path(name)}: {usable[name].sum():,} asteroids")


if __name__ == "__main__":
    run(main, __doc__)
