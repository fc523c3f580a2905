"""Classify files of ground-based surveys and compare with their literature classes.

    python -m benchmarks.surveys FOLDER

FOLDER holds a folder per survey and classes.csv with the columns survey, file, number, class
(Mahlke 2022; empty: none). Prints a table by survey and by predicted complex, and writes the
counts to benchmarks/results/surveys.json and the table between the marks of docs/own_spectra.md.
Literature classes come partly from these very spectra: agreement is no independent accuracy.
"""

import json
import re
import sys
from pathlib import Path

import pandas as pd

from asteroid_taxonomy.commands.classify import rows_of
from asteroid_taxonomy.console import PipelineError
from asteroid_taxonomy.params import load_params
from asteroid_taxonomy.spectra.predict import Model, load_classifiers
from asteroid_taxonomy.spectra.read import read_spectra
from asteroid_taxonomy.taxonomy import complexes

RESULT, PAGE = Path("benchmarks/results/surveys.json"), Path("docs/own_spectra.md")
BLOCK = re.compile(r"(<!-- surveys.*?-->\n).*?(<!-- /surveys -->)", re.DOTALL)


def classified(path: Path, model: Model) -> dict:
    """The first spectrum of a file that has a class, or the first."""
    try:
        rows = pd.concat([rows_of(path, spectra, model.of_points(spectra), True)
                          for spectra in read_spectra(path)])
    except PipelineError as error:
        print(error)
        return {"open": False, "complex": "", "abstained": True}
    row = rows.sort_values("complex", ascending=False, kind="stable").iloc[0]
    return {"open": True, "complex": row["complex"], "abstained": bool(row["abstained"])}


def counts(found: pd.DataFrame) -> dict[str, int]:
    """Counts over some files."""
    known = found[(found["complex"] != "") & found["literature"].notna()]
    above = known[~known["abstained"]]
    return {"files": len(found), "open": int(found["open"].sum()),
            "with_class": int((found["complex"] != "").sum()),
            "above_threshold": int((~found["abstained"]).sum()),
            "labelled": len(known),
            "correct": int((known["complex"] == known["literature"]).sum()),
            "labelled_above_threshold": len(above),
            "correct_above_threshold": int((above["complex"] == above["literature"]).sum())}


def main() -> None:
    """Measure, print, write."""
    if len(sys.argv) != 2:
        sys.exit("python -m benchmarks.surveys FOLDER")
    folder, model = Path(sys.argv[1]), Model(load_classifiers())
    files = pd.read_csv(folder / "classes.csv", dtype=str)
    labelled = files["class"].notna()
    files.loc[labelled, "literature"] = complexes(
        list(files.loc[labelled, "class"]), load_params().taxonomy)
    answers = [classified(folder / file.survey / file.file, model) for file in files.itertuples()]
    found = pd.concat([files, pd.DataFrame(answers)], axis=1)
    table = {name: counts(part) for name, part in found.groupby("survey", sort=False)}
    table |= {f"predicted {name}": counts(part)
              for name, part in found[found["complex"] != ""].groupby("complex")}
    table["all"] = counts(found)
    RESULT.write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")
    lines = ["| survey | files | with a class | correct | above the threshold, correct |",
             "|---|---|---|---|---|"]
    for name, row in table.items():
        lines.append(f"| {name} | {row['files']} | {row['with_class']} | {row['correct']} of "
                     f"{row['labelled']} | {row['correct_above_threshold']} of "
                     f"{row['labelled_above_threshold']} |")
    print("\n".join(lines))
    page = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(BLOCK.sub(lambda m: m[1] + "\n".join(lines) + "\n" + m[2], page),
                    encoding="utf-8")


if __name__ == "__main__":
    main()
