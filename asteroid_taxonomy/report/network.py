"""Nodes and weights of an ONNX file, from which the page computes probabilities.

scripts/network.js evaluates them. It has the operators below, those of plain models; for models
with others (trees, kernels), the page shows only the probabilities of the catalogue.
"""

import base64
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, numpy_helper

OPERATORS = frozenset({"Add", "Concat", "Div", "Identity", "MatMul", "Mean", "Mul", "Relu",
                       "Sigmoid", "Slice", "Softmax", "Sub", "Sum", "Tanh"})


def network(model: onnx.ModelProto) -> dict[str, Any]:
    """The graph in a form that can be stored as JSON.

    Returns
    -------
    dict
        unknown: operators that scripts/network.js lacks; if none: input and output, names of
        tensors; nodes, [operator, inputs, outputs] in order of evaluation; constants, name ->
        [dimensions, offset in weights] for float32 tensors, and name -> [integers] for int64
        ones; weights, base64 of little-endian float32.
    """
    graph = model.graph
    unknown = {node.op_type for node in graph.node
               if node.op_type not in OPERATORS or node.domain not in ("", "ai.onnx")}
    unknown |= {f"weights of type {TensorProto.DataType.Name(tensor.data_type).lower()}"
                for tensor in graph.initializer
                if tensor.data_type not in (TensorProto.FLOAT, TensorProto.INT64)}
    if unknown:
        return {"unknown": sorted(unknown)}
    constants: dict[str, list[Any]] = {}
    weights: list[np.ndarray] = []
    place = 0
    for tensor in graph.initializer:
        values = numpy_helper.to_array(tensor)
        if tensor.data_type == TensorProto.INT64:
            constants[tensor.name] = values.ravel().tolist()
        else:
            constants[tensor.name] = [list(tensor.dims), place]
            weights.append(values.ravel())
            place += values.size
    return {
        "unknown": [], "input": graph.input[0].name, "output": graph.output[0].name,
        "nodes": [[node.op_type, list(node.input), list(node.output)] for node in graph.node],
        "constants": constants,
        "weights": base64.b64encode(np.concatenate(weights).astype("<f4").tobytes()).decode(),
    }
