"""Write results and real output into README.md and docs/, between their markers.

    python -m benchmarks.pages

Run it after `dvc repro`. A block is between `<!-- name: benchmarks/pages.py -->` and `<!-- /name
-->`. Tests compare the blocks of FROM_REPORTS with the run in any clone, the others with the data.
"""

import re
import subprocess
import sys
import textwrap
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.compute as pc
import pyarrow.parquet as pq
from sklearn.metrics import accuracy_score, balanced_accuracy_score, f1_score
from sklearn.model_selection import train_test_split

from asteroid_taxonomy import catalogue
from asteroid_taxonomy.console import PipelineError, run
from asteroid_taxonomy.files import atomic, read_json, read_metadata
from asteroid_taxonomy.learning import model_path
from asteroid_taxonomy.learning.model_file import load_model
from asteroid_taxonomy.onnx_model.classifier import load_classifier
from asteroid_taxonomy.params import load_params
from asteroid_taxonomy.tables import (
    ASTEROIDS_PATH,
    LABELS_PATH,
    SOURCE_MAPPING_PATH,
    SPECTRA_PATH,
    TRAINING_SET_PATH,
    reflectance_columns,
)

PAGES = [Path("README.md"), *sorted(Path("docs").glob("*.md"))]
VESTA, METIS, ANGELINA = 4, 9, 64
WIDTH = 120  # of text in the pages
SPLITS = 200
OPEN_ENDED = "from (.*)", r"\1 and above"  # a bin of S/N, in the code's words and the page's
EXAMPLE = "docs/433_eros.txt"
Blocks = Mapping[str, Callable[[], str]]


def texts() -> dict[Path, str]:
    """The pages as they are."""
    return {page: page.read_text(encoding="utf-8") for page in PAGES}


def fresh(pages: Mapping[Path, str], blocks: Blocks) -> dict[Path, str]:
    """The pages with each block made anew."""
    pages = dict(pages)
    for name, make in blocks.items():
        pattern = re.compile(f"(<!-- {name}: [^>]*-->\n).*?(<!-- /{name} -->)", re.DOTALL)
        if not any(map(pattern.search, pages.values())):
            raise PipelineError(f"no page has the lines <!-- {name}: ... --> and <!-- /{name} "
                                "-->; put them back")
        block = make()
        pages = {page: pattern.sub(lambda m, block=block: f"{m[1]}{block}\n{m[2]}", text)
                 for page, text in pages.items()}
    return pages


def code(*lines: str) -> str:
    """Lines as a block of code."""
    return "\n".join(["```", *(line.rstrip() for line in lines), "```"])


def output(*command: str) -> list[str]:
    """Lines that `asteroid-taxonomy ...` prints, after the command itself."""
    done = subprocess.run([sys.executable, "-m", "asteroid_taxonomy", *command],
                          capture_output=True, text=True, check=True)
    return [f"$ asteroid-taxonomy {' '.join(command)}", *done.stdout.rstrip().splitlines()]


@cache
def report(name: str) -> dict[str, Any]:
    """A file of reports/."""
    return read_json(Path(f"reports/{name}.json"))


@cache
def asteroid(path: Path, number: int = VESTA) -> dict[str, Any]:
    """The row of one asteroid in a table with numbers."""
    rows: list[dict[str, Any]] = pq.read_table(
        path, filters=pc.field("number") == number).to_pylist()
    return rows[0]


# what a run gave, from files that are in Git


def results() -> str:
    """README: the results in four rows."""
    cv, calibration = report("metrics")["cv"], report("calibration")
    single = {k: n for k, n in report("catalogue")["complex_set"].items() if " " not in k}
    listed = ", ".join(f"{name} {n:,}" for name, n in single.items())
    above, everything = calibration["above_threshold"], calibration["all"]

    def range_of(part: Mapping[str, Any]) -> str:
        low, high = sorted(part[f"accuracy_{way}"] for way in ("weighted", "degraded"))
        return f"{low:.0%} to {high:.0%}"

    return "\n".join([
        "| result | |", "|---|---|",
        f"| labelled asteroids, cross-validated: accuracy | {cv['accuracy']:.1%} ± "
        f"{cv['accuracy_std']:.1%} (balanced accuracy {cv['balanced_accuracy']:.1%}) |",
        f"| all Gaia asteroids: estimated accuracy | {range_of(everything)} |",
        f"| above the confidence threshold ({above['asteroids']:,} asteroids): estimated accuracy "
        f"| {range_of(above)} |",
        "| prediction set with a single complex "
        f"({calibration['coverage']['all']:.0%} coverage) | {sum(single.values()):,} asteroids "
        f"({listed}) |"])


