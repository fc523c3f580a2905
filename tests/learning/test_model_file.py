import io
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
import skops.io
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


def fitted():
    classifier = MLPClassifier((8,), max_iter=5, random_state=0, early_stopping=True)
    model = Pipeline([("bands", StandardScaler()), ("classifier", classifier)])
    return fit(model, Labelled(SPECTRA, SPECTRA, LABELS, LABELS), Augmentation(0, 0))


@pytest.fixture(scope="module")
def content(tmp_path_factory):
    """The bytes of a model file."""
    path = tmp_path_factory.mktemp("model") / "content.skops"
    save_model(fitted(), path)
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


class Spy:
    """Leaves a file behind when unpickled."""

    def __reduce__(self):
        return (Path.touch, (Path("it-ran"),))


def leave_trace(x):
    Path("it-ran").touch()
    return x


def test_a_saved_model_predicts_the_same_after_loading(tmp_path):
    model, path = fitted(), tmp_path / "model.skops"
    save_model(model, path)
    assert (load_model(path).predict_proba(SPECTRA) == model.predict_proba(SPECTRA)).all()


def test_the_file_has_no_time_no_memory_address_and_no_history_of_the_training(content):
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        assert {entry.date_time for entry in file.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert all(len(Path(name).stem) <= 6 for name in file.namelist())
        names = file.read("schema.json").decode()
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


def test_a_file_that_is_not_there_is_named(tmp_path):
    assert "not found; run dvc repro" in message(tmp_path / "absent.skops")


@pytest.mark.parametrize("damage", [
    lambda content: b"", lambda content: content[:len(content) // 2],
], ids=["empty", "cut"])
def test_a_damaged_file_ends_in_one_line(saved, content, damage):
    assert "is not a readable skops file" in message(saved(damage(content)))
