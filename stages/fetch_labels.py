"""Fetch the taxonomy labels: the class of each asteroid in the Mahlke 2022 taxonomy.

Reads   the table fetch_labels.table over TAP (one row per asteroid, numbered or not)
Writes  data/raw/labels.parquet
Source  Mahlke, Carry & Mattei 2022, A&A 665, A26; VizieR J/A+A/665/A26/asteroid
"""

import os

from asteroid_taxonomy.archives.acquire import Source, acquire
from asteroid_taxonomy.archives.connection import Archive
from asteroid_taxonomy.console import run
from asteroid_taxonomy.params import load_params
from asteroid_taxonomy.raw_tables import LABELS, LABELS_PATH
from asteroid_taxonomy.simulated import survey as simulated_survey

PARAMS = ("survey", "tap", "fetch_labels")


def main() -> None:
    """Run the stage."""
    params = load_params(PARAMS)
    spec = params["fetch_labels"]
    acquire(
        LABELS,
        Source(Archive("TAPVizieR", spec["archive"], "VIZIER_TAP_URL"), spec["release"],
               published_table=spec["table"],
               table=os.environ.get("LABELS_TABLE") or spec["table"]),
        params,
        draw=simulated_survey.labels,
        path=LABELS_PATH,
        optional=spec["probability_columns"],
    )


if __name__ == "__main__":
    run(main, __doc__)
