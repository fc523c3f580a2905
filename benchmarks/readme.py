"""Write the figures of the committed runs into README.md and docs/, between their markers.

    python -m benchmarks.readme

Reads reports/ and benchmarks/results/, which are in Git, so that it runs in any clone.
tests/test_repository.py fails where the figures are not those of the committed runs. Output that
needs the data is written by benchmarks/walkthrough.py.
"""

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from asteroid_taxonomy import catalogue
from asteroid_taxonomy.console import PipelineError, run
from asteroid_taxonomy.files import atomic, read_json

PAGES = [Path("README.md"), *sorted(Path("docs").glob("*.md"))]


def measured(name: str) -> Any:
    """What a benchmark wrote; unlike a metrics file it may hold lists."""
    return json.loads(Path(f"benchmarks/results/{name}.json").read_text(encoding="utf-8"))


def results() -> str:
    """What the last real run gave, from reports/*.json."""
    counts, held_out, cv, verify, made = (
        read_json(Path(f"reports/{name}.json"))
        for name in ("crossmatch", "evaluate", "metrics", "verify", "classify"))
    complexes = [key.removeprefix("recall_") for key in held_out if key.startswith("recall_")]

    def spread(key: str, percent: bool) -> str:
        form = ".1%" if percent else ".3f"
        return f"{cv[key]:{form}} ± {cv[f'{key}_std']:{form}}"

    def estimate(key: str) -> str:
        return f"{cv[key]:.1%} ± {cv[f'{key}_se']:.1%}"

    def gains(which: str) -> str:
        keys = [f"gain_{figure}{which}" for figure in ("accuracy", "macro_f1", "log_loss")]
        return ", ".join(f"{cv[key]:+.4f} ± {cv[f'{key}_se']:.4f}" for key in keys)

    rows = [
        ("asteroids with a spectrum", f"{counts['asteroids']:,}"),
        ("of these labelled", f"{counts['labelled']:,} (" + ", ".join(
            f"{name} {counts[f'labelled_{name}']:,}" for name in complexes) + ")"),
        ("asteroids that get a class", f"{cv['classified_asteroids']:,}"),
        (f"kept: confidence from {cv['abstention_threshold']} on", f"{made['kept']:,}"),
        ("right among the kept, by two estimates",
         f"{estimate('kept_accuracy_weighted')}; {estimate('kept_accuracy_degraded')}"),
        ("right among all, by the same two",
         f"{estimate('population_accuracy_weighted')}; "
         f"{estimate('population_accuracy_degraded')}"),
        (f"cross-validated on {cv['asteroids']:,} labelled: accuracy",
         spread("cv_accuracy", True)),
        ("balanced accuracy", spread("cv_balanced_accuracy", True)),
        ("macro-F1", spread("cv_macro_f1", False)),
        ("log-loss", spread("cv_log_loss", False)),
        ("expected calibration error", spread("cv_ece", False)),
        (f"accuracy below S/N 30 ({cv['asteroids_snr_below_30']} asteroids)",
         f"{cv['accuracy_snr_below_30']:.1%}"),
        (f"accuracy with a flagged band ({cv['asteroids_flagged']} asteroids), and without",
         f"{cv['accuracy_flagged']:.1%}, {cv['accuracy_not_flagged']:.1%}"),
        ("gain over the published recipe with its own seed: accuracy, macro-F1, log-loss (fall)",
         gains("_one_seed")),
        ("the same over the mean of its seeds", gains("")),
        (f"held out ({held_out['asteroids']:,}): accuracy", f"{held_out['accuracy']:.1%}"),
        ("accuracy of the model for visible spectra (nine bands)",
         f"{cv['visible_cv_accuracy']:.1%}"),
        ("ONNX file against scikit-learn",
         f"{verify['survey_spectra']:,} spectra, largest difference of a probability "
         f"{verify['survey_max_difference']:.0e}, {verify['survey_label_flips']} labels flip"),
    ]
    head = f"| {counts['survey']}, `dvc repro` | |\n|---|---|\n"
    return head + "\n".join(f"| {name} | {value} |" for name, value in rows)


