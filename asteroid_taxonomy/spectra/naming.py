"""Which files are meant, and the asteroid that a file's name speaks of."""

import glob
import re
from argparse import ArgumentTypeError
from collections.abc import Sequence
from pathlib import Path

from asteroid_taxonomy.console import PipelineError

LABELS = (".xml", ".lbl", ".fmt")  # PDS describes a table beside it
def path_of(typed: str) -> Path:
    """The path that was typed; nothing, which an unset variable gives, is not this folder."""
    if not typed.strip():
        raise ArgumentTypeError("a file's name is empty; name files or folders")
    return Path(typed)


def files_of(given: Sequence[Path], apart: Path | None = None) -> list[Path]:
    """The files that are given, those in the folders and those that the patterns name, in order.

    Hidden files, PDS labels beside their table, and `apart` are left out of folders and patterns.

    Raises
    ------
    PipelineError
        A folder or a pattern without files.
    """
    found: dict[Path, None] = {}
    for path in given:
        if path.is_dir():
            inside = sorted(path.rglob("*"))
        elif not path.exists() and glob.has_magic(str(path)):
            inside = sorted(map(Path, glob.glob(str(path), recursive=True)))
        else:
            found[path] = None
            continue
        stems = {p.with_suffix("") for p in inside if p.suffix.lower() not in LABELS}
        files = [p for p in inside if p.is_file() and not p.name.startswith(".") and p != apart
                 and not (p.suffix.lower() in LABELS and p.with_suffix("") in stems)]
        if not files:
            raise PipelineError(f"{path} holds no files; name a folder or files with spectra")
        found |= dict.fromkeys(files)
    return list(found)