def classify_example() -> str:
    """README: `classify` of the spectrum in docs/."""
    return code(*output("classify", EXAMPLE))


def python_example() -> str:
    """README: the same in Python."""
    lines = ["import numpy as np", "from asteroid_taxonomy import load",
             f'nm, reflectance = np.loadtxt("{EXAMPLE}", usecols=(0, 1), unpack=True)',
             "prediction = load().predict(nm, reflectance)",
             "print(prediction.complex[0], prediction.confidence[0])"]
    done = subprocess.run([sys.executable, "-c", "\n".join(lines)], capture_output=True,
                          text=True, check=True)
    return "\n".join(["```python", *lines[:-1],
                      f"{lines[-1]}  # {done.stdout.strip()}", "```"])


def above_threshold() -> str:
    """Catalogue: purity above the threshold, by complex."""
    calibration, counts = report("calibration")["above_threshold"], report("catalogue")
    lines = ["| complex | asteroids | above the threshold | share | purity: weighted | degraded |",
             "|---|---|---|---|---|---|"]
    parts = {name: (found["asteroids"], found["above_threshold"], calibration["by_complex"][name])
             for name, found in counts["by_complex"].items()}
    parts["all"] = counts["classified"], counts["above_threshold"], calibration
    for name, (total, above, found) in parts.items():
        purity = ["–" if found[key] is None else
                  f"{found[key]:.0%} ± {found[f'{key}_se']:.0%}".replace("± 0%", "± <1%")
                  for key in ("accuracy_weighted", "accuracy_degraded")]
        lines.append(f"| {name} | {total:,} | {above:,} | {above / total:.1%} | "
                     f"{' | '.join(purity)} |")
    ratio = [parts["S"][i] / parts["C"][i] for i in (0, 1)]
    labelled = pd.read_csv("reports/crossvalidation/complexes.csv").to_dict("records")
    both = [f"{r['complex']} {r['precision']:.0%} and {r['recall']:.0%}" for r in labelled]
    return "\n".join([*lines, "", textwrap.fill(
        f"± is the standard error. The S:C ratio is {ratio[0]:.1f} in the whole catalogue and "
        f"{ratio[1]:.0f} above the threshold.", WIDTH), "", textwrap.fill(
        f"Without a cut, the cross-validated purity and completeness on the "
        f"{sum(r['asteroids'] for r in labelled):,} labelled asteroids with all bands are "
        f"{', '.join(both)}.", WIDTH)])


def by_snr() -> str:
    """Catalogue: counts and out-of-fold accuracy by S/N."""
    table = pd.read_csv("reports/catalogue_by_snr.csv")
    bins = table.groupby("snr_bin", sort=False)[
        ["asteroids", "above_threshold", "labelled", "correct"]].sum()
    c = table[table["complex"] == "C"].set_index("snr_bin").reindex(bins.index)
    lines = ["| S/N | asteroids | above the threshold | labelled | correct | labelled, "
             "classified C | correct |", "|---|---|---|---|---|---|---|"]
    lines += [f"| {re.sub(*OPEN_ENDED, name)} | {row.asteroids:,} | {row.above_threshold:,} | "
              f"{row.labelled} | {row.correct / row.labelled:.0%} | {c.labelled[name]} | "
              f"{c.correct[name] / c.labelled[name]:.0%} |" for name, row in bins.iterrows()]
    calibration = load_params().calibration
    faint = c.iloc[:calibration.snr_edges.index(calibration.snr_groups[0]) + 1].sum()
    return "\n".join([*lines, "", textwrap.fill(
        f"How reliable is a faint C? Of {faint.labelled} labelled asteroids with S/N below "
        f"{calibration.snr_groups[0]:g} that are classified as C out of fold, at any confidence, "
        f"{faint.correct} are C ({faint.correct / faint.labelled:.0%}). Of the "
        f"{faint.asteroids:,} faint C asteroids in the catalogue, {faint.above_threshold} are "
        "above the threshold.", WIDTH)])


