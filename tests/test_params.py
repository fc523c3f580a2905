import copy
import fnmatch
import math
import re
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest
from dvc.utils.serialize import parse_yaml

from asteroid_taxonomy.console import PipelineError
from asteroid_taxonomy.params import load_params, merged, read_recipe, read_yaml, validated

TOP = Path(__file__).parent.parent
PARAMS = read_yaml(TOP / "params.yaml")
USED = "train.used_bands_nm.asteroid_taxonomy"
THRESHOLD = "calibration.abstention_threshold.asteroid_taxonomy"
MISSING, MISSPELT = object(), object()
WRONG = {
    "null": None, "text": "text", "empty": "", "blank": " ", "a number as text": "0.5",
    "nan": math.nan, "inf": math.inf, "-1": -1, "0": 0, "0.5": 0.5, "1e9": 10**9, "1e30": 1e30,
    "true": True, "a date": date(2026, 1, 1), "[]": [], "{}": {}, "[null]": [None],
    "twice": ["a", "a"], "missing": MISSING, "misspelt": MISSPELT,
}
# What some keys may well be, though others may not: key -> values of WRONG, and why
RIGHT = {
    "*.citation": {"text", "a number as text"},  # a text is a text; the archive knows its tables
    "*.release": {"text", "a number as text"},
    "*.table": {"text", "a number as text"},
    "*.spectra_table": {"text", "a number as text"},
    "*.columns.*": {"text", "a number as text"},
    # a label table may have them or not, under any name; crossmatch says that it has none
    "fetch_labels.columns.probabilities": {"{}", "null"},
    "fetch_labels.columns.probabilities.?": {"text", "a number as text", "missing"},
    "tap.*": {"0.5"},  # seconds
    "cyberether.live.*_s": {"0.5"},
    "bands.width_nm": {"0.5"},
    # what is not known of a release is not checked
    "*.bounds": {"null"},
    "*.bounds.*": {"null"},
    "*.expected": {"null"},
    "*.expected.*": {"null", "{}", "missing"},
    "*.expected.asteroids": {"null"},
    "*.expected.median_reflectance.*": {"missing"},
    "fetch_spectra.rows_per_part": {"1e9", "null"},  # a mirror may give any number
    "page.*": {"text", "a number as text", "missing", "misspelt", "{}", "[]", "twice"},  # words
    "evaluate.above_majority": {"null", "0", "0.5"},
    "taxonomy.feature_flags": {"text", "empty"},  # letters; the published recipe has none
    "taxonomy.flagged_classes": {"[]"},
    "taxonomy.complexes.?": {"misspelt"},  # another name of the complex
    "taxonomy.unknown_class": {"null"},
    "crossmatch.first_labels": {"null", "1e9"},  # all; as many as there are
    "split.test_fraction": {"0.5"},
    "*seed": {"0", "1e9"},
    "*random_state": {"0", "1e9"},
    "train.*.noisy_copies": {"0"},
    "train.*.alpha": {"0", "0.5"},
    "train.*.C": {"0.5"},
    "train.svc.gamma": {"0.5"},
    "train.mlp_ensemble.learning_rate_init": {"0.5"},
    "train.mlp.early_stopping": {"true"},
    "crossvalidate.abstention_accuracy": {"0.5"},
    "search.ranges.*": {"missing"},  # one that is not searched
    "calibration.abstention_threshold.*": {"null", "0", "0.5"},
    "calibration.kept_accuracy": {"null", "text", "a number as text"},  # words
    "calibration.trained_as": {"null", "text", "a number as text"},
    "verify.max_bytes": {"1e9"},
    "cyberether.interval_ms": {"0"},
    "catalogue.name": {"text"},
}


def keys_of(block, above=()):
    for name, value in block.items():
        yield (*above, name)
        if isinstance(value, dict):
            yield from keys_of(value, (*above, name))


def dotted(key):
    return ".".join(map(str, key))


KEYS = list(keys_of(PARAMS))


