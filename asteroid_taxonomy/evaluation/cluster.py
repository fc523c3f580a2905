"""Where the fits run: on this machine's cores, or on the workers of a Dask scheduler."""

import os
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from joblib import parallel_config

from asteroid_taxonomy.console import PipelineError
from asteroid_taxonomy.determinism import PINNED

HELP = "address of a Dask scheduler, tcp://host:port, whose workers do the fits"


def cluster(scheduler: str | None) -> AbstractContextManager[Any]:
    """Have joblib run its tasks at `scheduler`; None: on this machine.

    Raises
    ------
    PipelineError
        Dask is not installed, nothing answers at that address, or a worker was started with
        other settings than these, with which it would fit other bytes.
    """
    if scheduler is None:
        return nullcontext()
    try:
        from distributed import Client
    except ImportError:
        raise PipelineError("--scheduler needs Dask, which is not installed; run "
                            "`pip install .[cluster]`") from None
    try:
        client = Client(scheduler, timeout=10)
    except (OSError, ValueError) as error:
        raise PipelineError(f"no Dask scheduler answers at {scheduler} "
                            f"({' '.join(str(error).split())})") from None
    ours = {key: os.environ.get(key) for key in PINNED}
    for worker, theirs in client.run(lambda: dict(os.environ)).items():
        if wrong := [key for key in PINNED if theirs.get(key) != ours[key]]:
            raise PipelineError(
                f"the Dask worker {worker} runs with {wrong[0]}={theirs.get(wrong[0])}, expected "
                f"{ours[wrong[0]]}; start it with "
                + " ".join(f"{key}={value}" for key, value in ours.items() if value))
    return parallel_config(backend="dask", client=client)
