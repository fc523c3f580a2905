"""Print the classification of asteroids: complex, probabilities, literature class, spectrum.

    asteroid-taxonomy lookup 433 "(4) Vesta" 1974_FV1
    asteroid-taxonomy lookup 4 --plot vesta.png

Asteroids are given by number, name, designation (packed or not) or source_id. If `dvc repro` has
written the catalogue, it is used; otherwise the spectrum is fetched from the archive (or the
mirror in GAIA_TAP_URL) and classified. Unknown designations are resolved with JPL's Small-Body
Database, if astroquery is installed.
"""

import sys
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from asteroid_taxonomy import catalogue, tables
from asteroid_taxonomy.archives import GAIA
from asteroid_taxonomy.archives.lookup import LOOKUP, fetch_spectrum
from asteroid_taxonomy.archives.tap import SMALL, Query, TapService
from asteroid_taxonomy.console import PipelineError, command_line, one_line, plain
from asteroid_taxonomy.files import atomic
from asteroid_taxonomy.names import PROVISIONAL, Identity, nearest, normalised, parse, proper_names
from asteroid_taxonomy.onnx_model.classifier import load_classifier
from asteroid_taxonomy.params import PARAMS, load_params
from asteroid_taxonomy.signal_to_noise import signal_to_noise
from asteroid_taxonomy.spectra.predict import answer

NAMES = tables.RawTable("names", (tables.Column("name", pa.string(), nullable=True),), (), ())
Found = tuple[dict[str, Any], pa.Table]  # values by the catalogue's columns; the spectrum's rows


class Catalogue:
    """The catalogue in this folder, and the fetched spectra."""

    def __init__(self, name: str) -> None:
        table, self.metadata = catalogue.read_catalogue(name)
        self.frame, self.survey = table.to_pandas(), self.metadata["survey"]

    def find(self, identity: Identity) -> Found | None:
        """Find an asteroid; None if it is not in the catalogue."""
        role, value = identity.key()
        column = self.frame["name"].str.lower() if role == "name" else self.frame[role]
        rows = self.frame[column == value]
        if rows.empty:
            return None
        row = {**rows.iloc[0], "labels": self.metadata["labels"]}
        return row, pq.read_table(tables.SPECTRA_PATH,
                                  filters=pc.field("source_id") == row["source_id"])

    def names_like(self, name: str) -> Iterable[str]:
        """All names in the catalogue."""
        return self.frame["name"]


class Archive:
    """The archive that the model was trained on."""

    def __init__(self) -> None:
        self.model = load_classifier()
        self.about, self.survey = self.model.metadata, self.model.metadata.survey

    def find(self, identity: Identity) -> Found | None:
        """Fetch an asteroid's spectrum and classify it as in `classify`; None if there is none.

        PipelineError if the archive query fails, or the rows are not a valid spectrum.
        """
        nm, about = self.model.wavelengths_nm, self.about
        rows = fetch_spectrum(
            *identity.key(), about.spectra_service, about.spectra_table, about.spectra_columns,
            about.mapping_table, about.mapping_columns)
        if not len(rows):
            return None
        tables.check_bounds(rows, tables.SPECTRA.title, {"flag": (0, tables.BAD_FLAG)})
        reflectance = tables.check_spectra(rows, nm, self.model.normalised_at_nm)
        error, flags = (rows[role].to_numpy()[None] for role in ("error", "flag"))
        snr = signal_to_noise(reflectance, error)
        found = answer(reflectance, [self.model], snr=snr.astype(float)).to_pandas().iloc[0]
        name = proper_names(pc.replace_substring(rows["name"][:1].fill_null(""), "''", "'"))
        bands = catalogue.band_columns(reflectance, error, flags, nm, self.model.used)
        row = {**{key: values[0] for key, values in bands.items()}, **found,
               "source_id": rows["source_id"][0].as_py(), "name": name[0].as_py(),
               "number": rows["number"][0].as_py() or 0, "reason": found["note"],
               "snr": snr[0], "faint": snr[0] < catalogue.FAINT_SNR}
        if not found["class_precision"] >= catalogue.MOSTLY:
            row["class"] = ""
        return row, rows

    def names_like(self, name: str) -> Iterable[str]:
        """Names in the source mapping with the same beginning or end as `name`."""
        column = str(self.about.mapping_columns["name"])
        like = [f"LOWER({column}) LIKE '{pattern}'" for pattern in (
            f"{name[:2]}%", f"%{name[-3:]}") if pattern.strip("%").isalpha()]
        if not like:
            return []
        with TapService(GAIA, self.about.spectra_service, LOOKUP, NAMES.title) as tap:
            rows = tap.fetch(Query({"name": column}, self.about.mapping_table,
                                   (" OR ".join(like),)), NAMES, SMALL)
        return [str(each) for each in proper_names(rows["name"]).to_pylist()]


