"""The fitted scikit-learn pipeline as a skops file: data that is checked, not code that is run.

A pickle from a shared cache would run whatever its author put there. skops names the parts of a
file after memory addresses and stamps them with the time: both are replaced, so that the same
model has the same bytes.
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

from asteroid_taxonomy.console import PipelineError, one_line
from asteroid_taxonomy.files import atomic, missing
from asteroid_taxonomy.learning.sum_of_classes import SumOfClasses

TRUSTED_TYPES = [  # beyond those that skops trusts
    f"{SumOfClasses.__module__}.{SumOfClasses.__name__}", "sklearn.utils._bunch.Bunch",
    "sklearn.tree._tree.Tree", "sklearn.calibration._CalibratedClassifier",
    "sklearn.calibration._SigmoidCalibration"]
EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time that a zip entry can have


def save_model(model: Pipeline, path: Path) -> None:
    """Write `model`; the same model gives the same bytes."""
    with zipfile.ZipFile(io.BytesIO(skops.io.dumps(model))) as parts:
        schema = json.loads(parts.read("schema.json"))
        names = _rename(schema)
        with atomic(path) as part, zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED) as out:
            for old, new in sorted(names.items(), key=lambda pair: pair[1]):
                out.writestr(zipfile.ZipInfo(new, EPOCH), parts.read(old), zipfile.ZIP_DEFLATED)
            out.writestr(zipfile.ZipInfo("schema.json", EPOCH), json.dumps(schema, indent=1),
                         zipfile.ZIP_DEFLATED)


def load_model(path: Path) -> Pipeline:
    """Read a model; PipelineError where it is damaged or has types that are not trusted."""
    try:
        model = skops.io.load(path, trusted=TRUSTED_TYPES)
        if not {"bands", "classifier"} <= set(model.named_steps):
            raise ValueError("no steps bands and classifier")
        return model
    except FileNotFoundError:
        raise missing(path) from None
    except UntrustedTypesFoundException as error:
        raise PipelineError(f"{path} has types that no model of this pipeline has and was not "
                            f"loaded ({one_line(error, 80)}); find out who wrote it") from None
    except Exception as error:  # a damaged file raises almost anything in zipfile, NumPy, skops
        what = one_line(error, 80) or type(error).__name__
        raise PipelineError(f"{path} is not a readable skops file ({what}); delete it and run dvc "
                            "repro train") from None


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
        for value in node.values() if isinstance(node, dict) else node:
            if isinstance(value, dict | list):
                visit(value)

    visit(schema)
    return names
