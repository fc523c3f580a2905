"""Print everything that an ONNX file of this project says about itself.

    asteroid-taxonomy show-model [models/asteroid_taxonomy.onnx]

Reads nothing but the file, and writes nothing.
"""

import argparse
import textwrap
from collections import Counter
from pathlib import Path

import onnx
from onnx import TensorProto

from asteroid_taxonomy.console import plain
from asteroid_taxonomy.files import sha256
from asteroid_taxonomy.files.shipped import shipped
from asteroid_taxonomy.onnx_model.contract import metadata, read_onnx, tensors
from asteroid_taxonomy.onnx_model.description import ONNX_PATH


def structure(model: onnx.ModelProto) -> dict[str, str]:
    """Inputs, outputs, operators and weights of the graph, in words."""
    operators = Counter(node.op_type for node in model.graph.node)
    weights = [t for t in model.graph.initializer if t.data_type == TensorProto.FLOAT]
    count = sum(onnx.numpy_helper.to_array(t).size for t in weights)
    opsets = ", ".join(f"{opset.domain or 'ai.onnx'} {opset.version}"
                       for opset in model.opset_import)
    return {
        "what": model.doc_string, "made by": model.producer_name,
        "format": f"ONNX IR version {model.ir_version}, opset {opsets}",
        "inputs": "; ".join(tensors(model, "input")),
        "outputs": "; ".join(tensors(model, "output")),
        "operators": ", ".join(f"{n} {name}" for name, n in sorted(operators.items())),
        "constants": f"{count:,} float32 in {len(weights)} tensors",
    }


def main(arguments: list[str]) -> None:
    """Print the file that the command line names, or the project's own."""
    parser = argparse.ArgumentParser(prog="asteroid-taxonomy show-model", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", nargs="?", type=Path, default=ONNX_PATH,
                        help="default: %(default)s, or the one in the package")
    path = shipped(parser.parse_args(arguments).file)
    model = read_onnx(path)
    lines = {"file": str(path), "bytes": f"{path.stat().st_size:,}", "sha256": sha256(path),
             **structure(model), **metadata(model)}
    width = max(map(len, lines))
    for name, value in lines.items():
        print(textwrap.fill(plain(value), 99, initial_indent=f"{plain(name):{width}}  ",
                            subsequent_indent=" " * (width + 2), break_on_hyphens=False))
