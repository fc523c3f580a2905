"""Run a recipe, a file of params that differ from params.yaml, as one DVC experiment.

    asteroid-taxonomy recipe experiments/published.yaml [options and targets of `dvc exp run`]

Reads the recipe and params.yaml. The experiment runs in a temporary copy (`dvc exp run --temp`),
or later with --queue, and is named after the file, or by --name; it takes the place of an earlier
one of that name. Writes nothing in the workspace. Compare with `make compare`.
"""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from asteroid_taxonomy.console import PipelineError
from asteroid_taxonomy.params import WHOLE, read_recipe

CODE = ("stages", "asteroid_taxonomy")


def flat(params: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield dotted keys and values of nested params: train.mlp.alpha, 1.0."""
    for key, value in params.items():
        if isinstance(value, Mapping):
            yield from flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def overrides(recipe: Mapping[str, Any]) -> Iterator[str]:
    """Write a recipe as --set-param takes it, in Hydra's grammar: ~ removes a key, + adds one."""
    replaced = set()
    for key, value in flat(recipe):
        block = key.rpartition(".")[0]
        if block.endswith(f".{WHOLE}"):
            if block not in replaced:
                yield f"~{block}"
            replaced.add(block)
            key = f"+{key}"
        yield f"{key}={json.dumps(value)}"


def environment() -> dict[str, str]:
    """Ours, with this Python in front of the PATH, as dvc.yaml says `python`."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    return {**os.environ, "PATH": path, "DVC_NO_ANALYTICS": "true"}


def dvc(*arguments: str, quiet: bool = False) -> int:
    """Run DVC; give its exit code."""
    return subprocess.run([sys.executable, "-m", "dvc", *arguments], env=environment(),
                          stdout=subprocess.DEVNULL if quiet else None).returncode


def not_in_git() -> list[str]:
    """Files of code that Git does not know: DVC copies none of them for an experiment."""
    return _said("git", "ls-files", "--others", "--exclude-standard", *CODE).split()


def is_there(experiment: str) -> bool:
    """Whether the current commit has an experiment of this name."""
    return experiment in _said(sys.executable, "-m", "dvc", "exp", "list", "--name-only").split()


def _said(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, env=environment())
    if done.returncode:
        raise PipelineError(f"`{' '.join(command)}` failed: {' '.join(done.stderr.split())}; run "
                            "this in a Git checkout of the project")
    return done.stdout


def main(arguments: list[str]) -> None:
    """Run the experiment that the command line names."""
    parser = argparse.ArgumentParser(prog="asteroid-taxonomy recipe", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe", type=Path, help="one of the files in experiments/")
    parser.add_argument("options", nargs=argparse.REMAINDER, help="for `dvc exp run`")
    given = parser.parse_args(arguments)
    naming = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    naming.add_argument("-n", "--name", default=given.recipe.stem)
    named, options = naming.parse_known_args(given.options)
    settings = [part for change in overrides(read_recipe(given.recipe))
                for part in ("--set-param", change)]
    if missing := not_in_git():
        print(f"warning: Git does not know {', '.join(missing)}, and DVC copies only what Git "
              f"knows: `git add {' '.join(missing)}` first, or the experiment runs without",
              file=sys.stderr)
    sys.exit(_run(named.name, [*settings, *options]))


def _run(name: str, options: list[str]) -> int:
    """Run the experiment; one of that name stays until there is a new one."""
    earlier = f"{name}-before" if is_there(name) else None
    if earlier and "--queue" in options:
        raise PipelineError(f"there is an experiment {name} already; `dvc exp remove {name}`, or "
                            "queue it under another --name")
    if earlier:
        dvc("exp", "rename", "--force", name, earlier, quiet=True)
    code = None
    try:
        where = [] if "--queue" in options else ["--temp"]
        code = dvc("exp", "run", *where, "--name", name, *options)
    finally:
        if earlier and code == 0:
            dvc("exp", "remove", earlier, quiet=True)
            print(f"experiment {name} has taken the place of the one that there was before")
        elif earlier:
            dvc("exp", "rename", earlier, name, quiet=True)
    return code
