"""Compress the spectra and probabilities of all asteroids for the page.

Numbers are quantised to integers; the columns are concatenated, compressed and base64-encoded. The
layout lists where each column begins.
"""

import base64
import gzip
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from asteroid_taxonomy.tables import error_columns, flag_columns, matrix, reflectance_columns

STEP = 0.001  # of reflectances
FINE_STEP = 0.0001  # of probabilities and errors; Gaia's smallest error is 0.0002
NO_NUMBER = -(2**63)
MISSING = -(2**15)  # of a reflectance
UNKNOWN = 2**16 - 1  # of a probability
NO_ERROR = -1
NO_FLAG = 2**8 - 1
ALIGNED = 8  # bytes: where a column of any type may begin
# well-known asteroids by number and name: offered where the catalogue has them
FAMOUS = {433: "Eros", 4: "Vesta", 1: "Ceres", 162173: "Ryugu", 16: "Psyche"}
TEXTS = ("complex_set", "class", "literature_class")  # few different ones


def quantised(
    values: npt.NDArray[np.floating], step: float, dtype: type[np.integer[Any]], null: int
) -> npt.NDArray[np.integer[Any]]:
    """Quantise to multiples of `step`, clipped to the type's range; NaN becomes `null`."""
    limits = np.iinfo(dtype)
    low, high = limits.min + (null == limits.min), limits.max - (null == limits.max)
    whole = np.clip(np.rint(np.nan_to_num(values.astype(np.float64)) / step), low, high)
    return np.where(np.isnan(values), null, whole).astype(dtype)


def codes(values: Sequence[str | None], names: Sequence[str]) -> npt.NDArray[np.uint16]:
    """Position of each value in `names` plus 1; 0 for None, "" and unknown values."""
    place: dict[str | None, int] = {name: i for i, name in enumerate(names, 1)}
    return np.array([place.get(value, 0) for value in values], np.uint16)


def examples(catalogue: pa.Table, classes: Sequence[str]) -> list[tuple[str, int]]:
    """Name and row of example asteroids: famous ones, or the brightest of each complex."""
    numbers, names = catalogue["number"].to_pylist(), catalogue["name"].to_pylist()
    found = [(name, numbers.index(number)) for number, name in FAMOUS.items() if number in numbers]
    famous = [(name, row) for name, row in found if (names[row] or "").lower() == name.lower()]
    if famous:
        return famous
    predicted, snr = catalogue["complex"].to_numpy(), catalogue["snr"].to_numpy()
    rows = [int(np.where(predicted == name, snr, -1).argmax())
            for name in classes if (predicted == name).any()]
    return [(names[row], row) for row in rows]


def encoded(
    catalogue: pa.Table, asteroids: pa.Table, target: Sequence[str | None],
    wavelengths_nm: Sequence[int], classes: Sequence[str],
) -> tuple[str, dict[str, Any]]:
    """Base64 of all columns, and their layout: name -> [type, offset in bytes, length].

    Parameters
    ----------
    catalogue, asteroids : pyarrow.Table
        The same asteroids in the same order.
    target : sequence of str or None
        The complex of each one's class in the literature.
    wavelengths_nm, classes : sequence
        The grid in nm, of any length; the complexes.
    """
    names = {column: sorted({c for c in catalogue[column].to_pylist() if c}) for column in TEXTS}

    def shares(*columns: str) -> npt.NDArray[np.integer[Any]]:
        return quantised(matrix(catalogue, columns), FINE_STEP, np.uint16, UNKNOWN)

    columns: Mapping[str, npt.NDArray[Any]] = {
        "number": catalogue["number"].fill_null(NO_NUMBER).to_numpy(),
        "snr": catalogue["snr"].to_numpy().astype(np.float32),
        "flags": quantised(matrix(asteroids, flag_columns(wavelengths_nm)), 1, np.uint8, NO_FLAG),
        "reflectance": quantised(matrix(asteroids, reflectance_columns(wavelengths_nm)), STEP,
                                 np.int16, MISSING),
        "error": quantised(matrix(asteroids, error_columns(wavelengths_nm)), FINE_STEP, np.int32,
                           NO_ERROR),
        "probability": shares(*(f"probability_{c}" for c in classes)),
        "spread": shares(*(f"spread_{c}" for c in classes)),
        "expected": shares("expected_accuracy"), "class_probability": shares("class_probability"),
        **{column: codes(catalogue[column].to_pylist(), names[column]) for column in TEXTS},
        "target": codes(target, classes),
        **{column: catalogue[column].to_numpy().astype(np.uint8)
           for column in ("abstained", "in_training", "faint")},
        # as JSON: any character may be in a name
        "name": np.frombuffer(json.dumps(catalogue["name"].fill_null("").to_pylist(),
                                         ensure_ascii=False).encode(), np.uint8),
    }
    layout: dict[str, list[Any]] = {}
    whole = bytearray()
    for name, values in columns.items():
        layout[name] = [values.dtype.name, len(whole), values.size]
        whole += np.ascontiguousarray(values.astype(values.dtype.newbyteorder("<"))).tobytes()
        whole += bytes(-len(whole) % ALIGNED)
    return base64.b64encode(gzip.compress(whole, mtime=0)).decode(), {
        "columns": layout, "texts": names, "step": STEP, "fine_step": FINE_STEP,
        "missing": MISSING, "unknown": UNKNOWN, "no_error": NO_ERROR, "no_flag": NO_FLAG,
        "no_number": str(NO_NUMBER),  # a number of JavaScript would round it
        "wavelengths_nm": list(wavelengths_nm), "classes": list(classes),
    }
