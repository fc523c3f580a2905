"""Commands that tests and benchmarks run as a user would, with this Python first in the PATH."""

import os
import re
import subprocess
import sys
from pathlib import Path


def environment(**changes: str) -> dict[str, str]:
    """The caller's environment, in which dvc.yaml's `python` is this one, with `changes`.

    Python keeps bytecode, as it does by default: it must not count as a change of the code.
    """
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    return {**os.environ, "PATH": path, "DVC_NO_ANALYTICS": "true",
            "PYTHONDONTWRITEBYTECODE": "", **changes}


def ran(output: str) -> list[str]:
    """The stages that `dvc repro` ran."""
    return re.findall(r"Running stage '(\w+)'", output)


def call(folder: Path, *command: str, **changes: str) -> tuple[int, str]:
    """Run a command in `folder`; archives named by the caller's environment are out of reach."""
    env = {key: value for key, value in environment().items() if not key.endswith("_TAP_URL")}
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True,
                          env={**env, **changes})
    return done.returncode, done.stdout + done.stderr
