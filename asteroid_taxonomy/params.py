"""params.yaml: read key by key, and laid under the recipes of experiments/."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from asteroid_taxonomy.console import PipelineError

PARAMS = Path("params.yaml")


def load_params(keys: Sequence[str], path: Path = PARAMS) -> dict[str, Any]:
    """Read the dotted `keys` of params.yaml, and only those, as nested blocks.

    Raises
    ------
    PipelineError
        The file is missing, is not YAML, or lacks a key.
    """
    try:
        params = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise PipelineError(
            f"{path} was expected in {Path.cwd()}; run the stage from the project's top folder"
        ) from None
    except yaml.YAMLError as error:
        raise PipelineError(f"{path} is not valid YAML: {' '.join(str(error).split())}") from None
    out: dict[str, Any] = {}
    for key in keys:
        *blocks, last = key.replace("${train.model}", params["train"]["model"]).split(".")
        source, target = params, out
        for block in blocks:
            source, target = source[block], target.setdefault(block, {})
        target[last] = source[last]
    return out


def merged(params: Mapping[str, Any], recipe: Mapping[str, Any]) -> dict[str, Any]:
    """Lay a recipe over params, key by key.

    Raises
    ------
    PipelineError
        A key that params does not have: a typo would change nothing, without a word.
    """
    out = dict(params)
    for key, value in recipe.items():
        if key not in params:
            raise PipelineError(f"the recipe sets {key}, which {PARAMS} does not have; "
                                f"it has {', '.join(params)}")
        nested = isinstance(value, Mapping) and isinstance(params[key], Mapping)
        out[key] = merged(params[key], value) if nested else value
    return out