def main(arguments: list[str]) -> None:
    """Look up the asteroids given on the command line."""
    parser = command_line("lookup", __doc__)
    parser.add_argument("asteroid", nargs="+", help="number, name, designation or source_id")
    parser.add_argument("--plot", type=Path, metavar="FILE.png",
                        help="plot the spectrum of one asteroid with the median of its complex")
    given = parser.parse_args(arguments)
    if given.plot and (len(given.asteroid) > 1 or given.plot.suffix != ".png"):
        parser.error("--plot takes one asteroid, and a file that ends in .png")
    path = catalogue.catalogue_path(load_params().catalogue.name) if PARAMS.exists() else None
    here = path is not None and path.exists() and tables.SPECTRA_PATH.exists()
    known = Catalogue(path.stem) if path and here else Archive()
    missing = []
    for typed in given.asteroid:
        identity = parse(typed)
        found = known.find(identity)
        if not found and (number := number_at_jpl(identity)):
            identity = Identity(number)
            found = known.find(identity)
        if not found:
            close = nearest(identity.name or "", known.names_like(identity.name or ""))
            missing.append(f"no {known.survey} spectrum of {one_line(typed, 60)!r} found; "
                           + (f"did you mean {' or '.join(close)}?" if close else
                              "not every asteroid has one"))
            continue
        row, spectrum = found
        if identity.name not in (None, normalised(row["name"])):
            print(plain(f"note: ({row['number']}) is called {row['name']}, not "
                        f"{identity.name!r}"), file=sys.stderr)
        print("\n".join(map(plain, [*describe(row, known.survey), "", *table(spectrum), ""])))
        if given.plot:
            plot(row, spectrum, given.plot)
    for message in missing[:-1]:
        print(plain(message), file=sys.stderr)
    if missing:
        raise PipelineError(missing[-1])


def number_at_jpl(identity: Identity) -> int | None:
    """Resolve a designation with JPL's Small-Body Database; None if that fails."""
    if identity.key()[0] != "name" or not PROVISIONAL.fullmatch(identity.name or ""):
        return None
    try:
        from astroquery.jplsbdb import SBDB  # of [pipeline]; takes 0.9 s

        found = SBDB.query(identity.name, cache=False).get("object", {})
    except (ImportError, OSError, ValueError):  # not installed, no network, no JSON
        print(f"note: JPL could not be queried for {identity.name}, which needs the network and "
              "astroquery", file=sys.stderr)
        return None
    return parse(found.get("des", "")).number


def describe(row: dict[str, Any], survey: str) -> list[str]:
    """Lines that describe an asteroid, without its spectrum."""
    lines = [f"{title(row)}   source_id {row['source_id']}   survey: {survey}", ""]
    for key, value in row.items():
        if key.startswith("probability_") and row["complex"]:
            name = key.removeprefix("probability_")
            spread = row.get(f"spread_{name}", np.nan)
            within = "" if np.isnan(spread) else f" ±{spread:.3f}"
            lines.append(f"  {name}  {value:5.3f}{within} {'#' * round(40 * value)}".rstrip())
    if row["complex"]:
        doubt = ", below the threshold: treat it as unknown" if row["abstained"] else ""
        lines += [f"  complex {row['complex']} at {row['confidence']:.3f}{doubt}",
                  f"  {in_words(row['complex_set'])}"]
    else:
        lines.append(f"  not classified: {row['reason']}")
    if row["class"]:
        lines.append(f"  class {row['class']} at {row['class_probability']:.3f}")
    if row.get("in_training"):
        lines.append("  (out of fold: from models that were not trained on this asteroid)")
    if row["flagged_bands_used"]:
        lines.append(f"  caution: the model uses {row['flagged_bands_used']} nm, which the survey "
                     "flags as bad")
    lines += ["", f"  S/N {row['snr']:.1f}"]
    if row.get("expected_accuracy", np.nan) > 0:
        lines[-1] += (f"; {row['expected_accuracy']:.0%} of labelled asteroids with this S/N and "
                      "confidence are classified correctly")
    if row["faint"]:
        lines.append(f"  caution: below S/N {catalogue.FAINT_SNR} the survey's spectra are "
                     "biased, not only noisy (docs/catalogue.md)")
    if "labels" not in row:
        lines.append("  fetched from the archive; the model may have been trained on this "
                     "asteroid")
    elif row["literature_class"]:
        lines.append(f"  literature: class {row['literature_class']}, complex "
                     f"{row['literature_complex']} ({row['labels']})")
    return lines


def in_words(complex_set: str) -> str:
    """Describe a prediction set, such as "C and X cannot be excluded"."""
    *others, last = complex_set.split()
    return (f"{', '.join(others)} and {last} cannot be excluded" if others else
            f"all complexes but {last} can be excluded")


def table(spectrum: pa.Table) -> list[str]:
    """Lines of a table with the spectrum."""
    frame = spectrum.select(["wavelength", "reflectance", "error", "flag"]).to_pandas()
    text = frame.astype({"wavelength": int}).to_string(index=False, float_format="%.4f",
                                                       na_rep="-")
    return [*text.splitlines(), "wavelength in nm; flag: 0 good, 1 suspect, 2 bad"]


def plot(row: dict[str, Any], spectrum: pa.Table, path: Path) -> None:
    """Plot an asteroid's spectrum with the median of its complex."""
    found = replace(answer(spectrum["reflectance"].to_numpy()[None], [load_classifier()]),
                    complex=np.array([row["complex"] or None]),  # as printed
                    confidence=np.array([row["confidence"]]),
                    abstained=np.array([row["abstained"]]))
    with atomic(path) as part:
        found.plot(title=title(row)).savefig(part, format="png")
    print(f"wrote {path}")


def title(row: dict[str, Any]) -> str:
    """Number and name."""
    return f"({row['number']:.0f}) {row['name']}" if row["number"] > 0 else str(row["name"])
