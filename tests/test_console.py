"""How a stage or a command ends: exit codes, one-line errors, text that a terminal can show."""

import errno
import os
import subprocess
import sys

import pytest

from asteroid_taxonomy import console
from tests.project_fixtures import TOP


def run(does, *arguments, doc="", **changes):
    """Run a script whose main does this: exit code, output and messages."""
    code = (f"{doc!r}\nimport os, sys\nfrom asteroid_taxonomy.console import *\n"
            f"def main():\n    {does}\nrun(main{', __doc__' if doc else ''})")
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True,
                          env={**os.environ, "PYTHONPATH": str(TOP), **changes})
    return (done.returncode, done.stdout.decode("ascii", "backslashreplace"),
            done.stderr.decode("ascii", "backslashreplace"))


@pytest.mark.parametrize(("does", "code", "message"), [
    ("pass", 0, ""),
    ("raise PipelineError('a is missing; do b')", 1, "error: a is missing; do b\n"),
    (f"raise OSError({errno.ENOSPC}, 'No space left on device', 'x/y')", 1,
     "error: No space left on device (x/y); check the folder's free space and permissions\n"),
    *((f"os.kill(os.getpid(), {number})", 128 + number, f"{word}\n")
      for number, word in ((2, "interrupted"), (15, "terminated")) if os.name == "posix"),
])
def test_every_end_has_an_exit_code_and_one_line(does, code, message):
    assert run(does) == (code, "", message)


def test_a_reader_that_closes_the_pipe_is_no_error():
    for does, doc in (("print('line\\n' * 100_000)", ""), ("pass", "Help. " * 20_000)):
        code = (f"{doc!r}\nfrom asteroid_taxonomy.console import *\ndef main():\n    {does}\n"
                f"run(main{', __doc__' if doc else ''})")
        process = subprocess.Popen([sys.executable, "-c", code, *(["--help"] if doc else [])],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=TOP)
        assert process.stdout.read(4)
        process.stdout.close()
        assert (process.stderr.read(), process.wait()) == (b"", 141)
        process.stderr.close()


def test_characters_that_control_a_terminal_are_not_passed_on():
    for text in ("\x1b[2Jgone", "a\nerror: b", "\x9b31m", "a\r\x08b", "\u202eb"):
        assert console.plain(text).isprintable() and console.Progress(text).label.isprintable()
        assert "\n" not in console.one_line(text)
    assert len(console.one_line("x" * 1000)) == console.MAX_MESSAGE


def test_a_terminal_that_cannot_show_a_name_gives_no_traceback():
    assert run("print('(1) Sk\\u0142odowska'); raise PipelineError('\\xe9')",
               PYTHONIOENCODING="ascii") == (1, "(1) Sk?odowska\n", "error: ?\n")


def test_a_stage_prints_its_docstring_and_takes_no_other_argument():
    assert run("open('/x/y', 'w')", "--help", doc="Fetch labels.") == (0, "Fetch labels.\n", "")
    code, output, message = run("open('/x/y', 'w')", "--forec", doc="Fetch labels.")
    assert (code, output) == (2, "") and "a stage takes no arguments but --help" in message
