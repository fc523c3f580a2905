"""Fits on the workers of a Dask scheduler, by joblib's own backend."""

from contextlib import AbstractContextManager, nullcontext
from typing import Any

from joblib import parallel_config

from asteroid_taxonomy.console import PipelineError, one_line

HELP = "address of a Dask scheduler, tcp://host:port, whose workers do the fits"


def cluster(scheduler: str | None) -> AbstractContextManager[Any]:
    """Have joblib run its tasks at `scheduler`; None: on this machine."""
    if scheduler is None:
        return nullcontext()
    try:
        from distributed import Client  # an extra, cluster

        return parallel_config(backend="dask", client=Client(scheduler, timeout=10))
    except ImportError:
        raise PipelineError("--scheduler needs Dask; run pip install .[cluster]") from None
    except (OSError, ValueError) as error:
        raise PipelineError(f"no Dask scheduler at {scheduler} ({one_line(error, 80)}); check the "
                            "address") from None
