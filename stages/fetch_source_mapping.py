"""Fetch which Gaia source is which minor planet, for the sources that have a spectrum.

Reads   the table fetch_source_mapping.table (one row per source) of the Gaia archive, of the
        mirror in GAIA_TAP_URL, or from the files in GAIA_FILES
Writes  data/raw/source_mapping.parquet
Source  fetch_source_mapping.citation in params.yaml
"""

import os
from typing import Any

import pyarrow as pa

from asteroid_taxonomy.archives import files
from asteroid_taxonomy.archives.archive import GAIA
from asteroid_taxonomy.archives.tap import SMALL, Query, TapService
from asteroid_taxonomy.console import run
from asteroid_taxonomy.files import write_parquet
from asteroid_taxonomy.params import load_params
from asteroid_taxonomy.plausibility import check_bounds
from asteroid_taxonomy.raw_tables import (
    SOURCE_MAPPING,
    SOURCE_MAPPING_PATH,
    column_names,
    in_order,
    stored_metadata,
)

PARAMS = ("source", "tap", "fetch_spectra.columns", "fetch_source_mapping")


def main() -> None:
    """Run the stage."""
    params = load_params(PARAMS)
    spec, of_spectra = params["fetch_source_mapping"], params["fetch_spectra"]["columns"]
    columns = column_names(SOURCE_MAPPING, spec["columns"])
    # mirrors hold the whole table or a part of it: these rows are the same in all
    with_spectrum = (f"{columns['source_id']} IN (SELECT {of_spectra['source_id']} "
                     f"FROM {spec['spectra_table']})")
    query = Query(columns, spec["table"], (with_spectrum,))

    # ask and order
    rows = in_order(SOURCE_MAPPING, ask(params, query))

    check_bounds(rows, SOURCE_MAPPING.title, spec["bounds"])

    adql = str(query) if params["source"] == "archives" else None
    write_parquet(rows, SOURCE_MAPPING_PATH, stored_metadata(SOURCE_MAPPING, rows, spec, adql))
    print(f"wrote {SOURCE_MAPPING_PATH}: {rows.num_rows:,} rows of {SOURCE_MAPPING.title}")


def ask(params: dict[str, Any], query: Query) -> pa.Table:
    """The rows, in any order, from where params and the environment say."""
    spec = params["fetch_source_mapping"]
    if params["source"] == "simulated":
        from asteroid_taxonomy.simulated import survey

        return survey.source_mapping()
    if location := os.environ.get(GAIA.files_variable):
        return files.source_mapping(location, spec["columns"], params["fetch_spectra"]["columns"])
    with TapService(GAIA, spec["service"], params["tap"], SOURCE_MAPPING.title) as service:
        rows = service.count(query)
        service.list_columns(query.table)
        return service.fetch(query, SOURCE_MAPPING, rows, SMALL)  # some megabytes


if __name__ == "__main__":
    run(main, __doc__)
