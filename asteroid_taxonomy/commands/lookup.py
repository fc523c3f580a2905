"""Print what is known of asteroids: complex, probabilities, literature class, spectrum.

    asteroid-taxonomy lookup 433
    asteroid-taxonomy lookup "(433) Eros" Vesta 1974_FV1 --plot
    asteroid-taxonomy lookup --file names.txt

By number, name, designation or source_id, in any case. Reads the catalogue and
data/asteroids.parquet where `dvc repro` or `dvc pull` has put them; elsewhere it asks the archive
for these asteroids' spectra (GAIA_TAP_URL names a mirror) and classifies them with the ONNX files.
Writes nothing but the picture that --output names.
"""

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from asteroid_taxonomy.commands.known import Answer, Known, look_up
from asteroid_taxonomy.commands.spectrum_plot import bars, over_the_complexes, write_picture
from asteroid_taxonomy.console import PipelineError, plain

BAR = 40  # characters of a probability of 1


def main(arguments: list[str]) -> None:
    """Look up what the command line names."""
    parser = argparse.ArgumentParser(prog="asteroid-taxonomy lookup", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("asteroid", nargs="*", help="number, name, designation or source_id")
    parser.add_argument("--file", type=Path, help="text file with an asteroid in each line")
    parser.add_argument("--plot", action="store_true",
                        help="draw the spectrum over the mean spectra of the complexes")
    parser.add_argument("-o", "--output", type=Path, help="draw that into a file, .svg or .png")
    given = parser.parse_intermixed_args(arguments)
    asked = [*given.asteroid, *(_lines(given.file) if given.file else ())]
    if not asked:
        parser.error("name an asteroid, for instance 433 or eros")
    answer = look_up(asked)
    if given.output and len(answer.known) > 1:
        parser.error(f"--output draws one asteroid, but {len(answer.known)} are asked for")
    for known in answer.known:
        draw = over_the_complexes if given.plot else bars
        for line in [*describe(known, answer), *draw(answer.wavelengths_nm, known.spectrum,
                                                     known.error, known.flag), ""]:
            print(plain(line))
    if given.output and answer.known:
        one = answer.known[0]
        write_picture(_title(one.row), answer.wavelengths_nm, one.spectrum, one.error, one.flag,
                      answer.normalised_at_nm, given.output)
        print(f"wrote {given.output}")
    if len(asked) == 1 and answer.missing:
        raise PipelineError(answer.missing[0])
    for sentence in answer.missing:
        print(plain(sentence), file=sys.stderr)
    if answer.missing:
        raise PipelineError(f"{len(answer.missing)} of {len(asked)} asteroids were not found; the "
                            "lines above say which")


def describe(known: Known, answer: Answer) -> list[str]:
    """Lines that say what is known of an asteroid, but for its spectrum."""
    row = known.row
    lines = [f"{_title(row)}   source_id {row['source_id']}   survey: {answer.survey}", ""]
    for name in answer.classes:
        value, spread = row[f"probability_{name}"], row.get(f"spread_{name}")
        within = f" ±{spread:.3f}" if spread is not None else ""
        lines.append(f"  {name}  -" if value is None else
                     f"  {name}  {value:5.3f}{within} {'#' * round(BAR * value)}".rstrip())
    if row["complex"] is None:
        lines.append(f"  no class: {row['reason']}")
    else:
        doubt = ", below the threshold: take it as unknown" if row["abstained"] else ""
        lines.append(f"  complex {row['complex']} at {row['confidence']:.3f}{doubt}")
    if row.get("class"):
        lines.append(f"  class {row['class']} at {row['class_probability']:.3f} ({answer.labels})")
    if row.get("in_training"):
        lines.append("  (out of fold: from models that did not see this asteroid)")
    if row["flagged_bands_used"]:
        lines.append(f"  careful: the survey flags {row['flagged_bands_used']} nm as bad, which "
                     "the classifier looks at")
    lines += ["", f"  S/N {row['snr']:.1f}"]
    if row.get("expected_accuracy") is not None:
        lines[-1] += (f"; of labelled asteroids with this S/N and confidence "
                      f"{row['expected_accuracy']:.0%} are right")
    if "literature_class" not in row:
        lines += ["  from the archive, by networks that may have learned from this asteroid;",
                  "  literature and measured accuracy are in the catalogue (`dvc pull`)"]
    elif row["literature_class"]:
        lines.append(f"  literature: class {row['literature_class']}, complex "
                     f"{row['literature_complex']} ({answer.labels})")
    else:
        lines.append("  literature: no class")
    return [*lines, f"  bands missing: {row['bands_missing'] or 'none'}", ""]


def _title(row: Mapping[str, Any]) -> str:
    return f"({row['number']}) {row['name']}" if row["number"] else str(row["name"])


def _lines(path: Path) -> list[str]:
    """The asteroids that a file names, one in each line; # begins a comment."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise PipelineError(f"{path} cannot be read ({error}); name a text file with an asteroid "
                            "in each line") from None
    return [line for line in (line.split("#")[0].strip() for line in text.splitlines()) if line]
