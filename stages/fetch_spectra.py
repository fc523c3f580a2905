"""Fetch the asteroid reflectance spectra of a Gaia release.

Reads   the table fetch_spectra.table (one row per asteroid and wavelength) of the Gaia archive,
        of the mirror in GAIA_TAP_URL, or from the files in GAIA_FILES
Writes  data/raw/spectra.parquet
Source  fetch_spectra.citation in params.yaml
"""

import os
from typing import Any

import pyarrow as pa

from asteroid_taxonomy.archives import files
from asteroid_taxonomy.archives.archive import GAIA
from asteroid_taxonomy.archives.tap import Query, TapService
from asteroid_taxonomy.console import run
from asteroid_taxonomy.files import write_parquet
from asteroid_taxonomy.params import load_params
from asteroid_taxonomy.plausibility import check_spectra_values
from asteroid_taxonomy.raw_tables import (
    SPECTRA,
    SPECTRA_PATH,
    check_spectra,
    column_names,
    in_order,
    stored_metadata,
)

PARAMS = ("source", "tap", "bands.wavelengths_nm", "bands.normalised_at_nm", "fetch_spectra")


def main() -> None:
    """Run the stage."""
    params = load_params(PARAMS)
    spec, bands = params["fetch_spectra"], params["bands"]
    query = Query(column_names(SPECTRA, spec["columns"]), spec["table"])

    # ask and order; no name for the rows as they came, which would keep them in memory
    rows = in_order(SPECTRA, ask(params, query))

    check_spectra(rows, bands["wavelengths_nm"])
    check_spectra_values(rows, bands["wavelengths_nm"], bands["normalised_at_nm"], spec["bounds"],
                         spec["expected"])

    adql = str(query) if params["source"] == "archives" else None
    write_parquet(rows, SPECTRA_PATH, stored_metadata(SPECTRA, rows, spec, adql))
    print(f"wrote {SPECTRA_PATH}: {rows.num_rows:,} rows of {SPECTRA.title}")


def ask(params: dict[str, Any], query: Query) -> pa.Table:
    """The rows, in any order, from where params and the environment say."""
    spec = params["fetch_spectra"]
    if params["source"] == "simulated":
        from asteroid_taxonomy.simulated import survey

        return survey.spectra(params["bands"]["wavelengths_nm"])
    if location := os.environ.get(GAIA.files_variable):
        return files.spectra(location, spec["columns"])
    with TapService(GAIA, spec["service"], params["tap"], SPECTRA.title) as service:
        rows = service.count(query)
        service.list_columns(query.table)
        service.check_units(SPECTRA, query.columns)
        return service.fetch(query, SPECTRA, rows, rows_per_part=spec["rows_per_part"])


if __name__ == "__main__":
    run(main, __doc__)
