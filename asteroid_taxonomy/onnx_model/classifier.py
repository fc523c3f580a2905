"""The classifier as it is shipped: an ONNX file, and nothing else, from spectra to complexes.

What the classes are called, which bands the network looks at and below which confidence it had
better say nothing stands in the file's own metadata, so that this reads no params, no onnx and no
scikit-learn. A file from elsewhere may hold anything: it gets so much memory and time, and a class
comes from it only where it does what contract.py promises.
"""

import functools
import os
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt

from asteroid_taxonomy.asteroids import names_of
from asteroid_taxonomy.console import PipelineError
from asteroid_taxonomy.files.shipped import shipped
from asteroid_taxonomy.onnx_model.description import (
    INPUT_NAME,
    ONNX_PATH,
    OUTPUT_NAME,
    REDO,
    Description,
    bounded_bytes,
    described,
    intact,
)

BATCH = 4096  # spectra; larger ones no longer fit the processor's cache and are slower
MAX_MEMORY = 1 << 30  # bytes, for the tensors of all classifiers of a process
SILENT = 4  # of onnxruntime's log levels: what it has to say comes as an exception too
PATIENCE_S, SPECTRA_PER_S = 10.0, 1000  # what the slowest machine needs many times over
TOLERANCE = 1e-3  # of a probability, and of the sum of those of a spectrum from 1