def with_value(key, value):
    params = copy.deepcopy(PARAMS)
    block = params
    for name in key[:-1]:
        block = block[name]
    if value is MISSPELT:
        block[f"{key[-1]}x"] = block.pop(key[-1])
    elif value is MISSING:
        del block[key[-1]]
    else:
        block[key[-1]] = value
    return params


def said_of(params):
    with pytest.raises(PipelineError) as caught:
        validated(params)
    return str(caught.value)


@pytest.mark.parametrize("key", KEYS, ids=dotted)
def test_each_key_takes_right_values_and_names_itself_with_wrong_ones(key):
    name = dotted(key)
    right = set().union(*(labels for pattern, labels in RIGHT.items()
                          if fnmatch.fnmatchcase(name, pattern)))
    accepted = set()
    for label, value in WRONG.items():
        try:
            validated(with_value(key, value))
            accepted.add(label)
        except PipelineError as error:
            said = str(error)
            named = name in said or (dotted(key[:-1]) in said and str(key[-1]) in said)
            assert named and "\n" not in said and len(said) < 1000, (label, said)
    assert accepted <= right


@pytest.mark.parametrize("key", [
    key for key in KEYS
    if not {"probabilities", "complexes", "median_reflectance", "complex_shares",
            "complex_reflectance"} & set(key[:-1])], ids=dotted)
def test_a_misspelt_key_is_named_with_the_one_that_was_meant(key):
    said = said_of(with_value(key, MISSPELT))
    assert f"{dotted(key)}x is no key; did you mean {key[-1]}?" in said


@pytest.mark.parametrize("key, value, said", [
    ("split.seed", None, "split.seed is null, and should be a valid integer"),
    ("split.test_fraction", 1, "split.test_fraction is 1, and should be less than 1"),
    ("crossvalidate.folds", 1, "crossvalidate.folds is 1, and should be greater than or equal"),
    ("crossvalidate.folds", 2.5, "crossvalidate.folds is 2.5, and should be a valid integer"),
    (USED, [418, 418, 462], "in ascending order, each value once"),
    (USED, [418, 999], f"{USED} has 999, which bands.wavelengths_nm has not"),
    ("bands.wavelengths_nm", [418, 374], "in ascending order, each value once"),
    ("bands.wavelengths_nm", list(range(1, 100)), "at most 62 items"),
    ("bands.normalised_at_nm", 555, "bands.normalised_at_nm has 555, which bands.wavelengths_nm"),
    ("crossvalidate.snr_edges", [20, 10], "crossvalidate.snr_edges is [20, 10], and should be in"),
    ("crossvalidate.learning_curve", [0.5, 1.0], "learning_curve.1 is 1.0, and should be less"),
    ("fetch_spectra.bounds.reflectance", [30, -30], "should be [lowest, highest]"),
    ("crossmatch.expected.complex_shares", {"Y": [0, 1]}, "has Y, which taxonomy.complexes"),
    ("crossmatch.expected.complex_reflectance", {770: {"Y": [0, 1]}}, "has Y, which taxonomy"),
    ("fetch_spectra.expected.median_reflectance", {555: [0, 1]}, "has 555, which bands.wave"),
    ("fetch_spectra.service", "gea.esac.esa.int/tap", "should be the address of a service"),
    ("fetch_spectra.service", "https://[x", "should be the address of a service"),
    ("fetch_spectra.table", "a\nb", "should be a text in one line"),
    ("fetch_spectra.columns.error", "reflectance_spectrum", "reflectance_spectrum twice"),
    ("fetch_labels.columns.probabilities.A", "class_B", "fetch_labels.columns has class_B twice"),
    ("fetch_labels.columns.probabilities", {"Y": "class_Y"}, "has Y, which taxonomy.complexes"),
    ("taxonomy.complexes.S", ["S", "B"], "taxonomy.complexes has B in C and in S"),
    ("taxonomy.complexes.C", ["C", "C"], "taxonomy.complexes.C is ['C', 'C'], and should have"),
    ("taxonomy.complexes.C", [], "taxonomy.complexes.C is [], and should have at least 1 item"),
    ("taxonomy.flagged_classes", ["E", "Y"], "flagged_classes has Y, which taxonomy.complexes"),
    ("taxonomy.unknown_class", "Y", "unknown_class has Y, which taxonomy.complexes has not"),
    ("train.model", "mpl", "train.model is \"mpl\", and should be 'mlp_ensemble', 'mlp', "),
    ("train.mlp.batch_size", 0, "train.mlp.batch_size is 0, and should be auto or a number"),
    ("train.mlp.hidden_layer_sizes", [64, 0], "train.mlp.hidden_layer_sizes.1 is 0, and should"),
    ("train.mlp.alpha", -0.1, "train.mlp.alpha is -0.1, and should be greater than or equal to 0"),
    ("train.mlp.learn", "complex", "train.mlp.learn is \"complex\", and should be 'class' or"),
    ("train.mlp.alhpa", 1, "train.mlp.alhpa is no key; did you mean alpha?"),
    (THRESHOLD, 69.7, f"{THRESHOLD} is 69.7, and should be less than or equal"),
    (THRESHOLD, math.nan, "is NaN, and should be a finite number"),
    ("export.opset", 99, "export.opset is 99, and should be less than or equal to 21"),
    ("export.ir_version", 7, "export.ir_version is 7, and should be 8 to 10 with export.opset 17"),
    ("search.ranges.alpha", [0.5, "x"], "search.ranges.alpha.1 is \"x\", and should be a valid"),
    ("search.ranges", {}, "search.ranges is empty"),
    ("catalogue.name", "../x", "catalogue.name is \"../x\", and should be a name of letters"),
    (1, 2, "1 is no key"),
])
def test_a_wrong_value_is_told_with_what_it_should_be(key, value, said):
    key = key.split(".") if isinstance(key, str) else [key]
    assert said in said_of(with_value(key, value))


