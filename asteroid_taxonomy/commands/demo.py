"""Run the whole pipeline on the sample in data/sample, offline, in about a minute.

    asteroid-taxonomy demo

Copies the code, dvc.yaml, data/sample, and params.yaml merged with experiments/sample.yaml to
demo/, a separate DVC project, and runs `dvc repro` there, with its output in demo/run.log. A
second call copies the project again and reruns the stages that are out of date.
"""

import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pyarrow.compute as pc

from asteroid_taxonomy.commands.recipe import combine, dvc, environment
from asteroid_taxonomy.console import PipelineError, command_line
from asteroid_taxonomy.files import read_json, read_parquet
from asteroid_taxonomy.params import PARAMS, load_params

DEMO = Path("demo")
LOG = DEMO / "run.log"
RECIPE = Path("experiments/sample.yaml")
FOLDERS = ("stages", "asteroid_taxonomy", "experiments", "data/sample")
EXAMPLES = (433, 6)  # Eros and Hebe
LAST_LINES = 15  # of the log, printed after a failure


def main(arguments: list[str]) -> None:
    """Prepare demo/, run the pipeline there, and print the results and what to try next."""
    command_line("demo", __doc__).parse_args(arguments)
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
    """Run DVC in demo/ with its output in the log; print one line per stage.

    PipelineError if DVC fails; the end of the log is printed.
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
                started, stage = time.monotonic(), found[1] or f"{found[2]} (cached)"
    if process.returncode:
        lines = LOG.read_text(encoding="utf-8").splitlines()
        print("\n".join(lines[-LAST_LINES:]), file=sys.stderr)
        raise PipelineError(f"dvc {arguments[0]} in {DEMO}/ failed with exit code "
                            f"{process.returncode}; see {LOG}")
    finished()


def summary(seconds: float) -> None:
    """Print the accuracy, two asteroids, the path of the page and what to try next."""
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
Done in {seconds:.0f} s. Cross-validated accuracy of the complexes C, O, S and X: {accuracy}
(± is the standard deviation over the folds).
{examples}

Open the page with all asteroids, figures and limitations:  {DEMO}/reports/index.html
Then, after `. .venv/bin/activate` and `cd {DEMO}`:
  asteroid-taxonomy lookup Eros                    look up an asteroid
  asteroid-taxonomy classify ../docs/433_eros.txt  classify the spectrum in a file
  edit {PARAMS}, then run dvc repro             change a parameter and rerun what depends on it
The full run, all 60,518 asteroids from the archives, is `dvc repro` in the top folder.""")
