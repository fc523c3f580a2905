"""Run the whole pipeline on the simulated survey, in a folder of its own: no network, a minute.

    python -m asteroid_taxonomy.commands.demo

Copies the code and the params, changed as experiments/simulated.yaml says, into demo/ and runs
`dvc repro` there; the project's own files, dvc.lock among them, stay as they are. A second call
runs what changed since.
"""

import json
import shutil
from pathlib import Path

import yaml

from asteroid_taxonomy.commands.recipe import dvc
from asteroid_taxonomy.console import PipelineError, run
from asteroid_taxonomy.params import PARAMS, merged

DEMO = Path("demo")
RECIPE = Path("experiments/simulated.yaml")


def prepare() -> None:
    """Bring demo/ up to date with the project."""
    for folder in ("stages", "data", "experiments", "reports"):
        (DEMO / folder).mkdir(parents=True, exist_ok=True)
    code = (path for path in Path("stages").iterdir() if path.suffix in {".py", ".j2", ".js"})
    for source in (*code, Path("data/simulated_survey.json"),
                   Path("experiments/published.yaml"), Path("reports/search.json"),
                   Path("dvc.yaml")):
        shutil.copy(source, DEMO / source)
    params, recipe = (yaml.safe_load(p.read_text(encoding="utf-8")) for p in (PARAMS, RECIPE))
    text = yaml.safe_dump(merged(params, recipe), sort_keys=False, default_flow_style=None)
    (DEMO / PARAMS).write_text(f"# made by python -m asteroid_taxonomy.commands.demo from {PARAMS} and {RECIPE}\n"
                               + text, encoding="utf-8", newline="\n")


def dvc_in_demo(*arguments: str) -> None:
    """Run DVC in demo/; it must succeed."""
    code = dvc(*arguments, folder=DEMO)
    if code:
        raise PipelineError(f"`dvc {' '.join(arguments)}` in {DEMO.resolve()} ended with code "
                            f"{code}; its last lines above say why")


def main() -> None:
    """Prepare demo/, run the pipeline, print the metrics and where things lie."""
    if not PARAMS.exists():
        raise PipelineError(f"{PARAMS} was expected in {Path.cwd()}; run this from the project's "
                            "top folder")
    prepare()
    if not (DEMO / ".dvc").exists():
        dvc_in_demo("init", "--no-scm", "--quiet")
    dvc_in_demo("repro")
    print("\nMetrics of the SIMULATED survey, on its held-out asteroids:")
    for name, value in json.loads((DEMO / "reports/evaluate.json").read_text()).items():
        print(f"  {name:24} {value}")
    print(f"\nModel    {(DEMO / 'models/asteroid_taxonomy.onnx').resolve()}"
          f"\nReports  {(DEMO / 'reports').resolve()}")


if __name__ == "__main__":
    run(main)
