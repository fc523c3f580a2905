"""Print what the catalogue knows of an asteroid, by number or name.

    python -m asteroid_taxonomy.commands.lookup 433
    python -m asteroid_taxonomy.commands.lookup eros

Reads data/catalogue/gaia_dr3_taxonomy.parquet and data/asteroids.parquet. Not a DVC stage.
"""

import json
import math
import sys
from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from asteroid_taxonomy.asteroids import ASTEROIDS_PATH, error_columns, reflectance_columns
from asteroid_taxonomy.catalogue import read_catalogue
from asteroid_taxonomy.console import PipelineError, run
from asteroid_taxonomy.files import read_parquet

BAR = 40  # characters of the longest bar
SUGGESTED = 3  # names, where none is the one asked for


def find(table: pa.Table, asked: str) -> int:
    """Row of the asteroid with this number, or with this name in whatever case.

    Raises
    ------
    PipelineError
        None is called so; the sentence names similar ones.
    """
    wanted = asked.strip().strip("()")
    if wanted.isdecimal() and len(wanted) < 19:
        mask = pc.equal(table["number"], int(wanted))
    else:
        mask = pc.equal(pc.utf8_lower(table["name"]), wanted.lower())
    rows = pc.indices_nonzero(mask.fill_null(False))
    if len(rows):
        return int(rows[0].as_py())
    names = [name for name in table["name"].to_pylist() if name]
    close = get_close_matches(wanted.lower(), names, SUGGESTED)
    also = f", but {', '.join(close)}" if close else ""
    raise PipelineError(f"none of the {len(table):,} asteroids of the catalogue is called "
                        f"{wanted!r}{also}; not every asteroid has a Gaia spectrum")


def plot(
    wavelengths_nm: Sequence[int], reflectance: Sequence[float | None],
    error: Sequence[float | None],
) -> list[str]:
    """Lines of a table of the spectrum with bars, wavelengths in nm."""
    there = [value for value in reflectance if value is not None and math.isfinite(value)]
    highest = max([*there, 1e-9])
    lines = ["  nm    reflectance"]
    for nm, value, sigma in zip(wavelengths_nm, reflectance, error, strict=True):
        if value is None:
            lines.append(f"  {nm:<5} not measured")
            continue
        bar = "#" * max(round(BAR * value / highest), 0)
        uncertain = f" ±{sigma:.3f}" if sigma is not None else " " * 7
        lines.append(f"  {nm:<5} {value:6.3f}{uncertain} {bar}")
    return lines


def describe(row: dict[str, Any], classes: Sequence[str], survey: str) -> list[str]:
    """Lines that say what the catalogue's row says."""
    number = f"({row['number']}) " if row["number"] else ""
    lines = [f"{number}{row['name']}   Gaia source {row['source_id']}   survey: {survey}", ""]
    for name in classes:
        value = row[f"probability_{name}"]
        lines.append(f"  {name}  -" if value is None
                     else f"  {name}  {value:5.3f} {'#' * round(BAR * value)}".rstrip())
    if row["complex"] is None:
        lines.append(f"  no class: {row['reason']}")
    else:
        doubt = ", below the threshold: take it as unknown" if row["abstained"] else ""
        lines.append(f"  complex {row['complex']} at {row['confidence']:.3f}{doubt}")
    if row["in_training"]:
        lines.append("  (out of fold: from models that did not see this asteroid)")
    accuracy = row["snr_bin_accuracy"]
    measured = (f"; {accuracy:.0%} of the labelled ones there are right"
                if accuracy is not None else "")
    lines += [
        "", f"  S/N {row['snr']:.1f} (bin {row['snr_bin']}{measured})",
        f"  literature: class {row['literature_class']}, complex {row['literature_complex']} "
        "(Mahlke 2022)" if row["literature_class"] else "  literature: no class",
        f"  bands missing: {row['bands_missing'] or 'none'}; flags {row['flags']} "
        "(0 good, 1 suspect, 2 bad)", "",
    ]
    return lines


def main() -> None:
    """Look up what the command line names."""
    if len(sys.argv) < 2:
        raise PipelineError("usage: python -m asteroid_taxonomy.commands.lookup <number or name>, for instance "
                            "433 or eros")
    table, said = read_catalogue()
    row = table.slice(find(table, " ".join(sys.argv[1:])), 1).to_pylist()[0]
    print("\n".join(describe(row, json.loads(said["classes"]), said["survey"])))
    spectra = read_parquet(ASTEROIDS_PATH, pa.schema([("source_id", pa.int64())]))
    spectrum = spectra.filter(pc.equal(spectra["source_id"], row["source_id"])).to_pylist()[0]
    wavelengths_nm = [int(name.removeprefix("flag_")) for name in spectra.column_names
                      if name.startswith("flag_")]
    print("\n".join(plot(wavelengths_nm,
                         [spectrum[name] for name in reflectance_columns(wavelengths_nm)],
                         [spectrum[name] for name in error_columns(wavelengths_nm)])))


if __name__ == "__main__":
    run(main)
