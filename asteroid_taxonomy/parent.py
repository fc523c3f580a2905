"""The first thing a stage does, before its slow imports: see who started it.

A stage whose dvc was killed must not outlive it: the next dvc may run the same stage with other
params, and what the first one writes then would be taken for the second one's. Linux ends it, and
`check_still_wanted` stops it everywhere before a file is put into place. A stage that is run
without DVC (by hand, under nohup, as a daemon) may lose its parent and carries on.
"""

import os
import signal
import sys
from typing import Any, NoReturn

from asteroid_taxonomy.console import PipelineError, say, what_is_left

PR_SET_PDEATHSIG = 1  # prctl(2)
ORPHANED = ("the dvc that started this stage has ended, and another may be running it by now; "
            "this one writes nothing more; run `dvc repro` again")
_dvc: list[Any] = []  # its psutil.Process, if DVC runs this stage


def begin() -> None:
    """Watch the dvc that runs this stage, if one does; a Ctrl-C from now on gives no traceback.

    Raises
    ------
    SystemExit
        1: that dvc has ended already.
    """
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _stop)  # until console.run: nothing is there to clean up
    if os.name != "posix" or "DVC_STAGE" not in os.environ:
        return
    import psutil  # type: ignore[import-untyped]  # DVC needs it anyway; 15 ms that only stages under DVC pay

    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    for process in psutil.Process().parents():
        _dvc[:] = [process]
        try:  # a shell between dvc and the stage has the stage's environment, dvc has not
            if process.environ().get("DVC_STAGE") != os.environ["DVC_STAGE"]:
                break
        except psutil.Error:
            break
    # dvc may be a program or a Python that runs it; who adopts orphans is neither
    if not _dvc or not any(name in " ".join(_dvc[0].cmdline()) for name in ("dvc", "python")):
        sys.exit(say(f"error: {ORPHANED}", 1))


def check_still_wanted() -> None:
    """Check that the dvc that runs this stage is alive.

    Raises
    ------
    PipelineError
        It is not.
    """
    if _dvc and (not _dvc[0].is_running() or _dvc[0].status() == "zombie"):
        raise PipelineError(ORPHANED)


def _stop(signum: int, frame: object) -> NoReturn:
    os._exit(say(f"interrupted: {what_is_left()}", 130))
