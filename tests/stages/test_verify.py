import json

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from asteroid_taxonomy.console import PipelineError
from asteroid_taxonomy.learning import model_path
from asteroid_taxonomy.learning.augmentation import Augmentation
from asteroid_taxonomy.learning.model_file import load_model, save_model
from asteroid_taxonomy.learning.models import fit
from asteroid_taxonomy.learning.training_set import read_training_set
from asteroid_taxonomy.onnx_model.metadata import MAIN, ONNX_PATH, VISIBLE, onnx_path
from stages import verify
from tests.onnx_files import GRID
from tests.project_fixtures import sample_params


def replace(model, start, change):
    """Replace the first constant whose name has that start by `change(constant)`."""
    tensor = next(t for t in model.graph.initializer if t.name.startswith(start))
    tensor.CopyFrom(numpy_helper.from_array(change(numpy_helper.to_array(tensor)), tensor.name))


def metadatum(key, value):
    def change(model):
        next(p for p in model.metadata_props if p.key == key).value = value
    return change


def permute_bands(model):
    concat = next(node for node in model.graph.node if node.op_type == "Concat")
    concat.input[:] = [concat.input[1], concat.input[0], *concat.input[2:]]


def test_the_exported_files_are_verified(sample_project, capsys):
    verify.main()
    assert capsys.readouterr().out.count("largest difference from scikit-learn") == 3
    report = json.loads(verify.VERIFY_PATH.read_text())
    assert report[MAIN]["spectra"] == 4023 and report[MAIN]["bytes"] < 100_000
    assert report[f"{MAIN}_classes"]["largest_difference_below"] == "1e-06"


@pytest.mark.parametrize(("spoil", "message"), [
    (lambda model: replace(model, "members", lambda members: members[:, [1, 0, 2, 3]]),
     "in the order O, C, S, X, its metadata C, O, S, X; correct .*graph.py"),
    (permute_bands, "differs from its model .* wrong bands, .*; correct .*graph.py"),
    (lambda model: replace(model, "Di_", np.ones_like),
     "differs from its model .* wrong bands, scaler or weights"),
    (metadatum("classes", "O,C,S,X"), "has classes O,C,S,X .* expected C,O,S,X; run dvc repro"),
    (metadatum("used_bands_nm", "418,462"), "gives other probabilities with NaN in unused bands"),
    (metadatum("licence", "MIT" * 40_000), "more than the 100,000 of verify.max_bytes"),
    (lambda model: model.CopyFrom(onnx.load(onnx_path(VISIBLE))),
     "does not match the .skops file; run dvc repro"),
])
def test_a_wrong_file_fails_with_advice_that_fits(sample_project, spoil, message):
    model = onnx.load(ONNX_PATH)
    spoil(model)
    onnx.save(model, ONNX_PATH)
    with pytest.raises(PipelineError, match=message) as error:
        verify.main()
    assert len(str(error.value)) <= 200 and not verify.VERIFY_PATH.exists()


def test_a_file_that_is_older_than_its_model_is_stale(sample_project):
    data = read_training_set(GRID, sample_params()["train"]["used_bands_nm"][MAIN])
    save_model(fit(load_model(model_path(MAIN)), data.take(data.train[:1000]), Augmentation(0, 1)),
               model_path(MAIN))
    with pytest.raises(PipelineError, match="does not match the .skops file; run dvc"):
        verify.main()


def test_a_graph_with_operators_that_few_runtimes_have_is_named(sample_project, monkeypatch):
    loaded = onnx.load(ONNX_PATH)
    loaded.graph.node[0].domain = "ai.onnx.ml"
    monkeypatch.setattr(onnx, "load", lambda path: loaded)
    with pytest.raises(PipelineError, match="has operators of ai.onnx.ml, .* plain_onnx to False"):
        verify.main()


def test_a_missing_file_fails(sample_project):
    ONNX_PATH.unlink()
    with pytest.raises(PipelineError, match="not found"):
        verify.main()
