"""Write real output into the pages that show some: what a step gives for Vesta, and for all.

    python -m benchmarks.walkthrough

Reads the data, models and reports of a finished `dvc repro` (or `dvc pull`). Replaces what stands
between the markers of docs/walkthrough.md and of the other pages. tests/test_walkthrough.py fails
where the pages are stale. benchmarks/readme.py does the same for figures that need no data.
"""

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.compute as pc
import pyarrow.parquet as pq
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split

from asteroid_taxonomy.console import run
from asteroid_taxonomy.files import read_json, read_metadata
from asteroid_taxonomy.params import PARAMS, merged, read_yaml
from asteroid_taxonomy.raw_tables import LABELS_PATH, SOURCE_MAPPING_PATH, SPECTRA_PATH
from benchmarks.pages import rewrite
from benchmarks.walkthrough_network import (
    bands,
    code,
    in_the_file,
    row,
    scaled,
    table,
    through_the_network,
    vesta,
    zipmap,
)

COMPLEXES = Path("experiments/mahlke_complexes.yaml")
SPLITS = 200  # random splits, with and without strata


def queries() -> str:
    """The ADQL of the three tables."""
    lines = []
    for path in (SPECTRA_PATH, SOURCE_MAPPING_PATH, LABELS_PATH):
        about = read_metadata(path)
        adql = about["adql"]
        for word in (" FROM", " WHERE"):
            adql = adql.replace(word, f"\n   {word}", 1)
        adql = re.sub('("class_A").*("class_Z")', r"\1 ... \2", adql)
        lines += [f"{path}: {int(about['rows']):,} rows from {about['archive']}",
                  *f"    {adql}".splitlines(), ""]
    return code(lines[:-1])


def sixteen_rows() -> str:
    """Vesta's rows of the raw table of spectra."""
    rows = pq.read_table(SPECTRA_PATH, filters=pc.field("source_id") == vesta()["source_id"],
                         columns=["source_id", "wavelength", "reflectance", "error", "flag"])
    return code(table(rows.to_pandas().round(6)))


def two_more_rows() -> str:
    """Vesta's row of the source mapping and of the label table."""
    mapping, label = row(SOURCE_MAPPING_PATH), row(LABELS_PATH)
    probable = {key: value for key, value in label.items()
                if key.startswith("probability_") and value}
    return code([f"{SOURCE_MAPPING_PATH}: {mapping}",
                 f"{LABELS_PATH}: number {label['number']}, class {label['class']}, " + ", ".join(
                     f"{key} {value:.2f}" for key, value in probable.items())])


def one_row() -> str:
    """Vesta's row after the cross-match."""
    one, nm = vesta(), bands()[0]
    flags = "".join(str(one[f"flag_{b}"]) for b in nm)
    keys = ("source_id", "number", "name", "class", "complex", "num_of_spectra", "complete")
    return code([", ".join(f"{key} {one[key]}" for key in keys),
                 f"snr {one['snr']:.1f}, flag_{nm[0]} ... flag_{nm[-1]} {flags}",
                 *(f"reflectance_{b:<5}{one[f'reflectance_{b}']:.6f}" for b in nm[:3]), "..."])


def left_out() -> str:
    """What the cross-match counted."""
    counts = read_json(Path("reports/crossmatch.json"))
    return code([f"{key:42}{value:>9,}" for key, value in counts.items()
                 if isinstance(value, int) and value and not key.startswith("labelled_")])


def classes_to_complexes() -> str:
    """How many labelled asteroids of each class make up each complex."""
    frame = pq.read_table("data/asteroids.parquet", columns=["class_without_flags", "complex"]
                          ).to_pandas().dropna()
    return code([f"{name}  {len(part):>5,}   " + ", ".join(
        f"{c} {n}" for c, n in part["class_without_flags"].value_counts().items())
        for name, part in frame.groupby("complex")])


def parts() -> str:
    """Shares of each complex in the two parts of the split, and in parts drawn without strata."""
    data = pq.read_table("data/training_set.parquet", columns=["target", "held_out"]
                         ).to_pandas().dropna()
    names = sorted(data["target"].unique())
    shares = {title: part["target"].value_counts(normalize=True) for title, part in (
        ("train", data[data["held_out"] == False]),  # noqa: E712  (null is dropped, not False)
        ("held out", data[data["held_out"] == True]))}  # noqa: E712
    return code([f"{'':10}" + "".join(f"{name:>8}" for name in names),
                 *(f"{title:10}" + "".join(f"{share[name]:8.1%}" for name in names)
                   for title, share in shares.items())])


