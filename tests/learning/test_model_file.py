import io
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

from asteroid_taxonomy.console import MAX_MESSAGE, PipelineError
from asteroid_taxonomy.learning.augmentation import Augmentation
from asteroid_taxonomy.learning.model_file import load_model, save_model
from asteroid_taxonomy.learning.models import fit
from asteroid_taxonomy.learning.training_set import Labelled

SPECTRA = np.random.default_rng(0).normal(1, 0.2, (200, 16)).astype(np.float32)
LABELS = np.array(list("COSX"))[np.digitize(SPECTRA[:, 3], [0.9, 1.0, 1.1])]
MLP = MLPClassifier((8,), max_iter=5, random_state=0, early_stopping=True)
FOREST = RandomForestClassifier(5, random_state=0)


def fitted(classifier):
    model = Pipeline([("bands", ColumnTransformer([("used", "passthrough", list(range(1, 14)))])),
                      ("scaler", StandardScaler()), ("classifier", classifier)])
    return fit(model, Labelled(SPECTRA, SPECTRA, LABELS, LABELS), Augmentation(0, 0))


@pytest.fixture(scope="module")
def content(tmp_path_factory):
    """The bytes of a model file."""
    path = tmp_path_factory.mktemp("model") / "content.skops"
    save_model(fitted(MLP), path)
    return path.read_bytes()


@pytest.fixture
def saved(tmp_path):
    """Write bytes, and give the path."""
    def save(content):
        path = tmp_path / "model.skops"
        path.write_bytes(content)
        return path
    return save


def message(path):
    """The one line with which the file is refused."""
    with pytest.raises(PipelineError) as error:
        load_model(path)
    assert "\n" not in str(error.value)
    assert len(str(error.value).replace(str(path), "models/x.skops")) <= MAX_MESSAGE
    return str(error.value)


def with_schema(content, text):
    """The file with another schema."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(out, "w") as new:
        for name in old.namelist():
            new.writestr(name, text if name == "schema.json" else old.read(name))
    return out.getvalue()


class Spy:
    """Leaves a file behind when unpickled."""

    def __reduce__(self):
        return (Path.touch, (Path("it-ran"),))


def leave_trace(x):
    Path("it-ran").touch()
    return x


@pytest.mark.parametrize("classifier", [MLP, FOREST], ids=["mlp", "forest"])
def test_a_saved_model_predicts_the_same_after_loading(tmp_path, classifier):
    model, path = fitted(classifier), tmp_path / "model.skops"
    save_model(model, path)
    assert (load_model(path).predict_proba(SPECTRA) == model.predict_proba(SPECTRA)).all()
    first = path.read_bytes()
    save_model(model, path)
    assert path.read_bytes() == first


def test_the_file_has_no_time_and_no_memory_address(content):
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        assert {entry.date_time for entry in file.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert all(len(Path(name).stem) <= 6 for name in file.namelist())


def test_the_history_of_the_training_is_not_in_the_file(content):
    """It differs between versions of NumPy and SciPy, and predictions do not need it."""
    names = zipfile.ZipFile(io.BytesIO(content)).read("schema.json").decode()
    for name in ("loss_curve_", "validation_scores_", "best_validation_score_", "_optimizer",
                 "_random_state", '"t_"', "n_iter_\""):
        assert name not in names, name


def test_a_pickle_in_place_of_the_model_is_refused_and_does_not_run(saved, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert "is not a readable skops file" in message(saved(pickle.dumps(Spy())))
    assert not Path("it-ran").exists()


def test_a_skops_file_with_foreign_types_is_refused_and_does_not_run(saved, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    foreign = skops.io.dumps(Pipeline([("spy", FunctionTransformer(leave_trace))]))
    assert "types that no model of this pipeline has" in message(saved(foreign))
    assert not Path("it-ran").exists()


@pytest.mark.parametrize("other", [
    {"a": 1}, StandardScaler().fit(SPECTRA),
    Pipeline([("scaler", StandardScaler()), ("classifier", FOREST)]).fit(SPECTRA, LABELS),
    Pipeline([("bands", "passthrough"), ("classifier", RandomForestClassifier())]),
], ids=["a dict", "a scaler", "without the step bands", "not fitted"])
def test_a_skops_file_of_something_else_is_refused(saved, other):
    assert "is not a fitted model with the steps bands, scaler, classifier; delete it and run" in (
        message(saved(skops.io.dumps(other))))


def test_a_file_that_is_not_there_is_named(tmp_path):
    assert "not found; run dvc repro" in message(tmp_path / "absent.skops")


@pytest.mark.parametrize("damage", [
    lambda content: b"", lambda content: b"PK\x03\x04 damaged", lambda content: b"{}",
    lambda content: content[:len(content) // 2], lambda content: with_schema(content, "{}"),
    lambda content: with_schema(content, "[" * 100_000),
], ids=["empty", "no zip", "json", "cut", "no schema", "deep lists"])
def test_a_damaged_file_ends_in_one_line(saved, content, damage):
    assert "is not a readable skops file" in message(saved(damage(content)))


@settings(max_examples=30, deadline=None,
          suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_flipped_bits_end_in_one_line_or_in_a_model(saved, content, data):
    damaged = bytearray(content)
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    try:
        load_model(saved(bytes(damaged)))
    except PipelineError as error:
        assert "\n" not in str(error)
