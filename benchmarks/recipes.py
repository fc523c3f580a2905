"""Run recipes of experiments/ up to evaluate, one of them to the end, and keep their figures.

    python -m benchmarks.recipes

Runs each as the DVC experiment that `asteroid-taxonomy recipe` makes (seconds each, from a done
run), which takes the place of an earlier one of its name. Writes benchmarks/results/recipes.json;
then run `python -m benchmarks.readme`.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from asteroid_taxonomy.console import PipelineError, run
from asteroid_taxonomy.files import read_json

RECIPES = ("stronger_penalty", "complexes_alone", "no_copies", "mahlke_complexes", "published")
WHOLE = "mahlke_complexes"  # the one that is cross-validated too
EVALUATE, METRICS = "reports/evaluate.json", "reports/metrics.json"
FIGURES = ("asteroids", "accuracy", "balanced_accuracy", "macro_f1", "log_loss")
CROSS_VALIDATED = (
    "asteroids", "cv_accuracy", "cv_balanced_accuracy", "cv_log_loss", "abstention_threshold",
    "kept_asteroids", *(f"{what}_accuracy_{way}" for what in ("kept", "population")
                        for way in ("weighted", "degraded")))
RESULT = Path("benchmarks/results/recipes.json")


def main() -> None:
    """Run them one by one; params.yaml as it is comes first."""
    result = {"params.yaml": only(FIGURES, read_json(Path(EVALUATE)))}
    for name in RECIPES:
        targets = [] if name == WHOLE else ["evaluate"]
        if subprocess.run([sys.executable, "-m", "asteroid_taxonomy", "recipe",
                           f"experiments/{name}.yaml", *targets]).returncode:
            raise PipelineError(f"the recipe {name} failed; its last lines above say why")
        result[name] = only(FIGURES, of_experiment(name, EVALUATE))
    whole = {"params.yaml": only(CROSS_VALIDATED, read_json(Path(METRICS))),
             WHOLE: only(CROSS_VALIDATED, of_experiment(WHOLE, METRICS))}
    RESULT.write_text(json.dumps({"held_out": result, "cross_validated": whole}, indent=2) + "\n",
                      encoding="utf-8")
    print(f"wrote {RESULT}: {', '.join(result)}")


def only(keys: tuple[str, ...], metrics: dict[str, Any]) -> dict[str, Any]:
    """These metrics alone."""
    return {key: metrics[key] for key in keys}


def of_experiment(name: str, path: str, folder: Path | None = None) -> dict[str, Any]:
    """A metrics file of the current commit's experiment of this name."""
    metrics: dict[str, Any] = json.loads(git("show", f"{reference(name, folder)}:{path}",
                                             folder=folder))
    return metrics


def reference(experiment: str, folder: Path | None = None) -> str:
    """The Git reference of the current commit's experiment of this name."""
    commit = git("rev-parse", "HEAD", folder=folder).strip()
    return f"refs/exps/{commit[:2]}/{commit[2:]}/{experiment}"


def git(*arguments: str, folder: Path | None = None) -> str:
    """What a Git command prints, in the current folder or another."""
    return subprocess.run(["git", *arguments], capture_output=True, text=True, check=True,
                          cwd=folder).stdout


if __name__ == "__main__":
    run(main)
