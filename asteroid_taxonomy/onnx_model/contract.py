"""What the ONNX file promises to whoever loads it; export writes it so, verify checks it.

One input, float32 [batch, bands of the grid in ascending wavelength]; one output, float32
[batch, classes]; operators of the default domain only, which every ONNX runtime has, unless the
model is not a plain one (learning/models.py); float32 throughout. The names of classes and bands
are in the file's metadata, which description.py reads.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from google.protobuf.message import DecodeError
from onnx import TensorProto, numpy_helper, shape_inference

from asteroid_taxonomy.console import PipelineError
from asteroid_taxonomy.onnx_model.description import (
    CLASSES_KEY,
    INPUT_NAME,
    OUTPUT_NAME,
    REDO,
    USED_BANDS_KEY,
    WAVELENGTHS_KEY,
    bounded_bytes,
)

MAX_NODES = 10_000  # of a graph; an ensemble of ten networks has a hundred
ML_DOMAIN = "ai.onnx.ml"  # operators that few runtimes have; models that are not plain need them


@dataclass(frozen=True)
class Contract:
    """What this project's parameters make of the promise.

    classes, in the order of the output's columns; wavelengths_nm and used_bands_nm; opset of the
    ai.onnx domain and ir_version of the file; max_bytes; plain: false allows operators of
    ML_DOMAIN, and any size.
    """

    classes: Sequence[str]
    wavelengths_nm: Sequence[int]
    used_bands_nm: Sequence[int]
    opset: int
    ir_version: int
    max_bytes: int
    plain: bool


def read_onnx(path: Path) -> onnx.ModelProto:
    """Read the file and have onnx's own checker look through it.

    Raises
    ------
    PipelineError
        No such file, too large, not ONNX, not all in this file, or not a graph whose types and
        shapes can be inferred.
    """
    try:
        model = onnx.load_model_from_string(bounded_bytes(path))
    except DecodeError:
        raise PipelineError(f"{path} is not an ONNX file, or not the whole of one; {REDO}"
                            ) from None
    if len(model.graph.node) > MAX_NODES:
        raise PipelineError(f"{path} has {len(model.graph.node):,} operators, and a classifier of "
                            f"this project at most {MAX_NODES:,}; {REDO}")
    elsewhere = [tensor.name for tensor in model.graph.initializer if tensor.external_data]
    if elsewhere:
        raise PipelineError(f"{path} keeps {elsewhere[0]!r} in another file, and a classifier of "
                            f"this project is one file; {REDO}")
    try:
        onnx.checker.check_model(model, full_check=True)
        return shape_inference.infer_shapes(model, check_type=True, strict_mode=True)
    except Exception as error:  # the checker's exceptions share no narrower base class
        raise PipelineError(f"{path} is not valid ONNX: {' '.join(str(error).split())[:300]}; "
                            f"{REDO}") from None


def metadata(model: onnx.ModelProto) -> dict[str, str]:
    """What the file says about itself, by name."""
    return {prop.key: prop.value for prop in model.metadata_props}


def tensors(model: onnx.ModelProto, which: str) -> list[str]:
    """Inputs or outputs of the graph in words: float_input float32 [batch, 16]."""
    out = []
    for value in getattr(model.graph, which):
        tensor = value.type.tensor_type
        if not value.type.HasField("tensor_type"):
            out.append(f"{value.name} {value.type.WhichOneof('value')}")
            continue
        kind = TensorProto.DataType.Name(tensor.elem_type).lower()
        sizes = ", ".join(d.dim_param or str(d.dim_value) for d in tensor.shape.dim)
        out.append(f"{value.name} {'float32' if kind == 'float' else kind} [{sizes}]")
    return out


def check_contract(model: onnx.ModelProto, path: Path, contract: Contract) -> None:
    """Compare the file at `path`, as `read_onnx` gives it, with the contract.

    Raises
    ------
    PipelineError
        The first promise that the file breaks.
    """
    def fail(sentence: str) -> None:
        raise PipelineError(f"{path} {sentence}; {REDO}")

    domains = ["ai.onnx"] if contract.plain else ["ai.onnx", ML_DOMAIN]
    foreign = sorted({f"{node.op_type} of {node.domain}" for node in model.graph.node
                      if (node.domain or "ai.onnx") not in domains})
    if foreign:
        fail(f"should use operators of {', '.join(domains)} only, but uses {', '.join(foreign)}, "
             "which many runtimes lack; leave plain_onnx False for this model in "
             "learning/models.py, or mend the graph")
    for which, name, width in (("input", INPUT_NAME, len(contract.wavelengths_nm)),
                               ("output", OUTPUT_NAME, len(contract.classes))):
        expected, found = f"{name} float32 [batch, {width}]", tensors(model, which)
        if found != [expected]:
            fail(f"should have one {which}, {expected}, but has {'; '.join(found)}")
    versions = {opset.domain or "ai.onnx": opset.version for opset in model.opset_import}
    if (model.ir_version, versions.get("ai.onnx")) != (contract.ir_version, contract.opset):
        fail(f"should be of IR version {contract.ir_version} and opset {contract.opset}, but is "
             f"of {model.ir_version} and {versions.get('ai.onnx')}")
    if set(versions) - set(domains):
        fail(f"imports {', '.join(sorted(set(versions) - set(domains)))} without a need")
    other = [value.name for value in model.graph.value_info
             if value.type.tensor_type.elem_type != TensorProto.FLOAT]
    if other and contract.plain:
        fail(f"should compute in float32 throughout, but does not in {', '.join(other)}")
    for tensor in model.graph.initializer:
        if not np.isfinite(numpy_helper.to_array(tensor)).all():
            fail(f"has weights that are not finite numbers, in {tensor.name}")
    stored = metadata(model)
    for key, values in ((CLASSES_KEY, contract.classes),
                        (WAVELENGTHS_KEY, contract.wavelengths_nm),
                        (USED_BANDS_KEY, contract.used_bands_nm)):
        text = ",".join(map(str, values))
        if stored.get(key) != text:
            fail(f"should say {key} = {text} in its metadata, but says {stored.get(key)}")
    size = path.stat().st_size
    if size > contract.max_bytes and contract.plain:
        fail(f"is of {size:,} bytes, allowed {contract.max_bytes:,} (verify.max_bytes)")
