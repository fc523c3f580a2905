"""The pipeline: one file per DVC stage, and the few small modules that the stages share.

Importing the package pins what the last digits of a trained network depend on, before NumPy loads:
the matrix kernel (OpenBLAS picks one per processor, and each adds in another order), the number of
threads (the order of partial sums) and NumPy's AVX-512 code (its exp and log differ from AVX2's in
the last bit). With these pinned, all x86-64 Linux machines with AVX2 train the same weights;
others keep their own kernels, and their metrics agree to the digits that are written.
"""

import os
from pathlib import Path

_cpuinfo = Path("/proc/cpuinfo")
_cpu_flags = set(_cpuinfo.read_text().split()) if _cpuinfo.exists() else set()

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")
if {"avx2", "fma"} <= _cpu_flags:
    os.environ.setdefault("OPENBLAS_CORETYPE", "Haswell")
    # NumPy warns when told to disable what the processor does not have
    _avx512 = {"avx512f": "X86_V4", "avx512_vpopcntdq": "AVX512_ICL", "avx512_fp16": "AVX512_SPR"}
    os.environ.setdefault(
        "NPY_DISABLE_CPU_FEATURES",
        " ".join(feature for flag, feature in _avx512.items() if flag in _cpu_flags),
    )
