"""What the last digits of a trained network depend on, pinned before NumPy loads.

The matrix kernel (OpenBLAS picks one per processor, and each adds up in another order), the number
of threads, and NumPy's own choice of instructions. So all x86-64 Linux machines with AVX2 train
the same bytes. Others keep their own kernels: benchmarks/kernels.py shows how far their metrics
move. Arrow is told to give memory back to the system: its own pools keep tens of megabytes.

`stages/__init__.py` and the commands call `pin`; importing the library changes nothing. What the
caller's environment says otherwise is overridden, and said. One thing cannot be set so late:
PYTHONHASHSEED, on which nothing here depends.
"""

import os
import sys
from pathlib import Path

from asteroid_taxonomy.console import KERNEL

# what a fit elsewhere must be run with too, for the same bytes
PINNED = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_CORETYPE")


def pin() -> None:
    """Set the environment variables that NumPy's and Arrow's libraries read when they load."""
    cpuinfo = Path("/proc/cpuinfo")
    flags = set(cpuinfo.read_text().split()) if cpuinfo.exists() else set()
    kernel = os.environ.get(KERNEL) or ("Haswell" if {"avx2", "fma"} <= flags else None)
    wanted = {
        "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1",
        **({"OPENBLAS_CORETYPE": kernel} if kernel else {}),
        "NPY_DISABLE_CPU_FEATURES": None, "NPY_ENABLE_CPU_FEATURES": None,
        "ARROW_DEFAULT_MEMORY_POOL": "system",
        # onnxruntime's wheels write to the home folder and call their vendor as soon as they load
        "ORT_DISABLE_TELEMETRY": "1",
    }
    others = [name for name, value in wanted.items() if os.environ.get(name, value) != value]
    if others:
        print(f"note: {', '.join(f'{name}={os.environ[name]}' for name in others)} in the "
              "environment would change the last digits of results and does not count here",
              file=sys.stderr)
    if os.environ.get(KERNEL) and os.environ.get("OPENBLAS_CORETYPE") != kernel:
        print(f"note: matrix kernel {kernel} by {KERNEL}; the metrics name it", file=sys.stderr)
    for name, value in wanted.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
