"""Reading and writing the pipeline's files: atomically, the same bytes for the same content."""

import csv
import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from asteroid_taxonomy.console import PipelineError


@contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path`; rename it into place only if the block succeeds."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    try:
        yield part
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def write_parquet(table: pa.Table, path: Path, metadata: Mapping[str, Any]) -> None:
    """Write `table` with `metadata` (values other than text as JSON) in its schema.

    The same table gives the same bytes: writer options are fixed here, and nothing that changes
    from run to run (time, host) is stored.
    """
    text = {k: v if isinstance(v, str) else json.dumps(v) for k, v in metadata.items()}
    # measured floats hardly repeat: split into bytes they take less time and 20-40 % less disk
    floats = [field.name for field in table.schema if pa.types.is_floating(field.type)]
    others = [name for name in table.column_names if name not in floats]
    with atomic(path) as part:
        pq.write_table(
            table.replace_schema_metadata(text), part, compression="zstd", version="2.6",
            row_group_size=1 << 20, use_dictionary=others, write_statistics=True,
            column_encoding={name: "BYTE_STREAM_SPLIT" for name in floats},
        )


def read_parquet(path: Path, schema: pa.Schema, columns: Sequence[str] | None = None) -> pa.Table:
    """Read a Parquet file and check that it has the columns and types of `schema`.

    Files come from a cache that many people write to: a file that another version of the
    pipeline wrote, or a damaged one, must stop the stage with a sentence.

    Raises
    ------
    PipelineError
        No such file, not Parquet, or a column missing or of another type.
    """
    redo, found = _redo(path), _stored_schema(path)
    for field in schema:
        index = found.get_field_index(field.name)
        if index < 0:
            raise PipelineError(f"{path} has no column {field.name}; {redo}")
        if found.field(index).type != field.type:
            raise PipelineError(
                f"column {field.name} of {path} is {found.field(index).type}, "
                f"expected {field.type}; {redo}"
            )
    try:
        # not pq.read_table: its dataset machinery costs 46 MB of memory
        return pq.ParquetFile(path).read(columns=list(columns) if columns else None)
    except (pa.ArrowInvalid, OSError) as error:
        raise PipelineError(f"{path} is damaged ({error}); {redo}") from None


def read_metadata(path: Path) -> dict[str, str]:
    """Read the metadata that `write_parquet` stored, as text by name."""
    stored = _stored_schema(path).metadata or {}
    return {key.decode(): value.decode() for key, value in stored.items()}


def _stored_schema(path: Path) -> pa.Schema:
    try:
        return pq.read_schema(path)
    except FileNotFoundError:
        raise PipelineError(f"{path} does not exist; {_redo(path)}") from None
    except (pa.ArrowInvalid, OSError) as error:
        raise PipelineError(
            f"{path} is not a readable Parquet file ({error}); {_redo(path)}"
        ) from None


def _redo(path: Path) -> str:
    return f"run `dvc repro` to make it anew, or `dvc pull` to fetch it ({path})"


def write_json(content: Mapping[str, Any], path: Path, digits: int | None = 5) -> None:
    """Write a metrics file: keys in the order given, floats rounded to `digits`, if any."""
    rounded = {k: round(v, digits) if isinstance(v, float) and digits else v
               for k, v in content.items()}
    with atomic(path) as part:
        part.write_text(json.dumps(rounded, indent=2) + "\n", encoding="utf-8", newline="\n")


def print_metrics(content: Mapping[str, Any]) -> None:
    """Print what a metrics file holds, a line each; floats have four digits."""
    for key, value in content.items():
        form = ".4f" if isinstance(value, float) else "," if isinstance(value, int) else ""
        print(f"  {key}: {value:{form}}" if form else f"  {key}: {value}")


def read_json(path: Path) -> dict[str, Any]:
    """Read a metrics file written by `write_json`."""
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise PipelineError(f"{path} does not exist; run `dvc repro` to make it") from None
    return content


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
