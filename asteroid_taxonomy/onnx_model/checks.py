"""Whether an ONNX file keeps its contract and computes what the scikit-learn model computes.

Differences are allowed up to `verify.max_difference`, or up to a few times the file's own rounding
noise where that is larger: what a change of each reflectance by its last bit does to a probability.
It bounds the difference of single to double precision for every model and hyperparameter that was
tried (tests/onnx_model/test_checks.py), large logits and support vectors included.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime

from asteroid_taxonomy.console import PipelineError
from asteroid_taxonomy.onnx_model.classifier import Classifier
from asteroid_taxonomy.onnx_model.metadata import INPUT_NAME, OUTPUT_NAME
from asteroid_taxonomy.params import Export

BATCH = 1024  # spectra at a time
BATCH_SIZES = (0, 1, 2, 32, 4096)
NOISE = 4.0  # times the rounding noise; differences reach 1.1 times it
LEVELS = [getattr(onnxruntime.GraphOptimizationLevel, f"ORT_{name}")
          for name in ("DISABLE_ALL", "ENABLE_BASIC", "ENABLE_EXTENDED", "ENABLE_ALL")]
REDO = "run dvc repro export"
GRAPH = "correct asteroid_taxonomy/onnx_model/graph.py"
Spectra = npt.NDArray[np.float32]  # [n, bands]
Floats = npt.NDArray[np.floating]
Predict = Callable[[Spectra], Floats]  # probabilities [n, classes]


def check_contract(
    file: Classifier, classes: Sequence[str], wavelengths_nm: Sequence[int],
    used_nm: Sequence[int], model_sha256: str, export: Export, max_bytes: int | None
) -> None:
    """Compare the file's metadata and form with the model and with params.yaml.

    Parameters
    ----------
    file : Classifier
    classes, wavelengths_nm, used_nm : sequence
        What the metadata should name.
    model_sha256 : str
        Of the .skops file.
    export : params.Export
    max_bytes : int or None
        Size that a plain graph may have. None: operators of ai.onnx.ml and any size are allowed.

    Raises
    ------
    PipelineError
        The first difference.
    """
    metadata, path = file.metadata, file.path
    if model_sha256 not in metadata.sha256.values():
        raise PipelineError(f"{path} was exported from another model than the present .skops; "
                            f"{REDO}")
    for key, found, expected in (("classes", metadata.classes, classes),
                                 ("wavelengths_nm", metadata.wavelengths_nm, wavelengths_nm),
                                 ("used_bands_nm", metadata.used_bands_nm, used_nm)):
        if list(found) != list(expected):
            raise PipelineError(f"{path} has {key} {','.join(map(str, found))[:50]} in its "
                                f"metadata, expected {','.join(map(str, expected))[:50]}; {REDO}")
    model = onnx.load(path)
    opset = {each.domain: each.version for each in model.opset_import}.get("")
    if (model.ir_version, opset) != (export.ir_version, export.opset):
        raise PipelineError(f"{path} has IR version {model.ir_version} and opset {opset}, expected "
                            f"{export.ir_version} and {export.opset} (params.yaml); {REDO}")
    if max_bytes is not None:
        foreign = sorted({f"{node.domain}.{node.op_type}" for node in model.graph.node
                          if node.domain})
        if foreign:
            raise PipelineError(f"{path} uses {', '.join(foreign)[:60]}, which many runtimes lack;"
                                " set plain_onnx to False for this model in learning/models.py")
        size = path.stat().st_size
        if size > max_bytes:
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
) -> float:
    """The largest difference of the file's probabilities [n, classes] from the model's.

    Raises
    ------
    PipelineError
        It is more than `allowed`; the message names another order of the classes.
    """
    if np.isnan(found).any():
        raise PipelineError(f"{path} gives NaN for spectra with all used bands; {GRAPH}")
    differences = np.abs(found - reference)
    largest = float(differences.max())
    if largest > allowed:
        between = np.abs(reference[:, :, None] - found[:, None, :]).max(axis=0)
        order = between.argmin(axis=0)  # of each column of the file: the class it is
        if between.min(axis=0).max() <= allowed:
            raise PipelineError(f"{path} has its classes in the order "
                                f"{', '.join(classes[i] for i in order)[:40]}, its metadata "
                                f"{', '.join(classes)[:40]}; {GRAPH}")
        wrong = int((differences.max(axis=1) > allowed).sum())
        raise PipelineError(
            f"{path} differs from its model by up to {largest:.1e} (allowed {allowed:.0e}) in "
            f"{wrong:,} of {len(found):,} spectra, so bands, scaler or weights are wrong; {GRAPH}")
    return largest


def check_edges(
    path: Path, predict: Predict, spectra: Spectra, used: Sequence[int], allowed: float
) -> None:
    """Check what scikit-learn, which refuses NaN and empty batches, cannot show.

    Parameters
    ----------
    path : Path
        For messages.
    predict : callable
        The file's probabilities.
    spectra : float32 [n, bands]
        Complete in the columns `used`.
    used : sequence of int
    allowed : float
        Difference of a probability.

    Raises
    ------
    PipelineError
        NaN in a used band gives a probability, NaN in another band changes one, or probabilities
        depend on the size of the batch.
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
        raise PipelineError(f"{path} gives other probabilities where unused bands are NaN; {GRAPH}")
    for size in BATCH_SIZES:
        found = predict(spectra[:size])
        if not (found.shape == expected[:size].shape
                and np.allclose(found, expected[:size], rtol=0, atol=allowed)):
            raise PipelineError(f"{path} gives other probabilities in a batch of {size}; {GRAPH}")
