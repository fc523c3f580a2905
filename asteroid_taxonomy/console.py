"""How a stage talks to the person who runs it: one-sentence errors, exit codes, progress.

Errors go to stderr as one sentence with exit code 1 and no traceback; Ctrl-C and SIGTERM unwind
the stack, so that temporary files and remote jobs are cleaned up on the way out.
"""

import gc
import os
import signal
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any, NoReturn

# environment: another matrix kernel than the pinned one, on purpose; run and metrics name it
KERNEL = "ASTEROID_TAXONOMY_KERNEL"
EXAMPLES = 3  # keys that an error names when rows are at fault
PLAIN_LINE_EVERY_S = 5.0  # where stderr is not a terminal (CI logs), one line this often

# what this process has put into place, so that its last words are true
written: list[os.PathLike[str]] = []


class PipelineError(Exception):
    """What was expected, what came, and what to do next, in one sentence for the user."""


def run(main: Callable[[], None], doc: str | None = "") -> NoReturn:
    """Run the `main` of a stage or a command and end the process with its exit code.

    Parameters
    ----------
    main : callable
    doc : str or None
        A stage gives its `__doc__`: it takes no arguments but --help, which prints this. (None
        is what PYTHONOPTIMIZE=2 makes of it.) A command gives none: it reads its own arguments.

    Raises
    ------
    SystemExit
        0 after success, 1 after a PipelineError or a failing disk, 2 for arguments that a stage
        does not take, 130 after Ctrl-C, 143 after SIGTERM, 129 when the terminal goes away, 141
        when the reader of a pipe does.
    """
    warnings.filterwarnings("ignore", category=DeprecationWarning)
    for stream in (sys.stdout, sys.stderr):  # a C locale has no letter for most names
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]
    if doc != "" and len(sys.argv) > 1:
        if sys.argv[1:] in (["--help"], ["-h"]):
            print((doc or "PYTHONOPTIMIZE=2 leaves no help; see the top of the file").strip())
            sys.exit(0)
        sys.exit(say(f"error: a stage takes no arguments, but got {' '.join(sys.argv[1:])}; what "
                      "it reads stands in dvc.yaml and params.yaml, and --help tells", 2))
    for name in ("SIGTERM", "SIGHUP", "SIGINT"):
        signum = getattr(signal, name, None)  # Windows has no SIGHUP
        if signum and signal.getsignal(signum) != signal.SIG_IGN:  # nohup
            signal.signal(signum, signal.default_int_handler if name == "SIGINT" else _unwind)
    gc.enable()  # a stage began without it
    try:
        main()
        sys.stdout.flush()
        gc.freeze()  # no last look for garbage among all that was imported
    except PipelineError as error:
        sys.exit(say(f"error: {error}", 1))
    except BrokenPipeError:  # `... | head` has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(128 + 13)
    except OSError as error:
        where = f" ({error.filename})" if error.filename else ""
        reason = error.strerror or str(error)
        sys.exit(say(f"error: the disk said: {reason}{where}; {what_is_left()}; free some "
                      "space or check the folder's permissions, then run it again", 1))
    except KeyboardInterrupt:
        sys.exit(say(f"interrupted: {what_is_left()}", 130))
    except _Terminated as stop:
        sys.exit(say(f"terminated: {what_is_left()}", 128 + stop.args[0]))
    sys.exit(0)


class _Terminated(BaseException):
    """Unwinds the stack like KeyboardInterrupt; a handler that prints could interrupt a print."""


def _unwind(signum: int, frame: object) -> NoReturn:
    raise _Terminated(signum)


def what_is_left() -> str:
    """What a process that stops here leaves behind."""
    return f"only {', '.join(map(str, written))} was written" if written else "nothing was written"


def plain(text: str) -> str:
    """Text of a server or a file without what steers a terminal: it may be printed."""
    return "".join(c if c.isprintable() else " " for c in text)


def say(sentence: str, code: int) -> int:
    """Print a sentence to stderr, and what DVC has done to the files; give back `code`."""
    print(plain(sentence), file=sys.stderr, flush=True)
    if "DVC_STAGE" in os.environ:
        print("DVC has removed what this stage wrote before: `dvc checkout` brings it back, and "
              "`git checkout` what is in git", file=sys.stderr, flush=True)
    return code


class Progress:
    """Rows, bytes and phase of one long task: a bar on a terminal, plain lines elsewhere."""

    def __init__(self, label: str, total: int | None = None, unit: str = "row") -> None:
        self.label, self.total, self.unit = plain(label), total, unit
        self.done, self.note, self.started = 0, "", time.monotonic()
        self.last_line = self.started
        self.bar: Any = None
        if sys.stderr.isatty() and not os.environ.get("CI"):
            from tqdm import tqdm  # not needed elsewhere: most runs are DVC's or CI's

            self.bar = tqdm(total=total, desc=self.label, unit=f" {unit}s", unit_scale=True,
                            leave=False)

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *exc: object) -> None:
        if self.bar is not None:
            self.bar.close()

    def expect(self, total: int) -> None:
        """Start counting anew, towards `total` units."""
        self.total, self.done = total, 0
        if self.bar is not None:
            self.bar.reset(total)

    def update(self, done: int | None = None, note: str | None = None) -> None:
        """Show that `done` units are finished in all, and a `note` such as a job's phase."""
        step = 0 if done is None else done - self.done
        changed = note is not None and note.split(" ")[0] != self.note.split(" ")[0]
        self.done = self.done + step
        self.note = self.note if note is None else plain(note)
        if self.bar is not None:
            self.bar.set_postfix_str(self.note, refresh=False)
            self.bar.update(step)
            self.bar.refresh()
        elif changed or time.monotonic() - self.last_line >= PLAIN_LINE_EVERY_S:
            self.last_line = time.monotonic()
            of_total = f" of {self.total:,}" if self.total else ""
            counted = f"{self.done:,}{of_total} {self.unit}s, " if self.done else ""
            elapsed = self.last_line - self.started
            print(f"{self.label}: {counted}{self.note} [{elapsed:.0f} s]",
                  file=sys.stderr, flush=True)
