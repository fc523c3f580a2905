"""Write the figures of the committed runs into README.md and docs/, between their markers.

    python -m benchmarks.readme

Not a stage: these pages are prose that carries tables. tests/test_repository.py fails where the
figures are not those of the committed runs.
"""

import json
import re
from pathlib import Path
from typing import Any

from asteroid_taxonomy.console import PipelineError, run
from asteroid_taxonomy.files import atomic, read_json

PAGES = [Path("README.md"), *sorted(Path("docs").glob("*.md"))]


def measured(name: str) -> Any:
    """What a benchmark wrote; unlike a metrics file it may hold lists."""
    return json.loads(Path(f"benchmarks/results/{name}.json").read_text(encoding="utf-8"))


def results() -> str:
    """The table, in Markdown, from reports/*.json."""
    counts, held_out, cv, verify, catalogue = (
        read_json(Path(f"reports/{name}.json"))
        for name in ("crossmatch", "evaluate", "metrics", "verify", "classify"))
    complexes = [key.removeprefix("recall_") for key in held_out if key.startswith("recall_")]

    def spread(key: str, percent: bool) -> str:
        form = ".1%" if percent else ".3f"
        return f"{cv[key]:{form}} ± {cv[f'{key}_std']:{form}}"

    def gains(which: str) -> str:
        keys = [f"gain_{figure}{which}" for figure in ("accuracy", "macro_f1", "log_loss")]
        return ", ".join(f"{cv[key]:+.4f} ± {cv[f'{key}_se']:.4f}" for key in keys)

    rows = [
        ("asteroids with a spectrum", f"{counts['asteroids']:,}"),
        ("of these labelled", f"{counts['labelled']:,} (" + ", ".join(
            f"{name} {counts[f'labelled_{name}']:,}" for name in complexes) + ")"),
        ("asteroids that get a class", f"{cv['classified_asteroids']:,}"),
        (f"cross-validated on {cv['asteroids']:,}: accuracy", spread("cv_accuracy", True)),
        ("balanced accuracy", spread("cv_balanced_accuracy", True)),
        ("macro-F1", spread("cv_macro_f1", False)),
        ("log-loss", spread("cv_log_loss", False)),
        ("expected calibration error", spread("cv_ece", False)),
        ("accuracy on the most confident 60 %", f"{cv['accuracy_at_60_coverage']:.1%}"),
        (f"accuracy below S/N 30 ({cv['asteroids_snr_below_30']} asteroids)",
         f"{cv['accuracy_snr_below_30']:.1%}"),
        ("accuracy expected of all asteroids (S/N-weighted)",
         f"{cv['population_accuracy']:.1%} ± {cv['population_accuracy_se']:.1%}"),
        ("gain over the published recipe with its own seed: accuracy, macro-F1, log-loss (fall)",
         gains("_one_seed")),
        ("the same over the mean of its seeds", gains("")),
        (f"held out ({held_out['asteroids']:,}): accuracy", f"{held_out['accuracy']:.1%}"),
        ("ONNX file against scikit-learn",
         f"{verify['all_classifiable_spectra']:,} spectra, largest difference of a probability "
         f"{verify['all_classifiable_max_difference']:.0e}, "
         f"{verify['all_classifiable_label_flips']} labels flip"),
        ("asteroids in the catalogue", f"{catalogue['asteroids']:,}"),
    ]
    head = f"| {counts['survey']}, `dvc repro` | |\n|---|---|\n"
    return head + "\n".join(f"| {name} | {value} |" for name, value in rows)


def cost() -> str:
    """The table, in Markdown, from benchmarks/results/pipeline.json."""
    run_ = measured("pipeline")
    rows = {"published": "published script", "cold": "`dvc repro verify`, cold",
            "rerun": "`dvc repro verify` after a hyperparameter"}
    lines = ["| | wall time | against the script | peak memory | against the script |",
             "|---|---|---|---|---|"]
    for key, title in rows.items():
        ratios = [f"{run_[f'{key}_{f}_ratio']:.2f}" if key != "published" else "1"
                  for f in ("wall_s", "peak_mb")]
        lines.append(f"| {title} | {run_[f'{key}_wall_s']:.1f} s | {ratios[0]} "
                     f"| {run_[f'{key}_peak_mb']:.0f} MB | {ratios[1]} |")
    return "\n".join(lines) + f"\n\nMedians of {run_['rounds']} rounds."


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


BLOCKS = {
    ("<!-- results: python -m benchmarks.readme -->", "<!-- /results -->"): results,
    ("<!-- models: python -m benchmarks.models -->", "<!-- /models -->"): models,
    ("<!-- cost: python -m benchmarks.pipeline -->", "<!-- /cost -->"): cost,
    ("<!-- runtimes: python -m benchmarks.runtimes -->", "<!-- /runtimes -->"): runtimes,
    ("<!-- team: python -m benchmarks.team -->", "<!-- /team -->"): team,
    ("<!-- experiments: python -m benchmarks.experiments -->",
     "<!-- /experiments -->"): experiments,
}


def fresh(pages: dict[Path, str]) -> dict[Path, str]:
    """The texts of `pages` with each block between its markers made anew."""
    for (begin, end), make in BLOCKS.items():
        pattern = re.compile(f"{re.escape(begin)}.*{re.escape(end)}", re.DOTALL)
        if not any(map(pattern.search, pages.values())):
            raise PipelineError(f"one of {', '.join(map(str, pages))} should have the lines "
                                f"{begin} and {end}; put them back")
        block = f"{begin}\n{make()}\n{end}"
        pages = {page: pattern.sub(lambda _, block=block: block, text)  # type: ignore[misc]
                 for page, text in pages.items()}
    return pages


def main() -> None:
    """Replace what stands between the markers."""
    for page, text in fresh({page: page.read_text(encoding="utf-8") for page in PAGES}).items():
        with atomic(page) as part:
            part.write_text(text, encoding="utf-8", newline="\n")
    print(f"wrote {', '.join(map(str, PAGES))}: figures of the committed runs")


if __name__ == "__main__":
    run(main)
