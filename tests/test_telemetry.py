"""onnxruntime's Linux wheel writes to HOME and contacts its vendor unless switched off."""

import os
import shutil
import subprocess
import sys

import pytest

from tests.project_fixtures import TOP

LOAD = "from asteroid_taxonomy import load\nload()\n"


@pytest.fixture
def fresh_home(tmp_path):
    """An environment with an empty home, in which nothing switches telemetry off."""
    (tmp_path / "home").mkdir()
    path = {name: os.environ[name] for name in ("PATH", "SYSTEMROOT") if name in os.environ}
    return {**path, "HOME": str(tmp_path / "home"), "PYTHONPATH": str(TOP)}


def left_in(environment):
    return [name for _, folders, files in os.walk(environment["HOME"])
            for name in (*folders, *files)]


def test_no_process_leaves_anything_in_a_fresh_home(tmp_path, fresh_home):
    for command in (["-c", LOAD], ["-m", "stages.verify", "--help"],
                    ["-m", "asteroid_taxonomy", "show-model"]):
        subprocess.run([sys.executable, *command], cwd=tmp_path, env=fresh_home, check=True,
                       capture_output=True)
        assert left_in(fresh_home) == [], command


@pytest.mark.slow
@pytest.mark.skipif(not (shutil.which("strace") and shutil.which("unshare"))
                    or os.name != "posix" or os.geteuid() != 0,
                    reason="needs root, strace and unshare")
def test_a_loaded_model_contacts_nobody_in_an_empty_network_namespace(tmp_path, fresh_home):
    # with telemetry on, the first connection comes at about the ninth second
    subprocess.run(["unshare", "-n", "strace", "-f", "-qq", "-e", "trace=connect,socket", "-o",
                    "calls", sys.executable, "-c", f"{LOAD}import time\ntime.sleep(13)"],
                   cwd=tmp_path, env=fresh_home, check=True)
    calls = (tmp_path / "calls").read_text(encoding="utf-8")
    assert "connect(" not in calls and "AF_INET" not in calls
    assert left_in(fresh_home) == []
