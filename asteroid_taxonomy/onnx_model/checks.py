"""Whether an ONNX file keeps its contract and computes what the scikit-learn model computes.

Differences up to `verify.max_difference` are allowed, and where they are larger, up to a few times
the file's rounding noise: what a change of each reflectance by its last bit does to a probability.
That grows with the logits and with the number of support vectors as the difference does.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime

from asteroid_taxonomy.console import PipelineError
from asteroid_taxonomy.onnx_model.classifier import Classifier
from asteroid_taxonomy.onnx_model.metadata import INPUT_NAME, OUTPUT_NAME

BATCH = 1024  # spectra at a time
BATCH_SIZES = (0, 1, 2, 32, 4096)
NOISE = 4.0  # times the rounding noise; of 54 models of all kinds none differed by more than 1.0
LEVELS = [getattr(onnxruntime.GraphOptimizationLevel, f"ORT_{name}")
          for name in ("DISABLE_ALL", "ENABLE_BASIC", "ENABLE_EXTENDED", "ENABLE_ALL")]
REDO = "run dvc repro export"
GRAPH = "correct asteroid_taxonomy/onnx_model/graph.py"
Spectra = npt.NDArray[np.float32]  # [n, bands]
Floats = npt.NDArray[np.floating]
Predict = Callable[[Spectra], Floats]  # probabilities [n, classes]


def check_contract(
    file: Classifier, model_sha256: str, expected: Mapping[str, Sequence[object]],
    max_bytes: int | None
) -> None:
    """Check that a file belongs to a model, names what it should, and is a plain graph.

    Parameters
    ----------
    file : Classifier
    model_sha256 : str
        Of the .skops file.
    expected : mapping
        Of metadata keys: classes, wavelengths_nm, used_bands_nm.
    max_bytes : int or None
        Size of a plain graph. None: operators of other domains and any size are allowed.

    Raises
    ------
    PipelineError
        The first difference.
    """
    path = file.path
    if model_sha256 not in file.metadata.sha256.values():
        raise PipelineError(f"{path} was exported from another model than the .skops file; {REDO}")
    for key, values in expected.items():
        if (found := list(getattr(file.metadata, key))) != list(values):
            raise PipelineError(f"{path} has {key} {','.join(map(str, found))[:50]} in its "
                                f"metadata, expected {','.join(map(str, values))[:50]}; {REDO}")
    if max_bytes is None:
        return
    foreign = {f"{node.domain}.{node.op_type}" for node in onnx.load(path).graph.node
               if node.domain}
    if foreign:
        raise PipelineError(f"{path} uses {', '.join(sorted(foreign))[:60]}, which many runtimes "
                            "lack; set plain_onnx to False for this model in learning/models.py")
    if (size := path.stat().st_size) > max_bytes:
        raise PipelineError(f"{path} has {size:,} bytes, more than the {max_bytes:,} of "
                            "verify.max_bytes; raise it, or train a smaller network")


def at_level(path: Path, level: onnxruntime.GraphOptimizationLevel) -> Predict:
    """The file on one CPU thread, as onnxruntime optimises its graph at `level`."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.graph_optimization_level = level
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(path), options, ["CPUExecutionProvider"])
    return lambda spectra: session.run([OUTPUT_NAME], {INPUT_NAME: spectra})[0]


def in_batches(predict: Callable[[npt.NDArray[np.floating]], Floats], spectra: Floats) -> Floats:
    """What `predict` gives for all `spectra`, BATCH of them at a time."""
    return np.concatenate([predict(spectra[start:start + BATCH])
                           for start in range(0, max(len(spectra), 1), BATCH)])


def rounding_noise(predict: Predict, spectra: Spectra) -> float:
    """The largest change of a probability when each reflectance changes by its last bit."""
    up = np.random.default_rng(0).integers(0, 2, spectra.shape, dtype=bool)
    moved = np.nextafter(spectra, np.where(up, np.inf, -np.inf).astype(np.float32))
    return float(np.abs(in_batches(predict, moved) - in_batches(predict, spectra)).max())


def compare(
    path: Path, found: Floats, reference: Floats, allowed: float, classes: Sequence[str]
) -> None:
    """Compare the file's probabilities [n, classes] with the model's.

    Raises
    ------
    PipelineError
        They differ by more than `allowed`; the message names another order of the classes.
    """
    if np.isnan(found).any():
        raise PipelineError(f"{path} gives NaN for spectra with all used bands; {GRAPH}")
    differences = np.abs(found - reference).max(axis=1)
    if differences.max() <= allowed:
        return
    between = np.abs(reference[:, :, None] - found[:, None, :]).max(axis=0)
    if between.min(axis=0).max() <= allowed:
        order = [classes[i] for i in between.argmin(axis=0)]
        raise PipelineError(f"{path} has its classes in the order {', '.join(order)[:40]}, its "
                            f"metadata {', '.join(classes)[:40]}; {GRAPH}")
    raise PipelineError(
        f"{path} differs from its model by up to {differences.max():.1e} (allowed {allowed:.0e}) "
        f"in {(differences > allowed).sum():,} of {len(found):,} spectra: wrong bands, scaler or "
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
    expected = in_batches(predict, spectra)
    only_used = np.full_like(spectra, np.nan)
    only_used[:, used] = spectra[:, used]
    if not np.array_equal(expected, in_batches(predict, only_used)):
        raise PipelineError(f"{path} gives other probabilities with NaN in unused bands; {GRAPH}")
    for size in BATCH_SIZES:
        found = predict(spectra[:size])
        if not (found.shape == expected[:size].shape
                and np.allclose(found, expected[:size], rtol=0, atol=allowed)):
            raise PipelineError(f"{path} gives other probabilities in a batch of {size}; {GRAPH}")
