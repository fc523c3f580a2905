"""How a stage talks to the person who runs it: one-sentence errors, exit codes, progress.

Errors go to stderr as one sentence with exit code 1 and no traceback; Ctrl-C and SIGTERM unwind
the stack, so that temporary files and remote jobs are cleaned up on the way out.
"""

import os
import signal
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any, NoReturn

EXAMPLES = 3  # keys that an error names when rows are at fault
PLAIN_LINE_EVERY_S = 5.0  # where stderr is not a terminal (CI logs), one line this often


class PipelineError(Exception):
    """What was expected, what came, and what to do next, in one sentence for the user."""


def run(main: Callable[[], None]) -> NoReturn:
    """Run a stage's `main` and end the process with its exit code.

    Raises
    ------
    SystemExit
        0 after success, 1 after a PipelineError or a failing disk, 130 after Ctrl-C, 143 after
        SIGTERM, 129 when the terminal goes away, 141 when the reader of a pipe does.
    """
    warnings.filterwarnings("ignore", category=DeprecationWarning)
    for name in ("SIGTERM", "SIGHUP"):
        signum = getattr(signal, name, None)  # Windows has no SIGHUP
        if signum and signal.getsignal(signum) != signal.SIG_IGN:  # nohup
            signal.signal(signum, _unwind)
    try:
        main()
        sys.stdout.flush()
    except PipelineError as error:
        sys.exit(_say(f"error: {error}", 1))
    except BrokenPipeError:  # `... | head` has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(128 + 13)
    except OSError as error:
        where = f" ({error.filename})" if error.filename else ""
        reason = error.strerror or str(error)
        sys.exit(_say(f"error: the disk said: {reason}{where}; nothing was written; free some "
                      "space or check the folder's permissions, then run it again", 1))
    except KeyboardInterrupt:
        sys.exit(_say("interrupted: nothing was written", 130))
    except _Terminated as stop:
        sys.exit(_say("terminated: nothing was written", 128 + stop.args[0]))
    sys.exit(0)


class _Terminated(BaseException):
    """Unwinds the stack like KeyboardInterrupt; a handler that prints could interrupt a print."""


def _unwind(signum: int, frame: object) -> NoReturn:
    raise _Terminated(signum)


def _say(sentence: str, code: int) -> int:
    print(sentence, file=sys.stderr, flush=True)
    return code


class Progress:
    """Rows, bytes and phase of one long task: a bar on a terminal, plain lines elsewhere."""

    def __init__(self, label: str, total: int | None = None, unit: str = "row") -> None:
        self.label, self.total, self.unit = label, total, unit
        self.done, self.note, self.started = 0, "", time.monotonic()
        self.last_line = self.started
        self.bar: Any = None
        if sys.stderr.isatty() and not os.environ.get("CI"):
            from tqdm import tqdm  # not needed elsewhere: most runs are DVC's or CI's

            self.bar = tqdm(total=total, desc=label, unit=f" {unit}s", unit_scale=True,
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
        self.note = self.note if note is None else note
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
