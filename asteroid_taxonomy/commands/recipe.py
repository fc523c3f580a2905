"""Run a recipe, a file of params that differ from params.yaml, as one DVC experiment.

    asteroid-taxonomy recipe experiments/published.yaml [options and targets of `dvc exp run`]

Reads the recipe and params.yaml. The experiment has the name of the file and runs in a temporary
copy of the project (`dvc exp run --temp`), or later with --queue. DVC takes params.yaml as it is,
so the recipe is merged into it for the run and the file is restored at the end: `dvc exp run -S`
would rewrite accents and backslashes and replace ${...}. Compare with `dvc exp show`.
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path

from ruamel.yaml import YAML

from asteroid_taxonomy.console import PipelineError
from asteroid_taxonomy.params import PARAMS, merged, read_yaml, validated


def main(arguments: list[str]) -> None:
    """Run the experiment that the command line names."""
    parser = argparse.ArgumentParser(prog="asteroid-taxonomy recipe", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe", type=Path, help="one of the files in experiments/")
    parser.add_argument("options", nargs=argparse.REMAINDER, help="for `dvc exp run`")
    given = parser.parse_args(arguments)
    before = PARAMS.read_bytes() if PARAMS.exists() else b""
    name = given.recipe.stem
    combine(PARAMS, given.recipe, Path(os.devnull))
    if name in subprocess.run(dvc("exp", "list", "--name-only"), env=environment(), text=True,
                              stdout=subprocess.PIPE).stdout.split():
        raise PipelineError(f"there is an experiment {name} already; run dvc exp remove {name} "
                            "first")
    where = [] if "--queue" in given.options else ["--temp"]
    try:
        combine(PARAMS, given.recipe, PARAMS)
        code = subprocess.run(dvc("exp", "run", *where, "--name", name, *given.options),
                              env=environment()).returncode
    finally:
        PARAMS.write_bytes(before)
    sys.exit(code)


def combine(params: Path, recipe: Path, out: Path, heading: str = "") -> None:
    """Write params with a recipe laid over them, comments and text as they are.

    Raises
    ------
    PipelineError
        The recipe sets a key that params lack, or a value that the schema refuses.
    """
    validated(merged(read_yaml(params), read_yaml(recipe)), f"{params} with {recipe}")
    yaml = YAML()
    yaml.preserve_quotes, yaml.width = True, 100
    content = merged(yaml.load(params.read_bytes()), yaml.load(recipe.read_bytes()))
    with out.open("w", encoding="utf-8", newline="\n") as file:
        file.write(heading)
        yaml.dump(content, file)


def dvc(*arguments: str) -> list[str]:
    """A DVC command, by this Python."""
    return [sys.executable, "-m", "dvc", *arguments]


def environment() -> dict[str, str]:
    """Ours, with this Python first in the PATH, where dvc.yaml finds `python`."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    return {**os.environ, "PATH": path, "DVC_NO_ANALYTICS": "true"}
