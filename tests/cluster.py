"""A Dask cluster on loopback, as a lab starts one: a scheduler and two workers of one thread."""

import re
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.running import environment

TOP = Path(__file__).parent.parent
# what the package sets where it is imported first: a worker imports NumPy before it
KERNEL = {"OPENBLAS_CORETYPE": "Haswell", "OPENBLAS_NUM_THREADS": "1"}


@contextmanager
def two_workers(folder):
    """Address of the scheduler; logs go to `folder`."""
    pytest.importorskip("distributed")
    started = []

    def start(what, *arguments):
        log = folder / f"{what}-{len(started)}.log"
        with log.open("w") as file:
            started.append(subprocess.Popen(
                [sys.executable, "-m", f"distributed.cli.dask_{what}", *arguments], stdout=file,
                stderr=subprocess.STDOUT, cwd=folder,
                env=environment(PYTHONPATH=str(TOP), **KERNEL)))
        return log

    try:
        log = start("scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard")
        while not (address := re.search(r"tcp://127\.0\.0\.1:\d+", log.read_text())):
            assert started[0].poll() is None, log.read_text()
            time.sleep(0.1)
        for _ in range(2):
            start("worker", address[0], "--nthreads", "1", "--no-nanny", "--no-dashboard")
        yield address[0]
    finally:
        for process in started:
            process.kill()
            process.wait()
