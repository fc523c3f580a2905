"""Content of the page and the model card: charts, texts and values of one run."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from asteroid_taxonomy import __version__
from asteroid_taxonomy.catalogue import FAINT_SNR
from asteroid_taxonomy.files import missing
from asteroid_taxonomy.onnx_model.metadata import MAIN, VISIBLE, Metadata
from asteroid_taxonomy.params import Params, read_yaml
from asteroid_taxonomy.report.charts import PALETTE, chart

REPORTS, PLOTS = Path("reports"), Path("reports/crossvalidation")
MEAN_SPECTRA_PATH = REPORTS / "mean_spectra.csv"
METRICS = [("accuracy", "accuracy", True), ("balanced_accuracy", "balanced accuracy", True),
           ("macro_f1", "macro-F1", False), ("log_loss", "log-loss", False),
           ("ece", "calibration error", False)]
BRIGHT = 30  # S/N of the asteroids to guess, to compare with, and on the map at first
LABELLED = 20  # labelled asteroids of a class whose precision and recall are shown
MODELS = {"asteroid_taxonomy": "this model", "asteroid_taxonomy_visible": "visible model",
          "published": "published recipe", "lda": "linear discriminant",
          "majority": "majority class"}
SETS = 12  # rows of the table of sets


def specifications(threshold: float | None) -> dict[str, dict[str, Any]]:
    """The charts, by name."""
    by_snr, share = REPORTS / "catalogue_by_snr.csv", ("Share of asteroids", "")
    return {
        "mean_spectra": chart("mean_spectra", MEAN_SPECTRA_PATH),
        "calibration": chart("calibration", PLOTS / "reliability.csv"),
        "confusion": chart("confusion", PLOTS / "confusion.csv", wide=False),
        "snr": chart("accuracy_by_bin", PLOTS / "snr.csv", "snr",
                     labels=("S/N", "Accuracy (points), share of all (bars)")),
        "above_threshold": chart("above_threshold", REPORTS / "above_threshold.csv",
                                 threshold=-1 if threshold is None else threshold),
        "faint_bias": chart("faint_bias", PLOTS / "faint_bias.csv"),
        "shares": chart("shares", by_snr, "asteroids", labels=share),
        "shares_above": chart("shares", by_snr, "above_threshold", labels=share),
    }


def words(survey: str, labels: str) -> dict[str, Any]:
    """Texts about the complexes, the labels and the survey; empty if there are none."""
    found = read_yaml(Path(__file__).parent / "words.yaml")
    return {"complexes": found["complexes"], "labels": found["labels"].get(labels, ""),
            "sets": found["sets"].get(survey, ""),
            "limitations": found["limitations"].get(survey, [])}


def rows_of(name: str) -> dict[str, dict[str, Any]]:
    """Rows of a table of crossvalidate, by its first column; None for empty fields."""
    path = PLOTS / f"{name}.csv"
    if not path.exists():
        raise missing(path)
    table = pd.read_csv(path, index_col=0)
    return table.astype(object).where(table.notna(), None).to_dict("index")


def figures(
    params: Params, metadata: Metadata, reports: Mapping[str, Any], catalogue: pd.DataFrame,
    target: pd.Series, facts: Mapping[str, str],
) -> dict[str, Any]:
    """Values for the templates.

    Parameters
    ----------
    params : Params
    metadata : Metadata
        Of the main model's file.
    reports : mapping
        crossmatch, evaluate, calibration and catalogue.
    catalogue : pandas.DataFrame
    target : pandas.Series
        The complex of each asteroid's label; null without one.
    facts : mapping
        The metadata of the catalogue.
    """
    counts, models = reports["catalogue"], rows_of("models")
    *others, last = [
        f"{100 * row['above_threshold'] / max(row['asteroids'], 1):.0f}% of {name}"
        for name, row in counts["by_complex"].items()]
    sets = sorted(counts["complex_set"].items(), key=lambda each: -each[1])
    visible_nm = params.train.used_bands_nm.asteroid_taxonomy_visible
    return {
        **reports, "words": words(metadata.survey, facts["labels"]), "metric_names": METRICS,
        "models": {title: models[key] for key, title in MODELS.items() if key in models},
        "gains": rows_of("gains"), "groups": rows_of("groups"), "by_complex": rows_of("complexes"),
        "survey": metadata.survey, "labels": facts["labels"], "licence": metadata.licence,
        "citations": json.loads(facts["citation"]), "classes": metadata.classes,
        "complexes": params.taxonomy.complexes, "threshold": metadata.abstention_threshold,
        "colours": [PALETTE[i % len(PALETTE)] for i in range(len(metadata.classes))],
        "bright": BRIGHT, "faint_snr": FAINT_SNR,
        "faint_complex": ", ".join(pd.read_csv(PLOTS / "faint_bias.csv")["complex"].unique()),
        "coverage": f"{100 * params.calibration.coverage:.0f}%", "sets": sets[:SETS],
        "shares_above": f"{', '.join(others)} and {last}", "sample": params.source == "sample",
        "classwise": {name: row for name, row in reports["calibration"]["classes"].items()
                      if row["asteroids"] >= LABELLED},
        "labelled": catalogue.loc[catalogue["literature_complex"] != "", "literature_complex"]
        .value_counts().sort_index().to_dict(),
        "trained_on": sum(metadata.trained_on.values()), "model": params.train.model,
        "folds": params.calibration.folds, "repeats": params.crossvalidate.repeats,
        "used_nm": metadata.used_bands_nm, "visible_nm": visible_nm,
        "wavelengths_nm": metadata.wavelengths_nm, "normalised_at_nm": metadata.normalised_at_nm,
        "spectra_table": metadata.spectra_table, "catalogue_name": params.catalogue.name,
        "training_sha256": metadata.sha256.get("training_set.parquet", ""),
        "version": __version__, "median_snr": float(catalogue["snr"].median()),
        "median_snr_labelled": float(catalogue["snr"][target.notna()].median()),
    }


def layout(
    metadata: Sequence[Metadata], graphs: Sequence[Mapping[str, Any]], params: Params,
    about: Mapping[str, Any], means: pd.DataFrame,
) -> dict[str, Any]:
    """Data on the models (the main model first) and the survey for the scripts of the page."""
    main = metadata[0]
    return {
        "models": [{"name": name, "graph": graph, "threshold": each.abstention_threshold,
                    "used": [each.wavelengths_nm.index(nm) for nm in each.used_bands_nm],
                    "least_probability": each.least_probability}
                   for name, each, graph in zip((MAIN, VISIBLE), metadata, graphs, strict=True)],
        "colours": about["colours"],
        "meanings": [about["words"]["complexes"].get(name, "") for name in main.classes],
        "survey": main.survey, "labels": about["labels"], "bright": BRIGHT,
        "faint_snr": FAINT_SNR, "coverage": params.calibration.coverage,
        "axis": [float(means["low"].min()), float(means["high"].max())],
        "normalised_at_nm": main.normalised_at_nm, "width_nm": main.width_nm,
        "precision_recall": {name: [row["precision"], row["recall"]]
                             for name, row in about["classwise"].items()
                             if row["precision"] is not None},
    }
