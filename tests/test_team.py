"""What goes wrong between people who share a remote or a cache, and how it ends.

Ann has run the pipeline (on the simulated survey); Bob has what Git would give him. The kinds of
remotes, and two Unix users, are in benchmarks/team.
"""

import hashlib
import os
import shutil
import signal
import sys
import time

import pytest
import yaml

from tests.running import call, ran, start_dvc

pytestmark = pytest.mark.slow
NOT_IN_GIT = shutil.ignore_patterns("cache", "tmp", "__pycache__")


def dvc(folder, *arguments):
    """Run DVC in a workspace: exit code and output."""
    return call(folder, sys.executable, "-m", "dvc", *arguments)


def check_cache(folder, *arguments):
    return call(folder, sys.executable, "-m", "asteroid_taxonomy", "check-cache", *arguments)


@pytest.fixture(autouse=True)
def private_site_cache(tmp_path, monkeypatch):
    """What docs/team.md asks of each account."""
    folder = tmp_path / "site"
    folder.mkdir(mode=0o700)
    monkeypatch.setenv("DVC_SITE_CACHE_DIR", str(folder))


def cached_outputs(folder):
    """Path and MD5 of the files among the outputs that live in DVC's cache."""
    stages = yaml.safe_load((folder / "dvc.lock").read_text())["stages"]
    declared = yaml.safe_load((folder / "dvc.yaml").read_text())["stages"]
    in_git = {path for stage in declared.values()
              for out in (*stage.get("outs", []), *stage.get("metrics", []))
              if isinstance(out, dict) for path in out}
    return {out["path"]: out["md5"] for stage in stages.values() for out in stage["outs"]
            if out["path"] not in in_git and not out["md5"].endswith(".dir")}


def place(store, md5):
    """The file of an object in a cache or a remote."""
    return store / "files/md5" / md5[:2] / md5[2:]


def spoil(path):
    """Change the first bytes as a failing disk would: size and permissions stay."""
    path.chmod(0o644)
    with path.open("r+b") as file:
        file.write(b"not this")
    path.chmod(0o444)


def damaged(store):
    """Objects of a cache or a remote that are not what their names say."""
    return [path for path in store.glob("files/md5/??/[!.]*")
            if hashlib.md5(path.read_bytes()).hexdigest()
            != path.parent.name + path.name.removesuffix(".dir")]


def is_whole(folder):
    """Whether a workspace has every output that its dvc.lock names, with the right bytes."""
    return all((folder / path).is_file()
               and hashlib.md5((folder / path).read_bytes()).hexdigest() == md5
               for path, md5 in cached_outputs(folder).items())


@pytest.fixture
def remote(tmp_path):
    """A folder on a disk that both reach."""
    return tmp_path / "remote"


@pytest.fixture
def ann(demo, remote, tmp_path):
    """Ann's workspace: everything has been run, and nothing pushed."""
    folder = tmp_path / "ann"
    shutil.copytree(demo[0] / "demo", folder)
    with (folder / ".dvc/config").open("a", encoding="utf-8") as config:
        # as `dvc remote add --default` and `dvc remote modify` write it, which take a second
        config.write("    remote = team\n"
                     f"['remote \"team\"']\n    url = {remote}\n    verify = true\n")
    return folder


@pytest.fixture
def bob(ann, tmp_path):
    """Bob's workspace: what Git has of Ann's."""
    folder = tmp_path / "bob"
    shutil.copytree(ann, folder, ignore=NOT_IN_GIT)
    for path in cached_outputs(ann):
        (folder / path).unlink()
    shutil.rmtree(folder / "data/predictions")
    return folder


def test_what_one_pushes_another_pulls_and_then_nothing_is_left_to_run(ann, bob):
    assert dvc(ann, "push")[0] == 0
    code, said = dvc(bob, "pull")
    assert code == 0 and is_whole(bob), said
    code, said = dvc(bob, "repro")
    assert code == 0 and ran(said) == [], said


