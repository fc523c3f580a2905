"""A real process tree: what stands for dvc, a shell or none, and a stage that writes a file."""

import gc
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from asteroid_taxonomy import parent

TOP = Path(__file__).parent.parent
STAGE = """
import sys, time
from pathlib import Path
from asteroid_taxonomy import parent
if sys.argv[1] == "left":
    parent.LOOK_EVERY_S = 3600  # what is written before the thread has looked again
parent.begin()
from asteroid_taxonomy.files.atomic_write import atomic
from asteroid_taxonomy.console import run

def main():
    with atomic(Path("out.txt")) as part:
        part.write_text("of the stage that was started first")
        Path("started").touch()
        while not Path("go").exists():
            time.sleep(0.02)

run(main)
"""
DVC = """
import subprocess, sys
subprocess.Popen(sys.argv[1:]).communicate()
"""


@pytest.fixture
def start(tmp_path):
    """Start a stage in `tmp_path` from a process that stands for dvc; give that process."""
    (tmp_path / "stage.py").write_text(STAGE)
    (tmp_path / "dvc.py").write_text(DVC)
    started = []

    def process(shell, left="ended", under_dvc=True):
        env = {**os.environ, "PYTHONPATH": str(TOP)}
        env.pop("DVC_STAGE", None)
        command = f"{sys.executable} stage.py {left} 2>>said"
        stage = ["/bin/sh", "-c", command + ("; true" if shell == "shell between" else "")]
        if shell == "exec":
            stage[-1] = f"exec {command}"
        if under_dvc:
            stage = ["env", "DVC_STAGE=train", *stage]
        started.append(subprocess.Popen([sys.executable, "dvc.py", *stage], cwd=tmp_path, env=env,
                                        start_new_session=True))
        wait_for(lambda: (tmp_path / "started").exists())
        return started[-1]

    yield process
    (tmp_path / "go").touch()
    for one in started:
        one.wait()


def wait_for(done):
    deadline = time.monotonic() + 20
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def stages_in(folder):
    """Numbers of the processes that run stage.py in `folder`."""
    out = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if (b"stage.py" in (entry / "cmdline").read_bytes()
                    and os.readlink(entry / "cwd") == str(folder)):
                out.append(entry.name)
        except OSError:
            pass  # it ended in between
    return out


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
@pytest.mark.parametrize("shell", ["exec", "shell between"])
@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGKILL])
@pytest.mark.parametrize("left", ["ended", "left"])
def test_a_stage_whose_dvc_was_killed_writes_nothing(start, tmp_path, shell, signum, left):
    dvc = start(shell, left)
    dvc.send_signal(signum)
    dvc.wait()
    if left == "ended":
        wait_for(lambda: not stages_in(tmp_path))  # it is not waited for
    (tmp_path / "out.txt").write_text("of the stage that was started second")
    (tmp_path / "go").touch()
    wait_for(lambda: not stages_in(tmp_path))
    assert (tmp_path / "out.txt").read_text() == "of the stage that was started second"
    assert not list(tmp_path.glob(".out.txt.*"))
    said = (tmp_path / "said").read_text().splitlines()[0]
    assert said.startswith(("terminated: nothing", "error: the dvc that started this stage has"))


@pytest.mark.parametrize("shell", ["exec", "shell between"])
def test_a_stage_whose_dvc_lives_writes(start, tmp_path, shell):
    dvc = start(shell)
    (tmp_path / "go").touch()
    assert dvc.wait() == 0 and (tmp_path / "out.txt").exists()
    assert (tmp_path / "said").read_text() == ""


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGKILL])
def test_a_stage_run_by_hand_may_lose_its_parent(start, tmp_path, signum):
    dvc = start("exec", under_dvc=False)
    dvc.send_signal(signum)
    dvc.wait()
    (tmp_path / "go").touch()
    wait_for((tmp_path / "out.txt").exists)


def test_a_stage_whose_dvc_was_gone_when_it_looked_writes_nothing(tmp_path):
    (tmp_path / "stage.py").write_text(STAGE)
    (tmp_path / "go").touch()
    orphan = f"(sleep 0.3; exec {sys.executable} stage.py ended) 2>said &"
    subprocess.run(["/bin/sh", "-c", orphan], cwd=tmp_path, check=True,
                   env={**os.environ, "PYTHONPATH": str(TOP), "DVC_STAGE": "train"})
    said = tmp_path / "said"
    wait_for(lambda: said.exists() and said.read_text().endswith("in git\n"))
    assert not (tmp_path / "out.txt").exists()
    assert said.read_text().startswith("error: the dvc that started this stage has ended")


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGKILL])
@pytest.mark.parametrize("shell", ["/bin/bash", "/bin/dash", "/bin/sh", None])
def test_a_killed_dvc_leaves_no_stage_behind(tmp_path, signum, shell):
    if not Path(shell or "/bin/sh").exists():
        pytest.skip(f"no {shell} here")
    (tmp_path / "stage.py").write_text(STAGE)
    (tmp_path / "dvc.yaml").write_text(
        f"stages: {{train: {{cmd: {sys.executable} stage.py ended, outs: [out.txt]}}}}")
    env = {**os.environ, "PYTHONPATH": str(TOP), "DVC_NO_ANALYTICS": "true"}
    env.pop("SHELL", None)
    if shell:
        env["SHELL"] = shell  # DVC runs a stage's command in it, and in sh without it
    (tmp_path / ".dvc").mkdir()  # as `dvc init --no-scm` makes it, which takes half a second
    (tmp_path / ".dvc/config").write_text("[core]\n    no_scm = True\n")
    dvc = subprocess.Popen([sys.executable, "-m", "dvc", "repro"], cwd=tmp_path, env=env,
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_for((tmp_path / "started").exists)
    dvc.send_signal(signum)
    dvc.wait()
    wait_for(lambda: not stages_in(tmp_path))
    assert not (tmp_path / "out.txt").exists() and not list(tmp_path.glob(".out.txt.*"))


def test_a_dvc_that_ends_while_it_is_looked_at_gives_a_sentence(monkeypatch, capsys):
    class Gone:
        def environ(self):
            raise psutil.ZombieProcess(1)

        cmdline = environ

    monkeypatch.setattr(psutil.Process, "parents", lambda self: [Gone()])
    monkeypatch.setenv("DVC_STAGE", "train")
    monkeypatch.setattr(parent, "_dvc", [])
    try:
        with pytest.raises(SystemExit):
            parent.begin()
    finally:
        gc.enable()
    assert capsys.readouterr().err.startswith("error: the dvc that started this stage has ended")


def test_a_stage_with_frames_finds_pandas_however_it_is_named():
    done = subprocess.run([sys.executable, "-mstages.crossmatch", "--help"], cwd=TOP,
                          capture_output=True, text=True)
    assert done.returncode == 0 and not done.stderr
