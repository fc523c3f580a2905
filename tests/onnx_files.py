"""ONNX files that look like the shipped one, and such as do not."""

import json
from pathlib import Path

import onnx
import yaml
from onnx import TensorProto, helper

TOP = Path(__file__).parent.parent
SHIPPED = TOP / "models/asteroid_taxonomy.onnx"


def shipped(**metadata):
    """The shipped model; metadata of these keys are replaced, or left out where None."""
    model = onnx.load(SHIPPED)
    params = yaml.safe_load((TOP / "params.yaml").read_text(encoding="utf-8"))
    spectra, bands = params["fetch_spectra"], params["bands"]
    described = {"spectra_service": spectra["service"], "spectra_table": spectra["table"],
                 "spectra_columns": json.dumps(spectra["columns"]),
                 "normalised_at_nm": str(bands["normalised_at_nm"]),
                 "width_nm": str(bands["width_nm"])}
    described |= {prop.key: prop.value for prop in model.metadata_props} | metadata
    helper.set_model_props(model, {k: v for k, v in described.items() if v is not None})
    return model


def of_classes(classes, bands=16):
    """A model with a column for each of `classes`: all have the same probability."""
    model = shipped(classes=",".join(classes))
    weights = helper.make_tensor("w", TensorProto.FLOAT, [bands, len(classes)],
                                 [0.0] * (bands * len(classes)))
    nodes = [helper.make_node("MatMul", ["float_input", "w"], ["zeros"], name="zero"),
             helper.make_node("Softmax", ["zeros"], ["probabilities"], axis=1, name="equal")]
    model.graph.CopyFrom(helper.make_graph(nodes, "equal", [
        helper.make_tensor_value_info("float_input", TensorProto.FLOAT, ["batch", bands])], [
        helper.make_tensor_value_info("probabilities", TensorProto.FLOAT,
                                      ["batch", len(classes)])], [weights]))
    return model
