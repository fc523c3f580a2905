"""From labelled spectra to a fitted model: training set, augmentation, models, model file."""

from pathlib import Path

MAIN, VISIBLE = "asteroid_taxonomy", "asteroid_taxonomy_visible"  # names of the two models


def model_path(name: str) -> Path:
    """Path of the model `name`, one of train.used_bands_nm in params.yaml."""
    return Path(f"models/{name}.skops")
