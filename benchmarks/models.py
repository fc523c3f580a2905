"""Cross-validate every model that `train.model` can name on the same folds, once each.

    python -m benchmarks.models

Reads params.yaml (`crossvalidate.folds` and `seed`) and data/training_set.parquet, writes
benchmarks/results/models.json: figures on the complete spectra, and the size of the ONNX file of
the model trained as the stage trains it. Takes minutes; README.md shows the table.
"""

from pathlib import Path

import numpy as np

from asteroid_taxonomy.console import run
from asteroid_taxonomy.evaluation.baselines import candidate
from asteroid_taxonomy.evaluation.fold_scores import fold_scores
from asteroid_taxonomy.evaluation.folds import (
    class_pairs,
    fold_numbers,
    of_targets,
    predict_out_of_fold,
)
from asteroid_taxonomy.files import read_metadata, write_json
from asteroid_taxonomy.learning.models import MODELS, fit
from asteroid_taxonomy.learning.training_set import TRAINING_SET_PATH, read_training_set
from asteroid_taxonomy.onnx_model.description import MAIN
from asteroid_taxonomy.onnx_model.graph import to_onnx
from asteroid_taxonomy.params import load_params

RESULT_PATH = Path("benchmarks/results/models.json")
FIGURES = ("accuracy", "macro_f1", "log_loss", "ece")


def main() -> None:
    """Judge the models, measure their files, write the result."""
    params = load_params(("bands", "train", "crossvalidate", "export"))
    wavelengths_nm, train = params["bands"]["wavelengths_nm"], params["train"]
    used_nm = train["used_bands_nm"][MAIN]
    data = read_training_set(wavelengths_nm, used_nm)
    classes, pairs = np.unique(data.target).tolist(), class_pairs(data)
    folds, seed = params["crossvalidate"]["folds"], params["crossvalidate"]["seed"]
    fold = fold_numbers(data, folds, 1, seed)
    judged = {(name, 0): candidate(train | {"model": name}, wavelengths_nm, used_nm)
              for name in MODELS}
    probabilities, _ = predict_out_of_fold(data, judged, fold, (), ("", 0),
                                           data.reflectance[:0, None], seed)
    complete = data.asteroids["complete"].to_numpy()
    found = {"survey": read_metadata(TRAINING_SET_PATH)["survey"], "models": list(MODELS),
             "asteroids": int(complete.sum()), "folds": folds}
    for (name, _), recipe in judged.items():
        mine = of_targets(probabilities[name, 0][:, 0, complete], pairs)
        figures = fold_scores(data.target[complete], mine, fold[:, complete], classes)
        found |= {f"{name}_{figure}": float(np.mean(figures[figure])) for figure in FIGURES}
        model = fit(recipe.model, recipe.copies, *(values[data.train] for values in (
            data.reflectance, data.error, data.target, data.class_name)))
        found[f"{name}_bytes"] = len(to_onnx(
            model, len(wavelengths_nm), list(recipe.used), params["export"]["opset"],
            params["export"]["ir_version"]).SerializeToString())
    write_json(found, RESULT_PATH)
    print(f"wrote {RESULT_PATH}: {', '.join(MODELS)} on {found['asteroids']:,} asteroids; "
          "`python -m benchmarks.readme` shows them")


if __name__ == "__main__":
    run(main)
