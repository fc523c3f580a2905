"""A Dask cluster on loopback, as a lab starts one: a scheduler and two workers of one thread."""

import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.running import environment

TOP = Path(__file__).parent.parent
# what the package sets where it is imported first: a worker imports NumPy before it
KERNEL = {"OPENBLAS_CORETYPE": "Haswell", "OPENBLAS_NUM_THREADS": "1"}


@pytest.fixture
def dask_workers(tmp_path):
    """Address of a scheduler with two workers, and the processes of the workers."""
    pytest.importorskip("distributed")
    started = []

    def start(what, *arguments):
        log = tmp_path / f"{what}-{len(started)}.log"
        with log.open("w") as file:
            started.append(subprocess.Popen(
                [sys.executable, "-m", f"distributed.cli.dask_{what}", *arguments], stdout=file,
                stderr=subprocess.STDOUT, cwd=tmp_path,
                env=environment(PYTHONPATH=str(TOP), **KERNEL)))
        return log

    try:
        log = start("scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard")
        while not (address := re.search(r"tcp://127\.0\.0\.1:\d+", log.read_text())):
            assert started[0].poll() is None, log.read_text()
            time.sleep(0.1)
        for _ in range(2):
            start("worker", address[0], "--nthreads", "1", "--no-nanny", "--no-dashboard")
        yield address[0], started[1:]
    finally:
        for process in started:
            process.kill()
            process.wait()
