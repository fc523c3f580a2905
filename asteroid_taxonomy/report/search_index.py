"""Every asteroid's spectrum and probabilities, small enough to stand in one page.

Numbers become integers of a fixed step, columns follow each other, the whole is compressed and
written in base64. The page knows where each column lies from the layout.
"""

import base64
import gzip
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from asteroid_taxonomy.asteroids import error_columns, flag_columns, matrix, reflectance_columns

STEP = 0.001  # of reflectances and errors; the median error is 0.03
PROBABILITY_STEP = 0.0001
NO_NUMBER = -(2**63)
MISSING = -(2**15)  # of a reflectance
UNKNOWN = 2**16 - 1  # of a probability or an error
NO_FLAG = 2**8 - 1
ALIGNED = 8  # bytes: where a column of whatever type may begin
# asteroids that people have heard of, by number and name: offered where the catalogue has them
FAMOUS = {433: "Eros", 4: "Vesta", 1: "Ceres", 162173: "Ryugu", 16: "Psyche"}


def quantised(
    values: npt.NDArray[np.floating], step: float, dtype: type[np.integer[Any]], null: int
) -> npt.NDArray[np.integer[Any]]:
    """Whole numbers of `step`, held within the type's range but for `null`, which is NaN."""
    limits = np.iinfo(dtype)
    low, high = limits.min + (null == limits.min), limits.max - (null == limits.max)
    rounded = np.rint(np.clip(np.nan_to_num(values) / step, low, high))
    return np.where(np.isnan(values), null, rounded).astype(dtype)


def codes(values: Sequence[str | None], names: Sequence[str]) -> npt.NDArray[np.uint16]:
    """Position of each value in `names` plus 1; 0 for None and for what is not among them."""
    place: dict[str | None, int] = {name: i for i, name in enumerate(names, 1)}
    return np.array([place.get(value, 0) for value in values], np.uint16)


def chips(catalogue: pd.DataFrame, classes: Sequence[str]) -> list[tuple[str, int]]:
    """Name and row of asteroids to begin with: famous ones, or the brightest of each complex."""
    called = catalogue["name"].str.lower()
    famous = [(name, (catalogue["number"] == number) & (called == name.lower()))
              for number, name in FAMOUS.items()]
    if any(is_one.any() for _, is_one in famous):
        return [(name, int(is_one.argmax())) for name, is_one in famous if is_one.any()]
    rows = catalogue.reset_index(drop=True).groupby("complex")["snr"].idxmax()
    return [(str(catalogue["name"].iloc[rows[name]]), int(rows[name]))
            for name in classes if name in rows]


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
        The complex that each one's label stands for.
    wavelengths_nm, classes : sequence
        The grid in nm, of any length; the complexes.
    """
    literature, told = (sorted({c for c in catalogue[name].to_pylist() if c})
                        for name in ("literature_class", "class"))
    columns: Mapping[str, npt.NDArray[Any]] = {
        "number": catalogue["number"].fill_null(NO_NUMBER).to_numpy(),
        "snr": catalogue["snr"].to_numpy().astype(np.float32),
        "flags": quantised(matrix(asteroids, flag_columns(wavelengths_nm)), 1, np.uint8, NO_FLAG),
        "reflectance": quantised(matrix(asteroids, reflectance_columns(wavelengths_nm)), STEP,
                                 np.int16, MISSING),
        "error": quantised(matrix(asteroids, error_columns(wavelengths_nm)), STEP, np.uint16,
                           UNKNOWN),
        "probability": quantised(matrix(catalogue, [f"probability_{c}" for c in classes]),
                                 PROBABILITY_STEP, np.uint16, UNKNOWN),
        "spread": quantised(matrix(catalogue, [f"spread_{c}" for c in classes]),
                            PROBABILITY_STEP, np.uint16, UNKNOWN),
        "expected": quantised(matrix(catalogue, ["expected_accuracy"])[:, 0], PROBABILITY_STEP,
                              np.uint16, UNKNOWN),
        "class_probability": quantised(matrix(catalogue, ["class_probability"])[:, 0],
                                       PROBABILITY_STEP, np.uint16, UNKNOWN),
        "class": codes(catalogue["class"].to_pylist(), told),
        "literature": codes(catalogue["literature_class"].to_pylist(), literature),
        "target": codes(target, classes),
        "abstained": catalogue["abstained"].to_numpy().astype(np.uint8),
        "in_training": catalogue["in_training"].to_numpy().astype(np.uint8),
        # as JSON: whatever character a name has, the next one stays the next one
        "name": np.frombuffer(json.dumps(catalogue["name"].fill_null("").to_pylist(),
                                         ensure_ascii=False).encode(), np.uint8),
    }
    layout: dict[str, list[Any]] = {}
    whole = bytearray()
    for name, values in columns.items():
        layout[name] = [values.dtype.name, len(whole), values.size]
        whole += np.ascontiguousarray(values.astype(values.dtype.newbyteorder("<"))).tobytes()
        whole += bytes(-len(whole) % ALIGNED)
    packed = gzip.compress(whole, mtime=0)
    return base64.b64encode(packed).decode(), {
        "columns": layout, "literature": literature, "told": told, "step": STEP,
        "probability_step": PROBABILITY_STEP, "missing": MISSING, "unknown": UNKNOWN,
        "no_flag": NO_FLAG, "no_number": str(NO_NUMBER),  # a number of JavaScript would round it
        "wavelengths_nm": list(wavelengths_nm), "classes": list(classes),
    }
