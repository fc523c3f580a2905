"""What is wrong with a file, and which stage makes it anew."""

import os
import re
from fnmatch import fnmatch
from pathlib import Path

from asteroid_taxonomy.console import PipelineError


def absent(path: Path) -> PipelineError:
    """The error for a file that is not there."""
    return PipelineError(f"{path} does not exist; run `dvc repro{_made_by(path)}` to make it, or "
                         "`dvc pull` to fetch it")


def damaged(path: Path, what: str) -> PipelineError:
    """The error for a file that `what` is wrong with: a predicate such as "has no rows"."""
    return PipelineError(f"{path} {what}; delete it and run `dvc repro{_made_by(path)}` to make "
                         "it anew")


def _made_by(path: Path) -> str:
    """The stage of dvc.yaml that writes a file, with a blank before it; empty if none is seen."""
    place = os.path.relpath(path).replace(os.sep, "/")
    try:
        from asteroid_taxonomy.params import read_yaml  # what classifies does without YAML

        stages = read_yaml(Path("dvc.yaml"))["stages"]
        for name, stage in stages.items():
            for out in (*stage.get("outs", ()), *stage.get("metrics", ())):
                written = out if isinstance(out, str) else next(iter(out))
                if fnmatch(f"{place}/", re.sub(r"\$\{.*?\}", "*", written) + "/*"):
                    return f" {name}"
    except (ImportError, PipelineError, KeyError, TypeError, AttributeError):
        pass  # no dvc.yaml here, or one of another form: the sentence does without the name
    return ""
