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
from pathlib import Path
from typing import Any

import skops.io
from sklearn.pipeline import Pipeline
from skops.io.exceptions import UntrustedTypesFoundException

from asteroid_taxonomy.console import PipelineError
from asteroid_taxonomy.files import atomic
from asteroid_taxonomy.learning.models import MODELS
from asteroid_taxonomy.learning.sum_of_classes import SumOfClasses

FOLDER = Path("models")
TRUSTED_TYPES = tuple(sorted({name for model in MODELS.values() for name in model.trusted_types}
                             | {f"{SumOfClasses.__module__}.{SumOfClasses.__name__}"}))
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
        No such file, not a skops file, a type that is not trusted, or not a fitted Pipeline.
    """
    redo = f"run `dvc repro train` to make it anew ({path})"
    try:
        model = skops.io.load(path, trusted=list(TRUSTED_TYPES))
    except FileNotFoundError:
        raise PipelineError(f"{path} does not exist; {redo}") from None
    except UntrustedTypesFoundException as error:
        raise PipelineError(f"{path} holds types that a model of this pipeline never has, and was "
                            f"not loaded: {error}; find out who wrote it, then {redo}") from None
    except (zipfile.BadZipFile, KeyError, ValueError, TypeError, EOFError) as error:
        raise PipelineError(f"{path} is not a readable skops file ({error}); {redo}") from None
    if not isinstance(model, Pipeline) or not hasattr(model, "classes_"):
        raise PipelineError(f"{path} should hold a fitted Pipeline, but holds "
                            f"{type(model).__name__}; {redo}")
    return model


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