@dataclass(frozen=True)
class Classifier(Description):
    """An ONNX file, loaded, and what its metadata say."""

    session: Any  # onnxruntime.InferenceSession
    path: Path

    @property
    def name(self) -> str:
        """What the file is called, without its ending."""
        return self.path.stem

    def probabilities(self, reflectance: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Give the probabilities [n, classes] of spectra [n, bands], 1 at `normalised_at_nm`.

        NaN in all columns where a used band is missing (NaN or infinite), or where the values are
        so far from a reflectance that float32 cannot hold what comes of them.

        Raises
        ------
        PipelineError
            The file fails, takes too long, or gives something else than probabilities.
        """
        out = np.full((len(reflectance), len(self.classes)), np.nan, dtype=np.float32)
        whole = self.has_bands(reflectance)
        rows = slice(None) if whole.all() else whole
        options = _onnxruntime().RunOptions()
        options.log_severity_level = SILENT
        with _within(PATIENCE_S + len(reflectance) / SPECTRA_PER_S, setattr, options, "terminate",
                     True):
            out[rows] = np.concatenate([out[:0], *(self._run(part, options)
                                                   for part in batches(reflectance[rows]))])
        return out

    def has_bands(self, reflectance: npt.NDArray[np.float32]) -> npt.NDArray[np.bool_]:
        """Whether spectra [n, bands] have every used band, bool [n]."""
        whole = np.ones(len(reflectance), bool)
        for j in self.used:
            whole &= np.isfinite(reflectance[:, j])
        return whole

    def complexes(
        self, probabilities: npt.NDArray[np.float32]
    ) -> tuple[npt.NDArray[np.object_], npt.NDArray[np.float32]]:
        """Name the most probable complex (None without probabilities) and its probability."""
        known = ~np.isnan(probabilities[:, 0])
        names = np.full(len(probabilities), None, dtype=object)
        names[known] = np.asarray(self.classes, dtype=object)[probabilities[known].argmax(axis=1)]
        return names, probabilities.max(axis=1)

    def unclassified_because(self, reflectance: npt.NDArray[np.float32]) -> list[str | None]:
        """Name, per spectrum, the used bands it lacks ("no reflectance at 418 nm"), or None."""
        missing = ~np.isfinite(reflectance[:, self.used])
        used_nm = [self.wavelengths_nm[j] for j in self.used]
        return [f"no reflectance at {bands} nm" if bands else None
                for bands in names_of(missing, used_nm)]

    def _run(
        self, reflectance: npt.NDArray[np.float32], options: Any
    ) -> npt.NDArray[np.float32]:
        """Run the file on one batch of spectra that have the used bands."""
        try:
            (found,) = self.session.run([OUTPUT_NAME], {INPUT_NAME: reflectance}, options)
        except Exception as error:  # onnxruntime's exceptions share no narrower base
            raise _unfit(self.path, f"fails on spectra ({_line(error)})") from None
        return self._checked(found, len(reflectance))

    def _checked(self, found: npt.NDArray[np.float32], rows: int) -> npt.NDArray[np.float32]:
        """The probabilities of `rows` spectra, where they are some; NaN in all columns or none."""
        if found.shape != (rows, len(self.classes)):
            raise _unfit(self.path, f"gives {list(found.shape)} values for {rows} spectra")
        found[~np.isfinite(found).all(axis=1)] = np.nan
        off = (np.abs(found.sum(axis=1) - 1) > TOLERANCE) | (found < -TOLERANCE).any(axis=1)
        if off.any():
            raise _unfit(self.path, "gives numbers that are not probabilities, such as "
                                    f"{found[np.argmax(off)].tolist()[:4]}")
        return found


def batches(reflectance: npt.NDArray[np.float32]) -> Iterator[npt.NDArray[np.float32]]:
    """Spectra [n, bands] in parts that fit the processor's cache."""
    for start in range(0, len(reflectance), BATCH):
        yield reflectance[start:start + BATCH]


def load_classifier(path: Path = ONNX_PATH, threads: int = 1) -> Classifier:
    """Load the file, or the package's own of that name, on the CPU; try it on two spectra.

    It has MAX_MEMORY.

    Raises
    ------
    PipelineError
        No such file, not an ONNX file, damaged, not the tensors that contract.py promises, or
        metadata that do not say what its columns are.
    """
    path = shipped(path)
    content = bounded_bytes(path)
    onnxruntime = _onnxruntime()
    options = onnxruntime.SessionOptions()
    options.log_severity_level = SILENT
    options.intra_op_num_threads = threads
    options.add_session_config_entry("session.use_env_allocators", "1")
    # a file that keeps its weights in another file would get whatever lies in the current folder
    options.add_session_config_entry("session.model_external_initializers_file_folder_path",
                                     os.devnull)
    try:
        with _within(PATIENCE_S, options.set_load_cancellation_flag, True):
            session = onnxruntime.InferenceSession(content, options, ["CPUExecutionProvider"],
                                                   enable_fallback=0)  # tries again, and prints
        metadata = session.get_modelmeta().custom_metadata_map
        tensors = [("input", INPUT_NAME, session.get_inputs()),
                   ("output", OUTPUT_NAME, session.get_outputs())]
        found = ["; ".join(f"{t.name} {t.type} {t.shape}" for t in each) for *_, each in tensors]
    except Exception as error:  # onnxruntime's exceptions share no narrower base class
        raise PipelineError(f"{path} is not an ONNX file that onnxruntime can load "
                            f"({_line(error)}); {REDO} to make it anew") from None
    for (kind, name, _), has in zip(tensors, found, strict=True):
        if not re.fullmatch(rf"{name} tensor\(float\) \[('[^']*'|None), \d+\]", has):
            raise _unfit(path, f"should have one {kind}, {name} tensor(float) ['batch', columns], "
                               f"but has {has[:200] or 'none'}")
    if not intact(content, metadata):
        raise _unfit(path, "is not as it was exported (its sha256 differs from its metadata's)")
    said = described(path, metadata, *(each[0].shape[1] for *_, each in tensors))
    classifier = Classifier(**vars(said), session=session, path=path)
    classifier.probabilities(np.ones((2, len(said.wavelengths_nm)), dtype=np.float32))
    return classifier


@functools.cache
def _onnxruntime() -> ModuleType:
    """Give onnxruntime, without its telemetry, and an allocator of MAX_MEMORY.

    Only sessions that ask for the allocator have it.
    """
    # its Linux wheel writes into the user's cache and calls home from the import on, unless
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    import onnxruntime

    onnxruntime.create_and_register_allocator(
        onnxruntime.OrtMemoryInfo("Cpu", onnxruntime.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0,
                                  onnxruntime.OrtMemType.DEFAULT),
        onnxruntime.OrtArenaCfg({"max_mem": MAX_MEMORY, "arena_extend_strategy": 1}))
    return onnxruntime


@contextmanager
def _within(seconds: float, stop: Callable[..., None], *arguments: Any) -> Iterator[None]:
    """Call `stop` where the block takes longer than so many seconds."""
    watch = threading.Timer(seconds, stop, arguments)
    watch.daemon = True
    watch.start()
    try:
        yield
    finally:
        watch.cancel()


def _line(error: Exception) -> str:
    """What onnxruntime says, in one line of bounded length."""
    return " ".join(str(error).split())[:200]


def _unfit(path: Path, what: str) -> PipelineError:
    return PipelineError(f"{path} {what}, so it is not a classifier of this project; {REDO} to "
                         "make it anew")
