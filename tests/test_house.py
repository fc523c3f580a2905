"""The rooms' borders are those of the cache: who imports whom, what makes what stale."""

import ast
import importlib
import json
import re
from pathlib import Path

import pytest
import yaml

from tests.project_fixtures import cloned, once
from tests.running import call

LIBRARY = "asteroid_taxonomy"
STAGES = yaml.safe_load(Path("dvc.yaml").read_text(encoding="utf-8"))["stages"]
# dvc.yaml says why these are left out
NOT_DEPS = {Path(LIBRARY, name) for name in ("console.py", "parent.py", "files", "params")}
# files and params are of the root: they only became too long for one file
ROOT = ("", "files", "params")
ROOMS = ("archives", "simulated", "learning", "evaluation", "onnx_model", "page", "own_spectra",
         "commands")
# the rooms that each may import from, besides its own and the modules at the root
MAY_IMPORT = {
    "archives": set(), "simulated": set(), "own_spectra": set(), "learning": set(),
    "evaluation": {"learning"}, "onnx_model": {"learning"},
    "page": {"evaluation", "onnx_model"},
    "commands": set(ROOMS), "stages": set(ROOMS), "": set(),
}
CODE = sorted([*Path(LIBRARY).rglob("*.py"), *Path("stages").glob("*.py")])


def imports(path):
    """The modules of library and stages that a file names in its imports, as paths."""
    out = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = []
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        for name in names:
            for module in (Path(*name.split(".")).with_suffix(".py"),
                           Path(*name.split("."), "__init__.py")):
                if module.parts[0] in (LIBRARY, "stages") and module.exists():
                    out.add(module)
    return out


def imported(path, seen=()):
    """All that a file imports, and what that imports; not what is no dep of any stage."""
    out = set()
    for module in imports(path) - set(seen):
        if not NOT_DEPS & {module, *module.parents} and module != Path(LIBRARY, "__init__.py"):
            out |= {module} | imported(module, {*seen, *out, module})
    return out


def room(path):
    """The room of a file; "" for a module at the root of the library."""
    if path.parts[0] == "stages":
        return "stages"
    found = path.parts[1] if len(path.parts) > 2 else ""
    return "" if found in ROOT else found


def code_deps(stage):
    """The code that dvc.yaml says a stage depends on; of both sources."""
    deps = [dep for dep in STAGES[stage]["deps"] if dep.startswith((LIBRARY, "stages"))]
    return [dep.replace("${source}", source) for dep in deps
            for source in (("archives", "simulated") if "${source}" in dep else ("",))]


def test_the_stages_folder_holds_the_stages_of_dvc_yaml_and_nothing_else():
    assert {p.name for p in Path("stages").iterdir() if p.name != "__pycache__"} == {
        "__init__.py", *(f"{stage}.py" for stage in STAGES)}


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_is_run_the_same_way_everywhere(stage):
    assert STAGES[stage]["cmd"] == f"python -m stages.{stage}"


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_reads_the_params_that_dvc_yaml_declares_and_no_other(stage):
    assert list(importlib.import_module(f"stages.{stage}").PARAMS) == STAGES[stage]["params"]


@pytest.mark.parametrize("stage", STAGES)
def test_all_that_a_stage_imports_is_covered_by_its_deps(stage):
    script = Path(f"stages/{stage}.py")
    deps = {Path(dep) for dep in code_deps(stage)}
    assert {str(module) for module in {script} | imported(script)
            if not deps & {module, *module.parents}} == set()


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_imports_from_everything_that_it_depends_on(stage):
    script = Path(f"stages/{stage}.py")
    # stages/__init__.py calls determinism for all of them
    used = {script, Path(LIBRARY, "determinism.py")} | imported(script)
    for dep in map(Path, code_deps(stage)):
        assert any(dep in (module, *module.parents) for module in used), dep


# the package's own __init__ is the door to `load`, which it imports when called
@pytest.mark.parametrize("path", [p for p in CODE if p.parent != Path(LIBRARY) or
                                  p.name != "__init__.py"], ids=str)
def test_a_room_imports_only_from_rooms_below_it(path):
    others = {room(module) for module in imports(path)} - {room(path), ""}
    assert others <= MAY_IMPORT[room(path)]
    assert not [m for m in imports(path) if room(m) == room(path) == "stages"]


def test_no_two_modules_import_each_other():
    assert [str(path) for path in CODE if path in imported(path)] == []


