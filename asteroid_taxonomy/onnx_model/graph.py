"""From the fitted scikit-learn pipeline to a plain ONNX graph that every runtime can load.

skl2onnx converts scaler and classifier. The rest is for the runtimes: the label output goes
(CyberEther wants one output), bands are picked before anything is computed, nodes that compute
nothing are left out, and a missing value is carried past the network. Scaler and network stay
apart, in scikit-learn's order of operations: folding the scaler into the first layer saves no
measurable time and triples the difference to scikit-learn.
"""

import warnings
from collections.abc import Sequence

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper, shape_inference
from skl2onnx import convert_sklearn
from skl2onnx.common.data_types import FloatTensorType
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from asteroid_taxonomy import __version__
from asteroid_taxonomy.learning.sum_of_classes import SumOfClasses
from asteroid_taxonomy.onnx_model.metadata import INPUT_NAME, OUTPUT_NAME

CONTRACT_VERSION = 1  # of docs/model_file.md; raised with any change of it
ML_DOMAIN = "ai.onnx.ml"  # operators that few runtimes have; models that are not plain need them
SCALER = {"Sub": "subtract_mean", "Div": "divide_by_scale", "Sum": "add_networks"}
LAYER = {"MatMul": "weights", "Add": "bias", "Relu": "relu", "Softmax": "softmax", "Mul": "share"}
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
    name_nodes(network.node)
    classes = len(model.classes_ if summed else classifier.classes_)
    picking, numbers = pick_bands(used)
    carrying, zeros = carry_nan(probabilities, len(used), classes)
    graph = helper.make_graph(
        [*picking, *network.node, *summing, *carrying], "asteroid_taxonomy",
        [helper.make_tensor_value_info(INPUT_NAME, TensorProto.FLOAT, ["batch", bands],
                                       doc_string="reflectance of each band; NaN: not measured")],
        [helper.make_tensor_value_info(OUTPUT_NAME, TensorProto.FLOAT, ["batch", classes],
                                       doc_string="probability of each class; NaN where a band "
                                                  "that the model uses is NaN")],
        [*numbers, *map(without_denormals, network.initializer), *members, zeros])
    needed = {"", *(node.domain for node in network.node)}
    return helper.make_model(
        graph, opset_imports=[helper.make_opsetid(domain, number)
                              for domain, number in opsets.items() if domain in needed],
        ir_version=ir_version, producer_name="asteroid-taxonomy", producer_version=__version__,
        domain="asteroid-taxonomy", model_version=CONTRACT_VERSION,
        doc_string="Probabilities of taxonomic complexes from an asteroid's reflectance spectrum")


def name_nodes(nodes: Sequence[onnx.NodeProto]) -> None:
    """Name the nodes of scaler and networks after what they do: network_2_layer_1_weights.

    Nodes of other models keep skl2onnx's names.
    """
    if any(node.domain for node in nodes):
        return
    place: dict[str, tuple[int, int]] = {}  # network and layer of each tensor
    networks, scaler = 0, dict(SCALER)
    for node in nodes:
        if node.op_type in scaler:  # the first: a network of two classes subtracts too
            node.name = scaler.pop(node.op_type)
            continue
        network, layer = next((place[name] for name in node.input if name in place), (0, 0))
        if node.op_type == "MatMul" and not network:
            networks += 1
            network = networks
        if node.op_type in LAYER and network:
            layer += node.op_type == "MatMul"
            node.name = f"network_{network}_layer_{layer}_{LAYER[node.op_type]}"
            place[node.output[0]] = (network, layer)


def without_denormals(weights: onnx.TensorProto) -> onnx.TensorProto:
    """The same weights, with zero for those below float32's normal range (1.2e-38).

    The L2 penalty drives unused weights there, and processors take a hundred times as long for
    them: three quarters of the time, and no bit of any probability.
    """
    values = numpy_helper.to_array(weights)
    if values.dtype != np.float32:
        return weights
    tiny = np.abs(values) < np.finfo(np.float32).smallest_normal
    return numpy_helper.from_array(np.where(tiny, np.float32(0), values), weights.name)


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


def carry_nan(
    probabilities: str, used: int, classes: int
) -> tuple[list[onnx.NodeProto], onnx.TensorProto]:
    """Nodes and a constant that add NaN to `probabilities` where a used band is NaN, else 0.

    A network carries NaN only where its Relu does: on many GPUs max(NaN, 0) is 0, and a spectrum
    with a missing band would get a class.
    """
    zeros = helper.make_tensor("zeros", TensorProto.FLOAT, [used, classes],
                               [0.0] * (used * classes))
    return [helper.make_node("MatMul", [USED, "zeros"], ["nan_or_zero"], name="find_nan"),
            helper.make_node("Add", [probabilities, "nan_or_zero"], [OUTPUT_NAME],
                             name="carry_nan")], zeros


def simplified(model: onnx.ModelProto) -> onnx.GraphProto:
    """The graph without nodes that compute nothing: Identity, Cast of float32 to float32.

    The probabilities become RAW. Biases of shape [1, n] become [n], which OpenCV 4.6 can add.
    """
    graph, inferred = model.graph, shape_inference.infer_shapes(model).graph
    floats = {tensor.name for tensor in (*inferred.input, *inferred.value_info)
              if tensor.type.tensor_type.elem_type == TensorProto.FLOAT}
    equal: dict[str, str] = {}  # output of a node left out: its input
    left = []
    for node in graph.node:
        node.input[:] = [equal.get(name, name) for name in node.input]
        to_float = node.op_type == "Cast" and node.attribute[0].i == TensorProto.FLOAT
        if node.op_type == "Identity" or (to_float and node.input[0] in floats):
            equal[node.output[0]] = node.input[0]
        else:
            left.append(node)
    last = equal.get(OUTPUT_NAME, OUTPUT_NAME)
    for node in left:
        for names in (node.input, node.output):
            names[:] = [RAW if name == last else name for name in names]
    biases = {name for node in left if node.op_type == "Add" for name in node.input}
    for tensor in graph.initializer:
        if tensor.name in biases and len(tensor.dims) == 2 and tensor.dims[0] == 1:
            del tensor.dims[0]
    del graph.node[:]
    graph.node.extend(left)
    return graph
