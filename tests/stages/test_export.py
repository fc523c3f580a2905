from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestClassifier, VotingClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from asteroid_taxonomy.commands import show_model
from asteroid_taxonomy.onnx_model.contract import Contract, check_contract, metadata, read_onnx
from asteroid_taxonomy.onnx_model.description import CLASSES_PATH, ONNX_PATH, onnx_path
from asteroid_taxonomy.onnx_model.graph import pick_bands, to_onnx
from stages import export
from tests.project_fixtures import simulated_params

USED = [1, 2, 3, *range(5, 15)]  # all but 374, 550 and 1034 nm


def pipeline(classifier, spectra, used=USED, complexes="COSX"):
    """A model of the project's shape, fitted to made-up complexes of real spectra."""
    model = Pipeline([("bands", ColumnTransformer([("used", "passthrough", used)])),
                      ("scaler", StandardScaler()), ("classifier", classifier)])
    slope = spectra[:, 12] - spectra[:, 2]
    return model.fit(spectra, np.array(list(complexes))[
        np.digitize(slope, [0.0, 0.2, 0.4]) % len(complexes)])


def mlp(seed, sizes=(64, 32)):
    return MLPClassifier(sizes, max_iter=3, random_state=seed)


@pytest.fixture
def ensemble(simulated_spectra):
    members = [(f"seed_{seed}", mlp(seed)) for seed in range(5)]
    return pipeline(VotingClassifier(members, voting="soft", flatten_transform=False),
                    simulated_spectra)


def predict(exported, spectra):
    session = onnxruntime.InferenceSession(exported.SerializeToString())
    return session.run(None, {"float_input": spectra})[0]


def test_the_file_has_one_input_and_one_output_of_float32(simulated_project):
    graph = onnx.load(ONNX_PATH).graph
    tensors = [(t.name, t.type.tensor_type.elem_type,
                [d.dim_param or d.dim_value for d in t.type.tensor_type.shape.dim])
               for t in (*graph.input, *graph.output)]
    assert tensors == [("float_input", onnx.TensorProto.FLOAT, ["batch", 16]),
                       ("probabilities", onnx.TensorProto.FLOAT, ["batch", 4])]


def test_the_graph_uses_operators_of_the_default_domain_only(simulated_project):
    model = onnx.load(ONNX_PATH)
    assert [(o.domain, o.version) for o in model.opset_import] == [("", 17)]
    assert {node.domain for node in model.graph.node} <= {"", "ai.onnx"}
    assert model.ir_version == 8


def test_exporting_twice_gives_the_same_bytes(simulated_project):
    files = sorted(Path("models").glob("*.onnx"))
    assert len(files) == 3
    first = [path.read_bytes() for path in files]
    export.main()
    assert [path.read_bytes() for path in files] == first


def test_the_file_of_the_classes_sums_to_the_file_of_the_complexes(
        simulated_project, simulated_spectra):
    """They hold the same weights: only the last sum is left out."""
    sessions = [onnxruntime.InferenceSession(path) for path in (CLASSES_PATH, ONNX_PATH)]
    of_class, of_complex = (s.run(None, {"float_input": simulated_spectra})[0] for s in sessions)
    names, complexes = (s.get_modelmeta().custom_metadata_map["classes"].split(",")
                        for s in sessions)
    assert of_class.shape[1] == len(names) > len(complexes)
    members = simulated_params()["taxonomy"]["complexes"]
    for i, name in enumerate(complexes):
        mine = [label in members[name] for label in names]
        assert np.allclose(of_class[:, mine].sum(axis=1), of_complex[:, i], rtol=0, atol=1e-6)
    weights = [{t.name: t.raw_data for t in onnx.load(path).graph.initializer
                if t.name not in ("members", "zeros")} for path in (CLASSES_PATH, ONNX_PATH)]
    assert weights[0] == weights[1]
    said = metadata(onnx.load(CLASSES_PATH))
    assert said["abstention_threshold"] == "none" and said["taxonomy"].startswith("classes of")


