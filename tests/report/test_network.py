"""The network as the page gets it: nodes and weights of the ONNX file, or what it cannot do."""

import base64

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from asteroid_taxonomy.onnx_model.metadata import MAIN, VISIBLE, onnx_path
from asteroid_taxonomy.report.network import network


@pytest.mark.parametrize("name", [MAIN, VISIBLE])
def test_every_weight_of_the_file_is_there(sample_run, name):
    model = onnx.load(sample_run / onnx_path(name))
    made = network(model)
    assert made["unknown"] == []
    weights = np.frombuffer(base64.b64decode(made["weights"]), "<f4")
    for tensor in model.graph.initializer:
        values = numpy_helper.to_array(tensor).ravel()
        if values.dtype == np.float32:
            dims, place = made["constants"][tensor.name]
            assert dims == list(tensor.dims)
            assert (weights[place:place + values.size] == values).all()
        else:
            assert made["constants"][tensor.name] == values.tolist()


@pytest.mark.parametrize(("change", "unknown"), [
    (lambda model: setattr(model.graph.node[0], "domain", "ai.onnx.ml"), None),
    (lambda model: model.graph.initializer.append(
        numpy_helper.from_array(np.ones(2), "doubles")), "weights of type double"),
])
def test_a_model_that_the_page_cannot_compute_says_why(sample_run, change, unknown):
    model = onnx.load(sample_run / onnx_path(MAIN))
    operator = model.graph.node[0].op_type
    change(model)
    assert network(model) == {"unknown": [unknown or operator]}
