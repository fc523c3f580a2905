"""Run the whole pipeline on the sample in data/sample: real spectra, no network, under a minute.

    asteroid-taxonomy demo

Reads the project: its code, dvc.yaml, data/sample, and params.yaml with experiments/sample.yaml
laid over it. Writes demo/, a DVC project of its own, with the output of `dvc repro` in
demo/run.log; nothing else changes. A second call takes over what changed in the project since.
"""

import argparse
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pyarrow.compute as pc

from asteroid_taxonomy.commands.recipe import combine, dvc, environment
from asteroid_taxonomy.console import PipelineError
from asteroid_taxonomy.files import read_json, read_parquet
from asteroid_taxonomy.params import PARAMS, load_params

DEMO = Path("demo")
LOG = DEMO / "run.log"
RECIPE = Path("experiments/sample.yaml")
FOLDERS = ("stages", "asteroid_taxonomy", "experiments", "data/sample")
EXAMPLES = (433, 6)  # Eros and Hebe
LAST_LINES = 15  # of the log, after a failure


def main(arguments: list[str]) -> None:
    """Prepare demo/, run the pipeline there, print what came out and what to try."""
    argparse.ArgumentParser(
        prog="asteroid-taxonomy demo", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter).parse_args(arguments)
    if not (PARAMS.exists() and RECIPE.exists()):
        raise PipelineError(f"{Path.cwd()} has no {PARAMS} and {RECIPE}; run this in the top "
                            "folder of a checkout")
    started = time.monotonic()
    for folder in FOLDERS:
        shutil.rmtree(DEMO / folder, ignore_errors=True)
        shutil.copytree(folder, DEMO / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for file in ("dvc.yaml", ".dvcignore"):  # without it bytecode counts as a change of the code
        shutil.copy(file, DEMO)
    combine(PARAMS, RECIPE, DEMO / PARAMS, f"# From {PARAMS} and {RECIPE}, by `make demo`\n")
    LOG.write_text("", encoding="utf-8")
    if not (DEMO / ".dvc").exists():
        in_demo("init", "--no-scm", "--quiet")
    print("Running the pipeline on 4,024 real asteroids, stage by stage:", flush=True)
    in_demo("repro")
    summary(time.monotonic() - started)


def in_demo(*arguments: str) -> None:
    """Run DVC in demo/: its output to the log, and a line per stage to the screen.

    Raises
    ------
    PipelineError
        It failed; the end of the log is on the screen.
    """
    started, stage = time.monotonic(), None

    def finished() -> None:
        if stage:
            print(f"  {stage:22}{time.monotonic() - started:5.1f} s", flush=True)

    with LOG.open("a", encoding="utf-8") as log, subprocess.Popen(
            dvc(*arguments), cwd=DEMO, env=environment(), text=True, encoding="utf-8",
            errors="replace", stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        assert process.stdout is not None
        for line in process.stdout:
            log.write(line)
            if found := re.match(r"Running stage '(\w+)'|Stage '(\w+)' didn't change", line):
                finished()
                started, stage = time.monotonic(), found[1] or f"{found[2]} (unchanged)"
    if process.returncode:
        lines = LOG.read_text(encoding="utf-8").splitlines()
        print("\n".join(lines[-LAST_LINES:]), file=sys.stderr)
        raise PipelineError(f"dvc {arguments[0]} in {DEMO}/ ended with code {process.returncode}; "
                            f"see its last lines above, or {LOG}")
    finished()


def summary(seconds: float) -> None:
    """Print the accuracy, two asteroids, the page and what to try next."""
    cv = read_json(DEMO / "reports/metrics.json")["cv"]
    name = load_params(DEMO / PARAMS).catalogue.name
    table = read_parquet(DEMO / f"data/catalogue/{name}.parquet")
    examples = "\n".join(
        f"  ({row['number']}) {row['name']}: complex {row['complex']} with confidence "
        f"{row['confidence']:.2f}, {'below' if row['abstained'] else 'above'} the threshold; "
        f"published class {row['literature_class']}"
        for number in EXAMPLES
        for row in table.filter(pc.equal(table["number"], number)).to_pylist())
    accuracy = f"{cv['accuracy']:.1%} ± {cv['accuracy_std']:.1%}"
    print(f"""
Done in {seconds:.0f} s. The model names the correct complex (C, O, S or X) of {accuracy}
of asteroids that it was not trained on (cross-validation; ± is the spread over the folds).
{examples}

Open the page with every asteroid, figures and limitations:  {DEMO}/reports/index.html
Then, after `. .venv/bin/activate` and `cd {DEMO}`:
  asteroid-taxonomy lookup Eros                    look an asteroid up
  asteroid-taxonomy classify ../docs/433_eros.txt  classify the spectrum in a file
  edit {PARAMS}, then run dvc repro             change one number; what depends on it runs again
The full run, all 60,518 asteroids from the archives, is `dvc repro` in the top folder.""")
