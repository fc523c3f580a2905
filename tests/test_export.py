import onnx

from stages import export
from stages.onnx_contract import ONNX_PATH


def test_the_file_has_one_input_and_one_output_of_float32(simulated_project):
    graph = onnx.load(ONNX_PATH).graph
    tensors = [(t.name, t.type.tensor_type.elem_type,
                [d.dim_param or d.dim_value for d in t.type.tensor_type.shape.dim])
               for t in (*graph.input, *graph.output)]
    assert tensors == [("float_input", onnx.TensorProto.FLOAT, ["batch", 16]),
                       ("probabilities", onnx.TensorProto.FLOAT, ["batch", 4])]


def test_the_graph_uses_operators_of_the_default_domain_only(simulated_project):
    model = onnx.load(ONNX_PATH)
    assert [(o.domain, o.version) for o in model.opset_import] == [("", 17)]
    assert {node.domain for node in model.graph.node} <= {"", "ai.onnx"}
    assert model.ir_version == 8


def test_exporting_twice_gives_the_same_bytes(simulated_project):
    first = ONNX_PATH.read_bytes()
    export.main()
    assert ONNX_PATH.read_bytes() == first


def test_the_metadata_name_classes_bands_and_survey(simulated_project):
    stored = {p.key: p.value for p in onnx.load(ONNX_PATH).metadata_props}
    assert stored["classes"] == "C,O,S,X"
    assert stored["wavelengths_nm"].startswith("374,418,") and "SIMULATED" in stored["survey"]
