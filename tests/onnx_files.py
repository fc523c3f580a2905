"""ONNX files that look like the shipped one, and such as do not."""

import json
from pathlib import Path

import numpy as np
import onnx
import yaml
from onnx import TensorProto, helper, numpy_helper

TOP = Path(__file__).parent.parent
SHIPPED = TOP / "models/asteroid_taxonomy.onnx"
WEIGHTS = np.tile(np.eye(4, dtype=np.float32), (4, 1))


def shipped(**metadata):
    """The shipped model; metadata of these keys are replaced, or left out where None."""
    model = onnx.load(SHIPPED)
    params = yaml.safe_load((TOP / "params.yaml").read_text(encoding="utf-8"))
    spectra, bands = params["fetch_spectra"], params["bands"]
    described = {"spectra_service": spectra["service"], "spectra_table": spectra["table"],
                 "spectra_columns": json.dumps(spectra["columns"]),
                 "normalised_at_nm": str(bands["normalised_at_nm"]),
                 "width_nm": str(bands["width_nm"])}
    described |= {prop.key: prop.value for prop in model.metadata_props}
    described |= {"sha256": None} | metadata  # whoever changes it breaks the seal
    helper.set_model_props(model, {k: v for k, v in described.items() if v is not None})
    return model


def of_nodes(nodes, constants, widths=(16, 4), names=("float_input", "probabilities"),
             batch="batch", kind=TensorProto.FLOAT, **metadata):
    """A model of these nodes that says of itself what the shipped one says."""
    model = shipped(**metadata)
    tensors = [helper.make_tensor_value_info(name, kind, [batch, width])
               for name, width in zip(names, widths, strict=True)]
    model.graph.CopyFrom(helper.make_graph(
        nodes, "other", tensors[:1], tensors[1:],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()]))
    return model


def linear(weights=WEIGHTS, names=("float_input", "probabilities"), last="Softmax", **changes):
    """A model of one layer; `last` makes probabilities of its sums, or does not."""
    weights = np.asarray(weights)
    return of_nodes([helper.make_node("MatMul", [names[0], "weights"], ["sums"]),
                     helper.make_node(last, ["sums"], [names[1]])], {"weights": weights},
                    weights.shape, names, **changes)


def of_classes(classes):
    """A model that gives each of `classes` the same probability."""
    return linear(np.zeros((16, len(classes)), np.float32), classes=",".join(classes))
