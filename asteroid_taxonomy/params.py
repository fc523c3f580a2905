"""Read params.yaml and check it against a schema.

YAML is read as in DVC (version 1.2, in which 1e3 is a number). Hyperparameters have the names used
by scikit-learn.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    HttpUrl,
    TypeAdapter,
    ValidationError,
    model_validator,
)
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from asteroid_taxonomy.console import PipelineError

PARAMS = Path("params.yaml")
WHOLE = "complexes"  # a recipe replaces this mapping entirely: its names are free


def _checked(value: Any, holds: bool, message: str) -> Any:
    if not holds:
        raise ValueError(message)
    return value


Int = Annotated[int, BeforeValidator(
    lambda v: int(v) if isinstance(v, float) and v.is_integer() else v)]  # 1e3
Count = Annotated[Int, Field(ge=1, le=10**9)]
Seed = Annotated[Int, Field(ge=0, lt=2**32)]
Folds = Annotated[Int, Field(ge=2, le=50)]
Positive = Annotated[float, Field(gt=0, le=1e9)]
Share = Annotated[float, Field(gt=0, lt=1)]
Text = Annotated[str, AfterValidator(lambda v: _checked(
    v, v != "" and v == v.strip() and v.isprintable(), "expected one line of text"))]
Url = Annotated[str, AfterValidator(lambda v: _checked(
    v, bool(TypeAdapter(HttpUrl).validate_python(v)), ""))]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+$")]
Range = Annotated[tuple[float, float], BeforeValidator(
    lambda v: tuple(v) if isinstance(v, list) else v),
    AfterValidator(lambda v: _checked(v, v[0] <= v[1], "expected [lowest, highest]"))]


def _ascending(values: list[Any]) -> list[Any]:
    rises = all(a < b for a, b in zip(values, values[1:], strict=False))
    return _checked(values, rises and len(values) > 0, "expected values in ascending order")


Bands = Annotated[list[Count], AfterValidator(_ascending)]  # nm
Edges = Annotated[list[Positive], AfterValidator(_ascending)]
Shares = Annotated[list[Share], AfterValidator(_ascending)]


class Block(BaseModel):
    """A block of params.yaml: no unknown keys, no conversion of text to numbers."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, protected_namespaces=())


class BandParams(Block):
    wavelengths_nm: Bands
    normalised_at_nm: Count
    width_nm: Positive


class Tap(Block):
    connect_timeout_s: Positive
    read_timeout_s: Positive
    deadline_s: Positive
    backoff_s: Positive
    longest_pause_s: Positive


class Table(Block):
    service: Url
    release: Text
    table: Text
    citation: Text


class SpectraColumns(Block):
    source_id: Text
    number: Text | None
    name: Text | None
    num_of_spectra: Text | None
    wavelength: Text
    reflectance: Text
    error: Text
    flag: Text


class ExpectedSpectra(Block):
    asteroids: Range | None = None
    median_reflectance: dict[Count, Range] | None = None


class FetchSpectra(Table):
    columns: SpectraColumns
    rows_per_part: Count | None
    bounds: dict[Literal["number", "num_of_spectra", "reflectance", "error", "flag"],
                 Range | None]
    expected: ExpectedSpectra | None


class MappingColumns(Block):
    source_id: Text
    number: Text
    name: Text
    num_of_spectra: Text | None


class FetchSourceMapping(Table):
    spectra_table: Text
    columns: MappingColumns
    bounds: dict[Literal["number"], Range | None]


class LabelColumns(Block):
    model_config = ConfigDict(populate_by_name=True)
    number: Text
    class_: Text = Field(alias="class")
    probabilities: dict[Name, Text] | None


class FetchLabels(Table):
    columns: LabelColumns
    bounds: dict[Literal["number", "probability"], Range | None]
    expected: dict[Literal["rows"], Range | None] | None


class Taxonomy(Block):
    feature_flags: Annotated[str, Field(pattern=r"^[a-z]*$")]
    flagged_classes: list[Name]
    unknown_class: Name | None
    complexes: Annotated[dict[Name, Annotated[list[Name], Field(min_length=1)]],
                         Field(min_length=2)]


class ExpectedMatch(Block):  # shares, but for the medians complex_reflectance
    without_mapping: Range | None = None
    numbers_disagree: Range | None = None
    labelled_share: Range | None = None
    complex_shares: dict[Name, Range] | None = None
    complex_reflectance: dict[Count, dict[Name, Range]] | None = None


class Crossmatch(Block):
    first_labels: Count | None
    expected: ExpectedMatch | None


