"""Write the figures of the committed runs into README.md and docs/, between their markers.

    python -m benchmarks.readme

Reads reports/ and benchmarks/results/, which are in Git, so that it runs in any clone.
tests/test_repository.py fails where the figures are not those of the committed runs. Output that
needs the data is written by benchmarks/walkthrough.py.
"""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd

from asteroid_taxonomy import catalogue
from asteroid_taxonomy.console import run
from asteroid_taxonomy.files import read_json
from benchmarks import readme_costs as costs
from benchmarks.pages import rewrite


@cache
def report(name: str) -> dict[str, Any]:
    """Metrics of the last real run, reports/<name>.json."""
    return read_json(Path(f"reports/{name}.json"))


def spread(key: str) -> str:
    """A cross-validated figure and its spread over the folds."""
    cv = report("metrics")
    form = ".1%" if "accuracy" in key else ".3f"
    return f"{cv[key]:{form}} ± {cv[f'{key}_std']:{form}}"


def estimates(key: str) -> str:
    """The weighted and the degraded estimate of an accuracy in the catalogue."""
    cv = report("metrics")
    return "; ".join(f"{cv[f'{key}_accuracy_{way}']:.1%} ± {cv[f'{key}_accuracy_{way}_se']:.1%}"
                     for way in ("weighted", "degraded"))


def two_columns(rows: list[tuple[str, str]]) -> str:
    """A table of names and values."""
    return "\n".join([f"| {report('crossmatch')['survey']}, `dvc repro` | |", "|---|---|",
                      *(f"| {name} | {value} |" for name, value in rows)])


def results() -> str:
    """What the last real run gave, in short."""
    counts, held_out, cv, verify = map(report, ("crossmatch", "evaluate", "metrics", "verify"))
    complexes = [key.removeprefix("recall_") for key in held_out if key.startswith("recall_")]
    return two_columns([
        ("asteroids with a spectrum", f"{counts['asteroids']:,}"),
        ("of these labelled", f"{counts['labelled']:,} (" + ", ".join(
            f"{name} {counts[f'labelled_{name}']:,}" for name in complexes) + ")"),
        (f"kept: confidence from {cv['abstention_threshold']} on",
         f"{report('classify')['kept']:,}"),
        ("right among the kept, by two estimates", estimates("kept")),
        ("right among all, by the same two", estimates("population")),
        (f"cross-validated on {cv['asteroids']:,} labelled: accuracy", spread("cv_accuracy")),
        ("balanced accuracy", spread("cv_balanced_accuracy")),
        ("log-loss", spread("cv_log_loss")),
        (f"held out ({held_out['asteroids']:,}): accuracy", f"{held_out['accuracy']:.1%}"),
        ("ONNX file against scikit-learn",
         f"{verify['survey_spectra']:,} spectra, largest difference of a probability "
         f"{verify['survey_max_difference']:.0e}, {verify['survey_label_flips']} labels flip"),
    ])


def more_results() -> str:
    """What cross-validation measured besides."""
    cv = report("metrics")

    def gains(which: str) -> str:
        keys = [f"gain_{figure}{which}" for figure in ("accuracy", "macro_f1", "log_loss")]
        return ", ".join(f"{cv[key]:+.4f} ± {cv[f'{key}_se']:.4f}" for key in keys)

    return two_columns([
        ("macro-F1", spread("cv_macro_f1")),
        ("expected calibration error", spread("cv_ece")),
        ("accuracy of the more confident 60 %", f"{cv['accuracy_at_60_coverage']:.1%}"),
        *((f"accuracy {title} ({cv[f'asteroids_{key}']:,} asteroids)",
           f"{cv[f'accuracy_{key}']:.1%}") for key, title in (
               ("snr_below_30", "below S/N 30"), ("flagged", "with a flagged band"),
               ("not_flagged", "without one"), ("incomplete", "where an unused band is missing"))),
        ("the model for visible spectra, nine bands: accuracy",
         f"{cv['visible_cv_accuracy']:.1%}"),
        ("gain over the published recipe with its own seed: accuracy, macro-F1, log-loss (fall)",
         gains("_one_seed")),
        ("the same over the mean of its seeds", gains("")),
        *((f"{title}: accuracy, log-loss",
           f"{cv[f'{key}_cv_accuracy']:.1%}, {cv[f'{key}_cv_log_loss']:.3f}") for key, title in (
               ("published_recipe", "the published recipe"), ("lda", "linear discriminant"),
               ("majority", "always the largest complex"))),
    ])


def kept() -> str:
    """What the catalogue keeps, by complex, and how often that is right."""
    cv, made = report("metrics"), report("classify")
    names = [key.removeprefix("cv_recall_") for key in cv if key.startswith("cv_recall_")]

    def row(title: str, kept_: int, of_all: int, key: str) -> str:
        found = [f"{cv[f'{key}_{e}']:.0%} ± {cv[f'{key}_{e}_se']:.0%}"
                 if cv[f"{key}_{e}"] is not None else "none" for e in ("weighted", "degraded")]
        return f"| {title} | {of_all:,} | {kept_:,} | {found[0]} | {found[1]} |"

    return "\n".join([
        "| complex | asteroids | kept | right, weighted | right, degraded |",
        "|---|---|---|---|---|",
        *(row(name, made[f"complex_{name}_kept"], made[f"complex_{name}"], f"kept_{name}_accuracy")
          for name in names),
        row("all", made["kept"], made["classified"], "kept_accuracy")])


def by_snr() -> str:
    """Accuracy on labelled asteroids by S/N, and where all asteroids lie."""
    bins = pd.read_csv("reports/crossvalidation/snr.csv")
    return "\n".join([
        "| S/N | labelled asteroids | accuracy | share of all asteroids |", "|---|---|---|---|",
        *(f"| {b.snr} | {b.asteroids:,} | {b.accuracy:.0%} | {b.share_of_all_asteroids:.0%} |"
          for b in bins.itertuples())])


def classes() -> str:
    """Recall and precision of each class of the label table."""
    found = pd.read_csv("reports/crossvalidation/classes.csv", keep_default_na=False)
    return "\n".join([
        "| class | labelled | predicted | recall | precision |", "|---|---|---|---|---|",
        *(f"| {c['class']} | {c['asteroids']} | {c['predicted']} | {float(c['recall']):.2f} | "
          + (f"{float(c['precision']):.2f} |" if c["precision"] != "" else "|")
          for _, c in found.iterrows())])


def columns() -> str:
    """The catalogue's columns, as the code describes them."""
    return "\n".join(["| column | type | meaning |", "|---|---|---|", *(
        f"| `{c.name}` | {c.type} | {c.description} |"
        for c in catalogue.columns(["NAME"], "label table"))])


BLOCKS: dict[str, Callable[[], str]] = {
    "results": results, "more-results": more_results, "kept": kept, "by-snr": by_snr,
    "classes": classes, "columns": columns,
    "models": costs.models, "time": costs.time, "cost": costs.cost, "runtimes": costs.runtimes,
    "team": costs.team, "experiments": costs.experiments, "cluster": costs.cluster,
    "recipes": costs.recipes, "exercises": costs.exercises,
    "surveys": costs.surveys, "near-uv": costs.near_uv,
    "whole-recipes": costs.whole_recipes,
}


if __name__ == "__main__":
    run(lambda: rewrite(BLOCKS))
