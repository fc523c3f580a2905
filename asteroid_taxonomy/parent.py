"""The first thing a stage does, before its slow imports: see who started it.

A stage whose dvc was killed must not outlive it: the next dvc may run the same stage with other
params, and what the first one writes then would be taken for the second one's. A thread ends it
within a second, and `check_still_wanted` stops it before a file is put into place. (Linux could
end it at once, but not where dvc's shell stays between the two, as dash does.) A stage that is run
without DVC (by hand, under nohup, as a daemon) may lose its parent and carries on.
"""

import gc
import os
import signal
import sys
import threading
import time
from typing import Any, NoReturn

from asteroid_taxonomy.console import PipelineError, say, what_is_left

LOOK_EVERY_S = 0.5
ORPHANED = ("the dvc that started this stage has ended, and another may be running it by now; "
            "this one writes nothing more; run `dvc repro` again")
_dvc: list[Any] = []  # its psutil.Process, if DVC runs this stage


def begin() -> None:
    """Watch the dvc that runs this stage, if one does; a Ctrl-C from now on gives no traceback.

    Garbage is not collected before console.run: imports make little, and looking for it among all
    they make takes a tenth of a stage's time.

    Raises
    ------
    SystemExit
        1: that dvc has ended already.
    """
    gc.disable()
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _stop)  # until console.run: nothing is there to clean up
    if os.name != "posix" or "DVC_STAGE" not in os.environ:
        return
    import psutil  # type: ignore[import-untyped]  # DVC needs it anyway; 15 ms that only stages under DVC pay

    for process in psutil.Process().parents():
        _dvc[:] = [process]
        try:  # a shell between dvc and the stage has the stage's environment, dvc has not
            if process.environ().get("DVC_STAGE") != os.environ["DVC_STAGE"]:
                break
        except psutil.Error:
            break
    try:
        command = " ".join(_dvc[0].cmdline()) if _dvc else ""
    except psutil.Error:  # ended between the two
        command = ""
    # dvc may be a program or a Python that runs it; who adopts orphans is neither
    if not any(name in command for name in ("dvc", "python")):
        sys.exit(say(f"error: {ORPHANED}", 1))
    threading.Thread(target=_end_with_dvc, daemon=True).start()


def check_still_wanted() -> None:
    """Check that the dvc that runs this stage is alive.

    Raises
    ------
    PipelineError
        It is not.
    """
    if _dvc and not _dvc_lives():
        raise PipelineError(ORPHANED)


def _dvc_lives() -> bool:
    import psutil

    try:
        return bool(_dvc[0].is_running()) and _dvc[0].status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:  # ended between the two
        return False


def _end_with_dvc() -> None:
    while _dvc_lives():
        time.sleep(LOOK_EVERY_S)
    os.kill(os.getpid(), signal.SIGTERM)


def _stop(signum: int, frame: object) -> NoReturn:
    os._exit(say(f"interrupted: {what_is_left()}", 130))