def kept() -> str:
    """What the catalogue keeps, by complex, and how often that is right."""
    cv, made = (read_json(Path(f"reports/{name}.json")) for name in ("metrics", "classify"))
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


def time() -> str:
    """How long the pipeline takes, in a sentence, from benchmarks/results/pipeline.json."""
    took = measured("pipeline")
    return "On two cores, with an archive on the same machine, " + ", ".join(
        f"{title} takes {took[f'{key}_wall_s']:.0f} s" for key, title in (
            ("whole_cold", "`dvc repro`"), ("cold", "`dvc repro verify`, without "
             "cross-validation,"), ("rerun", "the same after a changed hyperparameter"),
            ("make_demo", "`make demo`, once installed,"), ("make_test", "`make test`"))
        if f"{key}_wall_s" in took) + "."


def cost() -> str:
    """What a run costs beside the published script, from benchmarks/results/pipeline.json."""
    took = measured("pipeline")
    lines = ["| | wall time | against the script | against the script, downloads at once "
             "| peak memory | against the script |", "|---|---|---|---|---|---|"]
    for key, title in (("published", "published script"),
                       ("published_replayed", "the same, its downloads answered at once"),
                       ("cold", "`dvc repro verify`, cold"),
                       ("rerun", "`dvc repro verify` after a hyperparameter")):
        if f"{key}_wall_s" in took:
            wall, replayed, memory = (
                f"{took[name]:.2f}" if name in took else "" for name in (
                    f"{key}_wall_s_ratio", f"{key}_wall_s_to_replayed", f"{key}_peak_mb_ratio"))
            lines.append(f"| {title} | {took[f'{key}_wall_s']:.1f} s | {wall} | {replayed} "
                         f"| {took[f'{key}_peak_mb']:.0f} MB | {memory} |")
    lines += ["", f"Medians of {took['rounds']} rounds."]
    rates = [rate for rate in (1, 3, 10) if f"cold_{rate}_mb_per_s_ratio" in took]
    if rates:
        lines += ["", "| an archive that sends | published script | `dvc repro verify`, cold "
                  "| ratio | after a hyperparameter: ratio |", "|---|---|---|---|---|"]
        lines += [f"| {rate} MB/s | {took[f'published_{rate}_mb_per_s_wall_s']:.0f} s "
                  f"| {took[f'cold_{rate}_mb_per_s_wall_s']:.0f} s "
                  f"| {took[f'cold_{rate}_mb_per_s_ratio']:.2f} "
                  f"| {took[f'rerun_{rate}_mb_per_s_ratio']:.2f} |" for rate in rates]
    if "crossvalidate_cpu_s" in took:
        lines += ["", f"`crossvalidate` alone: {took['crossvalidate_cpu_s']:.0f} s of processor "
                      "time."]
    return "\n".join(lines)


def runtimes() -> str:
    """The table, in Markdown, from benchmarks/results/runtimes.json."""
    report = measured("runtimes")
    lines = ["| runtime | version | largest difference of a probability |", "|---|---|---|"]
    lines += [f"| {row['runtime']} | {row['version']} | {row['max_difference']:.0e} |"
              for row in report["runtimes"]]
    return "\n".join(lines) + (f"\n\n{report['spectra']} spectra of {report['survey']}, against "
                               "scikit-learn.")


def team() -> str:
    """The table, in Markdown, from benchmarks/results/team.json."""
    story = measured("team")
    kinds = {"disk": "a folder on a shared disk", "lab": "SSH", "bucket": "S3",
             "public": "HTTP, read only"}
    lines = ["| remote | push | cold pull | against fetching the raw tables alone |",
             "|---|---|---|---|"]
    for name, title in kinds.items():
        push = f"{story[f'push_{name}_s']:.1f} s" if f"push_{name}_s" in story else ""
        lines.append(f"| {title} | {push} | {story[f'pull_{name}_s']:.1f} s "
                     f"| {story[f'pull_{name}_to_fetch']:.2f} |")
    return "\n".join(lines) + (f"\n\n{story['pushed_objects']} objects, "
                               f"{story['pushed_mb']:.1f} MB, all servers on one machine; "
                               f"fetching took {story['fetch_s']:.0f} s.")


