"""Whether an ONNX file keeps its contract and computes what the scikit-learn model computes.

Beyond the rounding of the stored predictions, differences up to `verify.max_difference` are
allowed, and where they are larger, up to a few times the file's rounding noise: the effect of a
change of each reflectance by its last bit. It grows with the logits and with the number of
support vectors, as the difference does.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime

from asteroid_taxonomy.console import PipelineError
from asteroid_taxonomy.files import DIGITS
from asteroid_taxonomy.onnx_model.classifier import Classifier

BATCH_SIZES = (0, 1, 2, 32, 4096)
ROUNDING = 0.5 * 10**-DIGITS  # of the stored predictions
NOISE = 4.0  # times the rounding noise; 56 models of all kinds differed by at most 0.78 times it
LEVELS = [getattr(onnxruntime.GraphOptimizationLevel, f"ORT_{name}")
          for name in ("DISABLE_ALL", "ENABLE_BASIC", "ENABLE_EXTENDED", "ENABLE_ALL")]
REDO = "run dvc repro export"
GRAPH = "correct asteroid_taxonomy/onnx_model/graph.py"
Spectra = npt.NDArray[np.float32]  # [n, bands]
Floats = npt.NDArray[np.floating]
Predict = Callable[[Spectra], Floats]  # probabilities [n, classes]


def check_contract(
    file: Classifier, model_sha256: str, classes: Sequence[str], max_bytes: int | None
) -> None:
    """Check that a file belongs to the .skops file of that hash, has its classes, and is plain.

    A plain graph has operators of ONNX's own domain and at most `max_bytes`; None: any graph.
    PipelineError names the first difference.
    """
    path = file.path
    if model_sha256 not in file.metadata.sha256.values():
        raise PipelineError(f"{path} does not match the .skops file; {REDO}")
    if file.classes != list(classes):
        raise PipelineError(f"{path} has classes {','.join(file.classes)[:50]} in its metadata, "
                            f"expected {','.join(classes)[:50]}; {REDO}")
    if max_bytes is None:
        return
    foreign = {node.domain for node in onnx.load(path).graph.node if node.domain}
    if foreign:
        raise PipelineError(f"{path} has operators of {', '.join(sorted(foreign))}, which many "
                            "runtimes lack; set plain_onnx to False in params.py")
    if (size := path.stat().st_size) > max_bytes:
        raise PipelineError(f"{path} has {size:,} bytes, more than the {max_bytes:,} of "
                            "verify.max_bytes; raise it, or train a smaller network")


def rounding_noise(predict: Predict, spectra: Spectra) -> float:
    """The largest change of a probability when each reflectance changes by its last bit."""
    up = np.random.default_rng(0).integers(0, 2, spectra.shape, dtype=bool)
    moved = np.nextafter(spectra, np.where(up, np.inf, -np.inf).astype(np.float32))
    return float(differences(predict(moved), predict(spectra)).max())


def differences(found: Floats, reference: Floats) -> Floats:
    """The largest absolute difference of each row, float [n]."""
    return np.asarray(np.abs(found - reference).max(axis=1))


def compare(
    path: Path, found: Floats, reference: Floats, allowed: float, classes: Sequence[str]
) -> None:
    """Compare the file's probabilities [n, classes] with the model's.

    PipelineError if they differ by more than `allowed`, or the classes are in another order.
    """
    if np.isnan(found).any():
        raise PipelineError(f"{path} gives NaN for spectra with all used bands; {GRAPH}")
    largest = differences(found, reference)
    if largest.max() <= allowed:
        return
    between = np.abs(reference[:, :, None] - found[:, None, :]).max(axis=0)
    if between.min(axis=0).max() <= allowed:
        order = [classes[i] for i in between.argmin(axis=0)]
        raise PipelineError(f"{path} has its classes in the order {', '.join(order)[:40]}, its "
                            f"metadata {', '.join(classes)[:40]}; {GRAPH}")
    raise PipelineError(
        f"{path} differs from its model by up to {largest.max():.1e} (allowed {allowed:.1e}) "
        f"in {(largest > allowed).sum():,} of {len(found):,} spectra: wrong bands, scaler or "
        f"weights; {GRAPH}")


def check_edges(
    path: Path, predict: Predict, spectra: Spectra, used: Sequence[int], allowed: float
) -> None:
    """Check what scikit-learn, which refuses NaN and empty batches, cannot show.

    `spectra` [n, bands] are complete in the columns `used`.

    Raises
    ------
    PipelineError
        NaN in a used band gives a probability, NaN in another band changes one, or probabilities
        depend on the size of the batch by more than `allowed`.
    """
    with_gap = np.repeat(spectra[:1], len(used), axis=0)
    with_gap[np.arange(len(used)), used] = np.nan
    blind = np.flatnonzero(~np.isnan(predict(with_gap)).all(axis=1))
    if len(blind):
        raise PipelineError(f"{path} gives probabilities where band {used[blind[0]]}, which it "
                            f"uses, is NaN; {GRAPH}")
    expected = predict(spectra)
    only_used = np.full_like(spectra, np.nan)
    only_used[:, used] = spectra[:, used]
    if not np.array_equal(expected, predict(only_used)):
        raise PipelineError(f"{path} gives other probabilities with NaN in unused bands; {GRAPH}")
    for size in BATCH_SIZES:
        if not np.allclose(predict(spectra[:size]), expected[:size], rtol=0, atol=allowed):
            raise PipelineError(f"{path} gives other probabilities in a batch of {size}; {GRAPH}")
