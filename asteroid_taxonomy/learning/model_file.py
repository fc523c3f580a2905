"""The fitted scikit-learn pipeline as a skops file: data that is checked, not code that is run.

A pickle from a shared cache runs whatever its author put there; a skops file is read against the
list of types below, and anything else stops the stage. skops names the parts of a file after
memory addresses and stamps them with the time, so the same model would have other bytes each time:
both are replaced here before the file is written.
"""

import io
import itertools
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import skops.io
from sklearn.base import BaseEstimator
from sklearn.pipeline import Pipeline
from sklearn.tree._tree import Tree
from skops.io.exceptions import UntrustedTypesFoundException

from asteroid_taxonomy.console import PipelineError
from asteroid_taxonomy.files import atomic
from asteroid_taxonomy.learning.models import MODELS
from asteroid_taxonomy.learning.sum_of_classes import SumOfClasses

FOLDER = Path("models")
TRUSTED_TYPES = tuple(sorted({name for model in MODELS.values() for name in model.trusted_types}
                             | {f"{SumOfClasses.__module__}.{SumOfClasses.__name__}"}))
MAX_UNPACKED = 1_000_000_000  # bytes; the largest model, a forest, has 30 million
MAX_OBJECTS = 2_000_000  # in a file; that forest has 100,000
ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time a zip entry can carry


def model_path(name: str) -> Path:
    """Where the model lies that `train.used_bands_nm` in params.yaml calls `name`."""
    return FOLDER / f"{name}.skops"


def save_model(model: Pipeline, path: Path) -> None:
    """Write `model`; the same model gives the same bytes."""
    with zipfile.ZipFile(io.BytesIO(skops.io.dumps(model))) as parts:
        schema = json.loads(parts.read("schema.json"))
        names = _rename(schema)
        with atomic(path) as part, zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED) as out:
            for old, new in sorted(names.items(), key=lambda pair: pair[1]):
                out.writestr(_entry(new), parts.read(old))
            out.writestr(_entry("schema.json"), json.dumps(schema, indent=1))


def load_model(path: Path) -> Pipeline:
    """Read a model written by `save_model`.

    Raises
    ------
    PipelineError
        No such file, not a skops file, one that would unpack to more than a model has, a type that
        is not trusted, not a fitted Pipeline, or trees that lead nowhere.
    """
    redo = f"run `dvc repro train` to make it anew ({path})"
    try:
        with zipfile.ZipFile(path) as parts:
            unpacked = sum(entry.file_size for entry in parts.infolist())
            if unpacked > MAX_UNPACKED:
                raise ValueError(f"it unpacks to {unpacked:,} bytes, at most {MAX_UNPACKED:,}")
            _objects(json.loads(parts.read("schema.json")), {})
        model = skops.io.load(path, trusted=list(TRUSTED_TYPES))
        trees = all(map(_leads_to_leaves, _trees(model, set())))
    except FileNotFoundError:
        raise PipelineError(f"{path} does not exist; {redo}") from None
    except UntrustedTypesFoundException as error:
        raise PipelineError(f"{path} holds types that a model of this pipeline never has, and was "
                            f"not loaded: {_line(error)}; find out who wrote it, then {redo}"
                            ) from None
    except Exception as error:  # a damaged file makes zipfile, NumPy, skops and scikit-learn fail
        # each in its own ways
        raise PipelineError(f"{path} is not a readable skops file ({_line(error)}); {redo}"
                            ) from None
    if not isinstance(model, Pipeline) or not hasattr(model, "classes_"):
        raise PipelineError(f"{path} should hold a fitted Pipeline, but holds "
                            f"{type(model).__name__}; {redo}")
    if not trees:
        raise PipelineError(f"{path} holds a tree whose branches do not lead to leaves; {redo}")
    return model


def _objects(node: Any, sizes: dict[int, int]) -> int:
    """Count the objects of a skops schema, those that it refers to once for each time.

    ValueError where there are too many: skops, which visits them so often, would never end.
    """
    parts = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    key = node.get("__id__") if isinstance(node, dict) else None
    if key in sizes:
        return sizes[key]
    if key is not None:
        sizes[key] = MAX_OBJECTS  # while it is counted: it may not hold itself
    size = 1 + sum(_objects(part, sizes) for part in parts)
    if size > MAX_OBJECTS:
        raise ValueError(f"it refers to more than {MAX_OBJECTS:,} objects")
    if key is not None:
        sizes[key] = size
    return size


def _trees(part: Any, seen: set[int]) -> Iterator[Tree]:
    """The decision trees in a model."""
    if id(part) in seen:
        return
    seen.add(id(part))
    if isinstance(part, Tree):
        yield part
    elif isinstance(part, BaseEstimator | list | tuple | dict):
        for inner in (part if isinstance(part, list | tuple) else
                      part.values() if isinstance(part, dict) else vars(part).values()):
            yield from _trees(inner, seen)


def _leads_to_leaves(tree: Tree) -> bool:
    """Whether a tree's nodes have two children that come later, or none, and ask known bands."""
    number, inner = np.arange(tree.node_count), tree.children_left != -1
    children = np.stack([tree.children_left, tree.children_right])[:, inner]
    asked = tree.feature[inner]
    return bool(tree.node_count > 0 and (tree.children_right[~inner] == -1).all()
                and (children > number[inner]).all() and (children < tree.node_count).all()
                and (asked >= 0).all() and (asked < tree.n_features).all())


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, ZIP_EPOCH)
    entry.compress_type = zipfile.ZIP_DEFLATED
    return entry


def _rename(schema: dict[str, Any]) -> dict[str, str]:
    """Number the nodes of a skops schema in place; return the new name of each file in it."""
    numbers: dict[int | None, int] = {}
    names: dict[str, str] = {}
    fresh = itertools.count(1)

    def visit(node: Any) -> None:
        if isinstance(node, dict):
            if "__id__" in node:
                # whether two equal texts are one object differs between Python versions
                old = None if node.get("__loader__") == "JsonNode" else node["__id__"]
                node["__id__"] = numbers[old] if old in numbers else next(fresh)
                if old is not None:
                    numbers[old] = node["__id__"]
            if "file" in node and "__loader__" in node:
                old_name = node["file"]
                names.setdefault(old_name, f"{len(names):05d}{Path(old_name).suffix}")
                node["file"] = names[old_name]
            for value in node.values():
                visit(value)
        elif isinstance(node, list):
            for value in node:
                visit(value)

    visit(schema)
    return names
