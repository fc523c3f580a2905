"""What an ONNX file of this project says about itself, read and checked.

Needs nothing but the file's metadata and the widths of its two tensors, so that what classifies
does not import onnx.
"""

import hashlib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from asteroid_taxonomy.console import PipelineError

FOLDER = Path("models")
MAIN = "asteroid_taxonomy"  # the first of train.used_bands_nm in params.yaml
ONNX_PATH = FOLDER / f"{MAIN}.onnx"
CLASSES_PATH = FOLDER / f"{MAIN}_classes.onnx"
INPUT_NAME = "float_input"
OUTPUT_NAME = "probabilities"
CLASSES_KEY = "classes"
WAVELENGTHS_KEY = "wavelengths_nm"
USED_BANDS_KEY = "used_bands_nm"
NORMALISED_KEY = "normalised_at_nm"
WIDTH_KEY = "width_nm"
THRESHOLD_KEY = "abstention_threshold"
SHA256_KEY = "sha256"  # of the file, with zeros for the digits of this sum
UNSEALED = "0" * 64
MAX_BYTES = 100_000_000  # of a file; the largest model here, a forest, has ten million
REDO = "run `dvc repro export`"


def onnx_path(name: str) -> Path:
    """Where the file of the model `name` lies."""
    return FOLDER / f"{name}.onnx"


@dataclass(frozen=True)
class Description:
    """What a program has to know to use the file, all of it from the file's metadata.

    classes : names of the probabilities' columns; wavelengths_nm : the bands of a spectrum;
    used : column numbers of the bands that must be present; normalised_at_nm : where a spectrum
    is 1; width_nm : of a band; threshold : confidence below which the class is better left open
    (0: never); survey : what it was trained on; metadata : all of them, as text by name.
    """

    classes: list[str]
    wavelengths_nm: list[int]
    used: list[int]
    normalised_at_nm: int
    width_nm: int
    threshold: float
    survey: str
    metadata: Mapping[str, str]


def bounded_bytes(path: Path) -> bytes:
    """The file's content, where it is a file of at most MAX_BYTES.

    Raises
    ------
    PipelineError
        No such file, not a file, too large, or not to be read.
    """
    try:
        if not path.is_file():
            raise PipelineError(f"{path} {'is not a file' if path.exists() else 'does not exist'};"
                                f" {REDO} to make it")
        if path.stat().st_size > MAX_BYTES:
            raise PipelineError(f"{path} has {path.stat().st_size:,} bytes, and a classifier of "
                                f"this project at most {MAX_BYTES:,}; {REDO} to make it anew")
        return path.read_bytes()
    except OSError as error:
        raise PipelineError(f"{path} cannot be read: {error.strerror}; check its permissions"
                            ) from None


def sealed(content: bytes) -> bytes:
    """The file's content, whose metadata have UNSEALED for SHA256_KEY, with its sum in it."""
    return content.replace(UNSEALED.encode(), hashlib.sha256(content).hexdigest().encode(), 1)


def intact(content: bytes, metadata: Mapping[str, str]) -> bool:
    """Whether the file is as it was when it was sealed; true of a file that never was."""
    digits = metadata.get(SHA256_KEY)
    if digits is None:
        return True
    as_it_was = content.replace(digits.encode(), UNSEALED.encode(), 1)
    return hashlib.sha256(as_it_was).hexdigest() == digits


def described(
    path: Path, metadata: Mapping[str, str], bands: int, outputs: int
) -> Description:
    """Read the metadata of a file whose input has `bands` and whose output has `outputs` columns.

    Raises
    ------
    PipelineError
        Something that a program needs is missing, or does not fit the rest.
    """
    def fail(sentence: str) -> PipelineError:
        return PipelineError(f"{path} {sentence}, so it is not a classifier of this project; "
                             f"{REDO} to make it anew")

    def get(key: str, read: Callable[[str], Any], what: str) -> Any:
        text = metadata.get(key)
        if text is None:
            raise fail(f"has no {key} in its metadata")
        try:
            return read(text)
        except ValueError:
            raise fail(f"should say {what} in its metadata's {key}, but says {text[:80]!r}"
                       ) from None

    nm = get(WAVELENGTHS_KEY, _ascending, "wavelengths in nm, ascending")
    used_nm = get(USED_BANDS_KEY, _ascending, "wavelengths in nm, ascending")
    normalised, width = (get(key, _positive, "a whole number of nm")
                         for key in (NORMALISED_KEY, WIDTH_KEY))
    classes = get(CLASSES_KEY, _names, "names of classes, each once")
    threshold = get(THRESHOLD_KEY, _probability, "a probability, or none")
    for key, named, columns in ((WAVELENGTHS_KEY, nm, bands), (CLASSES_KEY, classes, outputs)):
        if len(named) != columns:
            raise fail(f"names {len(named)} {key} for {columns} columns")
    for key, bands_nm in ((USED_BANDS_KEY, used_nm), (NORMALISED_KEY, [normalised])):
        if not set(bands_nm) <= set(nm):
            missing = ", ".join(str(band) for band in bands_nm if band not in nm)
            raise fail(f"has {missing} in its {key}, which is none of its wavelengths_nm")
    return Description(classes, nm, [nm.index(band) for band in used_nm], normalised, width,
                       threshold, get("survey", str, "a survey"), metadata)


def _ascending(text: str) -> list[int]:
    numbers = [_positive(number) for number in text.split(",")]
    if numbers != sorted(set(numbers)):
        raise ValueError
    return numbers


def _positive(text: str) -> int:
    if not 0 < int(text) < 1_000_000:
        raise ValueError
    return int(text)


def _names(text: str) -> list[str]:
    names = text.split(",")
    if len(set(names)) < len(names) or not all(
            name and name.isprintable() and name == name.strip() for name in names):
        raise ValueError
    return names


def _probability(text: str) -> float:
    value = 0.0 if text.lower() == "none" else float(text)
    if not (math.isfinite(value) and 0.0 <= value <= 1.0):
        raise ValueError
    return value
