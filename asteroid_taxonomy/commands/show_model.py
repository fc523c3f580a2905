"""Print the metadata of an ONNX file of this project, and its inputs and outputs.

    asteroid-taxonomy show-model [models/asteroid_taxonomy.onnx]

docs/model_file.md explains them.
"""

import textwrap
from pathlib import Path

from asteroid_taxonomy.console import command_line, plain
from asteroid_taxonomy.files import sha256
from asteroid_taxonomy.onnx_model.classifier import load_classifier
from asteroid_taxonomy.onnx_model.metadata import ONNX_PATH


def main(arguments: list[str]) -> None:
    """Print the file that the command line names, or the project's own."""
    parser = command_line("show-model", __doc__)
    parser.add_argument("file", nargs="?", type=Path, default=ONNX_PATH,
                        help="default: %(default)s, or the one in the package")
    model = load_classifier(parser.parse_args(arguments).file)
    tensors = {kind: ", ".join(f"{t.name} {t.type} {t.shape}" for t in found)
               for kind, found in (("inputs", model.session.get_inputs()),
                                   ("outputs", model.session.get_outputs()))}
    lines = {"file": str(model.path), "bytes": f"{model.path.stat().st_size:,}",
             "sha256 of the file": sha256(model.path), **tensors, **model.metadata.to_text()}
    width = max(map(len, lines))
    for name, value in lines.items():
        print(textwrap.fill(plain(value), 99, initial_indent=f"{name:{width}}  ",
                            subsequent_indent=" " * (width + 2), break_on_hyphens=False))