class Split(Block):
    target: Literal["complex", "class"]
    min_per_complex: Annotated[Int, Field(ge=2)]
    min_class_members: Annotated[Int, Field(ge=2)]
    test_fraction: Share
    seed: Seed


class UsedBands(Block):
    asteroid_taxonomy: Bands
    asteroid_taxonomy_visible: Bands


class GroundBased(Block):
    ratio: dict[Count, Positive]
    max_power: Annotated[float, Field(ge=0, le=10)]
    slope: Annotated[float, Field(ge=0, le=1)]


class Model(Block):
    """The hyperparameters that all models have."""

    plain_onnx: ClassVar[bool] = False  # whether it exports to operators of ONNX's own domain
    learn: Literal["class", "target"]
    noisy_copies: Annotated[Int, Field(ge=0, le=1000)]

    def hyperparameters(self) -> dict[str, Any]:
        """Keyword arguments for the scikit-learn estimator: those that are set explicitly."""
        return self.model_dump(exclude={"learn", "noisy_copies"}, exclude_unset=True)


class Mlp(Model):
    plain_onnx = True
    hidden_layer_sizes: Annotated[list[Count], Field(min_length=1)]
    alpha: Annotated[float, Field(ge=0, le=1e6)]
    batch_size: Count | Literal["auto"]
    max_iter: Count
    random_state: Annotated[Int, Field(ge=0, lt=2**31)]
    activation: Literal["relu", "tanh", "logistic", "identity"] = "relu"
    learning_rate_init: Annotated[float, Field(gt=0, le=10)] = 0.001
    early_stopping: bool = False
    solver: Literal["adam", "sgd", "lbfgs"] = "adam"
    learning_rate: Literal["constant", "invscaling", "adaptive"] = "constant"
    validation_fraction: Share = 0.1
    n_iter_no_change: Count = 10
    tol: Annotated[float, Field(ge=0, le=1)] = 1e-4


class MlpEnsemble(Mlp):
    networks: Annotated[Int, Field(ge=1, le=1000)]


class LogisticRegression(Model):
    C: Positive
    max_iter: Count
    class_weight: Literal["balanced"] | None = None


class Trees(Model):
    n_estimators: Count
    min_samples_leaf: Count
    random_state: Seed
    max_depth: Count | None = None
    class_weight: Literal["balanced"] | None = None


class Svc(Model):
    C: Positive
    gamma: Positive | Literal["scale"]
    calibration_folds: Folds
    class_weight: Literal["balanced"] | None = None


class Train(Block):
    model: Literal["mlp_ensemble", "mlp", "logistic_regression", "random_forest", "extra_trees",
                   "svc"]
    used_bands_nm: UsedBands
    augmentation_seed: Seed
    ground_based: GroundBased | None
    mlp_ensemble: MlpEnsemble
    mlp: Mlp
    logistic_regression: LogisticRegression
    random_forest: Trees
    extra_trees: Trees
    svc: Svc

    @property
    def chosen(self) -> Model:
        """The block of the selected `model`."""
        block: Model = getattr(self, self.model)
        return block


class VisibleCalibration(Block):
    threshold: Annotated[float, Field(ge=0, le=1)]
    least_probability: dict[Name, Annotated[float, Field(ge=0, le=1)]]


class Calibration(Block):
    folds: Folds
    seed: Seed
    accuracy: Annotated[float, Field(gt=0, le=1)]
    above_majority: Annotated[float, Field(ge=0, lt=1)] | None
    coverage: Share
    snr_edges: Edges
    snr_groups: Edges
    visible: VisibleCalibration | None


class Crossvalidate(Block):
    repeats: Annotated[Int, Field(ge=1, le=1000)]
    published_seeds: Annotated[Int, Field(ge=1, le=1000)]
    learning_curve: Shares
    label_probability_edges: Shares
    expected: dict[Literal["accuracy"], Range | None] | None


class Export(Block):
    opset: Annotated[Int, Field(ge=13, le=21)]
    ir_version: Annotated[Int, Field(ge=7, le=10)]


class Verify(Block):
    max_difference: Annotated[float, Field(gt=0, le=0.01)]
    max_bytes: Count


class Cyberether(Block):
    batch: Annotated[Int, Field(ge=2, le=65_536)]  # CyberEther plots two values or more
    batches: Annotated[Int, Field(ge=1, le=65_536)]


class Catalogue(Block):
    name: Name


