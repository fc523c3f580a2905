import pytest
import yaml

from asteroid_taxonomy.console import PipelineError
from asteroid_taxonomy.learning.model_file import MODEL_PATH
from stages import train


def change(project, **changes):
    """Change keys of the block `train` in the project's params.yaml."""
    params = yaml.safe_load((project / "params.yaml").read_text())
    for key, value in changes.items():
        if isinstance(value, dict):
            params["train"][key] |= value
        else:
            params["train"][key] = value
    (project / "params.yaml").write_text(yaml.safe_dump(params))


def test_training_twice_gives_the_same_bytes(simulated_project):
    first = MODEL_PATH.read_bytes()
    train.main()
    assert MODEL_PATH.read_bytes() == first


def test_the_class_counts_are_printed(simulated_project, capsys):
    train.main()
    printed = capsys.readouterr().out
    assert all(f"  {name}: " in printed for name in "COSX") and "held out" in printed


def test_a_typo_in_the_model_names_the_choices(simulated_project):
    change(simulated_project, model="mpl")
    with pytest.raises(PipelineError, match="train.model .* 'mpl', expected one of mlp_ensemble"):
        train.main()


@pytest.mark.parametrize(("hyperparameters", "reason"), [
    ({"alhpa": 1.0}, "train.mlp in params.yaml does not fit .* argument 'alhpa'"),
    ({"alpha": -1.0}, "refused by scikit-learn: The 'alpha' parameter"),
])
def test_a_wrong_hyperparameter_stops_with_a_sentence(simulated_project, hyperparameters, reason):
    params = yaml.safe_load((simulated_project / "params.yaml").read_text())
    change(simulated_project, model="mlp", mlp=params["train"]["mlp"] | hyperparameters)
    with pytest.raises(PipelineError, match=reason):
        train.main()


def test_what_to_learn_is_a_class_or_a_target(simulated_project):
    change(simulated_project, learn="complex", model="mlp")
    with pytest.raises(PipelineError, match="learn of train.mlp .* 'complex', expected class or"):
        train.main()


def test_a_band_that_the_grid_lacks_stops_with_its_wavelength(simulated_project):
    change(simulated_project, used_bands_nm=[418, 555])
    with pytest.raises(PipelineError, match=r"but has \[555\]"):
        train.main()
