"""Fetch which Gaia source is which minor planet, for the sources that have a spectrum.

Reads   the table fetch_source_mapping.table over TAP (one row per source)
Writes  data/raw/source_mapping.parquet
Source  Tanga et al. 2023, A&A 674, A12
"""

from asteroid_taxonomy.archives.acquire import Source, acquire
from asteroid_taxonomy.archives.connection import Archive
from asteroid_taxonomy.console import run
from asteroid_taxonomy.params import load_params
from asteroid_taxonomy.raw_tables import SOURCE_MAPPING, SOURCE_MAPPING_PATH
from asteroid_taxonomy.simulated import survey as simulated_survey

PARAMS = ("survey", "tap", "fetch_source_mapping")


def main() -> None:
    """Run the stage."""
    params = load_params(PARAMS)
    spec = params["fetch_source_mapping"]
    acquire(
        SOURCE_MAPPING,
        Source(Archive("the Gaia archive", spec["archive"], "GAIA_TAP_URL"), spec["release"],
               published_table=spec["table"], table=spec["table"],
               # mirrors hold the whole table or a part of it: these rows are the same in all
               where=f"WHERE source_id IN (SELECT source_id FROM {spec['spectra_table']})"),
        params,
        draw=simulated_survey.source_mapping,
        path=SOURCE_MAPPING_PATH,
    )


if __name__ == "__main__":
    run(main, __doc__)
