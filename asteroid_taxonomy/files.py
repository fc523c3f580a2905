"""Read files, and write them atomically, with the same bytes for the same content.

Floats are rounded before they are stored, because the last bits of exp() and log() differ between
processors and must not change a file.
"""

import csv
import hashlib
import json
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from asteroid_taxonomy.console import PipelineError, one_line

DIGITS = 5  # decimals of stored probabilities, accuracies and metrics
PACKAGE = Path(__file__).parent


@contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; rename it to `path` only if the block succeeds."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
    os.close(handle)
    part = Path(name)
    try:
        yield part
        umask = os.umask(0)
        os.umask(umask)
        part.chmod(0o666 & ~umask)  # mkstemp's files are private
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def rounded(values: npt.NDArray[np.floating], digits: int = DIGITS) -> npt.NDArray[np.float64]:
    """Round values as they are stored, float64; make decisions on the rounded values only."""
    return np.asarray(np.round(values.astype(np.float64), digits) + 0.0)  # no -0.0


def write_parquet(table: pa.Table, path: Path, metadata: Mapping[str, Any]) -> None:
    """Write `table` with `metadata` (values other than text as JSON) in its schema.

    Nothing that changes from run to run (time, host) is stored.
    """
    text = {k: v if isinstance(v, str) else json.dumps(v) for k, v in metadata.items()}
    # measured floats rarely repeat: splitting them into bytes saves time and 20-40 % of disk
    floats = [field.name for field in table.schema if pa.types.is_floating(field.type)]
    others = [name for name in table.column_names if name not in floats]
    with atomic(path) as part:
        pq.write_table(
            table.replace_schema_metadata(text), part, compression="zstd", version="2.6",
            row_group_size=1 << 20, use_dictionary=others, write_page_checksum=True,
            column_encoding={name: "BYTE_STREAM_SPLIT" for name in floats})


def read_parquet(
    path: Path, schema: pa.Schema | None = None, columns: Sequence[str] | None = None
) -> pa.Table:
    """Read the `columns` of a Parquet file, by default all.

    PipelineError if the file is missing or damaged, has no rows, or lacks a column of `schema` or
    has it with another type.
    """
    try:
        file = pq.ParquetFile(path, page_checksum_verification=True)
        for field in schema or ():
            index = file.schema_arrow.get_field_index(field.name)
            if index < 0 or file.schema_arrow.field(index).type != field.type:
                raise PipelineError(f"{path} has no column {field.name} of type {field.type}; "
                                    "delete it and run dvc repro")
        table = file.read(columns=list(columns) if columns else None)
    except FileNotFoundError:
        raise missing(path) from None
    except (pa.ArrowException, OSError) as error:
        raise PipelineError(f"{path} is damaged ({one_line(error, 100)}); delete it and run dvc "
                            "repro") from None
    if not table.num_rows:
        raise PipelineError(f"{path} has no rows; delete it and run dvc repro")
    return table


def read_metadata(path: Path) -> dict[str, str]:
    """Read the metadata that `write_parquet` stored: text by name."""
    try:
        stored = pq.read_schema(path).metadata or {}
    except FileNotFoundError:
        raise missing(path) from None
    except (pa.ArrowException, OSError) as error:
        raise PipelineError(f"{path} is damaged ({one_line(error, 100)}); delete it and run dvc "
                            "repro") from None
    return {k.decode(): v.decode() for k, v in stored.items() if k != b"ARROW:schema"}


def missing(path: Path) -> PipelineError:
    """Return the error for a missing output of the pipeline."""
    return PipelineError(f"{path} not found; run dvc repro")


def write_json(content: Mapping[str, Any], path: Path) -> None:
    """Write a metrics file with all floats, including nested ones, rounded to DIGITS decimals."""
    with atomic(path) as part:
        part.write_text(json.dumps(_rounded(content), indent=2) + "\n", encoding="utf-8",
                        newline="\n")


def _rounded(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _rounded(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(each) for each in value]
    return round(float(value), DIGITS) + 0.0 if isinstance(value, float | np.floating) else value


def read_json(path: Path) -> dict[str, Any]:
    """Read a file written by `write_json`; PipelineError if it is missing or damaged."""
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise missing(path) from None
    except (ValueError, OSError) as error:
        raise PipelineError(f"{path} is damaged ({one_line(error, 100)}); delete it and run dvc "
                            "repro") from None
    return content


def write_csv(header: Sequence[str], rows: Iterable[Sequence[Any]], path: Path) -> None:
    """Write a short table or plot data as CSV; floats have four decimals."""
    with atomic(path) as part, part.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows([f"{v:.4f}" if isinstance(v, float | np.floating) else v for v in row]
                         for row in rows)


def sha256(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def shipped(path: Path) -> Path:
    """Find a file of models/ or reports/: in this folder, in the wheel, or in the checkout."""
    places = (path, PACKAGE / path, PACKAGE.parent / path)
    return next((place for place in places if place.exists()), path)
