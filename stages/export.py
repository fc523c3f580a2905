"""Export the trained model as one plain ONNX graph.

Reads   models/asteroid_taxonomy.skops
Writes  models/asteroid_taxonomy.onnx (the contract is in onnx_contract.py)
"""

from collections.abc import Mapping
from typing import Any

import onnx
from onnx import TensorProto, helper
from skl2onnx import convert_sklearn
from skl2onnx.common.data_types import FloatTensorType
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from stages.bands import used_band_numbers
from stages.cli import run
from stages.files import atomic, load_params
from stages.model_file import load_model
from stages.onnx_contract import (
    CLASSES_KEY,
    INPUT_NAME,
    ML_DOMAIN,
    ML_OPSET,
    ONNX_PATH,
    OUTPUT_NAME,
    THRESHOLD_KEY,
    USED_BANDS_KEY,
    WAVELENGTHS_KEY,
)

PARAMS = ("bands", "train", "calibration", "export")
USED = "used_bands"
# of the scaler a division: a multiplication by the reciprocal differs from scikit-learn in the
# last bit
SCALER_OPTIONS = {"div": "div"}


def to_onnx(
    model: Pipeline, bands: int, used: list[int], opset: int, ir_version: int
) -> onnx.ModelProto:
    """Convert the pipeline to a graph from all bands to probabilities.

    Parameters
    ----------
    model : Pipeline
        Fitted; steps bands, scaler, classifier.
    bands : int
        Number of bands of the input.
    used : list of int
        The columns that the model uses. The graph gathers them first, so that a NaN in another
        band never meets a weight.
    opset, ir_version : int
        Of the ai.onnx domain; of the file.
    """
    initial = [(USED, FloatTensorType([None, len(used)]))]
    # a name, because the default one is random and the file's bytes would change
    last = model[-1][-1] if isinstance(model[-1], Pipeline) else model[-1]
    options = {StandardScaler: SCALER_OPTIONS, id(last): {"zipmap": False}}  # one tensor out
    converted = convert_sklearn(model[1:], "asteroid_taxonomy", initial, options=options,
                                target_opset={"": opset, ML_DOMAIN: ML_OPSET})
    # the label output drags operators of ai.onnx.ml along: keep what leads to the probabilities,
    # and import that domain where trees or kernels are left
    graph = onnx.utils.Extractor(converted).extract_model([USED], [OUTPUT_NAME]).graph
    domains = {node.domain for node in graph.node} & {ML_DOMAIN}
    gather = helper.make_node("Gather", [INPUT_NAME, "used_band_numbers"], [USED], axis=1,
                              name="pick_used_bands")
    numbers = helper.make_tensor("used_band_numbers", TensorProto.INT64, [len(used)], used)
    classes = len(model.classes_)
    whole = helper.make_graph(
        [gather, *graph.node], "asteroid_taxonomy",
        [helper.make_tensor_value_info(INPUT_NAME, TensorProto.FLOAT, ["batch", bands])],
        [helper.make_tensor_value_info(OUTPUT_NAME, TensorProto.FLOAT, ["batch", classes])],
        [numbers, *graph.initializer],
    )
    return helper.make_model(
        whole, ir_version=ir_version, producer_name="asteroid-taxonomy",
        opset_imports=[helper.make_opsetid("", opset),
                       *(helper.make_opsetid(domain, ML_OPSET) for domain in domains)],
    )


def describe(model: onnx.ModelProto, metadata: Mapping[str, Any]) -> None:
    """Store `metadata` (lists joined by commas) in the file, in the order given."""
    helper.set_model_props(model, {
        key: ",".join(map(str, value)) if isinstance(value, list) else str(value)
        for key, value in metadata.items()
    })


def main() -> None:
    """Run the stage."""
    params = load_params(PARAMS)
    wavelengths_nm = params["bands"]["wavelengths_nm"]
    used_nm = params["train"]["used_bands_nm"]
    model = load_model()
    exported = to_onnx(model, len(wavelengths_nm), used_band_numbers(wavelengths_nm, used_nm),
                       params["export"]["opset"], params["export"]["ir_version"])
    describe(exported, {
        CLASSES_KEY: list(model.classes_),
        WAVELENGTHS_KEY: wavelengths_nm,
        USED_BANDS_KEY: used_nm,
        THRESHOLD_KEY: params["calibration"]["abstention_threshold"],
        "taxonomy": f"{model.target_} of the Mahlke 2022 taxonomy (A&A 665, A26)",
        "survey": model.survey_,
    })
    onnx.checker.check_model(exported, full_check=True)
    with atomic(ONNX_PATH) as part:
        part.write_bytes(exported.SerializeToString(deterministic=True))
    operators = ", ".join(sorted({node.op_type for node in exported.graph.node}))
    print(f"wrote {ONNX_PATH}: {ONNX_PATH.stat().st_size:,} bytes, operators {operators}")


if __name__ == "__main__":
    run(main)