def test_the_model_for_visible_spectra_has_its_own_bands_and_figures(simulated_project):
    main, visible = (metadata(onnx.load(onnx_path(name)))
                     for name in ("asteroid_taxonomy", "asteroid_taxonomy_visible"))
    params = simulated_params()
    assert visible["used_bands_nm"] == ",".join(
        map(str, params["train"]["used_bands_nm"]["asteroid_taxonomy_visible"]))
    assert float(visible["abstention_threshold"]) == params["calibration"][
        "abstention_threshold"]["asteroid_taxonomy_visible"]
    assert visible["trained_on"] == main["trained_on"]
    assert visible["held_out_log_loss"] != main["held_out_log_loss"]
    assert "sha256_asteroid_taxonomy_visible.skops" in visible


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_an_ensemble_of_networks_is_one_plain_graph_within_100_kb(
        ensemble, simulated_spectra, tmp_path):
    exported = to_onnx(ensemble, 16, USED, 17, 8)
    path = tmp_path / "ensemble.onnx"
    exported.metadata_props.extend(
        onnx.StringStringEntryProto(key=key, value=",".join(map(str, value))) for key, value in
        (("classes", "COSX"), ("wavelengths_nm", range(16)), ("used_bands_nm", USED)))
    onnx.save(exported, path)
    check_contract(read_onnx(path), path,
                   Contract("COSX", range(16), USED, 17, 8, 100_000, plain=True))
    difference = predict(exported, simulated_spectra) - ensemble.predict_proba(simulated_spectra)
    assert np.abs(difference).max() < 1e-6
    assert not {"Identity", "Cast"} & {node.op_type for node in exported.graph.node}


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("classifier", [mlp(1), VotingClassifier(
    [("a", mlp(1)), ("b", mlp(2))], voting="soft", flatten_transform=False)], ids=["one", "two"])
def test_networks_that_tell_two_classes_apart_are_exported_too(simulated_spectra, classifier):
    model = pipeline(classifier, simulated_spectra, complexes="CS")
    difference = predict(to_onnx(model, 16, USED, 17, 8), simulated_spectra) - model.predict_proba(
        simulated_spectra)
    assert np.abs(difference).max() < 1e-6


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("used", [USED, list(range(16)), [15], [4, 2, 3]], ids=str)
def test_a_graph_picks_the_bands_it_uses_and_no_other(simulated_spectra, used):
    model = pipeline(mlp(0, (8,)), simulated_spectra, used)
    exported = to_onnx(model, 16, used, 17, 8)
    blind = np.full_like(simulated_spectra, np.nan)
    blind[:, used] = simulated_spectra[:, used]
    assert np.abs(predict(exported, blind) - model.predict_proba(blind)).max() < 1e-6


def test_neighbouring_bands_are_cut_out_together():
    nodes, _ = pick_bands(USED)
    assert [node.op_type for node in nodes] == ["Slice", "Slice", "Concat"]


def test_a_forest_needs_operators_for_trees_and_says_so(simulated_spectra):
    model = pipeline(RandomForestClassifier(3, random_state=0), simulated_spectra)
    exported = to_onnx(model, 16, USED, 17, 8)
    assert {opset.domain for opset in exported.opset_import} == {"", "ai.onnx.ml"}
    assert np.abs(predict(exported, simulated_spectra)
                  - model.predict_proba(simulated_spectra)).max() < 1e-5
    holed = simulated_spectra[:1].copy()
    holed[0, USED[0]] = np.nan
    assert np.isnan(predict(exported, holed)).all()


def test_a_loader_that_has_only_the_file_can_label_its_output(
        simulated_project, simulated_spectra):
    session = onnxruntime.InferenceSession(ONNX_PATH)
    about = session.get_modelmeta().custom_metadata_map
    classes = about["classes"].split(",")
    assert len(about["wavelengths_nm"].split(",")) == session.get_inputs()[0].shape[1] == 16
    probabilities, = session.run(None, {session.get_inputs()[0].name: simulated_spectra[:5]})
    labels = [classes[i] for i in probabilities.argmax(axis=1)]
    assert set(labels) <= set("COSX")
    about["abstention_threshold"] == "none" or float(about["abstention_threshold"])


@pytest.mark.parametrize("key", [
    "classes", "wavelengths_nm", "used_bands_nm", "input", "missing_values",
    "abstention_threshold", "taxonomy", "complex_C", "complex_O", "complex_S", "complex_X",
    "feature_flags", "survey", "rows_spectra", "rows_mapping", "rows_labels", "rows_asteroids",
    "sha256_training_set.parquet", "sha256_asteroid_taxonomy.skops", "trained_on", "held_out",
    "split", "held_out_accuracy", "versions", "licence", "citation"])
def test_the_file_says_about_itself(simulated_project, key):
    assert metadata(onnx.load(ONNX_PATH))[key]


def test_the_file_says_what_it_was_trained_on(simulated_project):
    stored = metadata(onnx.load(ONNX_PATH))
    assert "SIMULATED" in stored["survey"]
    assert stored["complex_O"] == "D,T,K,Ld,O,R,V,Z"
    assert stored["split"].startswith("0.2 of the labelled asteroids held out, stratified")
    assert "scikit-learn " in stored["versions"] and "A&A 665, A26" in stored["citation"]


def test_one_command_prints_everything_about_the_file(simulated_project, capsys):
    show_model.main([])
    printed = " ".join(capsys.readouterr().out.split())
    for key, value in metadata(onnx.load(ONNX_PATH)).items():
        assert f"{key} {value}" in printed
    for part in ("float_input float32 [batch, 16]", "probabilities float32 [batch, 4]",
                 "IR version 8, opset ai.onnx 17", "Relu", "sha256"):
        assert part in printed
