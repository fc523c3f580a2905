"""The network of an ONNX file in a form that the page can compute with: nodes and weights.

scripts/network.js interprets it. It has the operators below, those of plain models; of a model
with others (trees, kernels) the page shows the catalogue's probabilities only.
"""

import base64
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, numpy_helper

OPERATORS = frozenset({"Add", "Concat", "Div", "Identity", "MatMul", "Mean", "Mul", "Relu",
                       "Sigmoid", "Slice", "Softmax", "Sub", "Sum", "Tanh"})


def network(model: onnx.ModelProto) -> dict[str, Any]:
    """The graph as JSON can hold it.

    Returns
    -------
    dict
        unknown: what scripts/network.js cannot compute; if nothing: input and output, names of
        tensors; nodes, [operator, inputs, outputs] in the order of computing; constants, name ->
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
