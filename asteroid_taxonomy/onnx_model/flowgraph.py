"""The parts of a CyberEther flowgraph: blocks, the links between their ports, and the YAML.

The format is that of CyberEther 1.9, version 2 of its flowgraphs. A link to a port that does not
exist ends in `[ERROR]`; a setting that a block does not know is ignored without a word, so
tests/stages/test_cyberether.py checks each. Places and sizes are in pixels.
"""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import jinja2
import yaml

from asteroid_taxonomy.console import PipelineError
from asteroid_taxonomy.onnx_model.description import ONNX_PATH, REDO, Description

TOP, RIGHT, BOTTOM = 110, 1880, 980  # of a window of 1,900 x 1,000, below its toolbar
ROW, GAP = 230, 20  # from one row of blocks to the next; between two blocks
ROLES = ("number", "name", "wavelength", "reflectance")  # the columns that are asked for
Block = dict[str, Any]
_templates = jinja2.Environment(loader=jinja2.FileSystemLoader(Path(__file__).parent),
                                undefined=jinja2.StrictUndefined, keep_trailing_newline=True)


def link(block: str, port: str) -> str:
    """The only form in which CyberEther takes the output of another block."""
    return f"${{graph.{block}.output.{port}}}"


def block(
    name: str, module: str, x: int, width: int, config: Mapping[str, Any] | None = None,
    inputs: Mapping[str, str] | None = None, y: int = TOP, height: int = 0,
) -> Block:
    """A block of the graph.

    Parameters
    ----------
    name, module : str
        Its own name, without dots; what kind of block it is.
    x, width, y, height : int
        Of its box; a height of 0 is left to CyberEther, but a note needs one.
    config, inputs : mapping
        Its settings; its input ports and the `link` that each takes.
    """
    return {
        "name": name, "module": module, "device": "cpu",
        "runtime": "python" if module == "python" else "native", "provider": "generic",
        **({"config": config} if config else {}), **({"input": inputs} if inputs else {}),
        "meta": {"node": {"x": x, "y": y, "width": width, "height": height}},
    }


def class_plots(
    classes: Sequence[str], probabilities: str, slices: tuple[int, int], plots: tuple[int, int]
) -> list[Block]:
    """For each class a block that takes its column of the probabilities, and one that plots it.

    Parameters
    ----------
    classes : sequence of str
        In the order of the columns.
    probabilities : str
        The `link` to the tensor [batch, classes].
    slices, plots : tuple of int
        From which x to which x the blocks of either kind stand, in a row of their own.
    """
    out = []
    for i, name in enumerate(classes):
        take, plot = (f"{what}_{re.sub(r'[^0-9A-Za-z_]', '_', name)}"
                      for what in ("take", "probability"))
        # a slice that is not contiguous stops the plot
        out.append(block(take, "slice", *_share(slices, i, len(classes)),
                         {"slice": f"[:, {i}]", "contiguous": True}, {"buffer": probabilities},
                         y=TOP + ROW))
        out.append(block(plot, "lineplot", *_share(plots, i, len(classes)), None,
                         {"signal": link(take, "buffer")}, TOP + 2 * ROW, BOTTOM - TOP - 2 * ROW))
    return out


def _share(span: tuple[int, int], i: int, count: int) -> tuple[int, int]:
    """The x and the width of the i-th of `count` blocks that share `span`."""
    step = (span[1] - span[0] + GAP) // count
    return span[0] + i * step, step - GAP


def asks_archive(
    model: Description, batch: int, asking: Mapping[str, Any]
) -> tuple[str, str]:
    """The code of the block that asks the archive for spectra, and that archive's host.

    Parameters
    ----------
    model : Description
        Its metadata say which table its spectra came from.
    batch : int
        Asteroids at a time.
    asking : mapping
        cyberether.live of params.yaml.

    Raises
    ------
    PipelineError
        The metadata do not say it.
    """
    try:
        service, table = (model.metadata[f"spectra_{what}"] for what in ("service", "table"))
        columns = json.loads(model.metadata["spectra_columns"])
        columns = [columns[role] for role in ROLES]
        host = urlsplit(service).hostname
        if host is None or not all(isinstance(column, str) for column in columns):
            raise ValueError
    except (KeyError, ValueError, TypeError):
        raise PipelineError(f"{ONNX_PATH} should say in its metadata where its spectra came from "
                            "(spectra_service, spectra_table, spectra_columns), but does not; "
                            f"{REDO} to make it anew") from None
    code = _templates.get_template("flowgraph_spectra.py.j2").render(
        service=service, table=table, columns=columns, wavelengths_nm=model.wavelengths_nm,
        used=model.used, batch=batch, **asking)
    return code, host


def prints_names(model: Description) -> str:
    """The code of the block that prints asteroids with their classes."""
    return _templates.get_template("flowgraph_names.py.j2").render(
        classes=model.classes, threshold=model.threshold)


class _Dumper(yaml.SafeDumper):
    """Writes text of several lines as such, so that code in a flowgraph can be read."""


_Dumper.add_representer(str, lambda dumper, text: dumper.represent_scalar(
    "tag:yaml.org,2002:str", text, style="|" if "\n" in text else None))


def as_yaml(
    title: str, metadata: Mapping[str, str], description: str, blocks: Sequence[Block]
) -> str:
    """The text of the flowgraph's file; `metadata` are those of the ONNX file."""
    return yaml.dump({
        "version": 2, "title": title, "summary": metadata.get("taxonomy", ""),
        "license": metadata.get("licence", ""), "description": description, "graph": blocks,
    }, Dumper=_Dumper, sort_keys=False, width=95, explicit_start=True, allow_unicode=True)