def experiments() -> str:
    """The table, in Markdown, from benchmarks/results/experiments.json."""
    run_ = measured("experiments")
    return "\n".join([
        "| | time | ratio |", "|---|---|---|",
        f"| `dvc status` of an empty DVC project | {run_['empty_status_s']:.2f} s | 1 |",
        f"| `dvc repro` with nothing to do | {run_['noop_repro_s']:.2f} s "
        f"| {run_['noop_repro_ratio']:.2f} |",
        f"| `dvc repro verify` after a hyperparameter | {run_['rerun_s']:.1f} s | |",
        f"| {run_['runs']} runs up to `evaluate`, one by one | {run_['one_by_one_s']:.0f} s | 1 |",
        f"| {run_['runs']} runs from the queue, two workers on two cores "
        f"| {run_['queued_s']:.0f} s | {run_['queued_ratio']:.2f} |",
        "", f"Medians of {run_['rounds']} rounds.",
    ])


def models() -> str:
    """The table, in Markdown, from benchmarks/results/models.json."""
    found = measured("models")
    lines = ["| `train.model` | accuracy | macro-F1 | log-loss | ECE | ONNX file |",
             "|---|---|---|---|---|---|"]
    lines += [f"| `{name}` | {found[f'{name}_accuracy']:.1%} | {found[f'{name}_macro_f1']:.3f} "
              f"| {found[f'{name}_log_loss']:.3f} | {found[f'{name}_ece']:.3f} "
              f"| {found[f'{name}_bytes'] / 1000:,.0f} kB |" for name in found["models"]]
    return "\n".join(lines) + (f"\n\n{found['survey']}, {found['asteroids']:,} asteroids, the "
                               f"same {found['folds']} folds, once; sizes without the metadata.")


def recipes() -> str:
    """Held-out figures of recipes, from benchmarks/results/recipes.json."""
    return "\n".join([
        "| recipe | held out | accuracy | balanced accuracy | macro-F1 | log-loss |",
        "|---|---|---|---|---|---|",
        *(f"| `{name}` | {f['asteroids']} | {f['accuracy']:.1%} | {f['balanced_accuracy']:.1%} "
          f"| {f['macro_f1']:.3f} | {f['log_loss']:.3f} |"
          for name, f in measured("recipes").items())])


BLOCKS: dict[str, Callable[[], str]] = {
    "results": results, "kept": kept, "by-snr": by_snr, "classes": classes, "columns": columns,
    "models": models, "time": time, "cost": cost, "runtimes": runtimes, "team": team,
    "experiments": experiments, "recipes": recipes,
}


def fresh(pages: Mapping[Path, str], blocks: Mapping[str, Callable[[], str]]) -> dict[Path, str]:
    """The texts of `pages` with each block made anew, between `<!-- name: how -->` and its end."""
    pages = dict(pages)
    for name, make in blocks.items():
        pattern = re.compile(f"(<!-- {name}: [^>]*-->\n).*?(<!-- /{name} -->)", re.DOTALL)
        if not any(map(pattern.search, pages.values())):
            raise PipelineError(f"one of {', '.join(map(str, pages))} should have the lines "
                                f"<!-- {name}: ... --> and <!-- /{name} -->; put them back")
        block = make()
        pages = {page: pattern.sub(lambda m, block=block: f"{m[1]}{block}\n{m[2]}", text)
                 for page, text in pages.items()}
    return pages


def texts() -> dict[Path, str]:
    """The pages as they are."""
    return {page: page.read_text(encoding="utf-8") for page in PAGES}


def rewrite(blocks: Mapping[str, Callable[[], str]]) -> None:
    """Replace what stands between the markers of these blocks."""
    before = texts()
    changed = {page: text for page, text in fresh(before, blocks).items() if text != before[page]}
    for page, text in changed.items():
        with atomic(page) as part:
            part.write_text(text, encoding="utf-8", newline="\n")
    names = ", ".join(map(str, changed))
    print(f"wrote {names or 'nothing: the pages have these figures already'}")


if __name__ == "__main__":
    run(lambda: rewrite(BLOCKS))
