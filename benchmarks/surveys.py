"""Classify files of ground-based surveys and compare with their literature classes.

    python -m benchmarks.surveys FOLDER

FOLDER holds a folder per survey and classes.csv with the columns survey, file, number, class
(Mahlke 2022; empty: none). Prints per survey, and writes to benchmarks/results/surveys.json, how
many files open, get a class, get one that is kept (not abstained), and on how many of either that
have a literature class the complexes agree. Once more with the spectra brought to Gaia's
near-ultraviolet (NEAR_UV), which tells whether `classify` should do so. Literature classes come
partly from these very spectra: agreement is no accuracy.
"""

import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd

from asteroid_taxonomy.commands.answers import load_classifiers
from asteroid_taxonomy.commands.classify import rows_of
from asteroid_taxonomy.console import PipelineError
from asteroid_taxonomy.own_spectra.spectra import read_spectra
from asteroid_taxonomy.params import load_params
from asteroid_taxonomy.taxonomy import complexes

RESULT = Path("benchmarks/results/surveys.json")
# Gaia times this is the ground (Tinaut-Ruano et al. 2023, A&A 669, L14); 1 elsewhere
NEAR_UV = {374: 1.07, 418: 1.05, 462: 1.02, 506: 1.01}


def classified(path: Path, classifiers: list, by: np.ndarray) -> dict:
    """What becomes of one file: its spectrum with a class, or its first; reflectances / `by`."""
    first, *_ = classifiers
    rows = [row for batch in read_spectra(path, first.wavelengths_nm, first.width_nm)
            for row in rows_of({}, batch._replace(bands=batch.bands / by),
                               classifiers).to_pylist()]
    return next((row for row in rows if row["complex"]), rows[0])


def judged(found: pd.DataFrame) -> dict[str, int]:
    """Counts over some files."""
    known = found[found["complex"].notna() & found["literature"].notna()]
    kept = known[~known["abstained"].astype(bool)]
    return {"files": len(found), "open": int(found["open"].sum()),
            "class": int(found["complex"].notna().sum()),
            "kept": int((found["abstained"] == False).sum()),  # noqa: E712 None is neither
            "known": len(known), "agree": int((known["complex"] == known["literature"]).sum()),
            "known_kept": len(kept),
            "agree_kept": int((kept["complex"] == kept["literature"]).sum())}


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit("python -m benchmarks.surveys FOLDER")
    folder = Path(sys.argv[1])
    files = pd.read_csv(folder / "classes.csv", dtype=str)
    files["literature"] = complexes(
        [None if pd.isna(c) else c for c in files["class"]], load_params(["taxonomy"])["taxonomy"])
    classifiers = load_classifiers([])
    near_uv = np.array([NEAR_UV.get(nm, 1.0) for nm in classifiers[0].wavelengths_nm])
    result = {}
    for name, by in (("as they are", np.ones_like(near_uv)), ("near-UV as Gaia's", near_uv)):
        rows = []
        for file in files.itertuples():
            try:
                row = classified(folder / file.survey / file.file, classifiers, by)
                rows.append({"open": True} | {k: row[k] for k in ("complex", "abstained",
                                                                  "model")})
            except PipelineError as error:
                print(error)
                rows.append({"open": False, "complex": None, "abstained": None, "model": None})
        found = pd.concat([files[["survey", "literature"]], pd.DataFrame(rows)], axis=1)
        table = {survey: judged(part) for survey, part in found.groupby("survey", sort=False)}
        table["all"] = judged(found)
        table |= {model: judged(part) for model, part in found.groupby("model")}
        print(f"{name}\n{pd.DataFrame(table).T.to_string()}")
        result[name] = table
    RESULT.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
