"""Whether the ONNX file computes what the scikit-learn pipeline computed.

Two references, both written by train: scikit-learn in float32, as the model was trained and
judged, and the same pipeline in float64, which tells what float32 costs either of them.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import onnxruntime
from onnxruntime import GraphOptimizationLevel

from asteroid_taxonomy.console import PipelineError
from asteroid_taxonomy.learning.predictions import (
    Probabilities,
    Spectra,
    in_batches,
    without_unused,
)
from asteroid_taxonomy.onnx_model.description import INPUT_NAME, OUTPUT_NAME, REDO

BATCHES = (0, 1, 2, 32, 4096)
SUM_TOLERANCE = 1e-5  # of the probabilities of one asteroid, from 1
ROUNDING = 4  # float32 results may differ by so many times what rounding costs scikit-learn
LEVELS = {"off": GraphOptimizationLevel.ORT_DISABLE_ALL,
          "basic": GraphOptimizationLevel.ORT_ENABLE_BASIC,
          "extended": GraphOptimizationLevel.ORT_ENABLE_EXTENDED,
          "all": GraphOptimizationLevel.ORT_ENABLE_ALL}
Predict = Callable[[Spectra], Probabilities]


def runtime(path: Path, level: GraphOptimizationLevel) -> Predict:
    """Load the file on the CPU, quietly; PipelineError where it cannot be loaded."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.graph_optimization_level = level
    options.intra_op_num_threads = 1
    try:
        session = onnxruntime.InferenceSession(str(path), options, ["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's exceptions share no narrower base class
        raise PipelineError(f"onnxruntime {onnxruntime.__version__} cannot load {path}: "
                            f"{' '.join(str(error).split())[:300]}; {REDO}") from None
    return lambda spectra: session.run([OUTPUT_NAME], {INPUT_NAME: spectra})[0]


def compare(
    name: str, reference: Probabilities, exact: Probabilities, exported: Probabilities,
    max_difference: float, path: Path,
) -> dict[str, float]:
    """Compare probabilities [n, classes] of scikit-learn and of the ONNX file.

    Parameters
    ----------
    name : str
        Of the set of spectra, for the metrics.
    reference, exact : floating [n, classes]
        scikit-learn's, in float32 and in float64. Their difference is what rounding costs: where
        it is large, as it is for spectra a thousand times too bright, so is the tolerance.
    exported : float32 [n, classes]
        The ONNX file's.
    max_difference : float
        Allowed, of a probability.
    path : Path
        Of the file, for messages.

    Raises
    ------
    PipelineError
        They differ by more than that, a label flips although the reference's best two classes
        are further apart than that, or rows do not sum to 1.
    """
    allowed = max(max_difference, ROUNDING * float(np.abs(reference - exact).max()))
    difference = float(np.abs(reference - exported).max())
    best = np.sort(reference, axis=1)
    flip = (reference.argmax(axis=1) != exported.argmax(axis=1))
    flips = int((flip & (best[:, -1] - best[:, -2] > allowed)).sum())
    off_sum = float(np.abs(exported.sum(axis=1, dtype=np.float64) - 1.0).max())
    if not (difference <= allowed and flips == 0 and off_sum <= SUM_TOLERANCE):
        raise PipelineError(
            f"{path} is not the trained model: on {name} ({len(reference):,} spectra) "
            f"probabilities differ by {difference:.1e} (allowed {allowed:.0e}), "
            f"{flips} labels flip, rows are off 1 by {off_sum:.1e}; {REDO}"
        )
    return {f"{name}_spectra": len(reference), f"{name}_max_difference": difference,
            f"{name}_max_difference_float64": float(np.abs(exact - exported).max()),
            f"{name}_label_flips": flips}


def check_order(
    reference: Probabilities, exported: Probabilities, classes: Sequence[str], tolerance: float,
    path: Path,
) -> None:
    """Stop where the file's probabilities [n, classes] are wrong in a way that has a name.

    Raises
    ------
    PipelineError
        They are NaN, or those of `reference` in another order of classes.
    """
    if np.isnan(exported).any():
        raise PipelineError(f"{path} gives NaN for complete spectra; {REDO}")
    between = np.abs(reference[:, :, None] - exported[:, None, :]).max(axis=0)
    order = between.argmin(axis=0)  # for each column of the file, the class it is
    # two classes may be all but impossible on every spectrum: then either column is the other's
    if between.min(axis=0).max() <= tolerance < np.diagonal(between).max():
        raise PipelineError(f"{path} gives the probabilities in the order "
                            f"{', '.join(classes[i] for i in order)}, and not in that of its "
                            f"metadata, {', '.join(classes)}; {REDO}")


def check_edges(
    predict: Predict, spectra: Spectra, used: list[int], max_difference: float,
    path: Path,
) -> None:
    """Check what a difference to scikit-learn, which refuses NaN and no rows at all, cannot show.

    Parameters
    ----------
    predict : callable
        The ONNX file's.
    spectra : float32 [n, bands]
        Complete where `used`.
    used : list of int
        Columns that the model uses.
    max_difference : float
        Allowed, of a probability.
    path : Path
        Of the file, for messages.

    Raises
    ------
    PipelineError
        NaN in a used band gives a probability, NaN in an unused one changes any, or a spectrum's
        probabilities depend on how many are in its batch.
    """
    holed = np.repeat(spectra[:1], len(used), axis=0)
    holed[np.arange(len(used)), used] = np.nan
    kept = np.flatnonzero(~np.isnan(predict(holed)).all(axis=1))
    if len(kept):
        raise PipelineError(f"{path} should give NaN where a used band is NaN, but gives "
                            f"probabilities where column {used[kept[0]]} is; {REDO}")
    expected = in_batches(predict, spectra)
    if not np.array_equal(expected, in_batches(predict, without_unused(spectra, used))):
        raise PipelineError(f"{path} gives other probabilities where an unused band is NaN; "
                            f"{REDO}")
    for size in BATCHES:
        found = predict(spectra[:size])
        same = found.shape == expected[:size].shape and np.allclose(
            found, expected[:size], rtol=0.0, atol=max_difference)
        if not same:
            raise PipelineError(f"{path} gives other probabilities in a batch of {size}, of "
                                f"shape {found.shape}; {REDO}")
