"""Print the origin of tables: archive, ADQL, release, rows, units, citation.

    asteroid-taxonomy provenance [file.parquet ...]

Reads the metadata of the pipeline's Parquet files, by default of the three fetched tables.
"""

from pathlib import Path

from asteroid_taxonomy.console import command_line, plain
from asteroid_taxonomy.files import read_metadata
from asteroid_taxonomy.tables import LABELS_PATH, SOURCE_MAPPING_PATH, SPECTRA_PATH


def main(arguments: list[str]) -> None:
    """Print the metadata of the files named on the command line."""
    parser = command_line("provenance", __doc__)
    parser.add_argument("files", nargs="*", type=Path, metavar="file", help="Parquet")
    paths = parser.parse_args(arguments).files
    for path in paths or [SPECTRA_PATH, SOURCE_MAPPING_PATH, LABELS_PATH]:
        stored = read_metadata(path)
        print(path)
        for name, value in stored.items():
            if not name.startswith("table"):  # for astropy
                print(plain(f"  {name:8s} {value}"))
