"""What params.yaml may hold, and how a wrong value is reported."""

import math
from copy import deepcopy
from datetime import date

import pytest
from dvc.utils.serialize import parse_yaml

from asteroid_taxonomy.console import MAX_MESSAGE, PipelineError
from asteroid_taxonomy.params import WHOLE, load_params, merged, read_yaml, validated
from tests.project_fixtures import TOP

PARAMS = read_yaml(TOP / "params.yaml")
WRONG = [None, "text", "", " ", "0.5", math.nan, math.inf, -1, 0, 0.5, 10**9, 1e30, True,
         date(2026, 1, 1), [], {}, [None], ["a", "a"]]


def keys_of(block, above=()):
    for name, value in block.items():
        yield (*above, name)
        if isinstance(value, dict):
            yield from keys_of(value, (*above, name))


def changed(key, value):
    """The params with another value of a key, given with dots."""
    params = deepcopy(PARAMS)
    *above, last = key.split(".") if isinstance(key, str) else key
    block = params
    for name in above:
        block = block[name]
    block[last] = value
    return params


def message_of(params):
    """The message with which params are refused; "" if they are not."""
    try:
        validated(params)
    except PipelineError as error:
        return str(error)
    return ""


def test_any_value_of_any_key_passes_or_is_reported_in_one_line_that_names_the_key():
    refused = 0
    for key in keys_of(PARAMS):
        for value in WRONG:
            if message := message_of(changed(key, value)):
                refused += 1
                assert str(key[0]) in message and "\n" not in message, (key, value)
                assert len(message) <= MAX_MESSAGE, message
    assert refused > 1000


def test_a_misspelt_key_is_refused_in_every_block():
    for key in keys_of(PARAMS):
        named = {WHOLE, "probabilities", "least_probability"} & set(key[:-1])
        if not named and isinstance(key[-1], str):
            renamed = (*key[:-1], f"{key[-1]}x")
            assert f"{key[-1]}x" in message_of(changed(renamed, 1)), key


@pytest.mark.parametrize(("key", "value", "message"), [
    ("split.seed", None, "split.seed is null: Input should be a valid integer"),
    ("split.test_fraction", 1, "split.test_fraction is 1: Input should be less than 1"),
    ("calibration.folds", 1, "calibration.folds is 1: "),
    ("train.used_bands_nm.asteroid_taxonomy", [418, 418, 462], "expected values in ascending"),
    ("train.used_bands_nm.asteroid_taxonomy", [418, 999], "has 999, which bands.wavelengths_nm"),
    ("bands.normalised_at_nm", 555, "bands.normalised_at_nm has 555"),
    ("fetch_spectra.bounds.reflectance", [30.0, -30.0], "expected [lowest, highest]"),
    ("crossmatch.expected.complex_shares", {"Y": [0.0, 1.0]}, "has Y, which taxonomy.complexes"),
    ("fetch_spectra.expected.median_reflectance", {555: [0.0, 1.0]}, "has 555, which bands.wave"),
    ("fetch_spectra.service", "gea.esac.esa.int/tap", "fetch_spectra.service"),
    ("fetch_spectra.table", "a\nb", "expected one line of text"),
    ("taxonomy.complexes.S", ["S", "B"], "taxonomy.complexes has B in C and in S"),
    ("taxonomy.flagged_classes", ["E", "Y"], "taxonomy.flagged_classes has Y"),
    ("taxonomy.unknown_class", "Y", "taxonomy.unknown_class has Y"),
    ("train.model", "mpl", "train.model is \"mpl\": Input should be 'mlp_ensemble'"),
    ("train.mlp.alpha", -0.1, "train.mlp.alpha is -0.1: "),
    ("train.mlp.alhpa", 1, "train.mlp.alhpa"),
    ("catalogue.name", "../x", "catalogue.name is \"../x\""),
])
def test_a_wrong_value_is_reported_with_what_is_expected(key, value, message):
    assert message in message_of(changed(key, value))


@pytest.mark.parametrize("text", ["5e-5", "1e3", ".5", "0o17", ".inf", ".nan", "yes", "~", "''",
                                  "2026-01-01", "{a: 1e3}"])
def test_values_are_read_as_dvc_reads_them(text, tmp_path):
    file = tmp_path / "params.yaml"
    file.write_text(f"key: {text}\n")
    assert repr(read_yaml(file)) == repr(parse_yaml(file.read_text(), str(file)))


def test_a_whole_number_may_be_written_as_1e2_and_names_come_from_spectra_or_mapping():
    found = validated(changed("train.mlp.max_iter", 5e2)).train.mlp.max_iter
    assert (type(found), found) == (int, 500)
    validated(changed("fetch_spectra.columns.name", None))  # the source mapping has it


@pytest.mark.parametrize(("content", "message"), [
    (b"", "should contain names and values"),
    (b"source: [", "is not valid YAML"),
    (b"source: a\nsource: b\n", "is not valid YAML: .*duplicate key"),
    (b"source: !!python/object:os.system x", "is not valid YAML"),
    (b"\xff\xfe\xfa", "is not valid YAML"),
    (b"source: sample", "and .* more"),
    (None, "params.yaml not found; run this in the"),
])
def test_a_file_that_is_not_params_or_not_there_is_reported(
        content, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    if content is not None:
        (tmp_path / "params.yaml").write_bytes(content)
    with pytest.raises(PipelineError, match=message):
        load_params()


def test_a_recipe_replaces_the_keys_it_names_and_the_complexes_as_a_whole():
    params = {"train": {"model": "mlp", "mlp": {"alpha": 1.0, "max_iter": 5}},
              "taxonomy": {"unknown_class": None, WHOLE: {"C": ["C"], "O": ["D"]}}}
    recipe = {"train": {"mlp": {"alpha": 2.0}}, "taxonomy": {WHOLE: {"C": ["C", "D"]}}}
    assert merged(params, recipe) == {
        "train": {"model": "mlp", "mlp": {"alpha": 2.0, "max_iter": 5}},
        "taxonomy": {"unknown_class": None, WHOLE: {"C": ["C", "D"]}}}
