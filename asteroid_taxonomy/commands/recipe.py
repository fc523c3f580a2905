"""Run a recipe (a file with params that differ from params.yaml) as a DVC experiment.

    asteroid-taxonomy recipe experiments/published.yaml [options and targets of `dvc exp run`]

The experiment is named after the file and runs in a temporary copy of the project (`dvc exp run
--temp`), or later with --queue. The recipe is merged into params.yaml for the run, and the file is
restored at the end, because `dvc exp run -S` would change accents, backslashes and ${...}. Compare
the results with `dvc exp show`.
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path

from ruamel.yaml import YAML

from asteroid_taxonomy.console import PipelineError, command_line
from asteroid_taxonomy.params import PARAMS, merged, read_yaml, validated


def main(arguments: list[str]) -> None:
    """Run the recipe given on the command line."""
    parser = command_line("recipe", __doc__)
    parser.add_argument("recipe", type=Path, help="one of the files in experiments/")
    parser.add_argument("options", nargs=argparse.REMAINDER, help="passed to `dvc exp run`")
    given = parser.parse_args(arguments)
    before = PARAMS.read_bytes() if PARAMS.exists() else b""
    name = given.recipe.stem
    combine(PARAMS, given.recipe, Path(os.devnull))
    if name in subprocess.run(dvc("exp", "list", "--name-only"), env=environment(), text=True,
                              stdout=subprocess.PIPE).stdout.split():
        raise PipelineError(f"an experiment named {name} exists; run dvc exp remove {name} first")
    where = [] if "--queue" in given.options else ["--temp"]
    try:
        combine(PARAMS, given.recipe, PARAMS)
        code = subprocess.run(dvc("exp", "run", *where, "--name", name, *given.options),
                              env=environment()).returncode
    finally:
        PARAMS.write_bytes(before)
    sys.exit(code)


def combine(params: Path, recipe: Path, out: Path, heading: str = "") -> None:
    """Write params merged with a recipe, preserving comments and formatting.

    PipelineError if the recipe sets an unknown key or an invalid value.
    """
    validated(merged(read_yaml(params), read_yaml(recipe)), f"{params} with {recipe}")
    yaml = YAML()
    yaml.preserve_quotes, yaml.width = True, 100
    content = merged(yaml.load(params.read_bytes()), yaml.load(recipe.read_bytes()))
    with out.open("w", encoding="utf-8", newline="\n") as file:
        file.write(heading)
        yaml.dump(content, file)


def dvc(*arguments: str) -> list[str]:
    """Command line that runs DVC with this Python."""
    return [sys.executable, "-m", "dvc", *arguments]


def environment() -> dict[str, str]:
    """Environment with this Python first in the PATH, so that `python` in dvc.yaml finds it."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    return {**os.environ, "PATH": path, "DVC_NO_ANALYTICS": "true"}
