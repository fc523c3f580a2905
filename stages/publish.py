"""Export the catalogue for astronomers' tools (TOPCAT, STILTS, Aladin) as VOTable and FITS.

Reads   data/catalogue/<catalogue.name>.parquet
Writes  data/catalogue/<catalogue.name>.vot and .fits: the same rows and columns, with units,
        descriptions, provenance and (VOTable) UCDs

A text that is null in the catalogue is empty here; numbers stay null.
"""

import json

from asteroid_taxonomy.catalogue import catalogue_path, read_catalogue
from asteroid_taxonomy.console import Progress, run
from asteroid_taxonomy.files import atomic
from asteroid_taxonomy.files.atomic_write import together
from asteroid_taxonomy.params import load_params
from asteroid_taxonomy.votable_fits import WRITERS

PARAMS = ("catalogue",)


def provenance(metadata: dict[str, str]) -> dict[str, str]:
    """Say what the table is made from, by name, for the headers of both formats."""
    return {
        "survey": metadata["survey"],
        "classes": ", ".join(json.loads(metadata["classes"])),
        **{key: metadata[key] for key in ("abstention_threshold", "model", "model_sha256",
                                      "licence", "labels")},
        **{f"citation_{i}": text for i, text in enumerate(json.loads(metadata["citation"]), 1)},
    }


def main() -> None:
    """Run the stage."""
    name = load_params(PARAMS)["catalogue"]["name"]
    table, metadata = read_catalogue(name)
    paths = {catalogue_path(name).with_suffix(ending): write for ending, write in WRITERS.items()}
    with together(), Progress("catalogue", len(paths), "file") as progress:
        for done, (path, write) in enumerate(paths.items()):
            progress.update(done, note=f"writing {path}")
            with atomic(path) as part:
                write(table, provenance(metadata), name, part)
    for path in paths:
        print(f"wrote {path}: {len(table):,} rows, {path.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    run(main, __doc__)
