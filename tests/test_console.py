import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from asteroid_taxonomy import console

TOP = Path(__file__).parent.parent
STAGES = sorted(path.stem for path in (TOP / "stages").glob("[a-z]*.py"))


def run(code, *arguments, **changes):
    """Run Python code as a script; its exit code, output and messages."""
    env = {**os.environ, "PYTHONPATH": str(TOP), **changes}
    done = subprocess.run([sys.executable, "-c", code, *arguments], env=env, capture_output=True,
                          timeout=60)
    return (done.returncode, done.stdout.decode("ascii", "backslashreplace"),
            done.stderr.decode("ascii", "backslashreplace"))


def main_that(does, doc=""):
    return (f"{doc!r}\nimport os, sys\nfrom asteroid_taxonomy.console import *\n"
            f"def main():\n    {does}\nrun(main{', __doc__' if doc else ''})")


def test_a_reader_that_has_seen_enough_is_no_error():
    talk = subprocess.Popen([sys.executable, "-c", main_that("print('line\\n' * 100_000)")],
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=TOP)
    assert talk.stdout.readline() == "line\n"
    talk.stdout.close()
    assert (talk.stderr.read(), talk.wait()) == ("", 141)
    talk.stderr.close()


@pytest.mark.parametrize("does, code, said", [
    ("pass", 0, ""),
    ("raise PipelineError('a was expected, b came; do c')", 1,
     "error: a was expected, b came; do c\n"),
    (f"raise OSError({errno.ENOSPC}, 'No space left on device', 'x/y')", 1,
     "error: the disk said: No space left on device (x/y); nothing was written; free some space "
     "or check the folder's permissions, then run it again\n"),
    ("written.append('a.vot'); raise OSError('x')", 1,
     "error: the disk said: x; only a.vot was written; free some space or check the folder's "
     "permissions, then run it again\n"),
    ("os.kill(os.getpid(), 2)", 130, "interrupted: nothing was written\n"),
    ("os.kill(os.getpid(), 15)", 143, "terminated: nothing was written\n"),
    ("os.kill(os.getpid(), 1)", 129, "terminated: nothing was written\n"),
])
def test_every_end_has_a_code_and_a_sentence(does, code, said):
    assert run(main_that(does)) == (code, "", said)


def test_under_dvc_a_failure_says_how_the_earlier_files_come_back():
    code, _, said = run(main_that("raise PipelineError('no')"), DVC_STAGE="fetch_labels")
    assert code == 1 and said == (
        "error: no\nDVC has removed what this stage wrote before: `dvc checkout` brings it back, "
        "and `git checkout` what is in git\n")


@pytest.mark.parametrize("text", ["\x1b[2Jgone", "a\nerror: b", "\x9b31m", "a\r\x08b", "\u202eb"])
def test_what_steers_a_terminal_is_not_passed_on(text):
    _, _, said = run(main_that(f"raise PipelineError({text!r})"))
    assert said.count("\n") == 1 and all(c.isprintable() or c == "\n" for c in said)
    assert console.plain(text).isprintable()
    assert console.Progress(text).label.isprintable()


@pytest.mark.parametrize("environment", [
    {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    {"PYTHONIOENCODING": "ascii"},
])
def test_a_terminal_without_the_letters_of_a_name_gives_no_traceback(environment):
    does = "print('(1) Sk\\u0142odowska'); raise PipelineError('\\xe9')"
    assert run(main_that(does), **environment) == (1, "(1) Sk?odowska\n", "error: ?\n")


@pytest.mark.parametrize("optimise", ["0", "2"])
@pytest.mark.parametrize("option", ["--help", "-h"])
def test_help_of_a_stage_touches_nothing(option, optimise):
    code, shown, said = run(main_that("open('/x/y', 'w')", doc="Fetch labels."), option,
                            PYTHONOPTIMIZE=optimise)
    assert (code, said) == (0, "")
    assert shown == ("Fetch labels.\n" if optimise == "0" else
                     "PYTHONOPTIMIZE=2 leaves no help; see the top of the file\n")


def test_a_stage_takes_no_arguments():
    code, shown, said = run(main_that("open('/x/y', 'w')", doc="Fetch labels."), "--forec")
    assert (code, shown) == (2, "") and said.startswith(
        "error: a stage takes no arguments, but got --forec; what it reads stands in dvc.yaml")


@pytest.mark.parametrize("stage", STAGES)
def test_every_stage_answers_help(stage, tmp_path):
    text = (TOP / f"stages/{stage}.py").read_text(encoding="utf-8")
    assert text.endswith(('if __name__ == "__main__":\n    run(main, __doc__)\n',
                          "    run(lambda: main(**vars(parser.parse_args())))\n"))


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
@pytest.mark.parametrize("loading", ["select", "multiarray", "libarrow"])
def test_ctrl_c_while_a_stage_still_imports_gives_no_traceback(tmp_path, loading):
    """From some 30 ms on, which Python itself takes before the first line of a stage."""
    stage = subprocess.Popen([sys.executable, "-m", "stages.train"], cwd=tmp_path, text=True,
                             env={**os.environ, "PYTHONPATH": str(TOP), "DVC_STAGE": "train"},
                             stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    maps = Path(f"/proc/{stage.pid}/maps")
    while stage.poll() is None and loading not in maps.read_text():
        time.sleep(0.002)
    stage.send_signal(signal.SIGINT)
    said = stage.communicate()[1]
    assert (stage.returncode, said.splitlines()[0]) == (130, "interrupted: nothing was written")
