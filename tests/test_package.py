"""The package as people install it: what the wheel holds, and what works with it alone."""

import os
import sys
import tomllib
from pathlib import Path

import pytest

from tests.project_fixtures import TOP
from tests.running import call

SPECTRUM = "\n".join(f"{0.35 + 0.01 * i:.3f} {1 + 0.004 * i:.4f}" for i in range(70))
CORE = {"astropy", "numpy", "onnxruntime", "pandas", "pyarrow", "requests", "tqdm"}


def test_the_wheel_has_every_room_of_the_library():
    declared = tomllib.loads((TOP / "pyproject.toml").read_text(encoding="utf-8"))
    rooms = {path.parent.relative_to(TOP).as_posix().replace("/", ".")
             for path in (TOP / "asteroid_taxonomy").rglob("__init__.py")}
    copied = {"asteroid_taxonomy.models", "asteroid_taxonomy.reports"}
    assert set(declared["tool"]["setuptools"]["packages"]) == rooms | copied


def test_everything_beside_the_modules_is_package_data():
    data = tomllib.loads((TOP / "pyproject.toml").read_text(encoding="utf-8"))[
        "tool"]["setuptools"]["package-data"]
    held = {path for package, patterns in data.items() for pattern in patterns
            for path in TOP.joinpath(*package.split(".")).glob(pattern)}
    others = {path for path in (TOP / "asteroid_taxonomy").rglob("*")
              if path.is_file() and path.suffix not in {".py", ".pyc"}}
    assert others <= held


def test_the_core_needs_only_what_classifying_needs():
    project = tomllib.loads((TOP / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert {line.split(">")[0] for line in project["dependencies"]} == CORE


@pytest.fixture(scope="module")
def installed(clone, tmp_path_factory):
    """The commands of an environment that holds the package and what it requires."""
    folder = tmp_path_factory.mktemp("installed")
    # this environment's pip, and bytecode only of what is imported: ten seconds less
    assert call(folder, sys.executable, "-m", "venv", "--without-pip", "venv")[0] == 0
    commands = folder / "venv" / ("Scripts" if os.name == "nt" else "bin")
    code, said = call(folder, sys.executable, "-m", "pip", "--python", str(commands / "python"),
                      "install", "--quiet", "--no-compile", str(clone))
    if code and not os.environ.get("CI"):
        pytest.skip(f"the package index is out of reach: {said[-300:]}")
    assert code == 0, said
    return commands


@pytest.mark.slow
@pytest.mark.loopback
def test_the_package_alone_classifies_a_text_file_and_looks_an_asteroid_up(
        installed, archive, tmp_path):
    (tmp_path / "my.txt").write_text(SPECTRUM, encoding="utf-8")
    command, python = str(installed / "asteroid-taxonomy"), str(installed / "python")
    code, said = call(tmp_path, command, "classify", "my.txt")
    assert code == 0 and "my" in said, said
    code, said = call(tmp_path, command, "lookup", "(4) Vesta", "--plot",
                      GAIA_TAP_URL=os.environ["GAIA_TAP_URL"], no_proxy="*")
    assert code == 0 and said.startswith("(4) Vesta"), said
    assert "classes are left out" not in said
    code, said = call(tmp_path, python, "-c", (
        "import numpy as np\nfrom asteroid_taxonomy import load\n"
        "nm, reflectance = np.loadtxt('my.txt', unpack=True)\n"
        "answer = load().predict(1000 * nm, reflectance)\n"
        "print(answer.complex[0], answer.confidence[0])"))
    assert code == 0 and said.split()[0] in "COSX", said
    code, said = call(tmp_path, command, "search")
    assert code == 1 and "pip install '.[pipeline]'" in said and "Traceback" not in said
    assert sorted(path.name for path in tmp_path.iterdir()) == ["my.txt"]


@pytest.mark.slow
def test_installing_leaves_no_folder_in_the_clone_of_which_the_next_wheel_would_take_old_modules(
        installed, clone):
    assert not (clone / "build").exists() and not list(clone.glob("*.egg-info"))


@pytest.mark.slow
def test_the_package_alone_is_small(installed):
    code, said = call(Path(), sys.executable, "-m", "pip", "--python", str(installed / "python"),
                      "list", "--format=freeze")
    packages = said.splitlines()
    print(f"{len(packages)} packages")
    assert code == 0 and len(packages) < 30, said
