"""What is wrong with params: a key that is not as in params/schema.py, or two that do not fit."""

import difflib
import json
import re
import reprlib
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Any, NotRequired

from pydantic import ConfigDict, TypeAdapter, ValidationError
from typing_extensions import TypedDict

from asteroid_taxonomy.params.schema import HIGHEST_IR, LOWEST_IR, SCHEMA


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
    if isinstance(kind, list):
        return _block(name, kind[0]) | None
    if not isinstance(kind, dict):
        return kind
    typed: Any = TypedDict  # mypy takes literals only
    block = typed(name, {
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
            block = block[0] if isinstance(block, list) else block
        return f"{key} is no key{near(str(loc[-1]), [name.rstrip('?') for name in block])}"
    scalar = input is None or isinstance(input, bool | int | float | str)
    given = json.dumps(input, ensure_ascii=False) if scalar else reprlib.repr(input)
    expected = re.sub("^(Value error, )?([A-Z][a-z]+ )?should", "should", msg)
    return f"{key} is {given[:60]}, and {expected}"


def _between_keys(params: Mapping[str, Any]) -> Iterator[str]:
    bands, train, taxonomy = params["bands"], params["train"], params["taxonomy"]
    spectra, matched = (params[block]["expected"] or {}
                        for block in ("fetch_spectra", "crossmatch"))
    complexes = taxonomy["complexes"]
    of: dict[str, str] = {}
    for name, classes in complexes.items():
        for each in classes:
            if of.setdefault(each, name) != name:
                yield (f"taxonomy.complexes has {each} in {of[each]} and in {name}, and should "
                       "have it in one")
    by_wavelength = matched.get("complex_reflectance") or {}
    grid = ("bands.wavelengths_nm", bands["wavelengths_nm"])
    for key, given, (where, known) in (
            ("bands.normalised_at_nm", [bands["normalised_at_nm"]], grid),
            *((f"train.used_bands_nm.{name}", nm, grid)
              for name, nm in train["used_bands_nm"].items()),
            ("fetch_spectra.expected.median_reflectance", spectra.get("median_reflectance"), grid),
            ("crossmatch.expected.complex_reflectance", by_wavelength, grid),
            *((f"crossmatch.expected.complex_reflectance.{nm}", ranges,
               ("taxonomy.complexes", complexes)) for nm, ranges in by_wavelength.items()),
            ("crossmatch.expected.complex_shares", matched.get("complex_shares"),
             ("taxonomy.complexes", complexes)),
            ("taxonomy.unknown_class", [taxonomy["unknown_class"] or next(iter(complexes))],
             ("taxonomy.complexes", complexes)),
            ("taxonomy.flagged_classes", taxonomy["feature_flags"] and taxonomy["flagged_classes"],
             ("taxonomy.complexes", of)),
            ("fetch_labels.columns.probabilities",
             params["fetch_labels"]["columns"]["probabilities"], ("taxonomy.complexes", of))):
        if unknown := [str(value) for value in given or () if value not in known]:
            yield f"{key} has {', '.join(unknown)}, which {where} has not"
    for table in ("fetch_spectra", "fetch_source_mapping", "fetch_labels"):
        columns = dict(params[table]["columns"])
        names = [*(columns.pop("probabilities", None) or {}).values(), *columns.values()]
        for name in sorted({name for name in names if names.count(name) > 1}):
            yield f"{table}.columns has {name} twice, and should have it for one role"
    opset, ir_version = params["export"]["opset"], params["export"]["ir_version"]
    if ir_version < LOWEST_IR[opset]:
        yield (f"export.ir_version is {ir_version}, and should be {LOWEST_IR[opset]} to "
               f"{HIGHEST_IR} with export.opset {opset}")
    if not params["search"]["ranges"]:
        yield "search.ranges is empty, and should have a hyperparameter of train.<train.model>"
