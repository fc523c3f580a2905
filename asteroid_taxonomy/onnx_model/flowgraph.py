"""CyberEther flowgraphs that run an ONNX file: blocks, links between their ports, and the YAML.

The format is version 2 of CyberEther's flowgraphs (1.9 and 1.10). CyberEther ignores a setting
that a block does not have, and 1.9.1 has no rangeMin, rangeMax, xLabel and yLabel; a link to a
port that does not exist ends in `[ERROR]`. Places and sizes are in pixels.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import jinja2
import yaml

from asteroid_taxonomy.onnx_model.classifier import Classifier
from asteroid_taxonomy.onnx_model.metadata import Metadata

INTERVAL_MS = 1000  # between two batches: time to look at the plots, and gentle to the archive
RETRY_S = 30  # after an error of the archive
TOP, RIGHT, PLOTS = 110, 1880, 570  # of a window of 1,900 x 1,000; PLOTS: top of the plots
GAP, ROW, LEAST = 20, 600, 120  # between blocks; from one row of plots to the next; slice's width
IN_A_ROW, IN_A_ROW_LIVE = 6, 4  # plots; more classes take several rows
Block = dict[str, Any]
Span = tuple[int, int]  # from one x to another
_templates = jinja2.Environment(loader=jinja2.FileSystemLoader(Path(__file__).parent),
                                undefined=jinja2.StrictUndefined, keep_trailing_newline=True)


def link(block: str, port: str) -> str:
    """The output of another block, in the only form that CyberEther takes."""
    return f"${{graph.{block}.output.{port}}}"


def block(
    name: str, module: str, span: Span, config: Mapping[str, Any],
    inputs: Mapping[str, str] | None = None, y: int = TOP, height: int = 0,
) -> Block:
    """A block: its name without dots, module, place, settings, and the `link` of each input.

    CyberEther chooses the height where it is 0; a note needs one.
    """
    return {
        "name": name, "module": module, "device": "cpu",
        "runtime": "python" if module == "python" else "native", "provider": "generic",
        "config": dict(config), **({"input": dict(inputs)} if inputs else {}),
        "meta": {"node": {"x": span[0], "y": y, "width": span[1] - span[0], "height": height}}}


def class_plots(classes: Sequence[str], slices: Span, plots: Span, most: int) -> list[Block]:
    """For each class a block that slices its column, and a plot that is named after it."""
    many, fit = len(classes) > most, (plots[1] - plots[0] + GAP) // (LEAST + GAP)
    columns = min(-(-len(classes) // 2), fit) if many else len(classes)
    out = []
    for i, each in enumerate(classes):
        row, column = divmod(i, columns)
        top = PLOTS + row * ROW
        out += [
            # a plot refuses a slice that is not contiguous
            block(f"take_{each}", "slice", _share(plots if many else slices, column, columns),
                  {"slice": f"[:, {i}]", "contiguous": True},
                  {"buffer": link("onnx_inference", "output_0")}, top if many else top - 230),
            block(each, "lineplot", _share(plots, column, columns),
                  {"rangeMin": 0, "rangeMax": 1, "xLabel": "asteroid of the batch",
                   "yLabel": f"probability of {each}"},
                  {"signal": link(f"take_{each}", "buffer")}, top + 180 if many else top, 410)]
    return out


def _share(span: Span, i: int, count: int) -> Span:
    """Where the i-th of `count` blocks in `span` is."""
    step = (span[1] - span[0] + GAP) // count
    return span[0] + i * step, span[0] + (i + 1) * step - GAP


def from_file(
    model: Classifier, path: Path, sample: Path, names: Sequence[str], batch: int
) -> str:
    """The flowgraph that classifies the asteroids `names`, whose spectra are in `sample`.

    Both paths count from the folder in which CyberEther is started; `batch` asteroids at a time.
    """
    bands = len(model.wavelengths_nm)
    return as_yaml(model.metadata, "Asteroid taxonomy", f"{len(names)} asteroids from a file", [
        block("file_reader", "file_reader", (40, 280), {
            "filepath": sample.as_posix(), "fileFormat": "raw", "dataType": "F32",
            "batchSize": batch * bands, "loop": True, "playing": True}),
        block("throttle", "throttle", (300, 500), {"intervalMs": INTERVAL_MS},
              {"buffer": link("file_reader", "signal")}),
        block("reshape", "reshape", (520, 720), {"shape": f"[{batch}, {bands}]"},
              {"buffer": link("throttle", "buffer")}),
        inference(path, (740, 940), link("reshape", "buffer")),
        *_notes(model, path, (960, 1410), (1430, RIGHT), live=False, most=IN_A_ROW,
                count=len(names), first=names[0], last=names[-1], batch=batch, bands=bands),
        *class_plots(model.classes, (300, 940), (40, RIGHT), IN_A_ROW)])


def live(model: Classifier, path: Path, batch: int) -> str:
    """The flowgraph that queries the archive, and prints the asteroids with their classes."""
    about, bands = model.metadata, len(model.wavelengths_nm)
    host = urlsplit(about.spectra_service).hostname or about.spectra_service
    table, columns = _query(about)
    archive = _templates.get_template("flowgraph_archive.py.j2").render(
        service=about.spectra_service, table=table, columns=columns, batch=batch,
        wavelengths_nm=model.wavelengths_nm, used=model.used, retry_s=RETRY_S)
    names = _templates.get_template("flowgraph_names.py.j2").render(
        classes=model.classes, threshold=model.threshold)
    tensor = {"shape": f"[{batch}, {bands}]", "axes": "[B, S]", "dtype": "F32", "device": "cpu"}
    return as_yaml(about, f"Asteroid taxonomy, live (runs Python, queries {host})",
                   f"spectra from {host}", [
        block("archive", "python", (40, 340), {
            "code": archive, "inputCount": 0, "outputCount": 1, "outputTensorSpecs": [tensor],
            "throttled": False}),
        block("throttle", "throttle", (360, 560), {"intervalMs": INTERVAL_MS},
              {"buffer": link("archive", "output0")}),
        inference(path, (580, 780), link("throttle", "buffer")),
        *_notes(model, path, (920, 1160), (1180, 1420), live=True, most=IN_A_ROW_LIVE,
                host=host, batch=batch),
        # nothing below it: its console opens downwards
        block("names", "python", (1440, RIGHT), {
            "code": names, "inputCount": 1, "outputCount": 0, "throttled": False},
            {"input0": link("onnx_inference", "output_0")}),
        *class_plots(model.classes, (360, 900), (360, 1420), IN_A_ROW_LIVE)])


def inference(path: Path, span: Span, spectra: str) -> Block:
    """The block that runs the ONNX file at `path` on `spectra`, a link."""
    return block("onnx_inference", "onnx_inference", span, {
        "modelPath": path.as_posix(), "executionProvider": "cpu"}, {"input_0": spectra})


def _notes(model: Classifier, path: Path, left: Span, right: Span, **about: Any) -> list[Block]:
    """The notes on what one sees, and on what to try."""
    values = {"classes": model.classes, "threshold": model.threshold, "path": path.as_posix(),
              "metadata": model.metadata, **about}
    return [block(name, "note", span, {"content": _templates.get_template(
        f"flowgraph_{template}.md.j2").render(values)}, height=PLOTS - GAP - TOP)
        for name, template, span in (("explanation", "explanation", left),
                                     ("experiment", "try_it", right))]


def _query(about: Metadata) -> tuple[str, list[str | None]]:
    """The table to query, and its columns: number, name, wavelength, reflectance."""
    spectra, mapping = about.spectra_columns, about.mapping_columns
    measured = [spectra["wavelength"], spectra["reflectance"]]
    if spectra["number"] and spectra["name"]:
        return about.spectra_table, [spectra["number"], spectra["name"], *measured]
    return (f"{about.spectra_table} AS s JOIN {about.mapping_table} AS m "
            f"ON s.{spectra['source_id']} = m.{mapping['source_id']}",
            [f"m.{mapping['number']}", f"m.{mapping['name']}", *(f"s.{c}" for c in measured)])


class _Dumper(yaml.SafeDumper):
    """Writes text of several lines as such, so that code and notes can be read."""


_Dumper.add_representer(str, lambda dumper, text: dumper.represent_scalar(
    "tag:yaml.org,2002:str", text, style="|" if "\n" in text else None))


def as_yaml(about: Metadata, title: str, description: str, blocks: Sequence[Block]) -> str:
    """The text of a flowgraph's file, in the form of CyberEther's own examples."""
    target = about.taxonomy[:1].upper() + about.taxonomy[1:]
    return yaml.dump({
        "version": 2, "title": title, "summary": f"{target}, from reflectance spectra.",
        "author": "asteroid-taxonomy contributors", "license": about.licence,
        "description": f"Classifies asteroids with an ONNX model: {description}. Plots the "
                       f"probability of {', '.join(about.classes)}.", "graph": list(blocks),
        }, Dumper=_Dumper, sort_keys=False, width=95, explicit_start=True, allow_unicode=True)
