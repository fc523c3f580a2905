"""Taxonomic complexes of asteroids from their reflectance spectra.

>>> from asteroid_taxonomy import load
>>> prediction = load().predict(wavelengths_nm, reflectance)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from os import PathLike

    from asteroid_taxonomy.spectra.predict import Model

__version__ = "0.2.0"


def load(path: str | PathLike[str] | None = None) -> Model:
    """Load a classifier: an ONNX file of this project, or by default those that it ships.

    Of several, each spectrum gets the one that uses the most bands of those it covers, as in
    `asteroid-taxonomy classify`.

    Raises
    ------
    PipelineError
        No such file, or not a classifier of this project.
    """
    from asteroid_taxonomy.spectra.predict import load_model

    return load_model(path)
