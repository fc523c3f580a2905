"""From labelled spectra to a fitted model: training set, augmentation, models, model file."""
