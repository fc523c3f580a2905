"""Cross-validate every model that `train.model` can name on the same folds, once each.

    python -m benchmarks.models

Reads params.yaml (`crossvalidate.folds` and `seed`) and data/asteroids.parquet, writes
benchmarks/results/models.json: figures on the complete spectra, and the size of the ONNX file of
the model trained as the stage trains it. Takes minutes; README.md shows the table.
"""

from pathlib import Path

import numpy as np

from asteroid_taxonomy.asteroids import ASTEROIDS_PATH
from asteroid_taxonomy.console import run
from asteroid_taxonomy.evaluation.baselines import candidate
from asteroid_taxonomy.evaluation.fold_scores import fold_scores
from asteroid_taxonomy.evaluation.folds import fold_numbers, predict_out_of_fold
from asteroid_taxonomy.files import read_metadata, write_json
from asteroid_taxonomy.learning.models import MODELS, fit
from asteroid_taxonomy.learning.training_set import load_training_set
from asteroid_taxonomy.onnx_model.graph import to_onnx
from asteroid_taxonomy.params import load_params

RESULT_PATH = Path("benchmarks/results/models.json")
FIGURES = ("accuracy", "macro_f1", "log_loss", "ece")


def main() -> None:
    """Judge the models, measure their files, write the result."""
    params = load_params(("bands", "split", "train", "crossvalidate", "export"))
    wavelengths_nm, train = params["bands"]["wavelengths_nm"], params["train"]
    data = load_training_set(wavelengths_nm, train["used_bands_nm"], params["split"])
    classes = np.unique(data.target).tolist()
    folds, seed = params["crossvalidate"]["folds"], params["crossvalidate"]["seed"]
    fold = fold_numbers(data, folds, 1, seed)
    judged = {(name, 0): candidate(wavelengths_nm, train | {"model": name}) for name in MODELS}
    probabilities, _ = predict_out_of_fold(data, judged, fold, (), ("", 0), seed)
    complete = data.asteroids["complete"].to_numpy()
    found = {"survey": read_metadata(ASTEROIDS_PATH)["survey"], "models": list(MODELS),
             "asteroids": int(complete.sum()), "folds": folds}
    for (name, _), of in judged.items():
        figures = fold_scores(data.target[complete], probabilities[name, 0][:, complete],
                              fold[:, complete], classes)
        found |= {f"{name}_{figure}": float(np.mean(figures[figure])) for figure in FIGURES}
        model = fit(of.model, of.how, data.reflectance[data.train], data.error[data.train],
                    data.label[data.train])
        found[f"{name}_bytes"] = len(to_onnx(
            model, len(wavelengths_nm), list(of.used), params["export"]["opset"],
            params["export"]["ir_version"]).SerializeToString())
    write_json(found, RESULT_PATH)
    print(f"wrote {RESULT_PATH}: {', '.join(MODELS)} on {found['asteroids']:,} asteroids; "
          "`python -m benchmarks.readme` shows them")


if __name__ == "__main__":
    run(main)
