"""How good predictions are: metrics, folds, accuracy by bin, curves, out-of-fold predictions."""
