"""Evaluate the visible model on spectra from the ground, and measure how these differ from Gaia's.

    python -m benchmarks.ground_based FOLDER

FOLDER has a folder per survey and classes.csv with the columns survey, file, number, class (Mahlke
2022). Writes benchmarks/results/ground_based.json: `ratio`, the median of reflectances to Gaia's
for asteroids of the training part (the one of all surveys is train.ground_based.ratio in
params.yaml), and, `before` and `after` without and with train.ground_based, how many
classifications are correct, in all and above the threshold of reports/calibration.json.

Models learn from Gaia's spectra of four fifths of the asteroids, with the ratio of these, and
predict the spectra from the ground of the others. Counts are means over the repeats. Literature
classes come partly from these very spectra: agreement is not accuracy.
"""

import sys
from pathlib import Path
from typing import Any

import stages  # noqa: F401  sets NumPy's threads and matrix kernel before it loads

# isort: split
import numpy as np
import pandas as pd

from asteroid_taxonomy.console import run
from asteroid_taxonomy.evaluation.calibration import read_calibration
from asteroid_taxonomy.files import write_json
from asteroid_taxonomy.learning import VISIBLE
from asteroid_taxonomy.learning.augmentation import augmentation
from asteroid_taxonomy.learning.models import fit, make_model
from asteroid_taxonomy.learning.predictions import predict
from asteroid_taxonomy.learning.training_set import TrainingSet, read_training_set
from asteroid_taxonomy.params import Params, load_params
from asteroid_taxonomy.spectra.read import read_spectra
from asteroid_taxonomy.spectra.resample import to_bands
from asteroid_taxonomy.taxonomy import complexes

RESULT = Path("benchmarks/results/ground_based.json")
FOLDS, REPEATS, SEED = 5, 6, 2022


def read(folder: Path, params: Params, used: list[int]) -> tuple[pd.DataFrame, np.ndarray]:
    """Files with a class and all used bands, and the first spectrum of each [n, bands]."""
    bands, files = params.bands, pd.read_csv(folder / "classes.csv").dropna(subset=["class"])
    at, clean = bands.wavelengths_nm.index(bands.normalised_at_nm), np.zeros(len(files), bool)
    spectra = np.full((len(files), len(bands.wavelengths_nm)), np.nan)
    for i, file in enumerate(files.itertuples()):
        found = to_bands(read_spectra(folder / file.survey / file.file)[0], bands.wavelengths_nm,
                         bands.width_nm)
        spectra[i], clean[i] = found.reflectance[0], not found.touched[0, used].any()
    spectra /= spectra[:, [at]]
    files = files.assign(clean=clean, complex=complexes(list(files["class"]), params.taxonomy))
    whole = np.isfinite(spectra[:, used]).all(axis=1)
    return files[whole], spectra[whole].astype(np.float32)


def evaluated(
    files: pd.DataFrame, spectra: np.ndarray, ratio: np.ndarray, data: TrainingSet, params: Params,
) -> pd.DataFrame:
    """`files` once per repeat, with the predictions of models that have not seen the asteroid."""
    used_nm, tables = params.train.used_bands_nm.asteroid_taxonomy_visible, []
    known, number = data.asteroids["number"].to_numpy(), files["number"].to_numpy()
    for repeat in range(REPEATS):
        fold = np.random.default_rng(SEED + repeat).integers(
            FOLDS, size=int(np.nanmax([*known, *number])) + 1)
        for i in range(FOLDS):
            learn = np.flatnonzero(fold[np.nan_to_num(known).astype(int)] != i)
            unseen, train = fold[number] == i, params.train
            if train.ground_based is not None:
                others = dict(zip(used_nm, np.nanmedian(ratio[~unseen], axis=0).tolist(),
                                  strict=True))
                train = train.model_copy(update={
                    "ground_based": train.ground_based.model_copy(update={"ratio": others})})
            model = fit(make_model(train, params.bands.wavelengths_nm, used_nm), data.take(learn),
                        augmentation(params.model_copy(update={"train": train}), VISIBLE))
            found = predict(model, spectra[unseen]).probability
            tables.append(files[unseen].assign(predicted=model.classes_[found.argmax(axis=1)],
                                               confidence=found.max(axis=1)))
    return pd.concat(tables).assign(correct=lambda t: t["predicted"] == t["complex"])


def counts(table: pd.DataFrame, threshold: float) -> dict[str, Any]:
    """By survey, by predicted complex and in all: correct ones, all, and above the threshold."""
    above = table["clean"] & (table["confidence"] >= threshold)
    marks = pd.DataFrame({"correct": table["correct"], "all": True, "above": above,
                          "above_correct": above & table["correct"]}).astype(float)
    groups = table["survey"], table["predicted"], np.full(len(table), "all")
    found = pd.concat([marks.groupby(by).sum() / REPEATS for by in groups]).round().astype(int)
    print(found.to_string(), flush=True)
    return found.to_dict("index")


def main() -> None:
    """Measure, print and write."""
    params, folder = load_params(), Path(sys.argv[1])
    nm, used_nm = (params.bands.wavelengths_nm,
                   params.train.used_bands_nm.asteroid_taxonomy_visible)
    used, data = [nm.index(band) for band in used_nm], read_training_set(nm, used_nm)
    files, spectra = read(folder, params, used)
    gaia = pd.DataFrame(data.reflectance, data.asteroids["number"].to_numpy())
    gaia = gaia[gaia.index.notna()]
    ratio = (spectra / gaia.reindex(files["number"]).to_numpy())[:, used]
    ratio[~files["clean"].to_numpy()] = np.nan
    learned = files["number"].isin(data.asteroids["number"].to_numpy()[data.train]).to_numpy()
    paired = pd.DataFrame(ratio, files["survey"], used_nm)[learned].dropna()
    median = pd.concat([paired.median().to_frame("all").T, paired.groupby("survey").median()])
    print(median.round(3).to_string(), flush=True)
    threshold = read_calibration()["threshold"][VISIBLE]
    without = params.model_copy(update={"train": params.train.model_copy(
        update={"ground_based": None})})
    write_json({"threshold": threshold, "ratio": median.astype(float).round(3).T.to_dict(),
                **{name: counts(evaluated(files, spectra, ratio, data, block), threshold)
                   for name, block in (("before", without), ("after", params))}}, RESULT)


if __name__ == "__main__":
    run(main)