def sets() -> str:
    """Catalogue: how many asteroids have which prediction set."""
    counts, coverage = report("catalogue"), report("calibration")["coverage"]
    found = sorted(counts["complex_set"].items(), key=lambda item: -item[1])
    single = sum(n for name, n in found if len(name.split()) == 1)
    everything, *each = (f"{name} {value:.1%}" for name, value in coverage.items())
    return "\n".join([
        f"| set | {' | '.join(name for name, _ in found)} |", "|---" * (len(found) + 1) + "|",
        f"| asteroids | {' | '.join(f'{n:,}' for _, n in found)} |", "", textwrap.fill(
            f"A single complex remains for {single:,} of {counts['classified']:,} asteroids. "
            f"Cross-validated coverage: {everything}, {', '.join(each)}.",
            WIDTH)])


def classes() -> str:
    """Catalogue: the classes that are precise enough to be given."""
    found = {name: n for name, n in report("calibration")["classes"].items()
             if n["predicted"] >= catalogue.LEAST and n["precision"] >= catalogue.MOSTLY}
    return textwrap.fill("Out-of-fold precision (purity) and recall (completeness): " + ", ".join(
        f"{name} {n['precision']:.2f} and {n['recall']:.2f} ({n['asteroids']:,} labelled)"
        for name, n in found.items()) + ".", WIDTH)


def ground_based() -> str:
    """Own spectra: accuracy by survey and by predicted complex, held out."""
    found = read_json(Path("benchmarks/results/ground_based.json"))["with"]
    lines = ["| | spectra | correct | above the threshold | of these, correct |",
             "|---|---|---|---|---|"]
    parts = found["survey"] | {f"predicted {k}": n for k, n in found["predicted"].items()}
    lines += [f"| {name} | {n['spectra']:,} | {n['correct'] / n['spectra']:.0%} | {n['above']:,} "
              "| " + (f"{n['above_correct'] / n['above']:.0%} |" if n["above"] else "– |")
              for name, n in (parts | found["all"]).items()]
    covered = ", ".join(f"{name} {share:.0%}" for name, share in found["coverage"].items())
    return "\n".join([*lines, "", f"The threshold is {found['threshold']:g}. Spectra whose "
                      f"prediction set contains the literature complex: {covered}."])


def columns() -> str:
    """Catalogue: its columns, as the code describes them."""
    return "\n".join(["| column | type | meaning |", "|---|---|---|", *(
        f"| `{c.name}` | {c.type} | {c.metadata[b'description'].decode()} |"
        for c in catalogue.arrow_schema(["NAME"], "label table"))])


# what the data of the run show


def queries() -> str:
    """The ADQL of the three tables."""
    lines = []
    for path in (SPECTRA_PATH, SOURCE_MAPPING_PATH, LABELS_PATH):
        about = read_metadata(path)
        adql = re.sub('("class_A").*("class_Z")', r"\1 ... \2", about["adql"])
        for words in (" FROM", " WHERE", " wavelength,"):
            adql = adql.replace(words, f"\n   {words}", 1)
        lines += [f"{path}: {int(about['rows']):,} rows from {about['archive']}",
                  *f"    {adql}".splitlines()]
    return code(*lines)


def sixteen_rows() -> str:
    """Vesta's rows of the raw table of spectra."""
    columns = ["wavelength", "reflectance", "error", "flag"]
    source_id = asteroid(ASTEROIDS_PATH)["source_id"]
    rows = pq.read_table(SPECTRA_PATH, filters=pc.field("source_id") == source_id, columns=columns)
    return code(f"source_id {source_id}", *rows.to_pandas().round(6).to_string(
        index=False).splitlines())


def two_more_rows() -> str:
    """Vesta's rows of the source mapping and of the label table."""
    mapping, label = asteroid(SOURCE_MAPPING_PATH), asteroid(LABELS_PATH)
    probable = ", ".join(f"{key} {value:.2f}" for key, value in label.items()
                         if key.startswith("probability_") and value and value >= 0.005)
    return code(f"{SOURCE_MAPPING_PATH}: {mapping}",
                f"{LABELS_PATH}: number {label['number']}, class {label['class']}, {probable}")


