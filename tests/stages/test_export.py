import json
from pathlib import Path

import numpy as np
import onnx
import pytest

from asteroid_taxonomy.commands import show_model
from asteroid_taxonomy.console import PipelineError
from asteroid_taxonomy.evaluation.calibration import CALIBRATION_PATH
from asteroid_taxonomy.files import sha256
from asteroid_taxonomy.onnx_model.classifier import load_classifier
from asteroid_taxonomy.onnx_model.metadata import CLASSES_PATH, ONNX_PATH, VISIBLE, onnx_path
from stages import export
from tests.onnx_files import complete_spectra
from tests.project_fixtures import sample_params


def test_the_file_has_one_input_and_one_output_and_plain_operators(sample_project):
    model, session = onnx.load(ONNX_PATH), load_classifier().session
    tensors = [*session.get_inputs(), *session.get_outputs()]
    assert [(t.name, t.type, t.shape) for t in tensors] == [
        ("float_input", "tensor(float)", ["batch", 16]),
        ("probabilities", "tensor(float)", ["batch", 4])]
    assert [(o.domain, o.version) for o in model.opset_import] == [("", 17)]
    assert {node.domain for node in model.graph.node} == {""} and model.ir_version == 8


def test_exporting_twice_gives_the_same_bytes(sample_project):
    files = [*Path("models").glob("*.onnx"), *Path("models").glob("*.json")]
    first = [path.read_bytes() for path in files]
    export.main()
    assert [path.read_bytes() for path in files] == first


def test_thresholds_sets_and_accuracies_are_those_of_the_calibration(sample_project):
    calibration = json.loads(CALIBRATION_PATH.read_text())
    calibration["threshold"] = {"asteroid_taxonomy": 0.123, VISIBLE: None}
    CALIBRATION_PATH.write_text(json.dumps(calibration))
    export.main()
    main, visible = load_classifier(), load_classifier(onnx_path(VISIBLE))
    assert (main.threshold, visible.threshold) == (0.123, None)
    assert main.metadata.above_threshold == calibration["above_threshold"]
    for model in (main, visible):
        assert model.metadata.least_probability == calibration["least_probability"][model.name]


def test_the_file_of_the_classes_sums_to_the_complexes_and_has_no_threshold(sample_project):
    of_class, of_complex = (load_classifier(path).session.run(
        None, {"float_input": complete_spectra()})[0] for path in (CLASSES_PATH, ONNX_PATH))
    classes, complexes = load_classifier(CLASSES_PATH).classes, load_classifier().classes
    members = sample_params()["taxonomy"]["complexes"]
    for i, name in enumerate(complexes):
        mine = [label in members[name] for label in classes]
        assert np.allclose(of_class[:, mine].sum(axis=1), of_complex[:, i], atol=1e-6)
    about = load_classifier(CLASSES_PATH).metadata
    measured = json.loads(CALIBRATION_PATH.read_text())["classes"]
    assert about.abstention_threshold is None and about.least_probability == {}
    assert about.class_precision == {
        name: measured.get(name, {}).get("precision") for name in classes}


def test_the_file_names_its_data_and_its_model(sample_project):
    main, visible = load_classifier().metadata, load_classifier(onnx_path(VISIBLE)).metadata
    assert visible.used_bands_nm == sample_params()["train"]["used_bands_nm"][VISIBLE]
    assert visible.trained_on == main.trained_on and sum(main.held_out.values()) > 500
    assert visible.sha256[f"{VISIBLE}.skops"] == sha256(Path(f"models/{VISIBLE}.skops"))
    assert main.complexes["O"] == ["D", "T", "K", "Ld", "O", "R", "V", "Z"]
    assert main.split.startswith("0.2 of the labelled asteroids held out")
    assert main.versions.keys() >= {"scikit-learn"} and "A&A 665, A26" in main.citation


def test_show_model_prints_everything_about_the_file(sample_project, capsys):
    show_model.main([])
    printed = " ".join(capsys.readouterr().out.split())
    for key, value in load_classifier().metadata.to_text().items():
        assert f"{key} {value}".strip() in printed
    assert "float_input tensor(float) ['batch', 16]" in printed and "sha256" in printed


def test_a_missing_report_is_named(sample_project):
    CALIBRATION_PATH.unlink()
    with pytest.raises(PipelineError, match=f"{CALIBRATION_PATH} not found"):
        export.main()
