"""From the fitted scikit-learn pipeline to a plain ONNX graph that every runtime can load.

skl2onnx converts scaler and classifier. The rest is for the runtimes: the label output goes
(CyberEther wants one output), bands are picked before anything is computed, nodes that compute
nothing are left out, and a missing value is carried past the network. Scaler and network stay
apart, in scikit-learn's order of operations: folding the scaler into the first layer saves no
measurable time and triples the difference to scikit-learn.
"""

import warnings

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from skl2onnx import convert_sklearn
from skl2onnx.common.data_types import FloatTensorType
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from asteroid_taxonomy import __version__
from asteroid_taxonomy.learning.sum_of_classes import SumOfClasses
from asteroid_taxonomy.onnx_model.metadata import INPUT_NAME, OUTPUT_NAME

ML_DOMAIN = "ai.onnx.ml"  # operators that few runtimes have; models that are not plain need them
USED, RAW, SUMS = "used_bands", "network_probabilities", "sums_of_classes"


def to_onnx(
    model: Pipeline, bands: int, used: list[int], opset: int, ir_version: int, summed: bool = True
) -> onnx.ModelProto:
    """Convert the pipeline to a graph from all bands to probabilities.

    Parameters
    ----------
    model : Pipeline
        Fitted; its first step picks the bands.
    bands : int
        Number of bands of the input.
    used : list of int
        The columns that the model uses.
    opset, ir_version : int
        Of the ai.onnx domain; of the file.
    summed : bool
        Whether a model that learns classes gives the probabilities of the complexes.
    """
    *before, classifier = [step for _, step in model.steps[1:]]
    probabilities, summing, members = RAW, [], []
    if isinstance(classifier, SumOfClasses):
        if summed:  # skl2onnx does not know it
            probabilities = SUMS
            summing = [helper.make_node("MatMul", [RAW, "members"], [SUMS], name="sum_classes")]
            members = [numpy_helper.from_array(classifier.members_.astype(np.float32), "members")]
        classifier = classifier.estimator
    # probabilities as one tensor; and the scaler as a division, since a multiplication by the
    # reciprocal differs from scikit-learn in the last bit
    options = {id(classifier): {"zipmap": False}, StandardScaler: {"div": "div"}}
    opsets = {"": opset, ML_DOMAIN: 3}
    with warnings.catch_warnings():
        # skl2onnx 1.20 reads an attribute of SVC that scikit-learn 1.9 deprecates
        warnings.filterwarnings("ignore", "Attribute `prob[AB]_`", FutureWarning)
        # a name, because the default one is random and the file's bytes would change
        converted = convert_sklearn(make_pipeline(*before, classifier), "asteroid_taxonomy",
                                    [(USED, FloatTensorType([None, len(used)]))],
                                    options=options, target_opset=opsets)
    # what leads to the probabilities: the label output needs operators of ai.onnx.ml
    network = simplified(onnx.utils.Extractor(converted).extract_model([USED], [OUTPUT_NAME]))
    classes = len(model.classes_ if summed else classifier.classes_)
    picking, numbers = pick_bands(used)
    # NaN where a used band is NaN, else 0: a network carries NaN only where its Relu does, and on
    # many GPUs max(NaN, 0) is 0
    zeros = numpy_helper.from_array(np.zeros((len(used), classes), np.float32), "zeros")
    carrying = [helper.make_node("MatMul", [USED, "zeros"], ["nan_or_zero"], name="find_nan"),
                helper.make_node("Add", [probabilities, "nan_or_zero"], [OUTPUT_NAME],
                                 name="carry_nan")]
    graph = helper.make_graph(
        [*picking, *network.node, *summing, *carrying], "asteroid_taxonomy",
        [helper.make_tensor_value_info(INPUT_NAME, TensorProto.FLOAT, ["batch", bands])],
        [helper.make_tensor_value_info(OUTPUT_NAME, TensorProto.FLOAT, ["batch", classes])],
        [*numbers, *network.initializer, *members, zeros])
    needed = {"", *(node.domain for node in network.node)}
    return helper.make_model(
        graph, opset_imports=[helper.make_opsetid(domain, number)
                              for domain, number in opsets.items() if domain in needed],
        ir_version=ir_version, producer_name="asteroid-taxonomy", producer_version=__version__,
        domain="asteroid-taxonomy", model_version=1,
        doc_string="Probabilities of taxonomic complexes from an asteroid's reflectance spectrum")


def pick_bands(used: list[int]) -> tuple[list[onnx.NodeProto], list[onnx.TensorProto]]:
    """Nodes and constants that take the columns `used` from the input.

    So a NaN in another band meets no weight. One Gather would do, but OpenCV before 4.7 gathers
    single columns only: neighbouring bands are sliced, and the slices concatenated.
    """
    runs: list[list[int]] = []
    for band in used:
        if runs and runs[-1][1] == band:
            runs[-1][1] += 1
        else:
            runs.append([band, band + 1])
    nodes, constants = [], [helper.make_tensor("band_axis", TensorProto.INT64, [1], [1])]
    for start, stop in runs:
        part = f"bands_{start}_to_{stop - 1}"
        names = [f"{part}_start", f"{part}_stop"]
        constants += [helper.make_tensor(name, TensorProto.INT64, [1], [value])
                      for name, value in zip(names, (start, stop), strict=True)]
        nodes.append(helper.make_node("Slice", [INPUT_NAME, *names, "band_axis"], [part],
                                      name=f"pick_{part}"))
    nodes.append(helper.make_node("Concat", [node.output[0] for node in nodes], [USED], axis=1,
                                  name="pick_used_bands"))
    return nodes, constants


def simplified(model: onnx.ModelProto) -> onnx.GraphProto:
    """The graph with its probabilities as RAW; a network without nodes that compute nothing.

    All tensors of a network are float32, so that a Cast to it is one of them. Biases of shape
    [1, n] become [n], which OpenCV 4.6 can add.
    """
    graph = model.graph
    plain = not any(node.domain for node in graph.node)
    equal: dict[str, str] = {}  # output of a node left out: its input
    for node in list(graph.node):
        node.input[:] = [equal.get(name, name) for name in node.input]
        to_float = node.op_type == "Cast" and node.attribute[0].i == TensorProto.FLOAT
        if plain and (node.op_type == "Identity" or to_float):
            equal[node.output[0]] = node.input[0]
            graph.node.remove(node)
    last = equal.get(OUTPUT_NAME, OUTPUT_NAME)
    for node in graph.node:
        node.output[:] = [RAW if name == last else name for name in node.output]
    biases = {name for node in graph.node if node.op_type == "Add" for name in node.input}
    for tensor in graph.initializer:
        if tensor.name in biases and len(tensor.dims) == 2 and tensor.dims[0] == 1:
            del tensor.dims[0]
    return graph
