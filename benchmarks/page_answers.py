"""Compare the page's answers for files of spectra with those of `asteroid-taxonomy classify`.

    python -m benchmarks.page_answers FOLDER

FOLDER holds a folder per survey. Needs Chromium and reports/index.html of a finished `dvc repro`.
For each file the page must give the complex, the model, abstained and the set that the command
gives, not classify where the command does not, or say that the command reads the file. Exits 1 if
any differs.
"""

import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

import pandas as pd

from benchmarks.page_picture import open_page

READS = "asteroid-taxonomy classify"
CLASSIFY = """text => {
  try {
    const answer = asteroidTaxonomy.classify(asteroidTaxonomy.spectrumIn(text, ""));
    return answer ? [answer.complex, answer.model.name, String(answer.abstained),
                     answer.set.join(" ")] : ["", "", "true", ""];
  } catch (error) { return error.message; }
}"""


def of_command(folder: str) -> dict[Path, list[str]]:
    """Complex, model, abstained and set of each file in the folder that has one spectrum."""
    with tempfile.TemporaryDirectory() as made:
        out = Path(made) / "classes.csv"
        subprocess.run([sys.executable, "-m", "asteroid_taxonomy", "classify", "-o", out, folder],
                       check=True, stdout=subprocess.DEVNULL)
        rows = pd.read_csv(out, keep_default_na=False, dtype=str)
    rows = rows.drop_duplicates("file", keep=False)
    columns = rows[["complex", "model", "abstained", "complex_set"]].assign(
        abstained=rows["abstained"].str.lower())
    return dict(zip(map(Path, rows["file"]), columns.to_numpy().tolist(), strict=True))


def compared(page: list[str] | str, command: list[str] | None) -> str:
    """How the two answers go together."""
    if isinstance(page, str) and READS in page:
        return "left to the command"
    if command is None or not command[0]:
        return "not classified in both" if isinstance(page, str) or not page[0] else "differs"
    return "same answer" if page == command else "differs"


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit("python -m benchmarks.page_answers FOLDER")
    files = sorted(path for path in Path(sys.argv[1]).glob("*/*") if path.is_file())
    command = of_command(sys.argv[1])
    found = Counter[str]()
    with open_page() as page:
        for path in files:
            given = page.evaluate(CLASSIFY, path.read_text(encoding="utf-8", errors="replace"))
            how = compared(given, command.get(path))
            found[how] += 1
            if how != "same answer":
                print(f"{how}: {path.parent.name}/{path.name}: {given} {command.get(path)}")
    print(f"{len(files)} files: " + ", ".join(f"{n} {how}" for how, n in found.most_common()))
    sys.exit(1 if found["differs"] else 0)


if __name__ == "__main__":
    main()
