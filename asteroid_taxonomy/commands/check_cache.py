"""Compare every object of a DVC cache with its name, which is the MD5 of what it should hold.

    python -m asteroid_taxonomy.commands.check_cache [--remove] [folder ...]

Without a folder: this project's cache. A remote on a disk is such a folder too. DVC trusts an
object that is there and cannot be written, and a file that it made of it: a disk that lost a bit,
or a person with access to it, goes unnoticed. With --remove damaged objects are deleted, and files
of this workspace that should be the same; `dvc pull` then brings a damaged cache and the workspace
what they lack, and `dvc push` a damaged remote.
"""

import argparse
import hashlib
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import yaml

from asteroid_taxonomy.console import PipelineError, Progress, run

LOCK = Path("dvc.lock")


def md5(path: Path) -> str:
    """MD5 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "md5").hexdigest()


def promised_md5(path: Path) -> str:
    """The MD5 that an object, files/md5/ab/cdef..., should have; the list of a folder is .dir."""
    return path.parent.name + path.name.removesuffix(".dir")


def output_names() -> dict[str, str]:
    """The outputs that dvc.lock names, by MD5."""
    if not LOCK.exists():
        return {}
    stages = yaml.safe_load(LOCK.read_text(encoding="utf-8"))["stages"]
    return {out["md5"]: out["path"] for stage in stages.values() for out in stage.get("outs", [])}


def objects(cache: Path) -> tuple[list[Path], list[Path]]:
    """The objects of a cache, and the temporary files that transfers have not renamed to objects.

    Raises
    ------
    PipelineError
        The folder is not a cache.
    """
    if not (cache / "files/md5").is_dir():
        raise PipelineError(f"{cache} was expected to be a DVC cache, with a folder files/md5; "
                            "name the folder that `dvc cache dir` or `dvc remote list` shows")
    files = sorted(path for path in (cache / "files/md5").glob("??/*") if path.is_file())
    return ([path for path in files if not path.name.startswith(".")],
            [path for path in files if path.name.startswith(".")])


def project_cache() -> Path:
    """The cache of the project in this folder, as DVC is configured."""
    asked = subprocess.run([sys.executable, "-m", "dvc", "cache", "dir"], capture_output=True,
                           text=True)
    if asked.returncode:
        raise PipelineError(f"{Path.cwd()} was expected to be a DVC project (`dvc cache dir` "
                            f"said: {' '.join(asked.stderr.split())}); run this from the "
                            "project's top folder, or name a cache")
    return Path(asked.stdout.strip())


def check(cache: Path, remove: bool) -> list[Path]:
    """Print what is damaged in a cache, delete it if told to, and return what is left of it."""
    whole, unfinished = objects(cache)
    damaged, size = [], 0
    with Progress(str(cache), len(whole), "object") as progress:
        for path in whole:
            size += path.stat().st_size
            if md5(path) != promised_md5(path):
                damaged.append(path)
            progress.update(progress.done + 1)
    for path in unfinished:
        print(f"  unfinished: {path}; delete it unless a transfer is running")
    names = output_names() if damaged else {}
    for path in damaged:
        name = names.get(promised_md5(path))
        print(f"  damaged: {path} ({name or 'not an output of this dvc.lock'})")
        if remove:
            # only what was made of the damaged object: anything else is somebody's work
            if name and Path(name).is_file() and md5(Path(name)) == md5(path):
                Path(name).unlink()
            path.unlink()
    print(f"checked {cache}: {len(whole):,} objects, {size / 1e6:,.1f} MB, {len(damaged)} damaged"
          f"{' and removed' if damaged and remove else ''}")
    return [] if remove else damaged


def main(arguments: Sequence[str] | None = None) -> None:
    """Check the caches that the command line names."""
    parser = argparse.ArgumentParser(prog="python -m asteroid_taxonomy.commands.check_cache",
                                     description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--remove", action="store_true", help="delete damaged objects")
    parser.add_argument("folders", nargs="*", type=Path, metavar="folder")
    given = parser.parse_args(arguments)
    left = [path for folder in given.folders or [project_cache()]
            for path in check(folder, given.remove)]
    if left:
        raise PipelineError(f"{len(left)} damaged; run it again with --remove, then `dvc pull` "
                            "for a cache, or `dvc push` by somebody who has the data for a remote")


if __name__ == "__main__":
    run(main)
