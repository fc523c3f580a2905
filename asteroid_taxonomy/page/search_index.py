"""Every asteroid's spectrum and probabilities, small enough to stand in one page.

Numbers become integers of a fixed step, columns follow each other, the whole is compressed and
written in base64. The page knows where each column lies from `layout`.
"""

import base64
import gzip
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from asteroid_taxonomy.asteroids import error_columns, flag_columns, matrix, reflectance_columns

STEP = 0.001  # of reflectances and errors; the median error is 0.03
PROBABILITY_STEP = 0.0001
NO_NUMBER = -(2**31)
MISSING = -(2**15)  # of a reflectance
UNKNOWN = 2**16 - 1  # of a probability or an error


def quantised(
    values: npt.NDArray[np.floating], step: float, dtype: type[np.integer[Any]], null: int
) -> npt.NDArray[np.integer[Any]]:
    """Whole numbers of `step`, held within the type's range but for `null`, which is NaN."""
    limits = np.iinfo(dtype)
    low, high = limits.min + (null == limits.min), limits.max - (null == limits.max)
    rounded = np.rint(np.clip(np.nan_to_num(values) / step, low, high))
    return np.where(np.isnan(values), null, rounded).astype(dtype)


def codes(values: Sequence[str | None], names: Sequence[str]) -> npt.NDArray[np.uint8]:
    """Position of each value in `names` plus 1; 0 for None."""
    place = {name: i for i, name in enumerate(names, 1)}
    return np.array([place[v] if v is not None else 0 for v in values], np.uint8)


def encoded(
    catalogue: pa.Table, asteroids: pa.Table, wavelengths_nm: Sequence[int],
    classes: Sequence[str], bins: Sequence[str],
) -> tuple[str, dict[str, Any]]:
    """Base64 of all columns, and their layout: name -> [type, offset in bytes, length].

    Parameters
    ----------
    catalogue, asteroids : pyarrow.Table
        The same asteroids in the same order.
    wavelengths_nm, classes, bins : sequence
        The grid in nm, the complexes, the names of the S/N bins.
    """
    flags = matrix(asteroids, flag_columns(wavelengths_nm)).astype(np.uint32)
    two_bits = (flags << (2 * np.arange(len(wavelengths_nm), dtype=np.uint32))).sum(axis=1)
    literature = sorted({c for c in catalogue["literature_class"].to_pylist() if c})
    number = catalogue["number"].fill_null(NO_NUMBER).to_numpy()
    columns: Mapping[str, npt.NDArray[Any]] = {  # the widest first: offsets stay aligned
        "number": number.astype(np.int32),
        "snr": catalogue["snr"].to_numpy().astype(np.float32),
        "flags": two_bits.astype(np.uint32),
        "reflectance": quantised(matrix(asteroids, reflectance_columns(wavelengths_nm)), STEP,
                                 np.int16, MISSING),
        "error": quantised(matrix(asteroids, error_columns(wavelengths_nm)), STEP, np.uint16,
                           UNKNOWN),
        "probability": quantised(matrix(catalogue, [f"probability_{c}" for c in classes]),
                                 PROBABILITY_STEP, np.uint16, UNKNOWN),
        "literature": codes(catalogue["literature_class"].to_pylist(), literature),
        "bin": codes(catalogue["snr_bin"].to_pylist(), bins),
        "abstained": catalogue["abstained"].to_numpy().astype(np.uint8),
        "in_training": catalogue["in_training"].to_numpy().astype(np.uint8),
        "name": np.frombuffer("\n".join(catalogue["name"].fill_null("").to_pylist()).encode(),
                              np.uint8),
    }
    layout: dict[str, list[Any]] = {}
    parts, offset = [], 0
    for name, values in columns.items():
        raw = np.ascontiguousarray(values.astype(values.dtype.newbyteorder("<"))).tobytes()
        layout[name] = [values.dtype.name, offset, values.size]
        parts.append(raw)
        offset += len(raw)
    packed = gzip.compress(b"".join(parts), mtime=0)
    return base64.b64encode(packed).decode(), {
        "columns": layout, "literature": literature, "bins": list(bins), "step": STEP,
        "probability_step": PROBABILITY_STEP, "missing": MISSING, "unknown": UNKNOWN,
        "no_number": NO_NUMBER, "wavelengths_nm": list(wavelengths_nm), "classes": list(classes),
    }