@pytest.mark.parametrize("path", CODE, ids=str)
def test_every_file_can_be_read_in_one_sitting(path):
    lines = len(path.read_text(encoding="utf-8").splitlines())
    assert lines <= (150 if room(path) == "stages" else 250)


def follow(first):
    """The stages in `first`, and all that depend on what they write."""
    def outs(stage):
        for key in ("outs", "metrics"):
            for out in STAGES[stage].get(key, []):
                yield out if isinstance(out, str) else next(iter(out))

    stale = set(first)
    for stage in STAGES:  # dvc.yaml lists them in the order of the flow
        if any(out in STAGES[stage]["deps"] for other in stale for out in outs(other)):
            stale.add(stage)
    return stale


FETCHES = {"fetch_spectra", "fetch_source_mapping", "fetch_labels"}


# each in a room of its own, so that one look at all of them tells them apart
EDITED = {
    f"{LIBRARY}/simulated/survey.py": set(),
    f"{LIBRARY}/own_spectra/resampling.py": set(),
    f"{LIBRARY}/commands/lookup.py": set(),
    f"{LIBRARY}/console.py": set(),
    "tests/conftest.py": set(),
    "README.md": set(),
    f"{LIBRARY}/archives/tap.py": FETCHES,
    f"{LIBRARY}/raw_tables.py": FETCHES | {"crossmatch", "report"},
    f"{LIBRARY}/learning/models.py":
        {"split", "train", "evaluate", "export", "verify", "crossvalidate", "classify"},
    f"{LIBRARY}/evaluation/metrics.py":
        {"evaluate", "crossvalidate", "figures", "classify", "report"},
    f"{LIBRARY}/onnx_model/contract.py":
        {"export", "verify", "cyberether", "classify", "report"},
    f"{LIBRARY}/page/charts.py": {"figures", "report"},
}
# key: what stands there, what else, and the stages that read it
CHANGED = {
    "train.svc.C": (r"(svc:.*?C: )3\.0", r"\g<1>4.0", set()),  # of a model that is not in use
    "train.mlp_ensemble.alpha": (r"(mlp_ensemble:.*?alpha: )[\d.]+", r"\g<1>0.6",
                                 {"train", "export", "crossvalidate", "report"}),
    "split.target": (r"(target: )complex", r"\g<1>class", {"split", "export", "report"}),
}


@pytest.fixture(scope="session")
def stale(tmp_path_factory):
    """What `dvc status` says is changed in a clone, by stage, after all these edits."""
    def make(folder):
        clone = folder / "clone"
        cloned(clone)
        for name in EDITED:
            with (clone / name).open("a", encoding="utf-8") as file:
                file.write("\n# a comment\n")
        text = (clone / "params.yaml").read_text(encoding="utf-8")
        for old, new, _ in CHANGED.values():
            text, changes = re.subn(old, new, text, count=1, flags=re.DOTALL)
            assert changes == 1
        (clone / "params.yaml").write_text(text, encoding="utf-8")
        code, said = call(clone, "dvc", "status", "--json")
        assert code == 0, said
        (folder / "status.json").write_text(said[said.index("{"):], encoding="utf-8")

    status = once(tmp_path_factory, "stale", make) / "status.json"
    return {stage: {dep: how for change in changes if isinstance(change, dict)
                    for dep, how in change.get("changed deps", {}).items()}
            for stage, changes in json.loads(status.read_text(encoding="utf-8")).items()}


@pytest.mark.slow
@pytest.mark.parametrize(("edited", "first"), EDITED.items(), ids=EDITED)
def test_a_comment_makes_stale_what_uses_the_room_and_nothing_else(stale, edited, first):
    touched = {stage for stage, deps in stale.items()
               if any(how == "modified" and (dep == edited or edited.startswith(f"{dep}/"))
                      for dep, how in deps.items())}
    assert touched == first
    assert not (FETCHES & follow(touched)) or edited.split("/")[1] in ("archives", "raw_tables.py")


def test_no_two_of_these_edits_are_in_one_dep():
    deps = {dep for stage in STAGES for dep in code_deps(stage)}
    for dep in deps:
        assert sum(name == dep or name.startswith(f"{dep}/") for name in EDITED) <= 1, dep


@pytest.mark.slow
@pytest.mark.parametrize("key", CHANGED)
def test_a_param_makes_stale_the_stages_that_read_it(stale, key):
    assert {stage for stage, deps in stale.items()
            if any(f"{key}.".startswith(f"{block}.") for block in deps.get("params.yaml", {}))
            } == CHANGED[key][2]
