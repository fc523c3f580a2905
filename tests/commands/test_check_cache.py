import hashlib
from pathlib import Path

import pytest
import yaml

from asteroid_taxonomy.commands import check_cache
from asteroid_taxonomy.console import PipelineError

OUT = Path("data/out.parquet")


def put(content, cache=Path("cache")):
    """Put an object into a cache; its file."""
    md5 = hashlib.md5(content).hexdigest()
    path = cache / "files/md5" / md5[:2] / md5[2:]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


@pytest.fixture
def damaged(tmp_path, monkeypatch):
    """An object with other bytes than it had, and the output that was checked out of it."""
    monkeypatch.chdir(tmp_path)
    put(b"sound")
    path = put(b"reflectances")
    path.write_bytes(b"reflectancez")
    OUT.parent.mkdir()
    OUT.write_bytes(b"reflectancez")
    lock = {"stages": {"make": {"outs": [
        {"path": OUT.as_posix(), "md5": hashlib.md5(b"reflectances").hexdigest()}]}}}
    Path("dvc.lock").write_text(yaml.safe_dump(lock))
    return path


def test_a_sound_cache_is_said_to_be_sound(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    put(b"sound")
    check_cache.main(["cache"])
    assert "1 objects, 0.0 MB, 0 damaged" in capsys.readouterr().out


def test_a_damaged_object_is_named_with_its_output_and_left_alone(damaged, capsys):
    with pytest.raises(PipelineError, match="^1 damaged; run it again with --remove"):
        check_cache.main(["cache"])
    assert f"damaged: {damaged} ({OUT.as_posix()})" in capsys.readouterr().out
    assert damaged.exists() and OUT.exists()


def test_remove_deletes_the_object_and_the_output_made_of_it(damaged, capsys):
    check_cache.main(["--remove", "cache"])
    assert not damaged.exists() and not OUT.exists()
    assert "2 objects, 0.0 MB, 1 damaged and removed" in capsys.readouterr().out


def test_remove_leaves_an_output_that_somebody_made_since(damaged):
    OUT.write_bytes(b"a new run")
    check_cache.main(["--remove", "cache"])
    assert OUT.read_bytes() == b"a new run"


def test_the_list_of_a_folder_is_an_object_too(damaged, capsys):
    whole = put(b"[]")
    whole.rename(whole.with_name(whole.name + ".dir"))
    check_cache.main(["--remove", "cache"])
    assert "3 objects, 0.0 MB, 1 damaged" in capsys.readouterr().out


def test_what_an_interrupted_transfer_left_is_named_and_not_deleted(damaged, capsys):
    left = damaged.with_name(".abc.tmp")
    left.write_bytes(b"refl")
    check_cache.main(["--remove", "cache"])
    assert f"unfinished: {left}" in capsys.readouterr().out and left.exists()


def test_a_folder_that_is_no_cache_is_refused(tmp_path):
    with pytest.raises(PipelineError, match="was expected to be a DVC cache"):
        check_cache.main([str(tmp_path)])


def test_without_a_dvc_project_there_is_a_sentence(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(PipelineError, match="was expected to be a DVC project"):
        check_cache.main([])
