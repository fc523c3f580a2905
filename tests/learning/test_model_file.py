import io
import pickle
import zipfile
from pathlib import Path

import pytest
import skops.io
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer

from asteroid_taxonomy.console import PipelineError
from asteroid_taxonomy.learning.model_file import MODEL_PATH, load_model, save_model


class Spy:
    """Leaves a file behind when unpickled."""

    def __reduce__(self):
        return (Path.touch, (Path("it-ran"),))


def leave_trace(x):
    Path("it-ran").touch()
    return x


def test_a_saved_model_predicts_the_same_after_loading(simulated_project, simulated_spectra):
    model = load_model()
    save_model(model, Path("copy.skops"))
    assert (load_model(Path("copy.skops")).predict_proba(simulated_spectra)
            == model.predict_proba(simulated_spectra)).all()


def test_a_pickle_in_place_of_the_model_is_refused_and_does_not_run(simulated_project):
    MODEL_PATH.write_bytes(pickle.dumps(Spy()))
    with pytest.raises(PipelineError, match="is not a readable skops file"):
        load_model()
    assert not Path("it-ran").exists()


def test_a_skops_file_with_foreign_types_is_refused_and_does_not_run(simulated_project):
    skops.io.dump(Pipeline([("spy", FunctionTransformer(leave_trace))]), MODEL_PATH)
    with pytest.raises(PipelineError, match="types that a model of this pipeline never has"):
        load_model()
    assert not Path("it-ran").exists()


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 damaged", b"{}"])
def test_a_damaged_file_is_refused_with_a_sentence(tmp_path, content):
    path = tmp_path / "model.skops"
    path.write_bytes(content)
    with pytest.raises(PipelineError, match="is not a readable skops file"):
        load_model(path)


def test_a_skops_file_of_something_else_is_refused(tmp_path):
    skops.io.dump({"a": 1}, tmp_path / "model.skops")
    with pytest.raises(PipelineError, match="should hold a fitted Pipeline, but holds dict"):
        load_model(tmp_path / "model.skops")


def test_a_zip_without_a_schema_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "model.skops", "w") as file:
        file.writestr("other.txt", "x")
    with pytest.raises(PipelineError, match="is not a readable skops file"):
        load_model(tmp_path / "model.skops")


def test_the_file_carries_no_time_and_no_memory_address(simulated_project):
    with zipfile.ZipFile(io.BytesIO(MODEL_PATH.read_bytes())) as file:
        assert {entry.date_time for entry in file.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert all(len(Path(name).stem) <= 6 for name in file.namelist())
