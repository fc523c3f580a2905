"""The rules of the house: who imports whom, what makes a stage stale, how code is written."""

import ast
import json
import re

import pytest
import yaml

from tests.project_fixtures import DVC_STAGES, TOP, cloned
from tests.running import call

LIBRARY = "asteroid_taxonomy"
NOT_DEPS = {f"{LIBRARY}/{name}.py" for name in ("__init__", "console", "params")}
# the packages that each may import from, besides its own and the modules at the root
MAY_IMPORT = {
    "archives": set(), "learning": set(), "evaluation": {"learning"}, "onnx_model": {"learning"},
    "spectra": {"onnx_model"}, "report": {"evaluation", "onnx_model"}, "": {"spectra"},
    **dict.fromkeys(("commands", "stages"), {"archives", "learning", "evaluation", "onnx_model",
                                             "spectra", "report", "commands"}),
}
LINES = {"stages": 110}  # at most; elsewhere
MOST_LINES = 500
CODE = sorted(path.relative_to(TOP).as_posix() for folder in (LIBRARY, "stages")
              for path in (TOP / folder).rglob("*.py"))


def text_of(path):
    return (TOP / path).read_text(encoding="utf-8")


def package_of(path):
    """The package of a file: stages, a package of the library, or "" for a module at the root."""
    parts = path.split("/")
    return "stages" if parts[0] == "stages" else parts[1] if len(parts) > 2 else ""


def imports(path):
    """Paths of the modules of library and stages that a file imports, anywhere in it."""
    out = set()
    for node in ast.walk(ast.parse(text_of(path))):
        names = []
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        for name in names:
            out |= {f"{name.replace('.', '/')}{end}" for end in (".py", "/__init__.py")}
    return out & set(CODE)


def imported(path):
    """What a file imports, and what that imports, without what is no dep of any stage."""
    found, new = set(), {path}
    while new:
        found |= new
        new = {module for each in new for module in imports(each)} - found - NOT_DEPS
    return found


def code_deps(stage):
    return [dep for dep in DVC_STAGES[stage]["deps"] if dep.startswith((LIBRARY, "stages"))]


def covers(dep, path):
    return path == dep or path.startswith(f"{dep}/")


def test_each_stage_of_dvc_yaml_is_a_script_run_the_same_way_and_there_are_no_others():
    assert [path for path in CODE if package_of(path) == "stages"] == sorted(
        ["stages/__init__.py", *(f"stages/{stage}.py" for stage in DVC_STAGES)])
    for stage, entry in DVC_STAGES.items():
        assert entry["cmd"] == f"python -m stages.{stage}"
        end = text_of(f"stages/{stage}.py").partition('if __name__ == "__main__":\n')[2]
        assert end == "    run(main, __doc__)\n" or stage == "crossvalidate", stage


def test_the_deps_of_a_stage_are_the_code_that_it_imports():
    missing, idle = {}, {}
    for stage in DVC_STAGES:
        code = {path for path in imported(f"stages/{stage}.py")
                if not path.endswith("/__init__.py") or package_of(path)} - {"stages/__init__.py"}
        deps = code_deps(stage)
        missing[stage] = {path for path in code if not any(covers(dep, path) for dep in deps)}
        idle[stage] = {dep for dep in deps if "." not in dep or dep.endswith(".py")
                       if not any(covers(dep, path) for path in code)}
    assert {stage: paths for stage, paths in missing.items() if paths} == {}, "add to dvc.yaml"
    assert {stage: paths for stage, paths in idle.items() if paths} == {}, "remove from dvc.yaml"


def test_packages_import_only_what_they_may():
    for path in CODE:
        package = package_of(path)
        others = {package_of(module) for module in imports(path)} - {"", package}
        assert others <= MAY_IMPORT[package], path
        if package == "stages":
            assert not [m for m in imports(path) if package_of(m) == "stages"
                        and m != "stages/__init__.py"], f"{path} imports another stage"