def test_many_faults_are_counted_and_five_are_told():
    params = copy.deepcopy(PARAMS) | {"tap": dict.fromkeys(PARAMS["tap"], -1)}
    params["split"] = dict.fromkeys(PARAMS["split"])
    said = said_of(params)
    assert said.count(" is -1, ") == 5 and "and 5 more" in said


@pytest.mark.parametrize("text", [
    "5e-5", "1e3", "2e-1", "1E+3", ".5", "5.", "0.1", "+1", "-0", "1_000", "0o17", "017", "0x1F",
    ".inf", "-.INF", ".nan", "yes", "on", "true", "~", "null", "''", "12:30", "2026-01-01", "1e",
    "[1e3, 5e-5]", "{a: 1e3}",
])
def test_values_are_read_as_dvc_reads_them(text, tmp_path):
    file = tmp_path / "params.yaml"
    file.write_text(f"key: {text}\n")
    ours, dvcs = read_yaml(file), parse_yaml(file.read_text(), str(file))
    assert repr(ours) == repr(dvcs)


def test_numbers_as_people_type_them_have_the_type_that_is_needed(tmp_path):
    text = (TOP / "params.yaml").read_text()
    file = tmp_path / "params.yaml"
    file.write_text(
        re.sub(r"(mlp_ensemble:.*?max_iter: )\d+", r"\g<1>1e2", text, count=1, flags=re.DOTALL)
        .replace("alpha: 0.0001", "alpha: 1e-4")
        .replace("test_fraction: 0.2", "test_fraction: 2e-1"))
    found = load_params(["train.mlp_ensemble.max_iter", "train.mlp.alpha", "split.test_fraction",
                         "crossvalidate.snr_edges"], file)
    assert found["train"]["mlp"]["alpha"] == 0.0001 and found["split"]["test_fraction"] == 0.2
    epochs = found["train"]["mlp_ensemble"]["max_iter"]
    assert (type(epochs), epochs) == (int, 100)
    assert repr(found["crossvalidate"]["snr_edges"][:2]) == "[17.5, 20]"  # names of bins


