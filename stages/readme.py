"""Write the figures of the committed runs into README.md, between its markers.

    python -m stages.readme

Not a stage: README.md is prose that carries tables. tests/test_repository.py fails where the
figures are not those of the committed runs.
"""

import re
from pathlib import Path

from stages.cli import PipelineError, run
from stages.files import atomic, read_json

README = Path("README.md")


def results() -> str:
    """The table, in Markdown, from reports/*.json."""
    crossmatch, evaluate, verify = (read_json(Path(f"reports/{name}.json"))
                                    for name in ("crossmatch", "evaluate", "verify"))
    complexes = [key.removeprefix("recall_") for key in evaluate if key.startswith("recall_")]
    rows = [
        ("asteroids with a spectrum", f"{crossmatch['asteroids']:,}"),
        ("of these labelled", f"{crossmatch['labelled']:,} (" + ", ".join(
            f"{name} {crossmatch[f'labelled_{name}']:,}" for name in complexes) + ")"),
        ("held out of training", f"{evaluate['asteroids']:,}"),
        ("accuracy on these", f"{evaluate['accuracy']:.1%}"),
        ("balanced accuracy", f"{evaluate['balanced_accuracy']:.1%}"),
        ("macro-F1", f"{evaluate['macro_f1']:.3f}"),
        ("log-loss", f"{evaluate['log_loss']:.3f}"),
        ("recall by complex", ", ".join(
            f"{name} {evaluate[f'recall_{name}']:.0%}" for name in complexes)),
        ("ONNX file against scikit-learn",
         f"{verify['all_classifiable_spectra']:,} spectra, largest difference of a probability "
         f"{verify['all_classifiable_max_difference']:.0e}, "
         f"{verify['all_classifiable_label_flips']} labels flip"),
    ]
    head = f"| {crossmatch['survey']}, `dvc repro` | |\n|---|---|\n"
    return head + "\n".join(f"| {name} | {value} |" for name, value in rows)


def cost() -> str:
    """The table, in Markdown, from benchmarks/results/pipeline.json."""
    run_ = read_json(Path("benchmarks/results/pipeline.json"))
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
    """The table, in Markdown, from reports/runtimes.json."""
    report = read_json(Path("reports/runtimes.json"))
    lines = ["| runtime | version | largest difference of a probability |", "|---|---|---|"]
    lines += [f"| {row['runtime']} | {row['version']} | {row['max_difference']:.0e} |"
              for row in report["runtimes"]]
    return "\n".join(lines) + (f"\n\n{report['spectra']} spectra of {report['survey']}, against "
                               "scikit-learn.")


BLOCKS = {
    ("<!-- results: python -m stages.readme -->", "<!-- /results -->"): results,
    ("<!-- cost: python -m benchmarks.pipeline -->", "<!-- /cost -->"): cost,
    ("<!-- runtimes: python -m tests.runtimes -->", "<!-- /runtimes -->"): runtimes,
}


def fresh(text: str) -> str:
    """`text` with each block between its markers made anew."""
    for (begin, end), make in BLOCKS.items():
        pattern = re.compile(f"{re.escape(begin)}.*{re.escape(end)}", re.DOTALL)
        if not pattern.search(text):
            raise PipelineError(f"{README} should have the lines {begin} and {end}; put them back")
        block = f"{begin}\n{make()}\n{end}"
        text = pattern.sub(lambda _, block=block: block, text)  # type: ignore[misc]
    return text


def main() -> None:
    """Replace what stands between the markers."""
    text = fresh(README.read_text(encoding="utf-8"))
    with atomic(README) as part:
        part.write_text(text, encoding="utf-8", newline="\n")
    print(f"wrote {README}: figures of the committed runs")


if __name__ == "__main__":
    run(main)
