"""Reading and writing the pipeline's files: whole, and the same bytes for the same content.

What is read back is checked first. Whoever reads gets what was written, or a sentence: which file,
what is wrong with it, which stage makes it anew.
"""

import csv
import hashlib
import json
import math
import mmap
import os
import zlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from asteroid_taxonomy.console import KERNEL
from asteroid_taxonomy.files.atomic_write import atomic
from asteroid_taxonomy.files.faults import absent, damaged

if TYPE_CHECKING:
    import pandas as pd

CHECKSUM = b"crc32 of this file with zeros here: "  # in a Parquet file's metadata, before 8 digits
ZEROS = b"00000000"


def write_parquet(table: pa.Table, path: Path, metadata: Mapping[str, Any]) -> None:
    """Write `table` with `metadata` (values other than text as JSON) in its schema.

    The same table gives the same bytes: writer options are fixed here, and nothing that changes
    from run to run (time, host) is stored. Each page has Parquet's own checksum, for every reader;
    the file has another of all its bytes, for `read_parquet`.
    """
    text = {k: v if isinstance(v, str) else json.dumps(v) for k, v in metadata.items()}
    # measured floats hardly repeat: split into bytes they take less time and 20-40 % less disk
    floats = [field.name for field in table.schema if pa.types.is_floating(field.type)]
    others = [name for name in table.column_names if name not in floats]
    with atomic(path) as part:
        pq.write_table(
            table.replace_schema_metadata(text | {"checksum": CHECKSUM + ZEROS}), part,
            compression="zstd", version="2.6", row_group_size=1 << 20, use_dictionary=others,
            write_statistics=True, write_page_checksum=True,
            column_encoding={name: "BYTE_STREAM_SPLIT" for name in floats},
        )
        _seal(part)


def _seal(path: Path) -> None:
    """Put the checksum of the file's bytes in the place that is kept for it."""
    with path.open("r+b") as file, mmap.mmap(file.fileno(), 0) as content:
        place = content.rfind(CHECKSUM + ZEROS) + len(CHECKSUM)
        content[place:place + len(ZEROS)] = b"%08x" % zlib.crc32(content)


def read_parquet(
    path: Path, schema: pa.Schema, columns: Sequence[str] | None = None,
    measured: Sequence[str] = (),
) -> pa.Table:
    """Read a Parquet file of ours and check that it has the columns and types of `schema`.

    Files come from a cache that many people write to: a file that another version of the
    pipeline wrote, or a damaged one, must stop the stage with a sentence.

    Parameters
    ----------
    path : Path
    schema : pyarrow.Schema
        Of the columns that must be there; others may be.
    columns : sequence of str, optional
        Those to read; all by default.
    measured : sequence of str
        Columns of which at least one value must not be null.

    Raises
    ------
    PipelineError
        No such file, not Parquet, not as it was written, a column missing or of another type, no
        rows, no measured value.
    """
    found = _stored_schema(path)
    for field in schema:
        index = found.get_field_index(field.name)
        if index < 0:
            raise damaged(path, f"has no column {field.name}")
        if found.field(index).type != field.type:
            raise damaged(path, f"has {found.field(index).type} in the column {field.name}, "
                               f"expected {field.type}")
    try:
        # not pq.read_table: its dataset machinery costs 46 MB of memory
        table = pq.ParquetFile(path, page_checksum_verification=True).read(
            columns=list(columns) if columns else None)
    except (pa.ArrowException, OSError) as error:
        raise damaged(path, f"is damaged ({error})") from None
    if not table.num_rows:
        raise damaged(path, "has no rows")
    for name in measured:
        if table[name].null_count == table.num_rows:
            raise damaged(path, f"has nothing but nulls in the column {name}")
    return table


class Facts(dict[str, Any]):
    """What a file says, by name; a name that it does not have is the file's fault."""

    def __init__(self, path: Path, content: Mapping[str, Any]) -> None:
        super().__init__(content)
        self.path = path

    def __missing__(self, key: str) -> Any:
        raise damaged(self.path, f"does not say {key}")