@pytest.mark.slow
def test_a_stage_reads_the_params_that_dvc_yaml_declares_and_no_others(catalogued_run):
    params = yaml.safe_load((catalogued_run / "params.yaml").read_text())
    for stage, entry in DVC_STAGES.items():
        declared = [key.replace("${train.model}", params["train"]["model"])
                    for key in entry.get("params", [])]
        read = json.loads((catalogued_run / f"params_read/{stage}.json").read_text())
        undeclared = [key for key in read if not any(f"{key}.".startswith(f"{d}.")
                                                     for d in declared)]
        assert undeclared == [], f"{stage} reads params that dvc.yaml does not declare"
        # `source: sample` needs less than an archive, and crossvalidate changes copies of params
        if not stage.startswith(("fetch", "crossvalidate")):
            idle = [d for d in declared if not any(f"{key}.".startswith(f"{d}.")
                                                   or f"{d}.".startswith(f"{key}.")
                                                   for key in read)]
            assert idle == [], f"{stage} in dvc.yaml declares params that it does not read"


def test_every_file_can_be_read_in_one_sitting_and_says_what_it_is():
    for path in CODE:
        text = text_of(path)
        assert len(text.splitlines()) <= LINES.get(package_of(path), MOST_LINES), path
        doc = ast.get_docstring(ast.parse(text))
        assert doc or not text, f"{path} has no docstring"
        if path.startswith("stages/") and not path.endswith("__init__.py"):
            assert re.search("^Reads ", doc, re.M) and re.search("^Writes ", doc, re.M), path


def test_code_holds_to_the_rules_that_no_linter_knows():
    for path in CODE:
        text = text_of(path)
        for pattern, rule in (
            (r"^\s*(import|from) astroquery\.gaia", "astroquery.gaia contacts ESA at import"),
            (r"^\s*(import|from) (pickle|cloudpickle)\b", "no pickle crosses a stage"),
            (r"except[^:\n]*:\s*\n?\s*pass\b", "an error is handled or reported"),
            (r"gaiadr3|J/A\+A/", "facts of a release are in params.yaml"),
        ):
            code = "\n".join(line for line in re.sub(r'"""(?s:.*?)"""', "", text).splitlines()
                             if not line.strip().startswith("#"))
            assert not re.search(pattern, code, re.MULTILINE), f"{path}: {rule}"


EDITED = {  # file: the stages whose own deps it is
    **dict.fromkeys((f"{LIBRARY}/spectra/__init__.py", f"{LIBRARY}/console.py", "README.md"),
                    set()),
    f"{LIBRARY}/archives/__init__.py": {"fetch_spectra", "fetch_source_mapping", "fetch_labels"},
    f"{LIBRARY}/learning/__init__.py": {"train", "evaluate", "calibrate", "export", "verify",
                                        "crossvalidate", "catalogue"},
    f"{LIBRARY}/report/__init__.py": {"report"},
}
CHANGED = {  # key: what to replace in params.yaml, and the stages that read it
    "train.svc.C": (r"(svc:.*?C: )3\.0", r"\g<1>4.0", set()),  # of a model not in use
    "train.mlp_ensemble.alpha": (r"(mlp_ensemble:.*?alpha: )[\d.]+", r"\g<1>0.6",
                                 {"train", "calibrate", "crossvalidate"}),
    "verify.max_bytes": (r"(max_bytes: )\d+", r"\g<1>99999", {"verify"}),
}


@pytest.mark.slow
def test_a_comment_or_a_param_makes_stale_the_stages_that_use_it(tmp_path):
    clone = tmp_path / "clone"
    cloned(clone)
    for name in EDITED:
        with (clone / name).open("a", encoding="utf-8") as file:
            file.write("\n# a comment\n")
    text = (clone / "params.yaml").read_text(encoding="utf-8")
    for old, new, _ in CHANGED.values():
        text, changes = re.subn(old, new, text, count=1, flags=re.DOTALL)
        assert changes == 1
    (clone / "params.yaml").write_text(text, encoding="utf-8")
    code, output = call(clone, "dvc", "status", "--json")
    assert code == 0, output
    stale = {stage: {dep: how for change in changes if isinstance(change, dict)
                     for dep, how in change.get("changed deps", {}).items()}
             for stage, changes in json.loads(output[output.index("{"):]).items()}
    for name, stages in EDITED.items():
        touched = {stage for stage, deps in stale.items()
                   if any(how == "modified" and covers(dep, name) for dep, how in deps.items())}
        assert touched == stages, name
    for key, (*_, stages) in CHANGED.items():
        reading = {stage for stage, deps in stale.items()
                   if any(f"{key}.".startswith(f"{block}.") for block in deps.get("params.yaml",
                                                                                  {}))}
        assert reading >= stages and (stages or not reading), key

