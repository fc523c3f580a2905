"""Do the exercises of docs/walkthrough.md in a clone and keep what came out.

    python -m benchmarks.exercises

Makes the edits that the page asks for, runs each as a DVC experiment up to `evaluate`, and writes
benchmarks/results/exercises.json; then run `python -m benchmarks.readme`. Stops where an edit is
not possible any more, or where what the page says is refused is not.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.experiments import prepare
from benchmarks.recipes import of_experiment
from tests.running import environment

RESULT = Path("benchmarks/results/exercises.json")
Edit = tuple[str, str, str] | None
NO_STRATA = ("stages/split.py", "stratify=strata", "stratify=None")
NO_SCALER = ("asteroid_taxonomy/learning/models.py", "Model(_mlp_ensemble, ",
             "Model(_mlp_ensemble, scaled=False, ")
ZIPMAP = ("asteroid_taxonomy/onnx_model/graph.py", '{"zipmap": False}', '{"zipmap": True}')
FIRST = ["-S", "crossmatch.first_labels=2000"]
EXERCISES: dict[str, tuple[Edit, list[str]]] = {
    "as it is": (None, ["evaluate"]),
    "no strata": (NO_STRATA, ["evaluate"]),
    "another split": (None, ["-S", "split.seed=1", "evaluate"]),
    "another split, no strata": (NO_STRATA, ["-S", "split.seed=1", "evaluate"]),
    "no scaler": (NO_SCALER, ["evaluate"]),
    "no scaler, four times the epochs": (NO_SCALER, ["-S", "train.mlp_ensemble.max_iter=80",
                                                     "evaluate"]),
    "the first 2,000 labels": (None, [*FIRST, "-S", "crossmatch.expected=null", "evaluate"]),
}
REFUSED: dict[str, tuple[Edit, list[str], str]] = {
    "first-2000": (None, [*FIRST, "evaluate"], "labelled_share is 0.98"),
    "zipmap": (ZIPMAP, ["export"], "not found in value_infos: probabilities"),
}


def tried(clone: Path, name: str, edit: Edit, arguments: list[str]) -> tuple[int, str]:
    """Exit code and output of an experiment after an edit, which is undone again."""
    if edit:
        path, before, after = clone / edit[0], *edit[1:]
        text = path.read_text(encoding="utf-8")
        if text.count(before) != 1:
            sys.exit(f"{edit[0]} has no {before!r}: correct docs/walkthrough.md and this script")
        path.write_text(text.replace(before, after), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "dvc", "exp", "run", "--temp", "-n", name, *arguments], cwd=clone,
        env=environment(), capture_output=True, text=True)
    subprocess.run(["git", "checkout", "--quiet", "."], cwd=clone, check=True)
    return done.returncode, done.stdout + done.stderr


def figures(clone: Path, name: str) -> dict[str, float]:
    """What the page tells of an experiment."""
    held_out, split = (of_experiment(name, path, clone) for path in (
        "reports/evaluate.json", "reports/split.json"))
    return {"held_out": held_out["asteroids"], "held_out_O": split["held_out_O"],
            **{key: held_out[key] for key in ("accuracy", "balanced_accuracy", "log_loss")}}


def main() -> None:
    result = {}
    with tempfile.TemporaryDirectory() as folder:
        clone, _ = prepare(Path(folder))
        for key, value in (("user.name", "A Student"), ("user.email", "student@example.org")):
            subprocess.run(["git", "config", key, value], cwd=clone, check=True)
        for title, (edit, arguments) in EXERCISES.items():
            name = title.replace(" ", "-").replace(",", "")
            code, said = tried(clone, name, edit, arguments)
            if code:
                sys.exit(f"{said}\n{title} failed")
            result[title] = figures(clone, name)
            print(f"{title}: {result[title]}", flush=True)
        for name, (edit, arguments, wanted) in REFUSED.items():
            code, said = tried(clone, name, edit, arguments)
            if not code or wanted not in said:
                sys.exit(f"{said}\n{name} should be refused with {wanted!r}")
    RESULT.write_text(json.dumps(result, indent=2) + "\n")
    print(f"wrote {RESULT}: {len(result)} exercises")


if __name__ == "__main__":
    main()