def one_row() -> str:
    """Vesta's row after the cross-match."""
    one, nm = asteroid(ASTEROIDS_PATH), load_params().bands.wavelengths_nm
    keys = ("source_id", "number", "name", "class", "complex", "num_of_spectra", "complete")
    return code(", ".join(f"{key} {one[key]}" for key in keys),
                f"snr {one['snr']:.1f}, reflectance_{nm[0]} {one[f'reflectance_{nm[0]}']:.6f}, "
                f"reflectance_{nm[1]} {one[f'reflectance_{nm[1]}']:.6f} ...")


def left_out() -> str:
    """What the cross-match counted."""
    return code(*(f"{key:34}{value:>9,}" for key, value in report("crossmatch").items()
                  if isinstance(value, int) and value > 1 and not key.startswith("labelled_")))


def classes_to_complexes() -> str:
    """The labelled asteroids by complex and class."""
    table = pq.read_table(ASTEROIDS_PATH, columns=["class_without_flags", "complex"])
    return code(*(f"{name}  {len(part):>5,}   " + ", ".join(
        f"{c} {n}" for c, n in part["class_without_flags"].value_counts().items())
        for name, part in table.to_pandas().dropna().groupby("complex")))


def parts() -> str:
    """Shares of the complexes in both parts, and the rarest one's number in random splits."""
    data = pq.read_table(TRAINING_SET_PATH, columns=["target", "held_out"]).to_pandas().dropna()
    target = data["target"].to_numpy()
    shares = data.groupby("held_out")["target"].value_counts(normalize=True).unstack()
    lines = [" " * 12 + "".join(f"{name:>8}" for name in shares)]
    lines += [f"{title:12}" + "".join(f"{share:8.1%}" for share in shares.loc[held_out])
              for title, held_out in (("training", False), ("held out", True))]
    rarest = data["target"].value_counts().index[-1]
    lines += ["", f"in {SPLITS} random splits, held-out asteroids of {rarest}"]
    for title, strata in (("stratified", target), ("not stratified", None)):
        found = [int((train_test_split(target, test_size=0.2, random_state=seed,
                                       stratify=strata)[1] == rarest).sum())
                 for seed in range(SPLITS)]
        lines.append(f"  {title:15} {min(found)} to {max(found)}")
    return code(*lines)


@cache
def vesta_in_the_model() -> dict[str, Any]:
    """Vesta on its way through the trained pipeline."""
    params = load_params()
    model = load_model(model_path("asteroid_taxonomy"))
    one = asteroid(ASTEROIDS_PATH)
    whole = np.array([[one[name] for name in reflectance_columns(params.bands.wavelengths_nm)]])
    picked = model["bands"].transform(whole.astype(np.float32)).astype(np.float64)
    scaled = model["scaler"].transform(picked)
    summing = model["classifier"]
    return {"model": model, "whole": whole.astype(np.float32), "picked": picked, "scaled": scaled,
            "summing": summing, "used": params.train.used_bands_nm.asteroid_taxonomy,
            "networks": [net.predict_proba(scaled)[0] for net in summing.estimator.estimators_],
            "complexes": summing.predict_proba(scaled)[0]}


def scaled() -> str:
    """Some of Vesta's bands before and after the scaler."""
    v, scaler = vesta_in_the_model(), vesta_in_the_model()["model"]["scaler"]
    return code("  nm reflectance    mean     std  scaled", *(
        f"{nm:4}{v['picked'][0][i]:12.4f}{scaler.mean_[i]:8.4f}{scaler.scale_[i]:8.4f}"
        f"{v['scaled'][0][i]:8.2f}" for i, nm in enumerate(v["used"])
        if nm in (418, 638) or nm > 850))


def network() -> str:
    """Layers, the most probable classes, and their sum."""
    v = vesta_in_the_model()
    summing, mean = v["summing"], np.mean(v["networks"], axis=0)
    shapes = " -> ".join(str(w.shape[0]) for w in summing.estimator.estimators_[0].coefs_)
    names, order = summing.class_names_, np.argsort(-mean)
    lines = [f"{len(v['networks'])} networks, {shapes} -> {len(names)} classes", "",
             "class  " + "".join(f"  network {i + 1}" for i in range(len(v["networks"])))
             + "     mean"]
    lines += [f"{names[i]:7}" + "".join(f"{p[i]:11.3f}" for p in v["networks"])
              + f"{mean[i]:9.3f}" for i in order[:4]]
    lines += ["...", ""]
    for j, name in enumerate(summing.classes_):
        inside = [f"{names[i]} {mean[i]:.3f}" for i in order if summing.members_[i, j]]
        lines.append(f"{name}  {v['complexes'][j]:.3f} = {' + '.join(inside[:4])}"
                     + (" + ..." if len(inside) > 4 else ""))
    return code(*lines)


