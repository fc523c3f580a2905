import functools

import numpy as np
import onnxruntime
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestClassifier, VotingClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from asteroid_taxonomy.onnx_model.graph import to_onnx
from tests.onnx_files import complete_spectra

USED = [1, 2, 3, *range(5, 15)]  # all but 374, 550 and 1034 nm
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture(scope="module")
def spectra():
    return complete_spectra()[:1500]


def pipeline(classifier, spectra, used=USED, complexes="COSX"):
    """A model of the project's steps, fitted to made-up complexes of real spectra."""
    model = Pipeline([("bands", ColumnTransformer([("used", "passthrough", used)])),
                      ("scaler", StandardScaler()), ("classifier", classifier)])
    slope = spectra[:, 12] - spectra[:, 2]
    return model.fit(spectra, np.array(list(complexes))[
        np.digitize(slope, [0.0, 0.2, 0.4]) % len(complexes)])


mlp = functools.partial(MLPClassifier, (64, 32), max_iter=3, random_state=1)


def ensemble(networks):
    return VotingClassifier([(str(i), mlp(random_state=i)) for i in range(networks)],
                            voting="soft", flatten_transform=False)


def predict(exported, spectra):
    session = onnxruntime.InferenceSession(exported.SerializeToString())
    return session.run(None, {"float_input": spectra})[0]


@pytest.mark.parametrize("classifier, complexes", [
    (ensemble(5), "COSX"), (mlp(), "COSX"), (ensemble(2), "CS")])
def test_networks_become_one_plain_graph_within_100_kb(spectra, classifier, complexes):
    model = pipeline(classifier, spectra, complexes=complexes)
    exported = to_onnx(model, 16, USED, 17, 8)
    assert np.abs(predict(exported, spectra) - model.predict_proba(spectra)).max() < 1e-6
    assert not {"Identity", "Cast"} & {node.op_type for node in exported.graph.node}
    assert {node.domain for node in exported.graph.node} == {""}
    assert len(exported.SerializeToString()) < 100_000


@pytest.mark.parametrize("used", [USED, [15], [4, 2, 3]], ids=str)
def test_a_graph_picks_the_bands_it_uses_and_no_other(spectra, used):
    model = pipeline(mlp(), spectra, used)
    blind = np.full_like(spectra, np.nan)
    blind[:, used] = spectra[:, used]
    found = predict(to_onnx(model, 16, used, 17, 8), blind)
    assert np.abs(found - model.predict_proba(blind)).max() < 1e-6


def test_a_forest_needs_operators_for_trees_and_imports_their_domain(spectra):
    model = pipeline(RandomForestClassifier(3, random_state=0), spectra)
    exported = to_onnx(model, 16, USED, 17, 8)
    assert {opset.domain for opset in exported.opset_import} == {"", "ai.onnx.ml"}
    assert np.abs(predict(exported, spectra) - model.predict_proba(spectra)).max() < 1e-5
    assert np.isnan(predict(exported, np.where(np.arange(16) == 1, np.nan, spectra[:1]))).all()
