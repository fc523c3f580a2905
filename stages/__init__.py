"""The pipeline: one file per DVC stage, and the few small modules that the stages share.

Importing the package pins what the last digits of a trained network depend on, before NumPy loads:
the matrix kernel (OpenBLAS picks one per processor, and each adds up in another order) and the
number of threads. So all x86-64 Linux machines with AVX2 train the same bytes. Others keep their
own kernels: benchmarks/kernels.py shows how far their metrics move.

It also has Arrow give memory back to the system: its own pools keep tens of megabytes.
"""

import os
from pathlib import Path

_cpuinfo = Path("/proc/cpuinfo")
_cpu_flags = set(_cpuinfo.read_text().split()) if _cpuinfo.exists() else set()

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")
if {"avx2", "fma"} <= _cpu_flags:
    os.environ.setdefault("OPENBLAS_CORETYPE", "Haswell")
os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