def without_strata() -> str:
    """How far the rarest complex's number in the held-out part moves with the seed."""
    target = pq.read_table("data/training_set.parquet", columns=["target", "held_out"]
                           ).to_pandas().dropna()["target"].to_numpy()
    rarest = min(set(target), key=lambda name: (target == name).sum())
    lines = []
    for title, strata in (("with strata", target), ("without", None)):
        found = [int((train_test_split(target, test_size=0.2, random_state=seed,
                                       stratify=strata)[1] == rarest).sum())
                 for seed in range(SPLITS)]
        lines.append(f"{title:12} {rarest} in the held-out part: {min(found)} to {max(found)} "
                     f"in {SPLITS} splits")
    return code(lines)


def judged() -> str:
    """Held-out metrics and the confusion matrix."""
    metrics = read_json(Path("reports/evaluate.json"))
    predicted = pd.read_csv("reports/holdout_predictions.csv", keep_default_na=False)
    matrix = pd.crosstab(predicted["actual"], predicted["predicted"])
    lines = [f"{key:20}{metrics[key]:.3f}" for key in (
        "accuracy", "balanced_accuracy", "macro_f1", "log_loss", "ece")]
    lines += ["", "actual \\ predicted" + "".join(f"{name:>6}" for name in matrix.columns)
              + "   recall"]
    lines += [f"{name:>18}" + "".join(f"{n:6}" for n in line) + f"{metrics[f'recall_{name}']:9.2f}"
              for name, line in zip(matrix.index, matrix.to_numpy(), strict=True)]
    return code([*lines, f"{'precision':>18}" + "".join(
        f"{metrics[f'precision_{name}']:6.2f}" for name in matrix.columns)])


def verified() -> str:
    """The parity of the two, over all."""
    report = read_json(Path("reports/verify.json"))
    names = [key.removesuffix("_spectra") for key in report
             if key.endswith("_spectra") and not key.startswith("visible")]
    return code([f"{'':18}{'spectra':>8}{'max difference':>16}{'labels flip':>13}",
                 *(f"{name:18}{report[f'{name}_spectra']:8,}"
                   f"{report[f'{name}_max_difference']:16.0e}"
                   f"{report[f'{name}_label_flips']:13}" for name in names)])


def two_groupings() -> str:
    """The same out-of-fold class probabilities, summed into each of the two sets of complexes."""
    judged = pq.read_table("data/out_of_fold.parquet").to_pandas()
    label = pq.read_table("data/training_set.parquet", columns=[
        "source_id", "class_without_flags"]).to_pandas().set_index("source_id")
    own = label["class_without_flags"].reindex(judged["source_id"]).to_numpy()
    classes = {c.removeprefix("class_probability_"): judged[c].to_numpy()
               for c in judged if c.startswith("class_probability_")}
    params = read_yaml(PARAMS)
    lines = ["| complexes | accuracy | balanced accuracy | log-loss | recall |",
             "|---|---|---|---|---|"]
    for title, grouping in (("params.yaml", params), (f"`{COMPLEXES}`", merged(
            params, read_yaml(COMPLEXES)))):
        groups = grouping["taxonomy"]["complexes"]
        of_class = {c: name for name, members in groups.items() for c in members}
        names = sorted(groups)
        summed = np.column_stack([sum(p for c, p in classes.items() if of_class[c] == name)
                                  for name in names])
        summed /= summed.sum(axis=1, keepdims=True)
        actual = np.array([of_class[c] for c in own])
        right = np.array(names)[summed.argmax(axis=1)] == actual
        recall = {name: right[actual == name].mean() for name in names}
        lines.append(
            f"| {title} | {right.mean():.1%} | {np.mean(list(recall.values())):.1%} "
            f"| {log_loss(actual, summed, labels=names):.3f} | "
            + ", ".join(f"{name} {value:.2f}" for name, value in recall.items()) + " |")
    return "\n".join(lines) + (f"\n\n{len(judged):,} labelled asteroids, the same predictions out "
                               "of fold, summed twice.")


def lookup(*asked: str, until: str = "nm    reflectance") -> str:
    """What the command prints of an asteroid, up to its spectrum."""
    said = subprocess.run([sys.executable, "-m", "asteroid_taxonomy", "lookup", *asked],
                          capture_output=True, text=True, check=True).stdout
    return code([f"$ asteroid-taxonomy lookup {' '.join(asked)}",
                 *said.partition(until)[0].rstrip().splitlines()])


BLOCKS: dict[str, Callable[[], str]] = {
    "lookup": lambda: lookup("433", until="  S/N"),
    "queries": queries, "sixteen-rows": sixteen_rows, "two-more-rows": two_more_rows,
    "one-row": one_row, "left-out": left_out, "classes-to-complexes": classes_to_complexes,
    "parts": parts, "without-strata": without_strata, "scaled": scaled,
    "network": through_the_network, "judged": judged, "zipmap": zipmap,
    "in-the-file": in_the_file, "verified": verified, "metis": lambda: lookup("9"),
    "two-groupings": two_groupings,
}


if __name__ == "__main__":
    run(lambda: rewrite(BLOCKS))