def test_a_stage_gets_the_keys_it_names_and_no_others():
    keys = ["bands.wavelengths_nm", "train.model", "train.${train.model}", "export"]
    found = load_params(keys, TOP / "params.yaml")
    assert found == {
        "bands": {"wavelengths_nm": PARAMS["bands"]["wavelengths_nm"]},
        "train": {"model": "mlp_ensemble", "mlp_ensemble": PARAMS["train"]["mlp_ensemble"]},
        "export": PARAMS["export"],
    }
    with pytest.raises(PipelineError, match="params.yaml has no train.mpl"):
        load_params(["train.mpl"], TOP / "params.yaml")


@pytest.mark.parametrize("content, said", [
    ("", "should hold names and values, and holds NoneType"),
    ("[1]", "should hold names and values, and holds list"),
    ("source: [", "is not valid YAML: .* in line 2"),
    ("source: a\nsource: b\n", 'is not valid YAML: found duplicate key "source" .* in line 2'),
    ("source: !!python/object:os.system x", "is not valid YAML: could not determine"),
    ("a: &a [*a]", "a is no key"),
    ("--- 1\n--- 2\n", "is not valid YAML"),
    (b"\xff\xfe\xfa", "is not valid YAML"),
    (b"source: \x00", "is not valid YAML"),
    ("source: simulated", "bands is missing"),
])
def test_a_file_that_is_not_params_is_told_in_a_sentence(content, said, tmp_path):
    file = tmp_path / "params.yaml"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(PipelineError, match=said) as caught:
        load_params(["bands"], file)
    assert "\n" not in str(caught.value)


def test_without_the_file_the_folder_is_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(PipelineError, match=f"params.yaml was expected in {tmp_path}"):
        load_params(["bands"])


@pytest.mark.parametrize("recipe", sorted((TOP / "experiments").glob("*.yaml")),
                         ids=lambda path: path.name)
def test_the_recipes_change_params_that_are_there_to_values_they_may_have(recipe, monkeypatch):
    monkeypatch.chdir(TOP)
    assert merged(PARAMS, read_recipe(recipe)) != PARAMS


@pytest.mark.parametrize("recipe, said", [
    ("trian: {model: mlp}", "recipe.yaml: the recipe sets trian, .*; did you mean train?"),
    ("train: {mlp: {alhpa: 1}}", "sets alhpa, .* did you mean alpha?"),
    ("train: {mlp: {alpha: -1}}", "recipe.yaml: train.mlp.alpha is -1, and should be greater"),
    ("train: null", "train is null, and should be a valid dictionary"),
    ("split: 1", "split is 1, and should be"),
    ("train: {model: mlp", "recipe.yaml is not valid YAML"),
    ("- train", "recipe.yaml should hold names and values"),
])
def test_a_wrong_recipe_is_told_in_a_sentence(recipe, said, tmp_path, monkeypatch):
    monkeypatch.chdir(TOP)
    (tmp_path / "recipe.yaml").write_text(recipe)
    with pytest.raises(PipelineError, match=said):
        read_recipe(tmp_path / "recipe.yaml")


def test_checking_the_params_costs_a_stage_little():
    took = min(float(subprocess.run(
        [sys.executable, "-c", "import time; t = time.perf_counter()\n"
         "from asteroid_taxonomy.params import load_params; load_params(['bands'])\n"
         "print(time.perf_counter() - t)"],
        cwd=TOP, check=True, capture_output=True, text=True).stdout) for _ in range(3))
    assert took < 0.5  # 0.12 s on an idle machine


def test_a_file_nested_beyond_what_the_parser_bears_is_refused(tmp_path):
    path = tmp_path / "params.yaml"
    path.write_text("a: " + "[" * 100_000)
    with pytest.raises(PipelineError, match="more than 5,000 opening brackets"):
        read_yaml(path)
