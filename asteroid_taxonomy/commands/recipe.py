"""Run a recipe: a file of params that differ from params.yaml, as one DVC experiment.

    python -m asteroid_taxonomy.commands.recipe experiments/published.yaml [options of `dvc exp run`]

The experiment runs in a temporary copy (`dvc exp run --temp`) and is named after the file; compare
it with `dvc exp show`. The workspace stays as it is.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from asteroid_taxonomy.console import PipelineError, run
from asteroid_taxonomy.params import PARAMS, merged


def flat(params: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield dotted keys and values of nested params: train.mlp.alpha, 1.0."""
    for key, value in params.items():
        if isinstance(value, Mapping):
            yield from flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def dvc(*arguments: str, folder: Path = Path()) -> int:
    """Run DVC in `folder` with this Python in front of the PATH, as dvc.yaml says `python`.

    Returns
    -------
    int
        Its exit code.
    """
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    return subprocess.run([sys.executable, "-m", "dvc", *arguments], cwd=folder,
                          env={**os.environ, "PATH": path, "DVC_NO_ANALYTICS": "true"}).returncode


def main() -> None:
    """Run the experiment that the command line names."""
    if len(sys.argv) < 2 or not Path(sys.argv[1]).is_file():
        raise PipelineError("usage: python -m asteroid_taxonomy.commands.recipe experiments/<name>.yaml "
                            "[options of dvc exp run]; the recipes are the files in experiments/")
    path, options = Path(sys.argv[1]), sys.argv[2:]
    recipe = yaml.safe_load(path.read_text(encoding="utf-8"))
    merged(yaml.safe_load(PARAMS.read_text(encoding="utf-8")), recipe)
    settings = [part for key, value in flat(recipe)
                for part in ("--set-param", f"{key}={json.dumps(value)}")]
    where = [] if "--queue" in options else ["--temp"]
    sys.exit(dvc("exp", "run", *where, "--name", path.stem, *settings, *options))


if __name__ == "__main__":
    run(main)
