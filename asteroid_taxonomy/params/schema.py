"""What every key of params.yaml must be, in the form of the file: a new key is a line in SCHEMA.

A block is a dict, or a list with a dict where it may be null; a key with a question mark need not
be there. What must hold between keys stands in params/check.py.
"""

from typing import Annotated, Any, Literal

from pydantic import Field, StrictBool

from asteroid_taxonomy.params.kinds import (
    NAME,
    NAMES,
    NM,
    POSITIVE,
    RANGE,
    SECONDS,
    SEED,
    SHARE,
    TEXT,
    URL,
    ascending,
    either,
    listed,
    number,
    whole,
)

MODEL_FILES = ("asteroid_taxonomy", "asteroid_taxonomy_visible")  # in models/, as in dvc.yaml
MOST_BANDS = 62  # asteroids.names_of has a bit for each in an int64
# opset of ai.onnx -> the lowest IR version that ONNX allows with it; each pair of the two exports
LOWEST_IR = {13: 7, 14: 7, 15: 8, 16: 8, 17: 8, 18: 8, 19: 9, 20: 9, 21: 10}
HIGHEST_IR = 10

TABLE = {"service": URL, "release": TEXT, "table": TEXT, "citation": TEXT}
IDENTITY = {"source_id": TEXT, "number": TEXT, "name": TEXT}
# hyperparameters are named as scikit-learn names them
EVERY_MODEL = {"learn": Literal["class", "target"], "noisy_copies": whole(0, 1000)}
ACTIVATION, LEARNING_RATE = Literal["relu", "tanh", "logistic", "identity"], number(gt=0, le=10)
MLP = EVERY_MODEL | {
    "hidden_layer_sizes": listed(whole(1, 10_000)),
    "alpha": number(ge=0, le=1e6),
    "batch_size": Annotated[whole(1, 1_000_000), either("auto")],
    "max_iter": whole(1, 100_000),
    "random_state": whole(0, 2**31 - 1),
    "solver?": Literal["adam", "sgd", "lbfgs"],
    "learning_rate?": Literal["constant", "invscaling", "adaptive"],
    "validation_fraction?": SHARE,
    "n_iter_no_change?": whole(1, 100_000),
    "tol?": number(ge=0, le=1),
}
TREES = EVERY_MODEL | {"n_estimators": whole(1, 100_000), "min_samples_leaf": whole(1, 10_000),
                       "random_state": SEED, "max_depth?": whole(1, 10_000),
                       "class_weight?": Literal["balanced"]}
MODELS: dict[str, dict[str, Any]] = {
    "mlp_ensemble": MLP | {"networks": whole(1, 1000), "activation": ACTIVATION,
                           "learning_rate_init": LEARNING_RATE, "early_stopping?": StrictBool},
    "mlp": MLP | {"early_stopping": StrictBool, "activation?": ACTIVATION,
                  "learning_rate_init?": LEARNING_RATE},
    "logistic_regression": EVERY_MODEL | {"C": POSITIVE, "max_iter": whole(1, 1_000_000),
                                          "class_weight?": Literal["balanced"]},
    "random_forest": TREES,
    "extra_trees": TREES,
    "svc": EVERY_MODEL | {"C": POSITIVE, "gamma": Annotated[POSITIVE, either("scale")],
                          "calibration_folds": whole(2, 50),
                          "class_weight?": Literal["balanced"]},
}

RANGES = {f"{key.rstrip('?')}?": listed(kind)
          for model in MODELS.values() for key, kind in model.items()}

SCHEMA: dict[str, Any] = {
    "source": Literal["archives", "simulated"],
    "bands": {
        "wavelengths_nm": ascending(NM, 2, MOST_BANDS),
        "normalised_at_nm": NM,
        "width_nm": number(gt=0, le=10_000),
    },
    "tap": {
        "connect_timeout_s": SECONDS,
        "read_timeout_s": SECONDS,
        "deadline_s": SECONDS,
        "backoff_s": SECONDS,
        "longest_pause_s": SECONDS,
    },
    "fetch_spectra": TABLE | {
        "columns": IDENTITY | {"num_of_spectra": TEXT, "wavelength": TEXT, "reflectance": TEXT,
                               "error": TEXT, "flag": TEXT},
        "rows_per_part": whole(1) | None,
        "bounds": [dict.fromkeys(
            ("number", "num_of_spectra", "reflectance", "error", "flag"), RANGE | None)],
        "expected": [{"asteroids": RANGE | None, "median_reflectance": dict[NM, RANGE] | None}],
    },
    "fetch_source_mapping": TABLE | {
        "spectra_table": TEXT, "columns": IDENTITY, "bounds": [{"number": RANGE | None}],
    },
    "fetch_labels": TABLE | {
        "columns": {"number": TEXT, "class": TEXT, "probabilities": dict[NAME, TEXT] | None},
        "bounds": [{"number": RANGE | None, "probability": RANGE | None}],
        "expected": [{"rows": RANGE | None}],
    },
    "taxonomy": {
        "feature_flags": Annotated[str, Field(pattern="^[a-z]*$")],
        "flagged_classes": NAMES,
        "unknown_class": NAME | None,
        "complexes": Annotated[dict[NAME, Annotated[NAMES, Field(min_length=1)]],
                               Field(min_length=2)],
    },
    "crossmatch": {
        "first_labels": whole(1) | None,
        "expected": [{
            "numbers_disagree": RANGE | None,
            "labelled_share": RANGE | None,
            "complex_shares": dict[NAME, RANGE] | None,
            "complex_reflectance": dict[NM, dict[NAME, RANGE]] | None,
        }],
    },
    "split": {
        "target": Literal["complex", "class"],
        "min_per_complex": whole(2, 1_000_000),
        "min_class_members": whole(2, 1_000_000),
        "test_fraction": SHARE,
        "seed": SEED,
    },
    "train": {
        "model": Literal[tuple(MODELS)],
        "used_bands_nm": dict.fromkeys(MODEL_FILES, ascending(NM)),
        "augmentation_seed": SEED,
        **MODELS,
    },
    "evaluate": {"above_majority": number(ge=0, lt=1) | None},
    "crossvalidate": {
        "folds": whole(2, 50),
        "repeats": whole(1, 1000),
        "seed": SEED,
        "published_seeds": whole(1, 1000),
        "learning_curve": ascending(SHARE),
        "snr_edges": ascending(POSITIVE),
        "label_probability_edges": ascending(SHARE),
        "abstention_accuracy": number(gt=0, le=1),
    },
    "search": {
        "candidates": whole(1, 100_000),
        "inner_folds": whole(2, 50),
        "outer_folds": whole(2, 50),
        "seed": SEED,
        "ranges": RANGES,
    },
    "calibration": {
        "abstention_threshold": dict.fromkeys(MODEL_FILES, number(ge=0, le=1) | None),
        "trained_as": TEXT | None,
        "kept_accuracy": TEXT | None,
    },
    "export": {"opset": whole(min(LOWEST_IR), max(LOWEST_IR)), "ir_version": whole(7, HIGHEST_IR)},
    "verify": {"max_difference": number(gt=0, le=0.01), "max_bytes": whole(1)},
    "cyberether": {"batch": whole(1, 65_536), "batches": whole(1, 65_536),
                   "interval_ms": whole(0, 3_600_000),
                   "live": {"numbers": whole(1, 10_000), "pause_s": SECONDS,
                            "again_s": SECONDS}},
    "catalogue": {"name": NAME},
    "page": {"complexes": dict[NAME, TEXT], "labels": TEXT, "limitations": list[TEXT]},
}
