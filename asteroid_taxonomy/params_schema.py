"""What every key of params.yaml must be, in the form of the file, and what must hold between keys.

A new key is a line in SCHEMA. A block is a dict; a key with a question mark need not be there.
"""

import difflib
import json
import re
import reprlib
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Annotated, Any, Literal, NotRequired

from pydantic import ConfigDict, Field, StrictBool, TypeAdapter, ValidationError
from typing_extensions import TypedDict

from asteroid_taxonomy.params_kinds import (
    NAME,
    NAMES,
    NM,
    POSITIVE,
    SECONDS,
    SEED,
    SHARE,
    TEXT,
    URL,
    ascending,
    either,
    number,
    whole,
)

MOST_BANDS = 62  # asteroids.names_of has a bit for each in an int64
# opset of ai.onnx -> the lowest IR version that ONNX allows with it; each pair of the two exports
LOWEST_IR = {13: 7, 14: 7, 15: 8, 16: 8, 17: 8, 18: 8, 19: 9, 20: 9, 21: 10}
HIGHEST_IR = 10

TABLE = {"service": URL, "release": TEXT, "table": TEXT, "citation": TEXT}
IDENTITY = {"source_id": TEXT, "number": TEXT, "name": TEXT}
# hyperparameters are named as scikit-learn names them
EVERY_MODEL = {"learn": Literal["class", "target"], "noisy_copies": whole(0, 1000)}
ACTIVATION, LEARNING_RATE = Literal["relu", "tanh", "logistic", "identity"], number(gt=0, le=10)
MLP = EVERY_MODEL | {
    "hidden_layer_sizes": Annotated[list[whole(1, 10_000)], Field(min_length=1)],
    "alpha": number(ge=0, le=1e6),
    "batch_size": Annotated[whole(1, 1_000_000), either("auto")],
    "max_iter": whole(1, 100_000),
    "random_state": whole(0, 2**31 - 1),
    "solver?": Literal["adam", "sgd", "lbfgs"],
    "learning_rate?": Literal["constant", "invscaling", "adaptive"],
    "validation_fraction?": SHARE,
    "n_iter_no_change?": whole(1, 100_000),
    "tol?": number(ge=0, le=1),
}
TREES = EVERY_MODEL | {"n_estimators": whole(1, 100_000), "min_samples_leaf": whole(1, 10_000),
                       "random_state": SEED, "max_depth?": whole(1, 10_000),
                       "class_weight?": Literal["balanced"]}
MODELS: dict[str, dict[str, Any]] = {
    "mlp_ensemble": MLP | {"networks": whole(1, 1000), "activation": ACTIVATION,
                           "learning_rate_init": LEARNING_RATE, "early_stopping?": StrictBool},
    "mlp": MLP | {"early_stopping": StrictBool, "activation?": ACTIVATION,
                  "learning_rate_init?": LEARNING_RATE},
    "logistic_regression": EVERY_MODEL | {"C": POSITIVE, "max_iter": whole(1, 1_000_000),
                                          "class_weight?": Literal["balanced"]},
    "random_forest": TREES,
    "extra_trees": TREES,
    "svc": EVERY_MODEL | {"C": POSITIVE, "gamma": Annotated[POSITIVE, either("scale")],
                          "calibration_folds": whole(2, 50),
                          "class_weight?": Literal["balanced"]},
}

RANGES = {f"{key.rstrip('?')}?": Annotated[list[kind], Field(min_length=1)]  # type: ignore[valid-type]
          for model in MODELS.values() for key, kind in model.items()}

SCHEMA: dict[str, Any] = {
    "source": Literal["archives", "simulated"],
    "bands": {
        "wavelengths_nm": ascending(NM, 2, MOST_BANDS),
        "normalised_at_nm": NM,
        "width_nm": number(gt=0, le=10_000),
    },
    "tap": {
        "connect_timeout_s": SECONDS,
        "read_timeout_s": SECONDS,
        "deadline_s": SECONDS,
        "backoff_s": SECONDS,
        "longest_pause_s": SECONDS,
    },
    "fetch_spectra": TABLE | {
        "columns": IDENTITY | {"num_of_spectra": TEXT, "wavelength": TEXT, "reflectance": TEXT,
                               "error": TEXT, "flag": TEXT},
        "reflectance_bounds": ascending(number(), 2, 2),
    },
    "fetch_source_mapping": TABLE | {"spectra_table": TEXT, "columns": IDENTITY},
    "fetch_labels": TABLE | {
        "columns": {"number": TEXT, "class": TEXT, "probabilities": dict[NAME, TEXT]},
    },
    "taxonomy": {
        "feature_flags": Annotated[str, Field(pattern="^[a-z]*$")],
        "flagged_classes": NAMES,
        "unknown_class": NAME | None,
        "complexes": Annotated[dict[NAME, Annotated[NAMES, Field(min_length=1)]],
                               Field(min_length=2)],
    },
    "crossmatch": {"first_labels": whole(1) | None},
    "split": {
        "target": Literal["complex", "class"],
        "min_per_complex": whole(2, 1_000_000),
        "min_class_members": whole(2, 1_000_000),
        "test_fraction": SHARE,
        "seed": SEED,
    },
    "train": {
        "model": Literal[tuple(MODELS)],
        "used_bands_nm": ascending(NM),
        "augmentation_seed": SEED,
        **MODELS,
    },
    "crossvalidate": {
        "folds": whole(2, 50),
        "repeats": whole(1, 1000),
        "seed": SEED,
        "published_seeds": whole(1, 1000),
        "learning_curve": ascending(SHARE),
        "snr_edges": ascending(POSITIVE),
        "label_probability_edges": ascending(SHARE),
        "abstention_accuracy": number(gt=0, le=1),
    },
    "search": {
        "candidates": whole(1, 100_000),
        "inner_folds": whole(2, 50),
        "outer_folds": whole(2, 50),
        "seed": SEED,
        "ranges": RANGES,
    },
    "calibration": {"abstention_threshold": number(ge=0, le=1) | None},
    "export": {"opset": whole(min(LOWEST_IR), max(LOWEST_IR)), "ir_version": whole(7, HIGHEST_IR)},
    "verify": {"max_difference": number(gt=0, le=0.01), "max_bytes": whole(1)},
    "cyberether": {"batch": whole(1, 65_536), "batches": whole(1, 65_536),
                   "interval_ms": whole(0, 3_600_000)},
    "catalogue": {"name": NAME},
    "page": {"complexes": dict[NAME, TEXT], "labels": TEXT, "limitations": list[TEXT]},
}


