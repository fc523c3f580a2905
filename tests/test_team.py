"""Ann has run the pipeline on the sample; Bob has what Git gives him; objects are damaged.

Two Unix users and other kinds of remotes are in benchmarks/team.py.
"""

import hashlib
import re
import shutil
import subprocess
import sys

import pytest
import yaml

from tests.project_fixtures import TOP
from tests.running import call, ran

pytestmark = pytest.mark.slow


def dvc(folder, *arguments):
    """Run DVC in a workspace: exit code and output."""
    return call(folder, sys.executable, "-m", "dvc", *arguments)


def cached_outputs(folder):
    """Path and MD5 of the files among the outputs that live in DVC's cache."""
    stages = yaml.safe_load((folder / "dvc.lock").read_text())["stages"]
    declared = yaml.safe_load((folder / "dvc.yaml").read_text())["stages"]
    in_git = {path for stage in declared.values()
              for out in (*stage.get("outs", []), *stage.get("metrics", []))
              if isinstance(out, dict) for path in out}
    return {out["path"]: out["md5"] for stage in stages.values() for out in stage["outs"]
            if out["path"] not in in_git and not out["md5"].endswith(".dir")}


def damage(store, md5):
    """Change the first bytes of an object as a failing disk would; return its path."""
    path = store / "files/md5" / md5[:2] / md5[2:]
    path.chmod(0o644)
    with path.open("r+b") as file:
        file.write(b"not this")
    path.chmod(0o444)
    return path


def damaged(store):
    """Objects of a cache or a folder remote that the two lines of docs/team.md list."""
    page = (TOP / "docs/team.md").read_text(encoding="utf-8")
    lines = re.search(r"^    (find files/md5 .*\n    .*)$", page, re.MULTILINE)[1]
    return subprocess.run(["sh", "-c", lines], cwd=store, capture_output=True, text=True,
                          check=True).stdout.split()


def is_whole(folder):
    """Whether a workspace has every output of its dvc.lock, with the right bytes."""
    return all((folder / path).is_file()
               and hashlib.md5((folder / path).read_bytes()).hexdigest() == md5
               for path, md5 in cached_outputs(folder).items())


@pytest.fixture
def ann(demo, tmp_path, monkeypatch):
    """Ann's workspace: everything has been run and pushed to the team's remote."""
    (tmp_path / "site").mkdir(mode=0o700)
    monkeypatch.setenv("DVC_SITE_CACHE_DIR", str(tmp_path / "site"))
    folder = shutil.copytree(demo[0] / "demo", tmp_path / "ann")
    with (folder / ".dvc/config").open("a", encoding="utf-8") as config:
        config.write("    remote = team\n"
                     f"['remote \"team\"']\n    url = {tmp_path / 'remote'}\n    verify = true\n")
    assert dvc(folder, "push")[0] == 0
    return folder


@pytest.fixture
def bob(ann, tmp_path):
    """Bob's workspace: what Git has of Ann's."""
    folder = shutil.copytree(ann, tmp_path / "bob",
                             ignore=shutil.ignore_patterns("cache", "tmp", "__pycache__"))
    for path in cached_outputs(ann):
        (folder / path).unlink()
    shutil.rmtree(folder / "data/predictions")
    return folder


@pytest.mark.skipif(shutil.which("md5sum") is None, reason="needs md5sum")
def test_what_one_pushes_the_other_pulls_once_a_damaged_object_is_replaced(ann, bob, tmp_path):
    remote = tmp_path / "remote"
    path, md5 = next(iter(cached_outputs(ann).items()))
    object_path = damage(remote, md5)
    code, output = dvc(bob, "pull")
    assert code != 0 and path in output and not (bob / path).exists(), output
    assert damaged(remote) == [str(object_path.relative_to(remote))]
    object_path.unlink()
    assert dvc(ann, "push")[0] == 0
    code, output = dvc(bob, "pull")
    assert code == 0 and is_whole(bob), output
    code, output = dvc(bob, "repro")
    assert code == 0 and ran(output) == [], output


@pytest.mark.skipif(shutil.which("md5sum") is None, reason="needs md5sum")
def test_a_damaged_object_in_the_cache_is_found_and_pulled_again(ann):
    path, md5 = next(iter(cached_outputs(ann).items()))
    cache = ann / ".dvc/cache"
    object_path = damage(cache, md5)
    (ann / path).unlink()
    assert dvc(ann, "checkout")[0] == 0 and not is_whole(ann)  # DVC does not notice
    assert damaged(cache) == [str(object_path.relative_to(cache))]
    object_path.unlink()
    (ann / path).unlink()
    assert dvc(ann, "pull")[0] == 0 and is_whole(ann)
