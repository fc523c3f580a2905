"""Taxonomic complexes of asteroids from their reflectance spectra.

    from asteroid_taxonomy import load
    answer = load().predict(wavelengths_nm, reflectance)

The rooms beside this file are named after what they are for; `python -m asteroid_taxonomy` lists
the commands. Importing it changes nothing in the process: `load` brings NumPy and onnxruntime.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from os import PathLike

    from asteroid_taxonomy.commands.predict import Model

__version__ = "0.1.0"


def load(path: str | PathLike[str] | None = None) -> Model:
    """Load a classifier: an ONNX file of this project, or without `path` those that it ships.

    Of several, each spectrum gets the richest whose bands it has, as in `classify`.

    Raises
    ------
    PipelineError
        No such file, or not a classifier of this project.
    """
    from asteroid_taxonomy.commands.predict import load_model

    return load_model(path)
