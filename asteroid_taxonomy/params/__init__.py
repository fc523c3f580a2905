"""params.yaml and the recipes of experiments/: read as DVC reads them, and checked as a whole.

DVC reads YAML 1.2, in which 5e-5 and 1e3 are numbers; so does this, with DVC's own parser. What
every key must be stands in params/schema.py.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from asteroid_taxonomy.console import PipelineError

PARAMS = Path("params.yaml")
FAULTS = 5  # named at a time
MOST_BRACKETS = 5000  # [ and { of a file
WHOLE = "complexes"  # a block whose names a recipe chooses: it replaces that of params.yaml


def load_params(keys: Sequence[str], path: Path = PARAMS) -> dict[str, Any]:
    """Read and check params.yaml; give the parts of it that a stage names in dvc.yaml.

    Parameters
    ----------
    keys : sequence of str
        Dotted, as in dvc.yaml: `bands`, `train.used_bands_nm`, `train.${train.model}`.
    path : Path

    Returns
    -------
    dict
        Nested as in the file, with nothing but these keys.

    Raises
    ------
    PipelineError
        The file is missing, is not YAML, or anything in it is not as it must be.
    """
    params = validated(read_yaml(path), str(path))
    out: dict[str, Any] = {}
    for key in keys:
        chosen = re.sub(r"\$\{([\w.]+)\}", lambda found: str(_at(params, found[1])), key)
        *above, last = chosen.split(".")
        into = out
        for name in above:
            into = into.setdefault(name, {})
        into[last] = _at(params, chosen)
    return out


def _at(params: Any, key: str) -> Any:
    for name in key.split("."):
        if not isinstance(params, Mapping) or name not in params:
            raise PipelineError(f"{PARAMS} has no {key}; put it there, or restore the file with "
                                f"`git checkout -- {PARAMS}`")
        params = params[name]
    return params


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a YAML file that has names and values at the top, as params.yaml and recipes do.

    Raises
    ------
    PipelineError
        No such file, or another form.
    """
    try:
        text = path.read_text(encoding="utf-8")
        if sum(map(text.count, "[{")) > MOST_BRACKETS:  # the parser would run out of its stack
            raise PipelineError(f"{path} has more than {MOST_BRACKETS:,} opening brackets, which "
                                f"no params have; restore it with `git checkout -- {path}`")
        content = YAML(typ="safe").load(text)
    except FileNotFoundError:
        raise PipelineError(f"{path} was expected in {Path.cwd()}; run this from the project's "
                            "top folder") from None
    except (YAMLError, ValueError, RecursionError, OSError) as error:
        what = " ".join(str(error).split())
        if isinstance(error, MarkedYAMLError) and error.problem_mark:
            what = f"{error.problem} in line {error.problem_mark.line + 1}"
        raise PipelineError(f"{path} is not valid YAML: {what}; correct it there") from None
    if not isinstance(content, dict):
        raise PipelineError(f"{path} should hold names and values, and holds "
                            f"{type(content).__name__}; restore it with `git checkout -- {path}`")
    return content


def validated(params: Mapping[str, Any], where: str = str(PARAMS)) -> dict[str, Any]:
    """Give the whole of the params with numbers of the right type, or say what is wrong.

    Raises
    ------
    PipelineError
        Of each key that is not as it must be: what it is, and what it should be.
    """
    from asteroid_taxonomy.params.check import faults

    valid, wrong = faults(params)
    if wrong:
        more = f"; and {len(wrong) - FAULTS} more" if len(wrong) > FAULTS else ""
        raise PipelineError(f"{where}: {'; '.join(wrong[:FAULTS])}{more}; correct it and run this "
                            "again")
    return valid


def read_recipe(path: Path) -> dict[str, Any]:
    """Read a recipe: keys of params.yaml with other values, checked with it laid over params.yaml.

    Raises
    ------
    PipelineError
        As `read_yaml`, `merged` and `validated` do.
    """
    recipe = read_yaml(path)
    try:
        whole = merged(read_yaml(PARAMS), recipe)
    except PipelineError as error:
        raise PipelineError(f"{path}: {error}") from None
    validated(whole, f"{PARAMS} with {path}")
    return recipe


def merged(params: Mapping[str, Any], recipe: Mapping[str, Any]) -> dict[str, Any]:
    """Lay a recipe over params, key by key; complexes as a whole, whose names are not keys.

    Raises
    ------
    PipelineError
        A key that params does not have: a typo would change nothing, without a word.
    """
    out = dict(params)
    for key, value in recipe.items():
        if key not in params:
            from asteroid_taxonomy.params.check import near

            raise PipelineError(f"the recipe sets {key}, which {PARAMS} does not have"
                                f"{near(str(key), params)}; it has {', '.join(params)}")
        nested = (isinstance(value, Mapping) and isinstance(params[key], Mapping)
                  and key != WHOLE)
        out[key] = merged(params[key], value) if nested else value
    return out
