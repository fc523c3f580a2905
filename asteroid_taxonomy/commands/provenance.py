"""Print where tables come from: archive as published, ADQL, release, rows, units, citation.

    asteroid-taxonomy provenance [file.parquet ...]

Reads what the stage that wrote a Parquet file stored in it, of the three raw tables if none is
named, and writes nothing.
"""

import argparse
from pathlib import Path

from asteroid_taxonomy.console import plain
from asteroid_taxonomy.files import read_metadata
from asteroid_taxonomy.raw_tables import LABELS_PATH, SOURCE_MAPPING_PATH, SPECTRA_PATH


def main(arguments: list[str]) -> None:
    """Print the metadata of the files named on the command line."""
    parser = argparse.ArgumentParser(prog="asteroid-taxonomy provenance", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="*", type=Path, metavar="file", help="Parquet")
    paths = parser.parse_args(arguments).files
    for path in paths or [SPECTRA_PATH, SOURCE_MAPPING_PATH, LABELS_PATH]:
        print(path)
        for name, value in read_metadata(path).items():
            print(plain(f"  {name:8s} {value}"))
