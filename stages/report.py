"""Write the page that shows what was made: one file, no network, for whoever opens it.

Reads   data/asteroids.parquet, data/catalogue/<catalogue.name>.parquet,
        data/out_of_fold.parquet, models/asteroid_taxonomy.onnx, reports/*.json,
        reports/mean_spectra.csv, reports/crossvalidation/*.csv
Writes  reports/index.html (about 6 MB: all asteroids can be looked up in it),
        reports/model_card.md (the same figures in short, for whoever takes the model)
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from asteroid_taxonomy.asteroids import read_asteroids
from asteroid_taxonomy.catalogue import read_catalogue
from asteroid_taxonomy.console import run
from asteroid_taxonomy.evaluation import accuracy_by_bin as bins
from asteroid_taxonomy.files import read_csv, read_json
from asteroid_taxonomy.files.atomic_write import atomic, together
from asteroid_taxonomy.onnx_model.classifier import Classifier, load_classifier
from asteroid_taxonomy.onnx_model.contract import read_onnx
from asteroid_taxonomy.onnx_model.description import ONNX_PATH
from asteroid_taxonomy.page import chart_data, charts, rendering
from asteroid_taxonomy.page.chart_style import PALETTE, height_px
from asteroid_taxonomy.page.network import network
from asteroid_taxonomy.page.search_index import chips, encoded
from asteroid_taxonomy.params import load_params
from asteroid_taxonomy.raw_tables import SIMULATED

PARAMS = ("bands", "taxonomy", "crossmatch", "split", "train.model", "train.used_bands_nm",
          "train.augmentation_seed", "train.${train.model}", "crossvalidate", "calibration",
          "export", "catalogue", "page")
PAGE_PATH, CARD_PATH = Path("reports/index.html"), Path("reports/model_card.md")
MEAN_SPECTRA_PATH = Path("reports/mean_spectra.csv")
METRICS = ("crossmatch", "evaluate", "metrics", "classify", "verify")
BRIGHT = 30  # S/N of the asteroids that the page compares spectra with and lets a visitor guess


def layout(
    classifier: Classifier, params: Mapping[str, Any], means: pd.DataFrame, survey: str
) -> dict[str, Any]:
    """What the page's scripts know of the model and of the survey."""
    n, words = len(classifier.classes), params["page"]["complexes"]
    return {
        "used": classifier.used, "thresholds": [classifier.threshold] * n,
        "colours": [PALETTE[i % len(PALETTE)] for i in range(n)],
        "meanings": [words.get(name, "") for name in classifier.classes], "bright": BRIGHT,
        "survey": "The simulated survey" if survey == SIMULATED else survey,
        "axis": [float(means["low"].min()), float(means["high"].max())],
        "normalised_at_nm": params["bands"]["normalised_at_nm"],
        "width_nm": params["bands"]["width_nm"],
    }


def main() -> None:
    """Run the stage."""
    params = load_params(PARAMS)
    classifier, model = load_classifier(), read_onnx(ONNX_PATH)
    classes, nm, threshold = classifier.classes, classifier.wavelengths_nm, classifier.threshold
    table, metadata = read_catalogue(params["catalogue"]["name"])
    asteroids = read_asteroids(nm).sort_by("source_id")
    catalogue: Any = table.to_pandas()
    judged = chart_data.judged_spectra(nm)
    means = read_csv(MEAN_SPECTRA_PATH, {
        "complex": str, "nm": int, "median": float, "low": float, "high": float})
    names = [name for name in bins.names(params["crossvalidate"]["snr_edges"])
             if (catalogue["snr_bin"] == name).any()]

    reports = {name: read_json(Path(f"reports/{name}.json")) for name in METRICS}
    specs = {
        "look_up": charts.mean_spectra(means, classes, params["bands"]["normalised_at_nm"], True),
        **chart_data.of_crossvalidation(judged, means, classes, nm, reports["classify"]["kept"]),
        **chart_data.of_catalogue(catalogue, classes, names),
    }
    for name in ("coverage", "label_probability", "learning_curve"):  # figures, not on the page
        del specs[name]
    heights = {name: height_px(spec) for name, spec in specs.items()}
    target = catalogue["source_id"].map(judged.set_index("source_id")["target"])
    packed, index = encoded(table, asteroids, target.tolist(), nm, classes)
    failures = chart_data.confident_failures(judged)
    row_of = dict(zip(catalogue["source_id"], range(len(catalogue)), strict=True))
    index |= layout(classifier, params, means, metadata["survey"]) | {
        "labels": metadata["labels"],
        "chips": chips(catalogue, classes), "heights": heights,
        "precision_recall": chart_data.classes_told(),
        "failures": {chart_data.panel_title(one): row_of[one["source_id"]]
                     for _, one in failures.iterrows()},
    }
    about = {
        **reports, "page": params["page"], "crossvalidate": params["crossvalidate"],
        "survey": metadata["survey"], "simulated": metadata["survey"] == SIMULATED,
        "labels": metadata["labels"], "citations": json.loads(metadata["citation"]),
        "classes": classes, "complexes": params["taxonomy"]["complexes"],
        "threshold": threshold,
        "wavelengths_nm": nm, "used_nm": [nm[j] for j in classifier.used],
        "normalised_at_nm": params["bands"]["normalised_at_nm"],
        "model": params["train"]["model"], "model_bytes": ONNX_PATH.stat().st_size,
        "metadata": dict(sorted(classifier.metadata.items())), "heights": heights,
        "params": yaml.safe_dump(params, sort_keys=False, default_flow_style=None, width=90),
        "failures": failures.astype({"number": object}).replace({np.nan: ""}).to_dict("records"),
        "example": index["chips"][0][0] if index["chips"] else "",
        "median_snr": float(catalogue["snr"].median()),
        "median_snr_labelled": float(judged["snr"].median()),
    }
    texts = {PAGE_PATH: rendering.html(about, packed, specs=specs, layout=index,
                                       network=network(model)),
             CARD_PATH: rendering.model_card(about)}
    with together():
        for path, text in texts.items():
            with atomic(path) as part:
                part.write_text(text, encoding="utf-8", newline="\n")
    print(f"wrote {PAGE_PATH}: {PAGE_PATH.stat().st_size / 1e6:.1f} MB, {len(table):,} asteroids "
          f"to look up; and {CARD_PATH}")


if __name__ == "__main__":
    run(main, __doc__)
