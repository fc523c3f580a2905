"""Twenty asteroids for the loopback service, as text, and how to fetch them."""

from pathlib import Path

import pytest

from asteroid_taxonomy import console as cli
from stages import fetch_labels, fetch_source_mapping, fetch_spectra

TOP = Path(__file__).parent.parent
GRID = [374 + 44 * i for i in range(16)]
SPECTRA = "gaiadr3.sso_reflectance_spectrum"
MAPPING = "gaiadr3.sso_source"
LABELS = '"J/A+A/665/A26/asteroid"'
STAGES = {
    "spectra": (fetch_spectra, "data/raw/spectra.parquet"),
    "mapping": (fetch_source_mapping, "data/raw/source_mapping.parquet"),
    "labels": (fetch_labels, "data/raw/labels.parquet"),
}
NAMES = ["ceres", "pallas", "juno", "vesta", "astraea", "hebe", "iris", "flora", "metis", "hygiea",
         "parthenope", "victoria", "egeria", "irene", "eunomia", "psyche", "thetis", "melpomene",
         "fortuna", "2010 ab1"]
CLASSES = ["C", "B", "S", "V", "S", "S", "S", "S", "M", "C", "Sq", "A", "Ch", "S", "K", "Mk", "S",
           "Eek", None, "Z"]
TAP = {"connect_timeout_s": 2, "read_timeout_s": 0.5, "deadline_s": 1.5, "backoff_s": 0.01,
       "longest_pause_s": 0.2}


def tables():
    """The three tables; source_ids are negative and in no order, some values are null."""
    spectra, mapping, labels = [], [], []
    for i, name in enumerate(NAMES):
        source = str(-4284960000 - 37 * (7 * i % 20))
        number = str(i + 1) if i < 19 else None
        mapping.append([source, number, name, "1635721458409799680"])
        labels.append([number, name, CLASSES[i], f"0.{i:02d}", None])
        for j, nm in enumerate(GRID):
            value = f"{0.8 + 0.0125 * j + 0.01 * i:.7g}" if (i + j) % 20 else None
            value = "1" if nm == 550 else value
            error = f"{0.001 * (j + 1):.7g}" if value else None
            spectra.append(["1635721458409799680", source, number, name, str(10 + i), f"{nm}.0",
                            value, error, str(j % 3)])
    mapping.append(["-1", "99999", "no spectrum", "1635721458409799680"])
    return {
        SPECTRA: (["solution_id", "source_id", "number_mp", "denomination", "num_of_spectra",
                   "wavelength", "reflectance_spectrum", "reflectance_spectrum_err",
                   "reflectance_spectrum_flag"], spectra),
        MAPPING: (["source_id", "number_mp", "denomination", "solution_id"], mapping),
        LABELS: (["Number", "Name", "class", "class_A", "Class_B"], labels),
    }


def run(stage):
    """Run a fetch stage as its command does; give its exit code."""
    with pytest.raises(SystemExit) as end:
        cli.run(STAGES[stage][0].main)
    return end.value.code


def files(folder):
    """Everything under data/, hidden files included."""
    return sorted(str(p.relative_to(folder)) for p in (folder / "data").rglob("*") if p.is_file())
