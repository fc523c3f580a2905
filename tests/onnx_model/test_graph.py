import numpy as np
import onnxruntime
import pyarrow.parquet as pq
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestClassifier, VotingClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from asteroid_taxonomy.onnx_model.graph import pick_bands, to_onnx
from tests.onnx_files import TOP

USED = [1, 2, 3, *range(5, 15)]  # all but 374, 550 and 1034 nm
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture(scope="module")
def spectra():
    """Complete spectra of the sample, float32 [n, 16]."""
    reflectance = pq.read_table(TOP / "data/sample/spectra.parquet")["reflectance"].to_numpy()
    spectra = reflectance.reshape(-1, 16).astype(np.float32)
    return spectra[np.isfinite(spectra).all(axis=1)][:1500]


def pipeline(classifier, spectra, used=USED, complexes="COSX"):
    """A model of the project's steps, fitted to made-up complexes of real spectra."""
    model = Pipeline([("bands", ColumnTransformer([("used", "passthrough", used)])),
                      ("scaler", StandardScaler()), ("classifier", classifier)])
    slope = spectra[:, 12] - spectra[:, 2]
    return model.fit(spectra, np.array(list(complexes))[
        np.digitize(slope, [0.0, 0.2, 0.4]) % len(complexes)])


def mlp(seed, sizes=(64, 32)):
    return MLPClassifier(sizes, max_iter=3, random_state=seed)


def ensemble(networks):
    return VotingClassifier([(f"seed_{seed}", mlp(seed)) for seed in range(networks)],
                            voting="soft", flatten_transform=False)


def predict(exported, spectra):
    session = onnxruntime.InferenceSession(exported.SerializeToString())
    return session.run(None, {"float_input": spectra})[0]


@pytest.mark.parametrize("classifier, complexes", [
    (ensemble(5), "COSX"), (mlp(1), "COSX"), (mlp(1), "CS"), (ensemble(2), "CS")])
def test_networks_become_one_plain_graph_within_100_kb(spectra, classifier, complexes):
    model = pipeline(classifier, spectra, complexes=complexes)
    exported = to_onnx(model, 16, USED, 17, 8)
    assert np.abs(predict(exported, spectra) - model.predict_proba(spectra)).max() < 1e-6
    assert not {"Identity", "Cast"} & {node.op_type for node in exported.graph.node}
    assert {node.domain for node in exported.graph.node} == {""}
    assert len(exported.SerializeToString()) < 100_000


@pytest.mark.parametrize("used", [USED, list(range(16)), [15], [4, 2, 3]], ids=str)
def test_a_graph_picks_the_bands_it_uses_and_no_other(spectra, used):
    model = pipeline(mlp(0, (8,)), spectra, used)
    blind = np.full_like(spectra, np.nan)
    blind[:, used] = spectra[:, used]
    found = predict(to_onnx(model, 16, used, 17, 8), blind)
    assert np.abs(found - model.predict_proba(blind)).max() < 1e-6


def test_neighbouring_bands_are_sliced_together():
    nodes, _ = pick_bands(USED)
    assert [node.op_type for node in nodes] == ["Slice", "Slice", "Concat"]


def test_nodes_are_named_after_what_they_do(spectra):
    nodes = to_onnx(pipeline(ensemble(2), spectra), 16, USED, 17, 8).graph.node
    assert {"subtract_mean", "divide_by_scale", "network_2_layer_1_weights", "add_networks",
            "network_1_layer_3_softmax", "carry_nan"} <= {node.name for node in nodes}


def test_a_forest_needs_operators_for_trees_and_imports_their_domain(spectra):
    model = pipeline(RandomForestClassifier(3, random_state=0), spectra)
    exported = to_onnx(model, 16, USED, 17, 8)
    assert {opset.domain for opset in exported.opset_import} == {"", "ai.onnx.ml"}
    assert np.abs(predict(exported, spectra) - model.predict_proba(spectra)).max() < 1e-5
    holed = spectra[:1].copy()
    holed[0, USED[0]] = np.nan
    assert np.isnan(predict(exported, holed)).all()
