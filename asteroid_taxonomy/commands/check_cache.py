"""Compare every object of a DVC cache with its name, which is the MD5 of what it should hold.

    asteroid-taxonomy check-cache [--remove] [folder ...]

Reads this project's cache, or the folders named, and writes nothing; a remote on a disk is such a
folder too. DVC trusts an object that is there and cannot be written, and a file that it made of
it: a disk that lost a bit, or a person with access to it, goes unnoticed. With --remove damaged
objects are deleted, and files of this workspace that should be the same; `dvc pull` then brings a
damaged cache and the workspace what they lack, and `dvc push` a damaged remote. Without folders it
also looks whether other accounts can reach DVC's site cache, whose files run code when DVC reads
them.
"""

import argparse
import hashlib
import os
import re
from pathlib import Path

from dvc.config import Config, ConfigError
from dvc.dirs import site_cache_dir

from asteroid_taxonomy.console import PipelineError, Progress
from asteroid_taxonomy.params import read_yaml

LOCK = Path("dvc.lock")
OBJECT = re.compile(r"[0-9a-f]{2}/[0-9a-f]{30}(\.dir)?")  # files/md5/ab/cdef...


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
    stages = read_yaml(LOCK)["stages"]
    return {out["md5"]: out["path"] for stage in stages.values() for out in stage.get("outs", [])}


def objects(cache: Path) -> tuple[list[Path], list[Path]]:
    """The objects of a cache, and the other files among them: of a transfer, or somebody's.

    Raises
    ------
    PipelineError
        The folder is not a cache.
    """
    if not (cache / "files/md5").is_dir():
        raise PipelineError(f"{cache} was expected to be a DVC cache, with a folder files/md5; "
                            "name the folder that `dvc cache dir` or `dvc remote list` shows")
    files = sorted(path for path in (cache / "files/md5").rglob("*") if path.is_file())
    named_so = [bool(OBJECT.fullmatch(path.relative_to(cache / "files/md5").as_posix()))
                for path in files]
    return ([path for path, is_one in zip(files, named_so, strict=True) if is_one],
            [path for path, is_one in zip(files, named_so, strict=True) if not is_one])


def project_config() -> Config:
    """How DVC is configured here.

    Raises
    ------
    PipelineError
        This folder is not in a DVC project, or its configuration cannot be read.
    """
    try:
        config = Config.from_cwd()
    except ConfigError as error:
        raise PipelineError(f"DVC's configuration cannot be read: {error}; correct it") from None
    if config.dvc_dir is None:
        raise PipelineError(f"{Path.cwd()} was expected to be a DVC project; run this from the "
                            "project's top folder, or name a cache")
    return config


def check_site_cache(config: Config) -> None:
    """See that no other account can put anything into the folder of DVC's own databases.

    They hold pickles (diskcache, CVE-2025-69872): who writes there runs code as whoever uses DVC
    next. By default it is one folder for all accounts of a machine.

    Raises
    ------
    PipelineError
        Others can; the sentence has the command.
    """
    folder = Path(site_cache_dir(config["core"].get("site_cache_dir")))
    if not hasattr(os, "getuid"):  # Windows keeps accounts apart in its own way
        return
    state = folder.stat() if folder.exists() else None
    if state is None or state.st_uid != os.getuid() or state.st_mode & 0o077:
        raise PipelineError(
            f"DVC's site cache {folder} is not closed to other accounts, and what they put there "
            'runs as you; once per account: `install -d -m 700 "$HOME/.cache/dvc-private" && '
            'dvc config --global core.site_cache_dir "$HOME/.cache/dvc-private"`')


def check(cache: Path, remove: bool) -> list[Path]:
    """Print what is damaged in a cache, delete it if told to, and return what is left of it."""
    whole, others = objects(cache)
    damaged, size = [], 0
    with Progress(str(cache), len(whole), "object") as progress:
        for path in whole:
            size += path.stat().st_size
            if md5(path) != promised_md5(path):
                damaged.append(path)
            progress.update(progress.done + 1)
    for path in others:
        print(f"  no object: {path}; DVC does not read it; delete it unless a transfer is running")
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


def main(arguments: list[str]) -> None:
    """Check the caches that the command line names."""
    parser = argparse.ArgumentParser(prog="asteroid-taxonomy check-cache", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--remove", action="store_true", help="delete damaged objects")
    parser.add_argument("folders", nargs="*", type=Path, metavar="folder")
    given = parser.parse_args(arguments)
    config = None if given.folders else project_config()
    folders = given.folders if config is None else [
        Path(config["cache"].get("dir") or Path(config.dvc_dir) / "cache")]
    left = [path for folder in folders for path in check(folder, given.remove)]
    if left:
        raise PipelineError(f"{len(left)} damaged; run it again with --remove, then `dvc pull` "
                            "for a cache, or `dvc push` by somebody who has the data for a remote")
    if config is not None:
        check_site_cache(config)
