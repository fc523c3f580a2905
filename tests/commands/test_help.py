"""What holds for every command and every stage: --help touches nothing, errors are one line."""

import re
import runpy
import subprocess
import sys

import pytest

from asteroid_taxonomy import __version__
from asteroid_taxonomy.cli import COMMANDS, PIPELINE_COMMANDS, command
from asteroid_taxonomy.console import PipelineError
from tests.project_fixtures import DVC_STAGES, TOP
from tests.running import environment

EVERY = COMMANDS | PIPELINE_COMMANDS


@pytest.fixture
def outcome(tmp_path, monkeypatch, capsys):
    """Exit code and output of a stage or a command, run with arguments in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def run(name, *arguments):
        monkeypatch.setattr(sys, "argv", [name, *arguments])
        monkeypatch.delitem(sys.modules, name, raising=False)
        with pytest.raises(SystemExit) as end:
            if name in EVERY:
                command([name, *arguments])
            else:
                runpy.run_module(name, run_name="__main__")
        assert list(tmp_path.iterdir()) == []
        return end.value.code or 0, "".join(capsys.readouterr())

    return run


def test_help_explains_an_unknown_option_ends_with_2_and_neither_touches_anything(outcome):
    for name in (*EVERY, *(f"stages.{stage}" for stage in DVC_STAGES)):
        code, text = outcome(name, "--help")
        assert code == 0, name
        for word in ("reads?", "writes?") if name.startswith("stages") else ("usage",):
            assert re.search(word, text, re.IGNORECASE), (name, word)
        if name != "recipe":  # which passes them on to DVC
            code, text = outcome(name, "--frobnicate")
            assert code == 2 and text, name


def run(*arguments, cwd, code="from asteroid_taxonomy.cli import main; main()"):
    return subprocess.run([sys.executable, "-c", code, *arguments], cwd=cwd, text=True,
                          capture_output=True, env=environment(PYTHONPATH=str(TOP)))


@pytest.mark.parametrize(("arguments", "code", "words"), [
    (["--help"], 0, [*EVERY, "pip install '.[pipeline]'"]), (["--version"], 0, [__version__]),
    ([], 2, EVERY), (["clasify"], 2, ["clasify"]), (["show-model", "none.onnx"], 1, ["none.onnx"]),
])
def test_the_command_line_ends_as_a_shell_expects(tmp_path, arguments, code, words):
    done = run(*arguments, cwd=tmp_path)
    text = done.stdout + done.stderr
    assert done.returncode == code and all(word in text for word in words), text
    assert "Traceback" not in text


@pytest.mark.parametrize("name", ["demo", "recipe", "search"])
def test_without_the_packages_of_the_pipeline_its_commands_say_how_to_install_them(
        monkeypatch, name):
    monkeypatch.setattr("importlib.util.find_spec", lambda package: None)
    with pytest.raises(PipelineError, match=rf"^{name} needs .*pip install '\.\[pipeline\]'"):
        command([name, "--help"])


def test_importing_the_package_changes_nothing_in_the_process(tmp_path):
    done = run(cwd=tmp_path, code=(
        "import os, sys, threading\nbefore = dict(os.environ)\nimport asteroid_taxonomy\n"
        "assert os.environ == before and 'numpy' not in sys.modules\n"
        "assert threading.active_count() == 1"))
    assert done.returncode == 0, done.stderr
