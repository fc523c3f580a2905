"""Run the whole pipeline on the simulated survey, in a folder of its own: no network, a minute.

    asteroid-taxonomy demo

Reads the project: its code, dvc.yaml and params.yaml, changed as experiments/simulated.yaml says.
Writes demo/, where `dvc repro` runs, and what it says to demo/run.log; the project's own files,
dvc.lock among them, stay as they are. A second call runs what changed since.
"""

import argparse
import json
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import yaml

from asteroid_taxonomy.commands.recipe import environment
from asteroid_taxonomy.console import PipelineError
from asteroid_taxonomy.params import PARAMS, merged, read_yaml

DEMO = Path("demo")
LOG = DEMO / "run.log"
RECIPE = Path("experiments/simulated.yaml")
CODE = ("stages", "asteroid_taxonomy", "experiments")
LAST_LINES = 15  # of the log, where a stage failed


def main(arguments: list[str]) -> None:
    """Prepare demo/, run the pipeline, say what to look at."""
    argparse.ArgumentParser(
        prog="asteroid-taxonomy demo", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter).parse_args(arguments)
    if not (PARAMS.exists() and Path("dvc.yaml").exists()):
        raise PipelineError(f"{PARAMS} and dvc.yaml were expected in {Path.cwd()}; run this from "
                            "the top folder of a checkout of the project")
    started = time.monotonic()
    prepare()
    LOG.write_text("", encoding="utf-8")
    if not (DEMO / ".dvc").exists():
        dvc_in_demo("init", "--no-scm", "--quiet")
    dvc_in_demo("repro")
    scores = json.loads((DEMO / "reports/evaluate.json").read_text(encoding="utf-8"))
    print(f"""
The pipeline ran in {time.monotonic() - started:.0f} s; what it said is in {LOG}.
Of the SIMULATED survey the model gives {scores['accuracy']:.0%} of {scores['asteroids']} \
held-out asteroids the right complex.
Open  {DEMO}/reports/index.html     the page: look an asteroid up, play with its spectrum
      {DEMO}/reports/model_card.md  what the model is for, and what it cannot do
Read  docs/walkthrough.md        each step, why it is there, and what it gives on real data
      dvc.yaml, then stages/     the pipeline, a script per stage, each top to bottom
Try   . .venv/bin/activate
      asteroid-taxonomy lookup 433       what the committed model says of Eros (asks the archive)
      asteroid-taxonomy classify FILE    a spectrum of your own""")


def prepare() -> None:
    """Bring demo/ up to date with the project."""
    for folder in CODE:
        shutil.rmtree(DEMO / folder, ignore_errors=True)
        shutil.copytree(folder, DEMO / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for file in ("dvc.yaml", ".dvcignore"):  # without which Python's bytecode is a change of code
        shutil.copy(file, DEMO)
    text = yaml.safe_dump(merged(read_yaml(PARAMS), read_yaml(RECIPE)), sort_keys=False,
                          default_flow_style=None)
    (DEMO / PARAMS).write_text(f"# made by `asteroid-taxonomy demo` from {PARAMS} and {RECIPE}\n"
                               + text, encoding="utf-8", newline="\n")


def dvc_in_demo(*arguments: str) -> None:
    """Run DVC in demo/, what it says to the log and a line per stage to the screen.

    Raises
    ------
    PipelineError
        It failed; the end of what it said is on the screen.
    """
    started, stage = time.monotonic(), None

    def finished() -> None:
        if stage:
            print(f"  {stage:22}{time.monotonic() - started:6.1f} s", flush=True)

    with LOG.open("a", encoding="utf-8") as log, subprocess.Popen(
            [sys.executable, "-m", "dvc", *arguments], cwd=DEMO, env=environment(), text=True,
            encoding="utf-8", errors="replace", stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT) as run:
        assert run.stdout is not None
        for line in run.stdout:
            log.write(line)
            if found := re.match(r"Running stage '(\w+)'|Stage '\w+' didn't change", line):
                finished()
                started, stage = time.monotonic(), found[1]
    if run.returncode:
        lines = LOG.read_text(encoding="utf-8").splitlines()
        print("\n".join(lines[-LAST_LINES:]), file=sys.stderr)
        raise PipelineError(f"`dvc {' '.join(arguments)}` in {DEMO.resolve()} ended with code "
                            f"{run.returncode}; its last lines above and {LOG} say why")
    finished()
