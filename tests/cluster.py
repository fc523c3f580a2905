"""A Dask cluster on loopback, as a lab starts one: a scheduler and two workers of one thread."""

import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.running import environment

TOP = Path(__file__).parent.parent


@contextmanager
def two_workers(folder: Path) -> Iterator[tuple[str, list[subprocess.Popen]]]:
    """Address of the scheduler, and the processes of the workers; their logs go to `folder`."""
    started: list[subprocess.Popen] = []

    def start(what: str, *arguments: str) -> Path:
        log = folder / f"{what}-{len(started)}.log"
        with log.open("w") as file:
            started.append(subprocess.Popen(
                [sys.executable, "-m", f"distributed.cli.dask_{what}", *arguments], stdout=file,
                stderr=subprocess.STDOUT, cwd=folder, env=environment(PYTHONPATH=str(TOP))))
        return log

    try:
        log = start("scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard")
        deadline = time.monotonic() + 60
        while not (address := re.search(r"tcp://127\.0\.0\.1:\d+", log.read_text())):
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.1)
        for _ in range(2):
            start("worker", address[0], "--nthreads", "1", "--no-nanny", "--no-dashboard")
        yield address[0], started[1:]
    finally:
        for process in started:
            process.kill()
            process.wait()
