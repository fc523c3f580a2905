"""Run a stage or a command: errors, exit codes, progress, environment."""

import argparse
import os
import signal
import sys
import time
import warnings
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, NoReturn

PLAIN_LINE_EVERY_S = 5.0  # where stderr is not a terminal (CI logs)
MAX_MESSAGE = 200  # characters


class PipelineError(Exception):
    """An error for the user: what is wrong, and one thing to do."""


class _Terminated(BaseException):
    """Raised on SIGTERM and SIGHUP, so that temporary files and jobs are removed."""


def set_environment() -> None:
    """Set the environment variables that NumPy, Arrow and onnxruntime read on import.

    OpenBLAS selects a matrix kernel for the processor, and kernels round differently. The Haswell
    kernel runs on all x86-64 processors with AVX2; ASTEROID_TAXONOMY_KERNEL overrides it.
    """
    cpuinfo = Path("/proc/cpuinfo")
    flags = set(cpuinfo.read_text().split()) if cpuinfo.exists() else set()
    kernel = "Haswell" if {"avx2", "fma"} <= flags else ""
    if kernel := os.environ.get("ASTEROID_TAXONOMY_KERNEL", kernel):
        os.environ["OPENBLAS_CORETYPE"] = kernel
    os.environ |= {
        "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1",
        "ARROW_DEFAULT_MEMORY_POOL": "system",  # Arrow's own pools retain tens of megabytes
        "ORT_DISABLE_TELEMETRY": "1",  # onnxruntime's wheels send usage data on import
    }


def command_line(command: str, doc: str | None) -> argparse.ArgumentParser:
    """Parser of a command's arguments; --help prints its `__doc__`."""
    return argparse.ArgumentParser(prog=f"asteroid-taxonomy {command}", description=doc,
                                   formatter_class=argparse.RawDescriptionHelpFormatter)


def run(main: Callable[[], object], doc: str | None = "") -> NoReturn:
    """Run the `main` of a stage or a command and end the process with its exit code.

    A stage passes its `__doc__`, which --help prints; it takes no other argument. A command passes
    none and reads its own arguments. Exit codes: 0 after success, 1 after an error, 2 for wrong
    arguments, 130 after Ctrl-C, 143 after SIGTERM, 129 after SIGHUP, 141 if the reader of a pipe
    has gone.
    """
    warnings.filterwarnings("ignore", category=DeprecationWarning)
    for stream in (sys.stdout, sys.stderr):  # a C locale cannot encode most names
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]
    for name in ("SIGTERM", "SIGHUP", "SIGINT"):
        signum = getattr(signal, name, None)  # Windows has no SIGHUP
        if signum and signal.getsignal(signum) != signal.SIG_IGN:  # nohup
            signal.signal(signum, signal.default_int_handler if name == "SIGINT" else _terminate)
    try:
        if doc != "" and len(sys.argv) > 1:
            if sys.argv[1:] not in (["--help"], ["-h"]):
                sys.exit(_fail("error: a stage takes no arguments but --help; its inputs are in "
                               "dvc.yaml and params.yaml", 2))
            print((doc or "").strip())
        else:
            main()
        sys.stdout.flush()
    except PipelineError as error:
        sys.exit(_fail(f"error: {error}", 1))
    except BrokenPipeError:  # `... | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(128 + 13)
    except OSError as error:
        where = f" ({error.filename})" if error.filename else ""
        sys.exit(_fail(f"error: {error.strerror or error}{where}; check the folder's free space "
                       "and permissions", 1))
    except KeyboardInterrupt:
        sys.exit(_fail("interrupted", 130))
    except _Terminated as stop:
        sys.exit(_fail("terminated", 128 + stop.args[0]))
    sys.exit(0)


def _terminate(signum: int, frame: object) -> NoReturn:
    raise _Terminated(signum)


def _fail(message: str, code: int) -> int:
    print(one_line(message, 400), file=sys.stderr, flush=True)
    return code


def plain(text: str) -> str:
    """Replace the control characters in text from a server or a file."""
    return "".join(c if c.isprintable() else " " for c in text)


def one_line(text: object, length: int = MAX_MESSAGE) -> str:
    """Format text of an exception or a server as one printable line of limited length."""
    line = " ".join(plain(str(text)).split())
    return line if len(line) <= length else line[:length - 3] + "..."


class Progress(AbstractContextManager["Progress"]):
    """Progress of a long task: a bar on a terminal, plain lines elsewhere."""

    def __init__(self, label: str, total: int | None = None, unit: str = "row") -> None:
        self.label, self.total, self.unit = plain(label), total, unit
        self.done, self.note, self.started = 0, "", time.monotonic()
        self.last_line = self.started
        self.bar: Any = None
        if sys.stderr.isatty() and not os.environ.get("CI"):
            from tqdm import tqdm

            self.bar = tqdm(total=total, desc=self.label, unit=f" {unit}s", unit_scale=True,
                            leave=False)

    def __exit__(self, *exc: object) -> None:
        if self.bar is not None:
            self.bar.close()

    def update(self, done: int | None = None, note: str | None = None) -> None:
        """Show the number of units done in total, and a `note` such as a job's phase."""
        step = 0 if done is None else done - self.done
        changed = note is not None and note.split(" ")[0] != self.note.split(" ")[0]
        self.done = self.done + step
        self.note = self.note if note is None else one_line(note)
        if self.bar is not None:
            self.bar.set_postfix_str(self.note, refresh=False)
            self.bar.update(step)
            self.bar.refresh()
        elif changed or time.monotonic() - self.last_line >= PLAIN_LINE_EVERY_S:
            self.last_line = time.monotonic()
            of_total = f" of {self.total:,}" if self.total else ""
            counted = f"{self.done:,}{of_total} {self.unit}s " if self.done else ""
            print(f"{self.label}: {counted}{self.note} [{self.last_line - self.started:.0f} s]",
                  file=sys.stderr, flush=True)
