"""onnxruntime's Linux wheel writes to the home folder and calls its vendor, unless it is told."""

import os
import shutil
import subprocess
import sys

import pytest

from tests.onnx_files import TOP, shipped

LOAD = ("from pathlib import Path\n"
        "from asteroid_taxonomy.onnx_model.classifier import load_classifier\n"
        "load_classifier(Path('model.onnx'))\n")


@pytest.fixture
def fresh_home(tmp_path):
    """An environment with an empty home, and nothing that switches telemetry off."""
    (tmp_path / "model.onnx").write_bytes(shipped().SerializeToString())
    home = tmp_path / "home"
    home.mkdir()
    kept = {name: os.environ[name] for name in ("PATH", "SYSTEMROOT") if name in os.environ}
    return {**kept, "HOME": str(home), "PYTHONPATH": str(TOP)}


def left_in(environment):
    home = environment["HOME"]
    return [name for _, folders, files in os.walk(home) for name in (*folders, *files)]


@pytest.mark.parametrize("command", [
    ["-c", LOAD], *(["-m", f"stages.{name}", "--help"] for name in (
        "verify", "cyberether", "classify", "report")),
    *(["-m", "asteroid_taxonomy", name, "--help"] for name in ("classify", "lookup")),
], ids=lambda command: command[1].split("\n")[0])
def test_no_process_leaves_anything_in_a_fresh_home(tmp_path, fresh_home, command):
    subprocess.run([sys.executable, *command], cwd=tmp_path, env=fresh_home, check=True,
                   capture_output=True)
    assert not left_in(fresh_home)


@pytest.mark.slow
@pytest.mark.skipif(not (shutil.which("strace") and shutil.which("unshare"))
                    or os.name != "posix" or os.geteuid() != 0,
                    reason="needs root, strace and unshare")
def test_a_loaded_model_asks_nobody_in_an_empty_network_namespace(tmp_path, fresh_home):
    # what it is not told to leave begins at about the ninth second
    subprocess.run(["unshare", "-n", "strace", "-f", "-qq", "-e", "trace=connect,socket", "-o",
                    "calls", sys.executable, "-c", f"{LOAD}import time\ntime.sleep(13)"],
                   cwd=tmp_path, env=fresh_home, check=True)
    calls = (tmp_path / "calls").read_text(encoding="utf-8")
    assert "connect(" not in calls and "AF_INET" not in calls
    assert not left_in(fresh_home)
