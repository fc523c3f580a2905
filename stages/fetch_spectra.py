"""Fetch the asteroid reflectance spectra of a Gaia release.

Reads   the table fetch_spectra.table of the Gaia archive, of the mirror in GAIA_TAP_URL, from the
        files in GAIA_FILES, or (source: sample) from data/sample
Writes  data/raw/spectra.parquet (one row per asteroid and wavelength)
Source  fetch_spectra.citation in params.yaml
"""

import os

import numpy as np
import pyarrow as pa

from asteroid_taxonomy.archives import GAIA
from asteroid_taxonomy.archives.bulk_files import read_files
from asteroid_taxonomy.archives.tap import Query, TapService
from asteroid_taxonomy.console import run
from asteroid_taxonomy.files import read_parquet, write_parquet
from asteroid_taxonomy.params import Params, load_params
from asteroid_taxonomy.tables import (
    SAMPLE,
    SPECTRA,
    SPECTRA_PATH,
    RawTable,
    check_spectra,
    compare,
    in_order,
    stored_metadata,
)


def main() -> None:
    """Run the stage."""
    params = load_params()
    spec, bands = params.fetch_spectra, params.bands
    raw, names = SPECTRA.named(spec.columns.model_dump())
    query = Query(names, spec.table)

    # no name for the rows as they came: sorting must not hold them twice
    rows = in_order(raw, download(raw, query, params), spec.bounds)
    reflectance = check_spectra(rows, bands.wavelengths_nm, bands.normalised_at_nm)
    compare("fetch_spectra", {"asteroids": len(reflectance), "median_reflectance": {
        nm: float(np.nanmedian(band))
        for nm, band in zip(bands.wavelengths_nm, reflectance.T, strict=True)}},
            spec.expected)
    write_parquet(rows, SPECTRA_PATH, stored_metadata(raw, rows, spec, names, str(query)))
    print(f"wrote {SPECTRA_PATH}: {rows.num_rows:,} rows of {raw.title}")


def download(raw: RawTable, query: Query, params: Params) -> pa.Table:
    """The rows, in any order, from where params and the environment say."""
    if params.source == "sample":
        return read_parquet(SAMPLE / SPECTRA_PATH.name, raw.schema)
    if location := os.environ.get(GAIA.files_variable):
        return read_files(location, GAIA, [(raw, query.columns)], params.tap)[0]
    spec = params.fetch_spectra
    with TapService(GAIA, spec.service, params.tap, raw.title) as service:
        return service.fetch(query, raw, rows_per_part=spec.rows_per_part)


if __name__ == "__main__":
    run(main, __doc__)
