"""From labelled spectra to a fitted model: training set, augmentation, models, model file."""

MAIN, VISIBLE = "asteroid_taxonomy", "asteroid_taxonomy_visible"  # names of the two models
