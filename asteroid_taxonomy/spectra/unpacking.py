"""Bytes of users' files, unpacked on the way and within bounds."""

import io
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa

from asteroid_taxonomy.own_spectra.units import NotSpectra

MAGIC = {b"\x1f\x8b": "gzip", b"BZh": "bz2", b"\x28\xb5\x2f\xfd": "zstd"}
SAFE_BYTES = 200_000_000  # unpacked; beyond, the file must not be smaller than
MAX_RATIO = 50  # so many times: numbers in text pack to a third or a tenth, bombs to a thousandth
MAX_LINE = 16_000_000  # bytes without a line end


class _Bounded(io.RawIOBase):
    """An unpacked file that ends with a sentence where it turns out to be a bomb."""

    def __init__(self, source: BinaryIO, allowed: float) -> None:
        self.source, self.left, self.line = source, allowed, 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "memoryview") -> int:  # type: ignore[override]
        data = self.source.read(len(buffer))
        self.left -= len(data)
        if self.left < 0:
            raise NotSpectra(f"unpacks to more than {SAFE_BYTES / 1e6:.0f} MB and {MAX_RATIO} "
                             "times its size; unpack it, and see whether it is what it should be")
        last = max(data.rfind(b"\n"), data.rfind(b"\r"))
        self.line = self.line + len(data) if last < 0 else len(data) - last
        if self.line > MAX_LINE:
            raise NotSpectra(f"has a line of more than {MAX_LINE / 1e6:.0f} MB; expected a table, "
                             "a row on each line")
        buffer[:len(data)] = data
        return len(data)

    def close(self) -> None:
        if not self.closed:
            self.source.close()
        super().close()


def opened(path: Path) -> io.BufferedReader:
    """Open a file that may be packed by gzip, bzip2 or zstd, whatever its name.

    Raises
    ------
    NotSpectra
        While reading: a small file that unpacks to hundreds of MB, or a line without end.
    """
    with path.open("rb") as file:
        start = file.read(4)
    packing = next((name for magic, name in MAGIC.items() if start.startswith(magic)), None)
    source: BinaryIO
    if packing is None:
        source, allowed = path.open("rb", buffering=0), float("inf")
    else:
        source = pa.CompressedInputStream(pa.OSFile(str(path)), packing)
        allowed = max(SAFE_BYTES, MAX_RATIO * path.stat().st_size)
    return io.BufferedReader(_Bounded(source, allowed), 1 << 18)