def read_metadata(path: Path) -> dict[str, str]:
    """Read the metadata that `write_parquet` stored, as text by name."""
    stored = _stored_schema(path).metadata
    return Facts(path, {k.decode(): v.decode() for k, v in stored.items() if k != b"checksum"})


def _stored_schema(path: Path) -> pa.Schema:
    """The schema of a Parquet file, after a check that no bit of the file has changed."""
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as all_:
            place = all_.rfind(CHECKSUM) + len(CHECKSUM)
            with memoryview(all_) as view:
                end = place + len(ZEROS)
                crc = zlib.crc32(view[end:], zlib.crc32(ZEROS, zlib.crc32(view[:place])))
                if bytes(view[place:end]) != b"%08x" % crc:
                    raise damaged(path, "is not as this pipeline wrote it (its checksum differs)")
        return pq.read_schema(path)
    except FileNotFoundError:
        raise absent(path) from None
    except (pa.ArrowException, OSError, ValueError) as error:
        raise damaged(path, f"is not a readable Parquet file ({error})") from None


def write_json(content: Mapping[str, Any], path: Path, digits: int | None = 5) -> None:
    """Write a metrics file: keys in the order given, floats rounded to `digits`, if any.

    A run with another matrix kernel than the pinned one says so in `kernel`.
    """
    rounded = {k: round(v, digits) if isinstance(v, float) and digits else v
               for k, v in content.items()}
    if os.environ.get(KERNEL):
        rounded["kernel"] = os.environ[KERNEL]
    with atomic(path) as part:
        part.write_text(json.dumps(rounded, indent=2) + "\n", encoding="utf-8", newline="\n")


def print_metrics(content: Mapping[str, Any]) -> None:
    """Print what a metrics file holds, a line each; floats have four digits."""
    for key, value in content.items():
        form = ".4f" if isinstance(value, float) else "," if isinstance(value, int) else ""
        print(f"  {key}: {value:{form}}" if form else f"  {key}: {value}")


def read_json(
    path: Path, texts: Sequence[str] = ("survey", "model", "trained_as", "kernel"),
    nested: Sequence[str] = (),
) -> dict[str, Any]:
    """Read a metrics file: by name a finite number, true, false or null; `texts`; `nested` ones.

    Raises
    ------
    PipelineError
        No such file, not JSON, or another kind of value; also when a name it lacks is asked for.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise absent(path) from None
    except (ValueError, RecursionError, OSError) as error:
        raise damaged(path, f"is not readable JSON ({error})") from None
    if not isinstance(content, dict) or not content:
        raise damaged(path, "should hold figures by name and does not")
    for key, value in content.items():
        number = isinstance(value, int | float) and math.isfinite(value)
        if not (isinstance(value, str) if key in texts else number or value is None
                or key in nested):
            kind = "a text" if key in texts else "a number"
            raise damaged(path, f"should say {kind} for {key}, but says {str(value)[:60]!r}")
    return Facts(path, content)


def sha256(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_csv(header: Sequence[str], rows: Iterable[Sequence[Any]], path: Path) -> None:
    """Write the data of a plot or a short table as CSV with LF line ends."""
    with atomic(path) as part, part.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def read_csv(path: Path, columns: Mapping[str, type]) -> "pd.DataFrame":
    """Read the columns of a CSV file that `write_csv` wrote: str, int, or float (may be empty).

    Raises
    ------
    PipelineError
        No such file, not CSV, cut off, a column missing or of another type, no rows.
    """
    import numpy as np
    import pandas as pd

    try:
        if not path.read_bytes().endswith(b"\n"):
            raise damaged(path, "is cut off")
        table = pd.read_csv(
            path, dtype=dict(columns), keep_default_na=False,
            na_values={name: ["", "nan"] for name, kind in columns.items() if kind is float})
    except FileNotFoundError:
        raise absent(path) from None
    except (ValueError, OSError) as error:
        raise damaged(path, f"is not a readable table ({error})") from None
    if lacking := [name for name in columns if name not in table]:
        raise damaged(path, f"has no column {', '.join(lacking)}")
    if table.empty:
        raise damaged(path, "has no rows")
    for name, kind in columns.items():
        if kind is float and np.isinf(table[name]).any():
            raise damaged(path, f"has an infinite number in the column {name}")
    return table[list(columns)]
