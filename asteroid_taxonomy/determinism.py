"""What the last digits of a trained network depend on, pinned before NumPy loads.

The matrix kernel (OpenBLAS picks one per processor, and each adds up in another order) and the
number of threads. So all x86-64 Linux machines with AVX2 train the same bytes. Others keep their
own kernels: benchmarks/kernels.py shows how far their metrics move. Arrow is told to give memory
back to the system: its own pools keep tens of megabytes.

`stages/__init__.py` and the commands call `pin`; importing the library changes nothing.
"""

import os
from pathlib import Path


def pin() -> None:
    """Set the environment variables that NumPy's and Arrow's libraries read when they load."""
    cpuinfo = Path("/proc/cpuinfo")
    flags = set(cpuinfo.read_text().split()) if cpuinfo.exists() else set()
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    if {"avx2", "fma"} <= flags:
        os.environ.setdefault("OPENBLAS_CORETYPE", "Haswell")
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
    # onnxruntime's wheels write to the home folder and call their vendor as soon as they load
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
