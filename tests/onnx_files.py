"""ONNX files that look like the shipped one, and such as do not."""

import json
from pathlib import Path

import numpy as np
import onnx
import yaml
from onnx import TensorProto, helper, numpy_helper

TOP = Path(__file__).parent.parent
SHIPPED = TOP / "models/asteroid_taxonomy.onnx"
SUMS = helper.make_node("MatMul", ["float_input", "weights"], ["sums"])
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


def two_outputs():
    model = linear()
    model.graph.output.append(
        helper.make_tensor_value_info("sums", TensorProto.FLOAT, ["batch", 4]))
    return model


def rank_three():
    model = of_nodes([helper.make_node("ReduceSum", ["float_input", "axis"], ["sums"], keepdims=0),
                      helper.make_node("Softmax", ["sums"], ["probabilities"])],
                     {"axis": np.array([1])})
    model.graph.input[0].type.tensor_type.shape.dim.add(dim_value=4)
    return model


def big_constant(elements):
    return of_nodes([helper.make_node("ConstantOfShape", ["size"], ["big"]),
                     helper.make_node("ReduceSum", ["big"], ["sum"], keepdims=0), SUMS,
                     helper.make_node("Add", ["sums", "sum"], ["raised"]),
                     helper.make_node("Softmax", ["raised"], ["probabilities"])],
                    {"size": np.array([elements]), "weights": WEIGHTS})


def doubled(times):
    names = ["sums", *(f"twice_{i}" for i in range(times))]
    nodes = [SUMS, *(helper.make_node("Concat", [names[i], names[i]], [names[i + 1]], axis=1)
                     for i in range(times)),
             helper.make_node("Slice", [f"twice_{times - 1}", "zero", "four", "axis"], ["cut"]),
             helper.make_node("Softmax", ["cut"], ["probabilities"])]
    return of_nodes(nodes, {"weights": WEIGHTS, "zero": np.array([0]), "four": np.array([4]),
                            "axis": np.array([1])})


def endless():
    value = helper.make_tensor_value_info
    body = helper.make_graph(
        [helper.make_node("Identity", [a], [b]) for a, b in (("on", "on_"), ("x", "x_"))], "body",
        [value("i", TensorProto.INT64, []), value("on", TensorProto.BOOL, []),
         value("x", TensorProto.FLOAT, ["batch", 4])],
        [value("on_", TensorProto.BOOL, []), value("x_", TensorProto.FLOAT, ["batch", 4])])
    return of_nodes([SUMS, helper.make_node("Loop", ["times", "yes", "sums"], ["same"], body=body),
                     helper.make_node("Softmax", ["same"], ["probabilities"])],
                    {"times": np.array(2**62), "yes": np.array(True), "weights": WEIGHTS})


def long_chain():
    nodes = [SUMS, *(helper.make_node("Relu", [a], [b]) for a, b in zip(
        ["sums", *(f"r{i}" for i in range(60_000))], [f"r{i}" for i in range(60_001)],
        strict=True)), helper.make_node("Softmax", ["r60000"], ["probabilities"])]
    return of_nodes(nodes, {"weights": WEIGHTS})
