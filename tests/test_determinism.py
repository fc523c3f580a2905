import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.project_fixtures import once

TOP = Path(__file__).parent.parent
PIN = "from asteroid_taxonomy.determinism import pin; pin(); "
PINNED = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_CORETYPE",
          "ARROW_DEFAULT_MEMORY_POOL", "ORT_DISABLE_TELEMETRY", "NPY_DISABLE_CPU_FEATURES",
          "NPY_ENABLE_CPU_FEATURES")
SHOW = f"import os; print({{name: os.environ.get(name) for name in {PINNED}}})"
NO_NETWORK = ["unshare", "--net"]


def run(code, *before, **changes):
    env = {**{k: v for k, v in os.environ.items() if k not in PINNED}, "PYTHONPATH": str(TOP),
           **changes}
    done = subprocess.run([*before, sys.executable, "-c", code], env=env, capture_output=True,
                          text=True, check=True)
    return done.stdout, done.stderr


@pytest.mark.parametrize("theirs", [
    {"OPENBLAS_NUM_THREADS": "2"}, {"OMP_NUM_THREADS": "8"}, {"OPENBLAS_CORETYPE": "Nehalem"},
    {"NPY_DISABLE_CPU_FEATURES": "X86_V3"}, {"NPY_ENABLE_CPU_FEATURES": "X86_V2"},
    {"ORT_DISABLE_TELEMETRY": "0"}, {"ARROW_DEFAULT_MEMORY_POOL": "jemalloc"},
    {"OPENBLAS_NUM_THREADS": "2", "OMP_NUM_THREADS": "2"},
])
def test_a_setting_of_the_environment_is_overridden_and_named(theirs):
    if "OPENBLAS_CORETYPE" in theirs and "'OPENBLAS_CORETYPE': None" in run(PIN + SHOW)[0]:
        pytest.skip("no kernel is pinned on this processor")
    shown, said = run(PIN + SHOW, **theirs)
    assert shown == run(PIN + SHOW)[0]
    named = ", ".join(f"{name}={value}" for name, value in theirs.items())
    assert said == (f"note: {named} in the environment would change the last digits of results "
                    "and does not count here\n")


def test_an_environment_that_agrees_is_not_spoken_of():
    assert run(PIN + SHOW, OMP_NUM_THREADS="1")[1] == ""


def test_processes_of_a_process_that_pins_inherit_it():
    """joblib's, too: they are started with its environment."""
    shown, said = run(PIN + "from joblib import Parallel, delayed\nimport os\n"
                      "print(Parallel(n_jobs=2)(delayed(os.getenv)('OMP_NUM_THREADS') "
                      "for _ in range(2)))", OMP_NUM_THREADS="8")
    assert shown == "['1', '1']\n"
    shown, said = run(PIN + f"import subprocess, sys; subprocess.run([sys.executable, '-c', "
                      f"{PIN + SHOW!r}])", OMP_NUM_THREADS="8")
    assert said.count("note:") == 1


def test_another_kernel_is_taken_where_it_is_asked_for_by_our_name():
    shown, said = run(PIN + SHOW, ASTEROID_TAXONOMY_KERNEL="Nehalem")
    assert "'OPENBLAS_CORETYPE': 'Nehalem'" in shown
    assert said == "note: matrix kernel Nehalem by ASTEROID_TAXONOMY_KERNEL; the metrics name it\n"


def test_threads_are_what_was_pinned():
    shown, _ = run(PIN + "import numpy, threadpoolctl; "
                   "print({i['num_threads'] for i in threadpoolctl.threadpool_info()})",
                   OPENBLAS_NUM_THREADS="2", OMP_NUM_THREADS="2")
    assert shown == "{1}\n"


def test_onnxruntime_leaves_no_trace_in_a_fresh_home(tmp_path):
    load = "import onnxruntime"
    run(PIN + load, HOME=str(tmp_path), ORT_DISABLE_TELEMETRY="0")
    assert list(tmp_path.rglob("*")) == []
    run(load, HOME=str(tmp_path))
    if not list(tmp_path.rglob("*")):
        pytest.skip("this onnxruntime writes nothing anyway")
    assert (tmp_path / ".cache/Microsoft").exists()


IMPORTED = [
    "onnxruntime", "pandas", "pyarrow.parquet", "sklearn.pipeline", "skops.io", "onnx", "skl2onnx",
    "altair", "vl_convert", "astropy.table", "astropy.io.votable", "astropy.io.fits",
    "astroquery.utils.tap", "pyvo", "dvc.repo", "joblib", "pydantic", "psutil",
]


@pytest.fixture(scope="module")
def left_at_home(tmp_path_factory):
    """What each of these libraries left in an empty home: one process imports one by one."""
    def make(folder):
        home = folder / "home"
        home.mkdir()
        look = ("import importlib, json, pathlib\nseen, left = set(), {}\n"
                f"for name in {IMPORTED}:\n"
                "    importlib.import_module(name)\n"
                f"    there = set(map(str, pathlib.Path({str(home)!r}).rglob('*')))\n"
                "    left[name], seen = sorted(there - seen), there\n"
                "print(json.dumps(left))")
        said, _ = run(PIN + look, HOME=str(home), DVC_NO_ANALYTICS="true")
        (folder / "left.json").write_text(said, encoding="utf-8")

    folder = once(tmp_path_factory, "left_at_home", make)
    return json.loads((folder / "left.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("module", IMPORTED)
def test_no_library_of_ours_writes_to_the_home_folder_when_it_is_imported(module, left_at_home):
    assert left_at_home[module] == []


def test_the_library_does_without_a_network(tmp_path):
    if subprocess.run([*NO_NETWORK, "true"], capture_output=True).returncode:
        pytest.skip("no network namespaces here")
    modules = [".".join(path.relative_to(TOP).with_suffix("").parts)
               for path in sorted((TOP / "asteroid_taxonomy").rglob("*.py"))
               if path.stem not in ("__init__", "__main__")]
    run(PIN + "\n".join(f"import {name}" for name in modules), *NO_NETWORK, HOME=str(tmp_path))
    assert list(tmp_path.rglob("*")) == []
