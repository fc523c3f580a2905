"""Run recipes of experiments/ up to evaluate, and keep their held-out figures.

    python -m benchmarks.recipes

Runs each as the DVC experiment that `asteroid-taxonomy recipe` makes (seconds each, from a done
run), which takes the place of an earlier one of its name. Writes benchmarks/results/recipes.json;
then run `python -m benchmarks.readme`.
"""

import json
import subprocess
import sys
from pathlib import Path

from asteroid_taxonomy.console import PipelineError, run
from asteroid_taxonomy.files import read_json

RECIPES = ("stronger_penalty", "complexes_alone", "no_copies", "mahlke_complexes", "published")
EVALUATE = "reports/evaluate.json"
FIGURES = ("asteroids", "accuracy", "balanced_accuracy", "macro_f1", "log_loss")
RESULT = Path("benchmarks/results/recipes.json")


def main() -> None:
    """Run them one by one; params.yaml as it is comes first."""
    found = {"params.yaml": read_json(Path(EVALUATE))}
    for name in RECIPES:
        if subprocess.run([sys.executable, "-m", "asteroid_taxonomy", "recipe",
                           f"experiments/{name}.yaml", "evaluate"]).returncode:
            raise PipelineError(f"the recipe {name} failed; its last lines above say why")
        found[name] = json.loads(git("show", f"{reference(name)}:{EVALUATE}"))
    result = {name: {key: metrics[key] for key in FIGURES} for name, metrics in found.items()}
    RESULT.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(f"wrote {RESULT}: {', '.join(result)}")


def reference(experiment: str) -> str:
    """The Git reference of the current commit's experiment of this name."""
    commit = git("rev-parse", "HEAD").strip()
    return f"refs/exps/{commit[:2]}/{commit[2:]}/{experiment}"


def git(*arguments: str) -> str:
    """What a Git command prints."""
    return subprocess.run(["git", *arguments], capture_output=True, text=True, check=True).stdout


if __name__ == "__main__":
    run(main)
