"""The package as people install it: what the wheel holds, and what works with it alone."""

import os
import sys
import tomllib

import pytest

from tests.project_fixtures import TOP
from tests.running import call

PROJECT = tomllib.loads((TOP / "pyproject.toml").read_text(encoding="utf-8"))
PACKAGES = 40  # at most, with `pip install .`


def test_the_wheel_has_every_package_and_file_of_the_library():
    setuptools = PROJECT["tool"]["setuptools"]
    packages = {path.parent.relative_to(TOP).as_posix().replace("/", ".")
                for path in (TOP / "asteroid_taxonomy").rglob("__init__.py")}
    copied = {"asteroid_taxonomy.models", "asteroid_taxonomy.reports"}
    assert set(setuptools["packages"]) == packages | copied
    held = {path for package, patterns in setuptools["package-data"].items()
            for pattern in patterns for path in TOP.joinpath(*package.split(".")).glob(pattern)}
    assert {path for path in (TOP / "asteroid_taxonomy").rglob("*")
            if path.is_file() and path.suffix not in {".py", ".pyc"}} <= held


@pytest.fixture(scope="module")
def installed(clone, tmp_path_factory):
    """The commands of an environment that holds the package and what it requires."""
    folder = tmp_path_factory.mktemp("installed")
    assert call(folder, sys.executable, "-m", "venv", "--without-pip", "venv")[0] == 0
    commands = folder / "venv" / ("Scripts" if os.name == "nt" else "bin")
    code, output = call(folder, sys.executable, "-m", "pip", "--python", str(commands / "python"),
                        "install", "--quiet", "--no-compile", str(clone))
    if code and not os.environ.get("CI"):
        pytest.skip(f"the package index cannot be reached: {output[-300:]}")
    assert code == 0, output
    return commands


@pytest.mark.slow
def test_the_package_alone_classifies_a_file_and_an_array(installed, tmp_path):
    (tmp_path / "433_eros.txt").write_bytes((TOP / "docs/433_eros.txt").read_bytes())
    command, python = str(installed / "asteroid-taxonomy"), str(installed / "python")
    code, output = call(tmp_path, command, "classify", "433_eros.txt")
    assert code == 0 and "S" in output, output
    code, output = call(tmp_path, python, "-c", (
        "import numpy as np\nfrom asteroid_taxonomy import load\n"
        "nm, reflectance = np.loadtxt('433_eros.txt', usecols=(0, 1), unpack=True)\n"
        "print(load().predict(nm, reflectance).complex[0])"))
    assert code == 0 and output.split() == ["S"], output
    for name in ("classify", "lookup", "show-model", "provenance"):
        code, output = call(tmp_path, command, name, "--help")
        assert code == 0, output
    code, output = call(tmp_path, command, "search")
    assert code == 1 and "pip install '.[pipeline]'" in output and "Traceback" not in output
    assert [path.name for path in tmp_path.iterdir()] == ["433_eros.txt"]


@pytest.mark.slow
def test_installing_is_small_and_leaves_no_build_folder_with_modules_for_the_next_wheel(
        installed, clone):
    code, output = call(TOP, sys.executable, "-m", "pip", "--python", str(installed / "python"),
                        "list", "--format=freeze")
    assert code == 0 and len(output.splitlines()) <= PACKAGES, output
    assert not (clone / "build").exists() and not list(clone.glob("*.egg-info"))