def faults(params: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Give the params with numbers of the right type, and a clause for each thing wrong."""
    try:
        valid: dict[str, Any] = _of_the_whole().validate_python(params)
    except ValidationError as error:
        found = error.errors(include_url=False)
        found.sort(key=lambda fault: fault["type"] != "extra_forbidden")  # why others are missing
        return {}, [_clause(**fault) for fault in found]
    return valid, list(_between_keys(valid))


def near(key: str, keys: Iterable[str]) -> str:
    """Say which of `keys` a misspelt one may stand for."""
    return "".join(f"; did you mean {name}?" for name in difflib.get_close_matches(key, keys, 1))


@cache
def _of_the_whole() -> TypeAdapter[Any]:
    return TypeAdapter(_block("params", SCHEMA))


def _block(name: str, kind: Any) -> Any:
    if not isinstance(kind, dict):
        return kind
    block = TypedDict(name, {  # type: ignore[operator]
        key.rstrip("?"): NotRequired[_block(key, of)] if key.endswith("?") else _block(key, of)
        for key, of in kind.items()})
    block.__pydantic_config__ = ConfigDict(extra="forbid")
    return block


def _clause(type: str, loc: tuple[str | int, ...], msg: str, input: Any, **_: Any) -> str:
    key = ".".join(map(str, loc))
    if type == "missing":
        return f"{key} is missing"
    if type in ("extra_forbidden", "invalid_key"):
        block: Any = SCHEMA
        for name in loc[:-1]:
            block = block[name]
        return f"{key} is no key{near(str(loc[-1]), [name.rstrip('?') for name in block])}"
    scalar = input is None or isinstance(input, bool | int | float | str)
    given = json.dumps(input, ensure_ascii=False) if scalar else reprlib.repr(input)
    expected = re.sub("^(Value error, )?([A-Z][a-z]+ )?should", "should", msg)
    return f"{key} is {given[:60]}, and {expected}"


def _between_keys(params: Mapping[str, Any]) -> Iterator[str]:
    grid, taxonomy = params["bands"]["wavelengths_nm"], params["taxonomy"]
    for key, wanted in (("bands.normalised_at_nm", [params["bands"]["normalised_at_nm"]]),
                        ("train.used_bands_nm", params["train"]["used_bands_nm"])):
        for nm in wanted:
            if nm not in grid:
                yield f"{key} has {nm}, which bands.wavelengths_nm has not"
    for table in ("fetch_spectra", "fetch_source_mapping", "fetch_labels"):
        columns = dict(params[table]["columns"])
        names = [*columns.pop("probabilities", {}).values(), *columns.values()]
        for name in sorted({name for name in names if names.count(name) > 1}):
            yield f"{table}.columns has {name} twice, and should have it for one role"
    of: dict[str, str] = {}
    for name, classes in taxonomy["complexes"].items():
        for each in classes:
            if of.setdefault(each, name) != name:
                yield (f"taxonomy.complexes has {each} in {of[each]} and in {name}, and should "
                       "have it in one")
    for key, classes in (("taxonomy.flagged_classes", taxonomy["flagged_classes"]),
                         ("fetch_labels.columns.probabilities",
                          params["fetch_labels"]["columns"]["probabilities"])):
        if unknown := [each for each in classes if each not in of]:
            yield f"{key} has {', '.join(unknown)}, which taxonomy.complexes has not"
    if taxonomy["unknown_class"] not in (None, *taxonomy["complexes"]):
        yield (f"taxonomy.unknown_class is {taxonomy['unknown_class']}, and should be null or one "
               f"of {', '.join(taxonomy['complexes'])}")
    opset, ir_version = params["export"]["opset"], params["export"]["ir_version"]
    if ir_version < LOWEST_IR[opset]:
        yield (f"export.ir_version is {ir_version}, and should be {LOWEST_IR[opset]} to "
               f"{HIGHEST_IR} with export.opset {opset}")
    if not params["search"]["ranges"]:
        yield "search.ranges is empty, and should have a hyperparameter of train.<train.model>"
