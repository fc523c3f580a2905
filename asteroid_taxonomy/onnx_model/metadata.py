"""The metadata of an ONNX file of this project: written by export, read by whatever classifies.

In the file they are text by name: lists joined by commas, mappings as JSON, `none` for no value.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from asteroid_taxonomy.console import PipelineError

FOLDER = Path("models")
MAIN, VISIBLE = "asteroid_taxonomy", "asteroid_taxonomy_visible"  # in train.used_bands_nm
ONNX_PATH, CLASSES_PATH = FOLDER / f"{MAIN}.onnx", FOLDER / f"{MAIN}_classes.onnx"
JSON_PATH = FOLDER / f"{MAIN}.json"  # onnxruntime-web does not give a file's metadata
INPUT_NAME, OUTPUT_NAME = "float_input", "probabilities"


def onnx_path(name: str) -> Path:
    """The ONNX file of the model `name`."""
    return FOLDER / f"{name}.onnx"


_split = BeforeValidator(lambda v: (v.split(",") if v else []) if isinstance(v, str) else v)
_json = BeforeValidator(lambda v: json.loads(v) if isinstance(v, str) else v)
_none = BeforeValidator(lambda v: None if v == "none" else v)
Bands = Annotated[list[int], _split, Field(min_length=1)]
Numbers = Annotated[dict[str, int], _json]
Texts = Annotated[dict[str, str], _json]
Columns = Annotated[dict[str, str | None], _json]


class Metadata(BaseModel):
    """What the file says about itself; unknown keys are ignored.

    The fields without a default are what a program needs. least_probability has, by class, the
    lowest probability at which the class cannot be excluded, one value for each group of S/N;
    `snr_below` has the groups' upper edges, null for the last. above_threshold is the block of
    reports/calibration.json; rows counts those of the archives' tables.
    """

    model_config = ConfigDict(frozen=True)

    classes: Annotated[list[str], _split, Field(min_length=2)]
    wavelengths_nm: Bands
    used_bands_nm: Bands
    normalised_at_nm: int
    width_nm: float
    abstention_threshold: Annotated[float | None, _none]
    least_probability: Annotated[dict[str, list[float | None]], _json]
    survey: str
    input: str = "reflectance of each wavelength of wavelengths_nm, 1 at normalised_at_nm"
    missing_values: str = ("NaN in a band of used_bands_nm: every probability is NaN, "
                           "not classified; in another band: no effect")
    above_threshold: Annotated[dict[str, Any], _json] = {}
    class_precision: Annotated[dict[str, float | None], _json] = {}
    taxonomy: str = ""
    complexes: Annotated[dict[str, list[str]], _json] = {}
    feature_flags: str = ""
    flagged_classes: Annotated[list[str], _split] = []
    spectra_service: str = ""
    spectra_table: str = ""
    spectra_columns: Columns = {}
    mapping_table: str = ""
    mapping_columns: Columns = {}
    rows: Numbers = {}
    trained_on: Numbers = {}
    held_out: Numbers = {}
    split: str = ""
    sha256: Texts = {}
    versions: Texts = {}
    licence: str = ""
    citation: str = ""

    def to_text(self) -> dict[str, str]:
        """Text by name, as it is stored in the file."""
        return {key: _text(value) for key, value in self.model_dump().items()}

    @classmethod
    def from_text(cls, text: Mapping[str, str], path: Path) -> "Metadata":
        """Read what `to_text` gave; PipelineError names the file `path` if a value is wrong."""
        try:
            return cls.model_validate(text)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            key = ".".join(map(str, first["loc"]))
            raise PipelineError(f"{path} is not a classifier of this project: metadata {key}: "
                                f"{first['msg'][:80]}; run dvc repro export") from None


def _text(value: Any) -> str:
    if isinstance(value, list):
        return ",".join(map(str, value))
    if isinstance(value, dict):
        return json.dumps(value)
    if isinstance(value, float):
        return f"{value:g}"
    return "none" if value is None else str(value)
