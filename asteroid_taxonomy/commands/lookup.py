"""Print the classification of asteroids: complex, probabilities, literature class, spectrum.

    asteroid-taxonomy lookup 433
    asteroid-taxonomy lookup "(433) Eros" Vesta 1974_FV1
    asteroid-taxonomy lookup 4 --plot vesta.png
    asteroid-taxonomy lookup --file names.txt

By number, name, designation (also packed) or source_id. Reads the catalogue and
data/asteroids.parquet where `dvc repro` has made them; elsewhere it fetches the spectra from the
archive (GAIA_TAP_URL names a mirror) and classifies them with the shipped model. A designation
that neither knows is resolved by JPL's Small-Body Database, if astroquery is installed.
"""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from asteroid_taxonomy import tables
from asteroid_taxonomy.archives import GAIA
from asteroid_taxonomy.archives.lookup import LOOKUP, fetch_spectra_of
from asteroid_taxonomy.archives.tap import SMALL, Query, TapService
from asteroid_taxonomy.catalogue import (
    FAINT_SNR,
    MOSTLY,
    band_columns,
    catalogue_path,
    read_catalogue,
)
from asteroid_taxonomy.console import PipelineError, one_line, plain
from asteroid_taxonomy.files import atomic, read_parquet
from asteroid_taxonomy.names import (
    PROVISIONAL,
    Identity,
    nearest,
    normalised,
    parse,
    proper_names,
)
from asteroid_taxonomy.onnx_model.classifier import load_classifier
from asteroid_taxonomy.params import PARAMS, load_params
from asteroid_taxonomy.signal_to_noise import signal_to_noise
from asteroid_taxonomy.spectra.predict import answer

JPL_TIMEOUT_S = 10
BAR = 40  # characters of a probability of 1
NAMES = tables.RawTable("names", (tables.Column("name", pa.string(), nullable=True),), (), ())
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Known:
    """Asteroids that were found: a row each by the catalogue's columns, and spectra [n, bands].

    labels : the label table's name, "" without the catalogue.
    """

    table: pa.Table
    reflectance: Floats
    error: Floats
    flags: Floats
    wavelengths_nm: list[int]
    classes: list[str]
    survey: str
    labels: str

    def row_of(self, identity: Identity) -> int | None:
        """The row of an asteroid; None if it was not found."""
        role, value = identity.key()
        column = pc.utf8_lower(self.table["name"]) if role == "name" else self.table[role]
        row = pc.index(column, value).as_py()
        return row if row >= 0 else None


