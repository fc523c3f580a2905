import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from benchmarks import pages, readme

CODE = [*Path("asteroid_taxonomy").rglob("*.py"), *Path("stages").glob("*.py")]


def tracked_text():
    """Name and text of every tracked text file."""
    listed = subprocess.run(["git", "ls-files", "-z"], capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("not a git checkout")
    for name in filter(None, listed.stdout.split("\0")):
        path = Path(name)
        if path.is_file() and path.suffix not in {".onnx", ".png", ".gz", ".parquet", ".raw"}:
            yield name, path.read_text(encoding="utf-8")


def test_no_file_names_a_package_registry_an_absolute_path_or_a_secret():
    registries = [".".join(parts) for parts in (
        ("pypi", "org"), ("pythonhosted", "org"), ("registry", "npmjs"), ("deb", "debian"))]
    forbidden = re.compile("|".join([
        *map(re.escape, registries), r"(?<![\w.~])/(?:home|root|Users|work)/\w",
        r"AKIA[0-9A-Z]{16}", r"BEGIN [A-Z ]*PRIVATE KEY",
    ]))
    hits = [f"{name}: {found[0]}" for name, text in tracked_text()
            for found in forbidden.finditer(text) if name != "tests/test_repository.py"]
    assert hits == []


def test_the_shared_dvc_config_has_no_credentials():
    secret = re.compile(r"password|passphrase|secret|access_key|token|account_key|credential")
    config = Path(".dvc/config").read_text(encoding="utf-8")
    assert config and not secret.search(config)


def test_every_package_that_is_imported_is_declared():
    declared = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["project"]
    names = {re.split(r"[>=\[]", line)[0].lower() for line in (
        *declared["dependencies"], *declared["optional-dependencies"]["pipeline"],
        *declared["optional-dependencies"]["cluster"])}
    called = {"yaml": "pyyaml", "sklearn": "scikit-learn", "vl_convert": "vl-convert-python",
              "ruamel": "ruamel.yaml", "typing_extensions": "typing-extensions",
              "google": "onnx"}  # protobuf comes with onnx, whose messages it reads
    imports = {name.split(".")[0] for path in CODE
               for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
               for name in ([a.name for a in node.names] if isinstance(node, ast.Import)
                            else [node.module] if isinstance(node, ast.ImportFrom) else [])}
    foreign = imports - set(sys.stdlib_module_names) - {"stages", "asteroid_taxonomy"}
    assert {called.get(name, name) for name in foreign} <= names


def test_text_files_end_their_lines_with_lf():
    assert [name for name, text in tracked_text() if "\r" in text] == []


def test_the_lock_pins_every_package_with_hashes_and_without_urls():
    text = Path("requirements.lock").read_text(encoding="utf-8")
    pins = re.sub(r"^ *#.*\n", "", text, flags=re.MULTILINE).replace(" \\\n", "").splitlines()
    pin = re.compile(r"[\w.\-\[\]]+==[\w.!+]+( ; [^:]*)?( +--hash=sha256:[0-9a-f]{64})+")
    assert pins and [line for line in pins if not pin.fullmatch(line)] == []


def test_every_action_of_a_workflow_is_pinned_to_a_commit():
    used = [(path.name, found) for path in Path(".github/workflows").glob("*.yml")
            for found in re.findall(r"uses: (.*)", path.read_text(encoding="utf-8"))]
    assert used and all(re.fullmatch(r"[\w/-]+@[0-9a-f]{40} # v[\d.]+", use) for _, use in used)


def test_the_figures_in_the_pages_are_those_of_the_committed_runs():
    texts = pages.texts()
    assert pages.fresh(texts, readme.BLOCKS) == texts


def test_no_stage_can_write_a_pickle():
    for path in CODE:
        assert not re.search(
            r"^\s*(import|from) (pickle|cloudpickle)|import joblib|joblib import .*(dump|load)",
            path.read_text(encoding="utf-8"), re.MULTILINE), path
