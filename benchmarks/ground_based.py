"""Measure what the visible model needs to know of ground-based spectra, and its accuracy there.

    python -m benchmarks.ground_based FOLDER [--write]

FOLDER holds a folder per survey and classes.csv with the columns survey, file, number, class
(Mahlke 2022). Writes benchmarks/results/ground_based.json: the median ratio of ground-based
reflectances to Gaia's, in all and by survey (asteroids of the training part); without and with
train.ground_based, the lowest threshold that holds (`threshold_of`), the limits of the prediction
sets and their coverage, and the counts by survey and by predicted complex. With --write, the
ratio, the threshold and the limits go into params.yaml.

Models are trained on Gaia spectra of four fifths of the asteroids, with the ratio measured on
these, and evaluated on ground-based spectra of the others; counts are means over the repeats. The
labels come partly from these very spectra, so the agreement is not an independent measure of
accuracy.
"""

import argparse
import re
import textwrap
from pathlib import Path
from typing import Any

import stages  # noqa: F401  (sets NumPy's environment before it is imported)

# isort: split
import numpy as np
import pandas as pd

from asteroid_taxonomy.console import PipelineError, run
from asteroid_taxonomy.evaluation import conformal
from asteroid_taxonomy.evaluation.threshold import THRESHOLDS
from asteroid_taxonomy.files import DIGITS, rounded, write_json
from asteroid_taxonomy.learning import MAIN, VISIBLE
from asteroid_taxonomy.learning.augmentation import augmentation
from asteroid_taxonomy.learning.models import fit, make_model
from asteroid_taxonomy.learning.training_set import TrainingSet, read_training_set
from asteroid_taxonomy.params import PARAMS, Params, load_params
from asteroid_taxonomy.spectra.read import read_spectra
from asteroid_taxonomy.spectra.resample import to_bands
from asteroid_taxonomy.taxonomy import complexes

RESULT = Path("benchmarks/results/ground_based.json")
FOLDS, REPEATS, SEED = 5, 6, 2022
MARGIN, ENOUGH = 2.0, 100  # standard errors above the wanted accuracy, of so many spectra or more
LEAST, LEAST_ACCURACY = 5, 0.80  # spectra above the threshold, and their accuracy, per complex


def read(folder: Path, params: Params, used: list[int]) -> tuple[pd.DataFrame, np.ndarray]:
    """Files with a class and all used bands, and the first spectrum of each, [n, bands]."""
    bands, files = params.bands, pd.read_csv(folder / "classes.csv").dropna(subset=["class"])
    nm = bands.wavelengths_nm
    at, clean = nm.index(bands.normalised_at_nm), np.zeros(len(files), bool)
    spectra = np.full((len(files), len(nm)), np.nan)
    for i, file in enumerate(files.itertuples()):
        found = to_bands(read_spectra(folder / file.survey / file.file)[0], nm, bands.width_nm)
        spectra[i] = found.reflectance[0] / found.reflectance[0, at]
        clean[i] = not found.touched[0, [*used, at]].any()
    files = files.assign(clean=clean, complex=complexes(list(files["class"]), params.taxonomy))
    whole = np.isfinite(spectra[:, used]).all(axis=1)
    return files[whole], spectra[whole]


def evaluated(
    files: pd.DataFrame, spectra: np.ndarray, ratio: pd.DataFrame, data: TrainingSet,
    params: Params, corrected: bool,
) -> pd.DataFrame:
    """`files` once per repeat, with the prediction of a model not trained on the asteroid."""
    train, bands, tables = params.train, params.bands, []
    known, number = data.asteroids["number"].to_numpy(), files["number"].to_numpy()
    for repeat in range(REPEATS):
        rng = np.random.default_rng(SEED + repeat)
        fold = rng.integers(FOLDS, size=max(known.max(), number.max()) + 1)
        for i in range(FOLDS):
            learn, unseen = np.flatnonzero(fold[known] != i), fold[number] == i
            median = ratio[~unseen].median().to_dict()
            ground = train.ground_based.model_copy(update={"ratio": median})
            block = train.model_copy(update={"ground_based": ground if corrected else None})
            model = make_model(train, bands.wavelengths_nm, dict(train.used_bands_nm)[VISIBLE])
            fit(model, data.take(learn),
                augmentation(params.model_copy(update={"train": block}), VISIBLE))
            found = rounded(model.predict_proba(spectra[unseen]))
            tables.append(files[unseen].assign(
                predicted=model.classes_[found.argmax(axis=1)], confidence=found.max(axis=1),
                **dict(zip(model.classes_, found.T, strict=True))))
    return pd.concat(tables).assign(correct=lambda t: t["predicted"] == t["complex"])