def main(arguments: list[str]) -> None:
    """Look up what the command line names."""
    parser = argparse.ArgumentParser(prog="asteroid-taxonomy lookup", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("asteroid", nargs="*", help="number, name, designation or source_id")
    parser.add_argument("--file", type=Path, help="text file with an asteroid in each line")
    parser.add_argument("--plot", type=Path, metavar="FILE.png",
                        help="plot the spectrum over the mean of its complex (one asteroid)")
    given = parser.parse_intermixed_args(arguments)
    typed = [*given.asteroid, *(_lines(given.file) if given.file else ())]
    if not typed:
        parser.error("name an asteroid, for instance 433 or eros")
    if given.plot and given.plot.suffix != ".png":
        parser.error(f"the plot {given.plot} should end in .png")
    whole = " ".join(typed)  # perhaps one name of several words
    identities = {each: parse(each) for each in [*typed, whole]}
    known = look_up(list(identities.values()))
    if parse(whole).number is None and known.row_of(parse(whole)) is not None:
        typed = [whole]
    named_since = {each: Identity(number) for each in typed
                   if known.row_of(identities[each]) is None
                   and (number := number_at_jpl(identities[each]))}
    if named_since:
        identities |= named_since
        known = look_up(list(identities.values()))
    rows = {each: known.row_of(identities[each]) for each in typed}
    found = list(dict.fromkeys(row for row in rows.values() if row is not None))
    if given.plot and len(found) > 1:
        parser.error(f"--plot draws one asteroid, not {len(found)}")
    for each, row in rows.items():
        name = None if row is None else known.table["name"][row].as_py()
        if name and identities[each].name not in (None, normalised(name)):
            print(plain(f"note: ({identities[each].number}) is called {name}, not "
                        f"{identities[each].name!r}"), file=sys.stderr)
    for row in found:
        print("\n".join(map(plain, [*describe(known, row), *spectrum(known, row), ""])))
    if given.plot and found:
        plot(known, found[0], given.plot)
    missing = [each for each, row in rows.items() if row is None]
    for each in missing[:len(missing) if len(typed) > 1 else 0]:
        print(plain(not_found(each, known)), file=sys.stderr)
    if missing:
        raise PipelineError(not_found(missing[0], known) if len(typed) == 1 else
                            f"{len(missing)} of {len(typed)} asteroids were not found, see above")


def look_up(identities: Sequence[Identity]) -> Known:
    """Find asteroids in the catalogue or, where that is not here, in the archive."""
    if tables.ASTEROIDS_PATH.exists() and PARAMS.exists():
        name = load_params().catalogue.name
        if catalogue_path(name).exists():
            return in_catalogue(name)
    return in_archive(identities)


def in_catalogue(name: str) -> Known:
    """All asteroids of the catalogue."""
    table, metadata = read_catalogue(name)
    spectra = read_parquet(tables.ASTEROIDS_PATH)
    spectra = spectra.take(tables.rows_of(table["source_id"].to_numpy(), spectra[
        "source_id"].to_numpy(), tables.ASTEROIDS_PATH))
    nm = [int(column[5:]) for column in spectra.column_names if column.startswith("flag_")]
    return Known(table, *tables.band_matrices(spectra, nm), nm, json.loads(metadata["classes"]),
                 metadata["survey"], metadata["labels"])


def in_archive(identities: Sequence[Identity]) -> Known:
    """Fetch asteroids' spectra from the archive and classify them, as `classify` does.

    Raises
    ------
    PipelineError
        The archive cannot be used, or its rows are not spectra as the fetch stage takes them.
    """
    model = load_classifier()
    about, nm = model.metadata, model.wavelengths_nm
    wanted: dict[str, list[Any]] = {"number": [], "name": [], "source_id": []}
    for role, value in (identity.key() for identity in identities):
        wanted[role].append(value)
    rows = fetch_spectra_of(wanted["number"], wanted["name"], wanted["source_id"],
                            about.spectra_service, about.spectra_table, about.spectra_columns,
                            about.mapping_table, about.mapping_columns)
    tables.check_bounds(rows, tables.SPECTRA.title, {"flag": (0, tables.BAD_FLAG)})
    reflectance = tables.check_spectra(rows, nm, model.normalised_at_nm)
    error, flags = (rows[role].to_numpy().reshape(-1, len(nm)) for role in ("error", "flag"))
    snr = signal_to_noise(reflectance, error)
    found = answer(reflectance, [model], snr=snr.astype(float))
    asteroids = rows.select(["source_id", "number", "name"]).take(
        pa.array(np.arange(0, len(rows), len(nm))))
    names = pc.replace_substring(asteroids["name"].fill_null(""), "''", "'")
    table = pa.table({
        "source_id": asteroids["source_id"], "number": asteroids["number"],
        "name": proper_names(names),
        **{f"probability_{name}": column
           for name, column in zip(found.classes, found.probabilities.T, strict=True)},
        **band_columns(reflectance, error, flags, nm, model.used),
        "reason": pa.array(found.note, pa.string()),
        "complex": pa.array(found.complex, pa.string()), "confidence": found.confidence,
        "abstained": found.abstained, "complex_set": pa.array(found.complex_set, pa.string()),
        "class": pa.array(found.class_name, pa.string(), mask=~(found.class_precision >= MOSTLY)),
        "snr": pa.array(snr, from_pandas=True),
        "class_probability": found.class_probability, "faint": snr < FAINT_SNR,
    })
    return Known(table, reflectance, error, flags, nm, found.classes, about.survey, "")


def not_found(typed: str, known: Known) -> str:
    """The message for an asteroid that was not found, with names like it."""
    name = parse(typed).name or ""
    names = known.table["name"].to_pylist() if known.labels else names_like(name)
    close = nearest(name, names)
    meant = f"; did you mean {either(close)}?" if close else "; not every asteroid has one"
    return f"no {known.survey} spectrum of {one_line(typed, 60)!r} was found{meant}"


def names_like(name: str) -> list[str]:
    """Names in the archive's source mapping that begin or end as `name` does."""
    about = load_classifier().metadata
    column = str(about.mapping_columns["name"])
    like = [f"LOWER({column}) LIKE '{pattern}'" for pattern, letters in (
        (f"{name[:2]}%", name[:2]), (f"%{name[-3:]}", name[-3:])) if letters.isalpha()]
    if not like:
        return []
    with TapService(GAIA, about.spectra_service, LOOKUP, NAMES.title) as tap:
        rows = tap.fetch(Query({"name": column}, about.mapping_table, (" OR ".join(like),)),
                         NAMES, SMALL)
    return [str(each) for each in proper_names(rows["name"]).to_pylist()]


def number_at_jpl(identity: Identity) -> int | None:
    """The number that JPL's Small-Body Database has for a designation, if it can be queried."""
    if identity.key()[0] != "name" or not PROVISIONAL.fullmatch(identity.name or ""):
        return None
    try:
        from astroquery.jplsbdb import SBDB, conf  # of [pipeline]; takes 0.9 s

        conf.timeout = JPL_TIMEOUT_S
        found = SBDB.query(identity.name, cache=False).get("object", {})
    except (ImportError, OSError, ValueError):  # not installed, no network, no JSON
        print(f"note: JPL could not be queried for {identity.name}, which needs the network and "
              "astroquery", file=sys.stderr)
        return None
    return parse(found.get("des", "")).number


def describe(known: Known, row: int) -> list[str]:
    """Lines that say what is known of an asteroid, but for its spectrum."""
    it = known.table.slice(row, 1).to_pylist()[0]
    lines = [f"{_title(it)}   source_id {it['source_id']}   survey: {known.survey}", ""]
    for name in known.classes:
        value, spread = it[f"probability_{name}"], it.get(f"spread_{name}")
        lines.append(f"  {name}  -" if value is None or np.isnan(value) else
                     f"  {name}  {value:5.3f}{'' if spread is None else f' ±{spread:.3f}'} "
                     f"{'#' * round(BAR * value)}".rstrip())
    if it["complex"]:
        doubt = ", below the threshold: take it as unknown" if it["abstained"] else ""
        lines += [f"  complex {it['complex']} at {it['confidence']:.3f}{doubt}",
                  f"  {in_words(it['complex_set'])}"]
    else:
        lines.append(f"  no class: {it['reason']}")
    if it["class"]:
        lines.append(f"  class {it['class']} at {it['class_probability']:.3f}")
    if it.get("in_training"):
        lines.append("  (out of fold: from models that were not trained on this asteroid)")
    if it["flagged_bands_used"]:
        lines.append(f"  caution: the survey flags {it['flagged_bands_used']} nm as bad, and the "
                     "model uses them")
    lines += ["", "  S/N unknown" if it["snr"] is None else f"  S/N {it['snr']:.1f}"]
    if it.get("expected_accuracy") is not None:
        lines[-1] += (f"; {it['expected_accuracy']:.0%} of labelled asteroids with this S/N and "
                      "confidence are classified correctly")
    if it["faint"]:
        lines.append(f"  caution: below S/N {FAINT_SNR} the survey's spectra are biased, not only "
                     "noisy (docs/catalogue.md)")
    if not known.labels:
        lines.append("  from the archive; the model may have been trained on this asteroid")
    elif it["literature_class"]:
        lines.append(f"  literature: class {it['literature_class']}, complex "
                     f"{it['literature_complex']} ({known.labels})")
    else:
        lines.append("  literature: no class")
    return [*lines, f"  bands missing: {it['bands_missing'] or 'none'}", ""]


def in_words(complex_set: str) -> str:
    """What a set of complexes means: "C or X cannot be excluded"."""
    names = complex_set.split()
    return (f"{either(names)} cannot be excluded" if len(names) > 1 else
            f"all complexes but {complex_set} can be excluded")


def either(words: Sequence[str]) -> str:
    """A list in words: "C, O or X"."""
    return " or ".join([", ".join(words[:-1])] * (len(words) > 1) + [words[-1]])


def spectrum(known: Known, row: int) -> list[str]:
    """Lines of a table of an asteroid's spectrum."""
    lines = ["  nm    reflectance"]
    for nm, value, error, flag in zip(known.wavelengths_nm, known.reflectance[row],
                                      known.error[row], known.flags[row], strict=True):
        bad = "  flagged as bad" if flag == tables.BAD_FLAG else ""
        lines.append(f"  {nm:<5} not measured" if np.isnan(value) else
                     f"  {nm:<5} {value:6.3f} ±{error:.3f}{bad}")
    return lines


def plot(known: Known, row: int, path: Path) -> None:
    """Plot an asteroid's spectrum over the mean of its complex."""
    it = known.table.slice(row, 1).to_pylist()[0]
    found = replace(answer(known.reflectance[row:row + 1], [load_classifier()]),
                    complex=np.array([it["complex"] or None]),  # as printed
                    confidence=np.array([it["confidence"]]), abstained=np.array([it["abstained"]]))
    figure = found.plot(title=_title(it))
    with atomic(path) as part:
        figure.savefig(part, format="png")
    print(f"wrote {path}")


def _title(it: Mapping[str, Any]) -> str:
    return f"({it['number']}) {it['name']}" if it["number"] else str(it["name"])


def _lines(path: Path) -> list[str]:
    """The asteroids that a file names, one in each line; # begins a comment."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise PipelineError(f"{path} cannot be read ({one_line(error, 80)}); name a text file "
                            "with an asteroid in each line") from None
    return [line for line in (line.split("#")[0].strip() for line in text.splitlines()) if line]
