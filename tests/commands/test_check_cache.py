import hashlib
import os
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


@pytest.mark.parametrize("name", [".abc.tmp", "notes.txt", "tmp4x7", ".DS_Store"])
def test_what_is_no_object_is_named_neither_called_damaged_nor_deleted(damaged, capsys, name):
    left = damaged.with_name(name)
    left.write_bytes(b"refl")
    check_cache.main(["--remove", "cache"])
    said = capsys.readouterr().out
    assert f"no object: {left}" in said and left.exists() and "2 objects" in said


def test_a_folder_that_is_no_cache_is_refused(tmp_path):
    with pytest.raises(PipelineError, match="was expected to be a DVC cache"):
        check_cache.main([str(tmp_path)])


def test_without_a_dvc_project_there_is_a_sentence(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(PipelineError, match="was expected to be a DVC project"):
        check_cache.main([])


@pytest.fixture
def project(tmp_path, monkeypatch):
    """An empty DVC project with a sound object in its cache, as the current folder."""
    monkeypatch.chdir(tmp_path)
    Path(".dvc").mkdir()
    Path(".dvc/config").touch()
    put(b"sound", Path(".dvc/cache"))
    return tmp_path


@pytest.mark.skipif(os.name != "posix", reason="permissions as POSIX has them")
@pytest.mark.parametrize("mode", [0o777, 0o1777, 0o755, 0o710, None])
def test_a_site_cache_that_others_can_enter_is_refused_with_the_command(
        project, monkeypatch, capsys, mode):
    site = project / "site"
    monkeypatch.setenv("DVC_SITE_CACHE_DIR", str(site))
    if mode is not None:
        site.mkdir()
        site.chmod(mode)
    with pytest.raises(PipelineError, match=r"install -d -m 700 .* core.site_cache_dir"):
        check_cache.main([])
    assert "1 objects, 0.0 MB, 0 damaged" in capsys.readouterr().out


@pytest.mark.skipif(os.name != "posix", reason="permissions as POSIX has them")
def test_a_private_site_cache_named_in_the_configuration_is_accepted(project, monkeypatch):
    monkeypatch.delenv("DVC_SITE_CACHE_DIR", raising=False)
    (project / "site").mkdir(mode=0o700)
    Path(".dvc/config").write_text(f"[core]\n    site_cache_dir = {project / 'site'}\n")
    check_cache.main([])
