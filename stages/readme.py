"""Write the results of the committed metrics into README.md, between its markers.

    python -m stages.readme

Not a stage: README.md is prose that carries a table. tests/test_repository.py fails where the
table is not that of the committed metrics.
"""

import re
from pathlib import Path

from stages.cli import PipelineError, run
from stages.files import atomic, read_json

README = Path("README.md")
BEGIN, END = "<!-- results: python -m stages.readme -->", "<!-- /results -->"


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


def main() -> None:
    """Replace what stands between the markers."""
    text = README.read_text(encoding="utf-8")
    pattern = re.compile(f"{re.escape(BEGIN)}.*{re.escape(END)}", re.DOTALL)
    if not pattern.search(text):
        raise PipelineError(f"{README} should have the lines {BEGIN} and {END}; put them back")
    fresh = pattern.sub(lambda _: f"{BEGIN}\n{results()}\n{END}", text)
    with atomic(README) as part:
        part.write_text(fresh, encoding="utf-8", newline="\n")
    print(f"wrote {README}: results of the committed metrics")


if __name__ == "__main__":
    run(main)