def test_a_push_to_a_remote_that_is_down_says_so_and_loses_nothing(ann, bob):
    dvc(ann, "remote", "add", "down", "http://127.0.0.1:9/objects")
    code, said = dvc(ann, "push", "--remote", "down")
    assert code != 0 and "127.0.0.1:9" in said and "Traceback" not in said, said
    assert dvc(ann, "push")[0] == 0
    assert dvc(bob, "pull")[0] == 0 and is_whole(bob)


@pytest.mark.skipif(os.name != "posix", reason="kills as POSIX does")
def test_a_push_that_is_killed_leaves_no_half_object_and_the_next_completes_it(ann, bob, remote):
    (ann / "large").write_bytes(bytes(200_000_000))  # long enough to be in the middle of
    assert dvc(ann, "add", "large")[0] == 0
    push = start_dvc(ann, "push", "--jobs", "1")
    while push.poll() is None and not list(remote.glob("files/md5/??/*")):
        time.sleep(0.001)
    os.killpg(push.pid, signal.SIGKILL)
    push.communicate()
    sent = len(list(remote.glob("files/md5/??/[!.]*")))
    assert sent < len(cached_outputs(ann)) + 1, "the push was over before it was killed"
    assert not damaged(remote)
    code, said = dvc(ann, "push")
    assert code == 0, said
    assert dvc(bob, "pull")[0] == 0 and is_whole(bob)


def test_a_damaged_object_in_the_remote_is_refused_and_can_be_replaced(ann, bob, remote):
    dvc(ann, "push")
    path, md5 = next(iter(cached_outputs(ann).items()))
    spoil(place(remote, md5))
    code, said = dvc(bob, "pull")
    assert code != 0 and path in said, said
    assert not (bob / path).exists()
    code, said = check_cache(ann, "--remove", str(remote))
    assert code == 0 and path in said and "1 damaged" in said
    assert dvc(ann, "push")[0] == 0
    code, said = dvc(bob, "pull")
    assert code == 0 and is_whole(bob), said


def test_a_damaged_object_in_the_cache_is_found_and_brought_anew(ann):
    dvc(ann, "push")
    path, md5 = next(iter(cached_outputs(ann).items()))
    spoil(place(ann / ".dvc/cache", md5))
    (ann / path).unlink()
    assert dvc(ann, "checkout")[0] == 0
    assert "up to date" in dvc(ann, "status")[1] and not is_whole(ann)  # DVC does not see it
    code, said = check_cache(ann)
    assert code == 1 and path in said and "run it again with --remove" in said
    assert check_cache(ann, "--remove")[0] == 0
    assert dvc(ann, "pull")[0] == 0
    assert is_whole(ann)


def test_a_second_repro_in_one_workspace_is_turned_away_and_the_first_goes_on(forced):
    folder, told = forced
    (pid, ended, rest), (code, said) = told["first"], told["second"]
    assert code != 0 and "is busy" in said and f"(PID {pid})" in said, said
    assert ended == 0, rest
    assert dvc(folder, "status")[1].strip() == "Data and pipelines are up to date."


def test_two_workspaces_can_repro_at_once_on_one_cache(ann, tmp_path):
    # stages that write large tables, a folder, and nothing that is cached
    stages = ("fetch_spectra", "crossmatch", "train", "verify")
    bob = shutil.copytree(ann, tmp_path / "bob")  # who has what the stages in between write
    for folder in (ann, bob):
        dvc(folder, "config", "cache.dir", str(tmp_path / "shared"))
    runs = [start_dvc(folder, "repro", "--force", "--single-item", *stages)
            for folder in (ann, bob)]
    for folder, run in zip((ann, bob), runs, strict=True):
        said, _ = run.communicate()
        code = run.returncode
        if "unable to remove" in said:  # both put one object into the cache in the same moment
            assert not damaged(tmp_path / "shared")
            code, said = dvc(folder, "repro", "--force", "--single-item", *stages)
        assert code == 0 and ran(said) == list(stages), said
    assert not damaged(tmp_path / "shared")
    assert (ann / "dvc.lock").read_bytes() == (bob / "dvc.lock").read_bytes()
