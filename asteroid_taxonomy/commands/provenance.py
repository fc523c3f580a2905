"""Print where files come from: `python -m asteroid_taxonomy.commands.provenance [file ...]`.

Reads   the Parquet files named, or the three raw tables
Shows   what the stage that wrote a file stored in it: archive as published, ADQL, release, number
        of rows, units, citation
"""

import sys
from pathlib import Path

from asteroid_taxonomy.console import run
from asteroid_taxonomy.files import read_metadata
from asteroid_taxonomy.raw_tables import LABELS_PATH, SOURCE_MAPPING_PATH, SPECTRA_PATH


def main() -> None:
    """Print the metadata of the files named on the command line."""
    paths = [Path(name) for name in sys.argv[1:]]
    for path in paths or [SPECTRA_PATH, SOURCE_MAPPING_PATH, LABELS_PATH]:
        print(path)
        for name, value in read_metadata(path).items():
            print(f"  {name:8s} {value}")


if __name__ == "__main__":
    run(main)