class Params(Block):
    """The content of params.yaml."""

    source: Literal["archives", "sample"]
    bands: BandParams
    tap: Tap
    fetch_spectra: FetchSpectra
    fetch_source_mapping: FetchSourceMapping
    fetch_labels: FetchLabels
    taxonomy: Taxonomy
    crossmatch: Crossmatch
    split: Split
    train: Train
    calibration: Calibration
    crossvalidate: Crossvalidate
    export: Export
    verify: Verify
    cyberether: Cyberether
    catalogue: Catalogue

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        """Check that keys are consistent with each other."""
        grid, complexes = self.bands.wavelengths_nm, self.taxonomy.complexes
        of: dict[str, str] = {}
        for name, classes in complexes.items():
            for each in classes:
                if of.setdefault(each, name) != name:
                    raise ValueError(f"taxonomy.complexes has {each} in {of[each]} and in {name}")
        match, spectra = self.crossmatch.expected, self.fetch_spectra.expected
        by_nm = (match and match.complex_reflectance) or {}
        used, ground = self.train.used_bands_nm, self.train.ground_based
        for key, given, known, where in (
            ("bands.normalised_at_nm", [self.bands.normalised_at_nm], grid,
             "bands.wavelengths_nm"),
            ("train.used_bands_nm", [*used.asteroid_taxonomy, *used.asteroid_taxonomy_visible],
             grid, "bands.wavelengths_nm"),
            ("train.ground_based.ratio", ground.ratio if ground else (), grid,
             "bands.wavelengths_nm"),
            ("fetch_spectra.expected", (spectra and spectra.median_reflectance) or (), grid,
             "bands.wavelengths_nm"),
            ("crossmatch.expected", by_nm, grid, "bands.wavelengths_nm"),
            ("crossmatch.expected", [c for each in by_nm.values() for c in each], complexes,
             "taxonomy.complexes"),
            ("crossmatch.expected", (match and match.complex_shares) or (), complexes,
             "taxonomy.complexes"),
            ("taxonomy.unknown_class", [self.taxonomy.unknown_class or next(iter(complexes))],
             complexes, "taxonomy.complexes"),
            ("taxonomy.flagged_classes", self.taxonomy.flagged_classes
             if self.taxonomy.feature_flags else (), of, "taxonomy.complexes"),
        ):
            for value in given:
                if value not in known:
                    raise ValueError(f"{key} has {value}, which {where} lacks")
        for role in ("num_of_spectra", "name"):
            if not (getattr(self.fetch_spectra.columns, role)
                    or getattr(self.fetch_source_mapping.columns, role)):
                raise ValueError(f"{role} is null in both fetch_spectra.columns and "
                                 "fetch_source_mapping.columns")
        return self


def load_params(path: Path = PARAMS) -> Params:
    """Read and check params.yaml; PipelineError if it is missing or not as in `Params`."""
    return validated(read_yaml(path), str(path))


def validated(content: Mapping[str, Any], where: str = str(PARAMS)) -> Params:
    """Check all params; PipelineError names the first invalid key."""
    try:
        return Params.model_validate(content)
    except ValidationError as error:
        first, *more = error.errors(include_url=False)
        key = ".".join(str(part) for part in first["loc"] if "[" not in str(part))  # a union's
        what = ("there is no such key" if first["type"] == "extra_forbidden"
                else first["msg"].removeprefix("Value error, "))
        given = json.dumps(first["input"], default=str, ensure_ascii=False)
        shown = f"{key} is {given}: " if key and len(given) < 40 else f"{key}: " if key else ""
        also = f" (and {len(more)} more)" if more else ""
        raise PipelineError(f"{where}: {shown}{what[:100]}{also}; correct it") from None


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a YAML mapping, such as a recipe; PipelineError if it is missing or not valid."""
    try:
        content = YAML(typ="safe").load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise PipelineError(f"{path} not found; run this in the project's top folder") from None
    except (YAMLError, ValueError, RecursionError, OSError) as error:
        what = " ".join(str(error).split())[:120]
        raise PipelineError(f"{path} is not valid YAML: {what}; correct it") from None
    if not isinstance(content, dict):
        raise PipelineError(f"{path} should contain names and values; restore it with git "
                            "checkout")
    return content


def merged(params: dict[str, Any], recipe: Mapping[str, Any]) -> dict[str, Any]:
    """Merge a recipe into params, key by key, but replace `complexes` entirely.

    The result has the type of `params`; the type from ruamel.yaml preserves comments.
    PipelineError if params lacks a key.
    """
    out = params.copy()
    for key, value in recipe.items():
        if key not in params:
            raise PipelineError(f"the recipe sets {key}, which {PARAMS} lacks; correct the recipe")
        nested = (isinstance(value, Mapping) and isinstance(params[key], Mapping)
                  and key != WHOLE)
        out[key] = merged(params[key], value) if nested else value
    return out