def threshold_of(table: pd.DataFrame, wanted: float) -> float:
    """The lowest confidence from which on the accuracy holds, in all and of each complex."""
    found = 1.0
    for threshold in THRESHOLDS[::-1].tolist():
        above = table[table["clean"] & (table["confidence"] >= threshold)]
        each = above.groupby("predicted")["correct"].agg(["size", "mean"])
        low = (each["size"] >= LEAST * REPEATS) & (each["mean"] < LEAST_ACCURACY)
        accuracy, n = above["correct"].mean(), len(above) / REPEATS
        if n < ENOUGH:
            continue
        if low.any() or accuracy - MARGIN * np.sqrt(accuracy * (1 - accuracy) / n) < wanted:
            break
        found = threshold
    return found


def prediction_sets(table: pd.DataFrame, coverage: float) -> dict[str, Any]:
    """The lowest probability of each complex in a prediction set, and the coverage of the sets.

    The latter by limits from other asteroids.
    """
    classes = sorted(table["complex"].unique())
    found = (table[classes].to_numpy(), np.searchsorted(classes, table["complex"]),
             np.ones(len(table)), [], coverage)
    least = conformal.least_probability(*found)[0]
    return {"least_probability": dict(zip(classes, least.tolist(), strict=True)),
            "coverage": conformal.cross_checked(*found, table["number"].to_numpy() % FOLDS,
                                                classes)}


def summary(table: pd.DataFrame, wanted: float, coverage: float) -> dict[str, Any]:
    """The threshold, the prediction sets, and counts by survey, by complex and in all."""
    threshold = threshold_of(table, wanted)
    above = table["clean"] & (table["confidence"] >= threshold)
    marks = pd.DataFrame({"spectra": True, "correct": table["correct"], "above": above,
                          "above_correct": above & table["correct"]}).astype(float)
    parts = {"survey": table["survey"], "predicted": table["predicted"],
             "all": np.full(len(table), "all")}
    counts = {name: (marks.groupby(by).sum() / REPEATS).round().astype(int)
              for name, by in parts.items()}
    print(f"threshold {threshold:g}\n{pd.concat(counts.values()).to_string()}", flush=True)
    return {"threshold": threshold, **prediction_sets(table, coverage),
            **{k: v.to_dict("index") for k, v in counts.items()}}


def write_params(result: dict[str, Any]) -> None:
    """Put the ratio, the threshold and the limits into params.yaml; PipelineError if it cannot."""
    def mapping(values: dict[str, float]) -> str:
        return f"{{{', '.join(f'{name}: {round(v, DIGITS)}' for name, v in values.items())}}}"

    text, visible = PARAMS.read_text(encoding="utf-8"), result["with"]
    for key, new in ((" +ratio: ", mapping(result["ratio"]["all"])),
                     (" +least_probability: ", mapping(visible["least_probability"])),
                     (r"(?<=visible:\n) +threshold: ", f"{visible['threshold']:g}")):
        text, count = re.subn(
            rf"({key})({{[^}}]*}}|[\d.]+)", lambda old, new=new: textwrap.fill(
                old[1] + new, 96, subsequent_indent=" " * (len(old[1]) + 1)), text)
        if count != 1:
            raise PipelineError(f"params.yaml has no{key}in the expected form; set it to {new}")
    PARAMS.write_text(text, encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--write", action="store_true", help="put the result into params.yaml")
    given, params = parser.parse_args(), load_params()
    nm, used_bands_nm = params.bands.wavelengths_nm, dict(params.train.used_bands_nm)
    used_nm, data = used_bands_nm[VISIBLE], read_training_set(nm, used_bands_nm[MAIN])
    used = [nm.index(band) for band in used_nm]
    files, spectra = read(given.folder, params, used)
    gaia = pd.DataFrame(data.reflectance, data.asteroids["number"].to_numpy())
    ratio = pd.DataFrame((spectra / gaia.reindex(files["number"]).to_numpy())[:, used],
                         files["survey"], used_nm)
    ratio[~files["clean"].to_numpy()] = np.nan
    trained = files["number"].isin(data.asteroids["number"].to_numpy()[data.train]).to_numpy()
    pairs = ratio[trained].dropna()
    median = pd.concat([pairs.median().to_frame("all").T, pairs.groupby("survey").median()])
    result: dict[str, Any] = {"train": params.train.chosen.model_dump(), "used_bands_nm": used_nm,
                              "ratio": median.astype(float).round(3).T.to_dict()}
    for name, corrected in (("without", False), ("with", True)):
        table = evaluated(files, spectra, ratio, data, params, corrected)
        result[name] = summary(table, params.calibration.accuracy, params.calibration.coverage)
    write_json(result, RESULT)
    if given.write:
        write_params(result)


if __name__ == "__main__":
    run(main)
