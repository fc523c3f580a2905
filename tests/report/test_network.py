"""The network as the page gets it: nodes and weights of the ONNX file, or what it cannot do."""

import base64

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from asteroid_taxonomy.onnx_model.description import ONNX_PATH
from asteroid_taxonomy.page.network import network
from tests.page.made_up import TOP, small_network


def test_every_weight_of_the_file_is_there():
    model = onnx.load(TOP / ONNX_PATH)
    made = network(model)
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
    (lambda model: setattr(model.graph.node[3], "op_type", "Erf"), "Erf"),
    (lambda model: setattr(model.graph.node[3], "domain", "ai.onnx.ml"), "Tanh"),
    (lambda model: model.graph.initializer.append(
        numpy_helper.from_array(np.ones(2), "doubles")), "weights of type double"),
])
def test_a_model_that_the_page_cannot_compute_says_why(change, unknown):
    model = small_network(4)
    change(model)
    assert network(model) == {"unknown": [unknown]}
