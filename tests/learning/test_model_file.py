import io
import json
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
import skops.io
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.tree._tree import Tree

from asteroid_taxonomy.console import PipelineError
from asteroid_taxonomy.learning import model_file
from asteroid_taxonomy.learning.model_file import load_model, save_model

SPECTRA = np.random.default_rng(0).normal(1, 0.2, (200, 16)).astype(np.float32)
LABELS = np.array(list("COSX"))[np.digitize(SPECTRA[:, 3], [0.9, 1.0, 1.1])]
MLP = MLPClassifier((8,), max_iter=5, random_state=0)
FOREST = RandomForestClassifier(5, random_state=0)


def fitted(classifier):
    return Pipeline([("bands", ColumnTransformer([("used", "passthrough", list(range(1, 14)))])),
                     ("scaler", StandardScaler()), ("classifier", classifier)]
                    ).fit(SPECTRA, LABELS)


def content_of(model, folder):
    path = folder / "content.skops"
    save_model(model, path)
    return path.read_bytes()


@pytest.fixture(scope="module")
def content(tmp_path_factory):
    """The bytes of a model file."""
    with pytest.warns(match="Maximum iterations"):
        return content_of(fitted(MLP), tmp_path_factory.mktemp("model"))


@pytest.fixture
def saved(tmp_path):
    """Write bytes, and give the path."""
    def save(content):
        path = tmp_path / "model.skops"
        path.write_bytes(content)
        return path
    return save


def refusal(path):
    """The one sentence with which the file is refused."""
    with pytest.raises(PipelineError) as error:
        load_model(path)
    assert "\n" not in str(error.value) and len(str(error.value)) < 500
    return str(error.value)


def with_schema(content, change):
    """The file with `change` made to its schema, a dict or the text of one."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(out, "w") as new:
        for name in old.namelist():
            data = old.read(name)
            if name == "schema.json":
                schema = change(json.loads(data))
                data = schema if isinstance(schema, str) else json.dumps(schema)
            new.writestr(name, data)
    return out.getvalue()


class Spy:
    """Leaves a file behind when unpickled."""

    def __reduce__(self):
        return (Path.touch, (Path("it-ran"),))


def leave_trace(x):
    Path("it-ran").touch()
    return x


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("classifier", [MLP, FOREST], ids=["mlp", "forest"])
def test_a_saved_model_predicts_the_same_after_loading(tmp_path, classifier):
    model, path = fitted(classifier), tmp_path / "model.skops"
    save_model(model, path)
    assert (load_model(path).predict_proba(SPECTRA) == model.predict_proba(SPECTRA)).all()
    first = path.read_bytes()
    save_model(model, path)
    assert path.read_bytes() == first


def test_the_file_carries_no_time_and_no_memory_address(content):
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        assert {entry.date_time for entry in file.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert all(len(Path(name).stem) <= 6 for name in file.namelist())


def test_a_pickle_in_place_of_the_model_is_refused_and_does_not_run(saved, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert "is not a readable skops file" in refusal(saved(pickle.dumps(Spy())))
    assert not Path("it-ran").exists()


def test_a_skops_file_with_foreign_types_is_refused_and_does_not_run(saved, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    foreign = skops.io.dumps(Pipeline([("spy", FunctionTransformer(leave_trace))]))
    assert "types that a model of this pipeline never has" in refusal(saved(foreign))
    assert not Path("it-ran").exists()


def test_a_skops_file_of_something_else_is_refused(saved):
    assert "should hold a fitted Pipeline, but holds dict" in refusal(
        saved(skops.io.dumps({"a": 1})))


@pytest.mark.parametrize("path", [Path("absent.skops"), Path(".")])
def test_a_path_that_is_no_file_is_refused(tmp_path, monkeypatch, path):
    monkeypatch.chdir(tmp_path)
    refusal(path)


def encrypted(content):
    """The file with each entry's flag that says it is encrypted."""
    for signature, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        parts = content.split(signature)
        content = signature.join(
            [parts[0], *(part[:flags - 4] + bytes([part[flags - 4] | 1]) + part[flags - 3:]
                         for part in parts[1:])])
    return content


