"""The tables of README.md and docs/ that benchmarks measured, from benchmarks/results/*.json."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any


def measured(name: str) -> Any:
    """What a benchmark wrote; unlike a metrics file it may hold lists."""
    return json.loads(Path(f"benchmarks/results/{name}.json").read_text(encoding="utf-8"))


def table(head: str, rows: Iterable[str]) -> str:
    """A Markdown table of these lines."""
    return "\n".join([head, "|" + "---|" * (head.count("|") - 1), *rows])


def time() -> str:
    """How long the pipeline takes, in a sentence, from benchmarks/results/pipeline.json."""
    took = measured("pipeline")
    return "On two cores, with an archive on the same machine: " + ", ".join(
        f"{title} {took[f'{key}_wall_s']:.0f} s" for key, title in (
            ("whole_cold", "`dvc repro`"), ("cold", "`dvc repro verify` (no cross-validation)"),
            ("rerun", "after a changed hyperparameter"), ("make_demo", "`make demo`"),
            ("make_test", "`make test`")) if f"{key}_wall_s" in took) + "."


def cost() -> str:
    """What a run costs beside the published script, from benchmarks/results/pipeline.json."""
    took = measured("pipeline")
    lines = ["| | wall time | against the script | against the script, downloads at once "
             "| peak memory | against the script |", "|---|---|---|---|---|---|"]
    for key, title in (("published", "published script"),
                       ("published_replayed", "the same, its downloads answered at once"),
                       ("cold", "`dvc repro verify` in a fresh clone, which has in Git what "
                                "follows training"),
                       ("cold_all", "the same after a hyperparameter, so that everything runs"),
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
    return table("| runtime | version | largest difference of a probability |", (
        f"| {row['runtime']} | {row['version']} | {row['max_difference']:.0e} |"
        for row in report["runtimes"])) + (
            f"\n\n{report['spectra']} spectra of {report['survey']}, against scikit-learn.")


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


def cluster() -> str:
    """The table, in Markdown, from benchmarks/results/cluster.json."""
    took = measured("cluster")
    return table("| | two cores | two Dask workers | ratio | one of them killed half-way |", (
        f"| `{name}` | {took[f'{name}_local_s']:.0f} s | {took[f'{name}_workers_s']:.0f} s "
        f"| {took[f'{name}_workers_ratio']:.2f} | {took[f'{name}_one_killed_s']:.0f} s |"
        for name in ("crossvalidate", "search"))) + (
            "\n\nThe same bytes in all three columns, or the benchmark stops.")


def models() -> str:
    """The table, in Markdown, from benchmarks/results/models.json."""
    found = measured("models")
    return table("| `train.model` | accuracy | macro-F1 | log-loss | ECE | ONNX file |", (
        f"| `{name}` | {found[f'{name}_accuracy']:.1%} | {found[f'{name}_macro_f1']:.3f} "
        f"| {found[f'{name}_log_loss']:.3f} | {found[f'{name}_ece']:.3f} "
        f"| {found[f'{name}_bytes'] / 1000:,.0f} kB |" for name in found["models"])) + (
            f"\n\n{found['survey']}, {found['asteroids']:,} asteroids, the same "
            f"{found['folds']} folds, once; sizes without the metadata.")


def recipes() -> str:
    """Held-out figures of recipes, from benchmarks/results/recipes.json."""
    return table(
        "| recipe | held out | accuracy | balanced accuracy | macro-F1 | log-loss |",
        (f"| `{name}` | {f['asteroids']} | {f['accuracy']:.1%} | {f['balanced_accuracy']:.1%} "
          f"| {f['macro_f1']:.3f} | {f['log_loss']:.3f} |"
          for name, f in measured("recipes")["held_out"].items()))


def exercises() -> str:
    """What the walk-through's exercises give, from benchmarks/results/exercises.json."""
    return table(
        "| exercise | held out | of these O | accuracy | balanced accuracy | log-loss |",
        (f"| {title} | {f['held_out']} | {f['held_out_O']} | {f['accuracy']:.1%} "
          f"| {f['balanced_accuracy']:.1%} | {f['log_loss']:.3f} |"
          for title, f in measured("exercises").items()))


SURVEYS = {
    "smass1": "SMASS", "smass2": "SMASS II", "smassneo8": "SMASS NEO (8)",
    "smassneo": "SMASS NEO", "s3os2": "S3OS2", "primass": "PRIMASS-L", "sawyer": "Sawyer",
    "vilas": "Vilas", "fornasier_m": "Fornasier, M types",
    "fornasier_trojan": "Fornasier, Trojans",
    "24color": "24 colours", "52color": "52 colours", "irtf_spex": "IRTF SpeX",
    "gartrelle": "Gartrelle", "m4ast": "M4AST", "mithneos": "MITHNEOS",
    "cds_627_a124": "J/A+A/627/A124", "akari": "AKARI AcuA", "all": "**all**"}


def surveys() -> str:
    """The table, in Markdown, from benchmarks/results/surveys.json."""
    def of(some: int, whole: int) -> str:
        return f"{some} of {whole}" if whole else "-"

    return table(
        "| survey | files | open | with a class | kept | agree | of these kept |",
        (f"| {title} | {n['files']} | {n['open']} | {n['class']} | {n['kept']} "
          f"| {of(n['agree'], n['known'])} | {of(n['agree_kept'], n['known_kept'])} |"
          for key, title in SURVEYS.items() for n in [measured("surveys")["as they are"][key]]))


def near_uv() -> str:
    """What a correction of the near-ultraviolet would do, in words."""
    plain, corrected = (found["all"] for found in measured("surveys").values())
    return (f"With it {corrected['agree']} of {corrected['known']} agree instead of "
            f"{plain['agree']}, and of the kept {corrected['agree_kept']} of "
            f"{corrected['known_kept']} instead of {plain['agree_kept']} of "
            f"{plain['known_kept']}.")


def whole_recipes() -> str:
    """What the catalogue keeps by recipe, from benchmarks/results/recipes.json."""
    def both(figures: dict[str, float], key: str) -> str:
        return " to ".join(f"{p:.0%}" for p in sorted(
            figures[f"{key}_accuracy_{way}"] for way in ("weighted", "degraded")))

    return table(
        "| complexes | cross-validated accuracy | balanced accuracy | log-loss | right among all "
        "| threshold | kept | right among these |",
        (f"| `{name}` | {f['cv_accuracy']:.1%} | {f['cv_balanced_accuracy']:.1%} "
          f"| {f['cv_log_loss']:.3f} | {both(f, 'population')} | {f['abstention_threshold']:.2f} "
          f"| {f['kept_asteroids']:,} | {both(f, 'kept')} |"
          for name, f in measured("recipes")["cross_validated"].items()))
