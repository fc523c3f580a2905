"""Fetch which Gaia source is which minor planet, for the sources that have a spectrum.

Reads   the table fetch_source_mapping.table of the Gaia archive, of the mirror in GAIA_TAP_URL,
        from the files in GAIA_FILES, or (source: sample) from data/sample
Writes  data/raw/source_mapping.parquet (one row per source)
Source  fetch_source_mapping.citation in params.yaml
"""

import os
from collections.abc import Mapping

import pyarrow as pa
import pyarrow.compute as pc

from asteroid_taxonomy.archives import GAIA
from asteroid_taxonomy.archives.bulk_files import read_files
from asteroid_taxonomy.archives.tap import Query, TapService
from asteroid_taxonomy.console import PipelineError, run
from asteroid_taxonomy.files import read_parquet, write_parquet
from asteroid_taxonomy.params import Params, load_params
from asteroid_taxonomy.tables import (
    SAMPLE,
    SOURCE_MAPPING,
    SOURCE_MAPPING_PATH,
    SPECTRA,
    RawTable,
    in_order,
    stored_metadata,
)


def main() -> None:
    """Run the stage."""
    params = load_params()
    spec, source_id = params.fetch_source_mapping, params.fetch_spectra.columns.source_id
    raw, names = SOURCE_MAPPING.named(spec.columns.model_dump())
    # mirrors have the whole table or a part of it: these rows are the same in all
    query = Query(names, spec.table, (
        f"{names['source_id']} IN (SELECT {source_id} FROM {spec.spectra_table})",))

    if params.source == "sample":
        rows = read_parquet(SAMPLE / SOURCE_MAPPING_PATH.name, raw.schema)
    elif location := os.environ.get(GAIA.files_variable):
        rows = from_files(location, raw, names, params)
    else:
        with TapService(GAIA, spec.service, params.tap, raw.title) as service:
            rows = service.fetch(query, raw)

    rows = in_order(raw, rows, spec.bounds)
    write_parquet(rows, SOURCE_MAPPING_PATH, stored_metadata(raw, rows, spec, names, str(query)))
    print(f"wrote {SOURCE_MAPPING_PATH}: {rows.num_rows:,} rows of {raw.title}")


def from_files(location: str, raw: RawTable, names: Mapping[str, str], params: Params) -> pa.Table:
    """The mapping's rows with a spectrum; where no file has it, from the spectra themselves."""
    spectra, of_spectra = SPECTRA.named(params.fetch_spectra.columns.model_dump())
    part = spectra.only({*raw.schema.names, "wavelength"})
    found, mapping = read_files(location, GAIA, [(part, of_spectra), (raw, names)], params.tap)
    if mapping.num_rows:
        return mapping.filter(pc.is_in(mapping["source_id"], found["source_id"].unique()))
    if absent := [role for role in raw.schema.names if role not in found.column_names]:
        raise PipelineError(f"{GAIA.files_variable}: no file has the columns of "
                            f"{params.fetch_source_mapping.table}, and the spectra have no "
                            f"{', '.join(absent)}; add the files of that table")
    print(f"no file of {params.fetch_source_mapping.table}: number and name are those that the "
          "spectra have")
    return found.group_by(raw.schema.names).aggregate([])


if __name__ == "__main__":
    run(main, __doc__)