def evaluated() -> str:
    """Held-out scores and the confusion matrix."""
    table = pd.read_csv("reports/holdout_predictions.csv", keep_default_na=False)
    actual, predicted = table["actual"], table["predicted"]
    matrix = pd.crosstab(actual, predicted)
    counts = matrix.to_numpy()
    return code(
        f"accuracy {accuracy_score(actual, predicted):.3f}   balanced accuracy "
        f"{balanced_accuracy_score(actual, predicted):.3f}   macro-F1 "
        f"{f1_score(actual, predicted, average='macro'):.3f}   log-loss "
        f"{report('evaluate')['held_out']['log_loss']:.3f}", "",
        "actual \\ predicted" + "".join(f"{name:>6}" for name in matrix) + "   recall",
        *(f"{name:>18}" + "".join(f"{n:6}" for n in row) + f"{row[i] / row.sum():9.2f}"
          for i, (name, row) in enumerate(zip(matrix.index, counts, strict=True))),
        f"{'precision':>18}" + "".join(f"{counts[i, i] / counts[:, i].sum():6.2f}"
                                       for i in range(len(counts))))


def in_the_file() -> str:
    """The ONNX file's probabilities of Vesta beside scikit-learn's."""
    classifier, v = load_classifier(), vesta_in_the_model()
    (found,) = classifier.probabilities(v["whole"])
    best = found.argmax()
    where = "above" if found[best] >= classifier.threshold else "below"
    return code(
        " " * 13 + "".join(f"{name:>10}" for name in classifier.classes),
        *(f"{title:13}" + "".join(f"{p:10.5f}" for p in values)
          for title, values in (("scikit-learn", v["complexes"]), ("ONNX file", found))), "",
        f"{classifier.classes[best]} with confidence {found[best]:.2f}, {where} the threshold of "
        f"{classifier.threshold:.2f}")


def metis() -> str:
    """What `lookup` prints of Metis, up to the line with its S/N."""
    lines = output("lookup", str(METIS))
    end = next(i for i, line in enumerate(lines) if line.startswith("  S/N"))
    return code(*lines[:end - 1])


def two_answers() -> str:
    """Catalogue: an asteroid whose class belongs to another complex."""
    row = asteroid(catalogue.catalogue_path(load_params().catalogue.name), ANGELINA)
    where = "below" if row["abstained"] else "above"
    return textwrap.fill(
        f"({row['number']}) {row['name']}, for instance, is {row['complex']} "
        f"({row['confidence']:.2f}, {where} the threshold), yet its class is {row['class']} "
        f"({row['class_probability']:.2f}); its literature class is {row['literature_class']}.",
        WIDTH)


FROM_REPORTS: Blocks = {
    "results": results, "classify": classify_example, "python": python_example,
    "above-threshold": above_threshold, "by-snr": by_snr, "sets": sets, "classes": classes,
    "columns": columns, "ground-based": ground_based,
}
FROM_DATA: Blocks = {
    "queries": queries, "sixteen-rows": sixteen_rows, "two-more-rows": two_more_rows,
    "one-row": one_row, "left-out": left_out, "classes-to-complexes": classes_to_complexes,
    "parts": parts, "scaled": scaled, "network": network, "evaluated": evaluated,
    "in-the-file": in_the_file, "two-answers": two_answers,
    "metis": metis,
}


def main() -> None:
    """Make all blocks anew."""
    before = texts()
    changed = {page: text for page, text in fresh(before, {**FROM_REPORTS, **FROM_DATA}).items()
               if text != before[page]}
    for page, text in changed.items():
        with atomic(page) as part:
            part.write_text(text, encoding="utf-8", newline="\n")
    print(f"wrote {', '.join(map(str, changed)) or 'nothing: the pages are up to date'}")


if __name__ == "__main__":
    run(main)
