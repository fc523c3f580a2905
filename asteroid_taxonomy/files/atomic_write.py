"""Files that appear whole or not at all, one alone or several together."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

from asteroid_taxonomy.console import written
from asteroid_taxonomy.parent import check_still_wanted

Pairs = list[tuple[Path, Path]]
_together: ContextVar[Pairs | None] = ContextVar("_together", default=None)


@contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path`; rename it into place only if the block succeeds.

    It is a new file each time, so that two writers never meet and no planted link is followed.

    Raises
    ------
    PipelineError
        The dvc that runs this stage has ended.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    part.touch(exist_ok=False)  # O_CREAT | O_EXCL, and the permissions that the umask asks for
    pairs = _together.get()
    try:
        yield part
        if pairs is None:
            _put_into_place([(part, path)])
        else:
            pairs.append((part, path))
    except BaseException:
        part.unlink(missing_ok=True)
        raise


@contextmanager
def together() -> Iterator[None]:
    """Put the files that are written in this block into place at its end: all of them, or none."""
    pairs: Pairs = []
    token = _together.set(pairs)
    try:
        yield
        _put_into_place(pairs)
    finally:
        _together.reset(token)
        for part, _ in pairs:
            part.unlink(missing_ok=True)


def _put_into_place(pairs: Pairs) -> None:
    check_still_wanted()
    for _, path in pairs:
        if path.is_dir():
            raise IsADirectoryError(0, "a folder stands where a file should be", str(path))
    for part, path in pairs:
        os.replace(part, path)
        written.append(path)
