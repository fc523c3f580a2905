"""What holds for every command and every stage: --help touches nothing, nonsense is refused."""

import re
import runpy
import subprocess
import sys

import pytest
import yaml

from asteroid_taxonomy import __version__
from asteroid_taxonomy.__main__ import COMMANDS, command
from asteroid_taxonomy.console import PipelineError
from tests.project_fixtures import TOP
from tests.running import environment

STAGES = list(yaml.safe_load((TOP / "dvc.yaml").read_text(encoding="utf-8"))["stages"])


@pytest.fixture
def said(tmp_path, monkeypatch, capsys):
    """How a stage or a command, run with arguments in an empty folder, ends, and what it says."""
    monkeypatch.chdir(tmp_path)

    def run(name, *arguments):
        monkeypatch.setattr(sys, "argv", [name, *arguments])
        monkeypatch.delitem(sys.modules, name, raising=False)
        with pytest.raises(SystemExit) as end:
            if name in COMMANDS:
                command([name, *arguments])
            else:
                runpy.run_module(name, run_name="__main__")
        assert list(tmp_path.iterdir()) == []
        return end.value.code or 0, "".join(capsys.readouterr())

    return run


@pytest.mark.parametrize("name", [*COMMANDS, *(f"stages.{stage}" for stage in STAGES)])
def test_help_says_what_is_read_and_written_and_touches_nothing(said, name):
    code, text = said(name, "--help")
    assert code == 0
    assert re.search("reads?", text, re.IGNORECASE) and re.search("writes?", text, re.IGNORECASE)


@pytest.mark.parametrize("name", [*(c for c in COMMANDS if c != "recipe"),  # it hands them on
                                  *(f"stages.{stage}" for stage in STAGES)])
def test_an_option_that_is_not_there_ends_with_2(said, name):
    code, text = said(name, "--frobnicate")
    assert code == 2 and text


def run(*arguments, cwd, code="from asteroid_taxonomy.__main__ import main; main()"):
    return subprocess.run([sys.executable, "-c", code, *arguments], cwd=cwd, text=True,
                          capture_output=True, env=environment(PYTHONPATH=str(TOP)))


@pytest.mark.parametrize(("arguments", "code", "words"), [
    (["--help"], 0, COMMANDS), (["--version"], 0, [__version__]), ([], 2, COMMANDS),
    (["clasify"], 2, ["clasify", *COMMANDS]),
    (["show-model", "none.onnx"], 1, ["none.onnx"]),
])
def test_the_command_line_ends_as_a_shell_expects(tmp_path, arguments, code, words):
    done = run(*arguments, cwd=tmp_path)
    text = done.stdout + done.stderr
    assert done.returncode == code and all(word in text for word in words), text
    assert "Traceback" not in text


def test_the_list_of_commands_loads_no_numpy(tmp_path):
    done = run("--help", cwd=tmp_path, code=(
        "import sys\nfrom asteroid_taxonomy.__main__ import command\n"
        "try: command(sys.argv[1:])\n"
        "finally: assert not {'numpy', 'pyarrow', 'astropy'} & set(sys.modules)"))
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(("name", "package", "words"), [
    ("check-cache", "dvc.config", r"`pip install '\.\[pipeline\]'` in"),
    ("classify", "pyarrow", r"`pip install \.` in"), ("lookup", "pyarrow", r"`pip install \.` in"),
    ("lookup", "ruamel.yaml", r"`pip install '\.\[pipeline\]'` in"),
])
def test_a_package_that_is_not_installed_is_named_with_the_command_that_brings_it(
        monkeypatch, name, package, words):
    def missing(module):
        raise ModuleNotFoundError(f"No module named {package!r}", name=package)

    monkeypatch.setattr("importlib.import_module", missing)
    with pytest.raises(PipelineError, match=f"^{name} needs {package}, .*{words}"):
        command([name])


def test_importing_the_package_changes_nothing_in_the_process(tmp_path):
    done = run(cwd=tmp_path, code=(
        "import os, sys, threading\nbefore = dict(os.environ)\nimport asteroid_taxonomy\n"
        "assert os.environ == before and 'numpy' not in sys.modules\n"
        "assert threading.active_count() == 1"))
    assert done.returncode == 0, done.stderr