def laughs(schema):
    """A schema of thirty lists, each of ten times the next one."""
    def listed(parts, key):
        return {"__class__": "list", "__module__": "builtins", "__loader__": "ListNode",
                "content": parts, "__id__": key, "is_json": False}
    inner = listed([], 30)
    for key in range(29, 0, -1):
        inner = listed([inner, *({"__id__": key + 1} for _ in range(9))], key)
    return schema | inner


def itself(schema):
    """A schema that holds itself."""
    return schema | {"content": {"a": {"__id__": schema["__id__"]}}}


@pytest.mark.parametrize("damage", [
    lambda content: b"", lambda content: b"PK\x03\x04 damaged", lambda content: b"{}",
    lambda content: content[:len(content) // 2], encrypted,
    lambda content: with_schema(content, lambda schema: "[" * 100_000),
    lambda content: with_schema(content, lambda schema: '{"a":' * 100_000),
    lambda content: with_schema(content, lambda schema: "9" * 10_000),
    lambda content: with_schema(content, lambda schema: {}),
    lambda content: with_schema(content, lambda schema: schema | {"__loader__": "NoNode"}),
    lambda content: with_schema(content, lambda schema: schema | {"protocol": 10**9}),
    lambda content: with_schema(content, lambda schema: schema | {"__id__": []}),
    lambda content: with_schema(content, laughs), lambda content: with_schema(content, itself),
], ids=["empty", "no_zip", "json", "cut", "encrypted", "deep_lists", "deep_dicts", "long_number",
        "no_schema", "no_loader", "protocol", "unhashable", "laughs", "itself"])
def test_a_file_that_is_no_model_is_refused_with_a_sentence(saved, content, damage):
    assert "is not a readable skops file" in refusal(saved(damage(content)))


def test_a_file_that_unpacks_to_too_much_is_refused(saved, content, monkeypatch):
    monkeypatch.setattr(model_file, "MAX_UNPACKED", 10_000)
    assert "at most 10,000" in refusal(saved(content))


@settings(max_examples=60, deadline=None,
          suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_flipped_bits_end_in_a_sentence_or_in_a_model(saved, content, data):
    damaged = bytearray(content)
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    try:
        load_model(saved(bytes(damaged))).predict_proba(SPECTRA)
    except PipelineError as error:
        assert "\n" not in str(error)


def json_nodes(schema):
    """The dicts of a schema that hold a value in JSON."""
    for part in schema.values() if isinstance(schema, dict) else schema:
        if isinstance(part, dict | list):
            yield from json_nodes(part)
    if isinstance(schema, dict) and schema.get("__loader__") == "JsonNode":
        yield schema


@settings(max_examples=60, deadline=None,
          suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
@pytest.mark.filterwarnings("ignore")
def test_other_values_in_the_schema_end_in_a_sentence_or_in_a_model(saved, content, data):
    def change(schema):
        node = data.draw(st.sampled_from(list(json_nodes(schema))))
        value = data.draw(st.sampled_from([None, -1, 2**70, "x", [], {}, 1e308, True, "\0"]))
        node["content"] = data.draw(st.sampled_from([json.dumps(value), value]))
        return schema
    try:
        load_model(saved(with_schema(content, change)))
    except PipelineError as error:
        assert "\n" not in str(error)


@pytest.mark.parametrize("field, value", [
    ("left_child", 0), ("right_child", -2), ("left_child", 10**6), ("right_child", -1),
    ("feature", 10**9), ("feature", -1)])
def test_a_tree_that_does_not_lead_to_leaves_is_refused(tmp_path, field, value):
    model = fitted(FOREST)
    tree = model[-1].estimators_[2].tree_
    state = tree.__getstate__()
    state["nodes"][field][0] = value
    tree.__setstate__(state)
    save_model(model, tmp_path / "model.skops")
    assert "a tree whose branches do not lead to leaves" in refusal(tmp_path / "model.skops")


def test_a_tree_without_nodes_is_refused(tmp_path):
    model = fitted(FOREST)
    model[-1].estimators_[2].tree_ = Tree(13, np.array([4]), 1)
    save_model(model, tmp_path / "model.skops")
    refusal(tmp_path / "model.skops")
