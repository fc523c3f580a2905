"""What holds for every tracked file."""

import ast
import json
import re
import subprocess
import sys
import tomllib

import pytest
import yaml

from benchmarks import pages
from tests.project_fixtures import TOP

BINARY = {".onnx", ".png", ".gz", ".parquet", ".raw", ".fits"}
MOST_LINES = {"docs": 1200, "benchmarks": 1600, "README.md": 100, "dvc.yaml": 160}


def tracked():
    """Name and text of every tracked text file."""
    listed = subprocess.run(["git", "ls-files", "-z"], capture_output=True, text=True, cwd=TOP)
    if listed.returncode:
        pytest.skip("not a Git checkout")
    for name in filter(None, listed.stdout.split("\0")):
        path = TOP / name
        if path.is_file() and path.suffix not in BINARY:
            yield name, path.read_text(encoding="utf-8")


def test_no_file_names_a_package_registry_an_absolute_path_or_a_secret():
    registries = [".".join(parts) for parts in (
        ("pypi", "org"), ("pythonhosted", "org"), ("registry", "npmjs"), ("deb", "debian"))]
    forbidden = re.compile("|".join([
        *map(re.escape, registries), r"(?<![\w.~])/(?:home|root|Users|work)/\w",
        r"AKIA[0-9A-Z]{16}", r"BEGIN [A-Z ]*PRIVATE KEY",
    ]))
    assert [f"{name}: {found[0]}" for name, text in tracked()
            for found in forbidden.finditer(text) if name != "tests/test_repository.py"] == []
    secret = re.compile(r"password|passphrase|secret|access_key|token|account_key|credential")
    assert not secret.search((TOP / ".dvc/config").read_text(encoding="utf-8"))


def test_text_files_end_their_lines_with_lf():
    assert [name for name, text in tracked() if "\r" in text] == []


def test_the_pages_stay_short():
    for prefix, most in MOST_LINES.items():
        lines = sum(len(text.splitlines()) for name, text in tracked() if name.startswith(prefix)
                    and name.endswith((".md", ".py", ".mjs", "dvc.yaml")))
        assert lines <= most, prefix


def test_the_pages_use_the_terms_of_the_field():
    odd = re.compile(r"\b(is asked|asks the archive|says of|kept ones|in a sentence|bad days|"
                     r"may pass|judged by|for want of|simulated)\b", re.IGNORECASE)
    texts = {name: text for name, text in tracked() if name.endswith((".md", ".py", ".j2"))
             and name.startswith(("README", "docs/", "asteroid_taxonomy/", "stages/"))}
    assert [f"{name}: {found[0]}" for name, text in texts.items()
            for found in odd.finditer(text)] == []
    assert [name for name, text in texts.items() if name.endswith(".md") and "paste" in text] == []


def test_the_links_between_the_pages_lead_somewhere():
    texts = {name: text for name, text in tracked() if name.endswith(".md")}

    def anchors(text):
        return {re.sub(r"[^\w\- ]", "", line.lstrip("# ").lower()).replace(" ", "-")
                for line in text.splitlines() if line.startswith("#")}

    for name, text in texts.items():
        for link in re.findall(r"\]\((?!https?:)([^)\s]+)\)", text):
            path, _, anchor = link.partition("#")
            target = (TOP / name).parent / path if path else TOP / name
            assert target.exists(), f"{name}: {link}"
            assert not anchor or anchor in anchors(target.read_text(encoding="utf-8")), (
                f"{name}: {link}")


def test_every_package_that_is_imported_is_declared():
    project = tomllib.loads((TOP / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    declared = {re.split(r"[>=\[]", line)[0].lower() for line in (
        *project["dependencies"], *extras["pipeline"], *extras["cluster"])}
    called = {"yaml": "pyyaml", "sklearn": "scikit-learn", "vl_convert": "vl-convert-python",
              "ruamel": "ruamel.yaml", "typing_extensions": "typing-extensions",
              "google": "onnx"}  # protobuf comes with onnx
    imported = {module.split(".")[0] for folder in ("asteroid_taxonomy", "stages")
                for path in (TOP / folder).rglob("*.py")
                for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
                for module in ([a.name for a in node.names] if isinstance(node, ast.Import)
                               else [node.module or ""] if isinstance(node, ast.ImportFrom)
                               and not node.level else [])}
    foreign = imported - set(sys.stdlib_module_names) - {"stages", "asteroid_taxonomy"}
    assert {called.get(name, name) for name in foreign} - declared == set()


def test_the_lock_pins_every_package_with_hashes_and_without_urls():
    text = (TOP / "requirements.lock").read_text(encoding="utf-8")
    pins = re.sub(r"^ *#.*\n", "", text, flags=re.MULTILINE).replace(" \\\n", "").splitlines()
    pin = re.compile(r"[\w.\-\[\]]+==[\w.!+]+( ; [^:]*)?( +--hash=sha256:[0-9a-f]{64})+")
    assert pins and [line for line in pins if not pin.fullmatch(line)] == []


def test_every_action_of_a_workflow_is_pinned_to_a_commit():
    used = [found for path in (TOP / ".github/workflows").glob("*.yml")
            for found in re.findall(r"uses: (.*)", path.read_text(encoding="utf-8"))]
    assert used and all(re.fullmatch(r"[\w/-]+@[0-9a-f]{40} # v[\d.]+", use) for use in used)


def test_the_figures_in_the_pages_are_those_of_the_committed_run():
    texts = pages.texts()
    assert pages.fresh(texts, pages.FROM_REPORTS) == texts


def test_the_params_for_ground_based_spectra_are_those_that_were_measured():
    measured = json.loads((TOP / "benchmarks/results/ground_based.json").read_text())
    params = yaml.safe_load((TOP / "params.yaml").read_text())
    train = params["train"]
    assert train[train["model"]].items() <= measured["train"].items(), "measure again"
    assert train["used_bands_nm"]["asteroid_taxonomy_visible"] == measured["used_bands_nm"]
    ratio = {str(nm): value for nm, value in params["train"]["ground_based"]["ratio"].items()}
    assert {nm: measured["ratio"]["all"][nm] for nm in ratio} == ratio
    assert params["calibration"]["visible"] == {
        key: measured["with"][key] for key in ("threshold", "least_probability")}
