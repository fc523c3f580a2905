"""The spectrum of one asteroid, from the archive that the model was trained on."""

from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from asteroid_taxonomy.archives import GAIA
from asteroid_taxonomy.archives.tap import SMALL, Query, TapService
from asteroid_taxonomy.params import Tap
from asteroid_taxonomy.tables import SPECTRA, in_order

LOOKUP = Tap(connect_timeout_s=10, read_timeout_s=60, deadline_s=120, backoff_s=1,
             longest_pause_s=10)
IDENTITY = ["source_id", "number", "name"]
MEASURED = ["source_id", "wavelength", "reflectance", "error", "flag"]


def fetch_spectrum(
    role: str, value: Any, service: str, table: str, columns: Mapping[str, Any],
    mapping_table: str, mapping_columns: Mapping[str, Any],
) -> pa.Table:
    """Fetch the spectrum of the asteroid whose number, name or source_id (`role`) is `value`.

    Where the spectra, whose columns by role are `columns`, have no number or name, both are taken
    from the mapping. The rows, one per wavelength and in order, have source_id, number, name,
    wavelength (nm), reflectance, error and flag; there are none if the archive has no such
    spectrum.

    Raises
    ------
    PipelineError
        The archive cannot be used, or its rows are not such a table.
    """
    raw = SPECTRA.only({*IDENTITY, *MEASURED})
    with TapService(GAIA, service, LOOKUP, SPECTRA.title) as tap:
        if columns.get("number") and columns.get("name"):
            query = Query({role: columns[role] for role in raw.schema.names}, table,
                          (condition(columns[role], value),))
            rows = tap.fetch(query, raw, SMALL)
        else:
            query = Query({role: mapping_columns[role] for role in IDENTITY}, mapping_table,
                          (condition(mapping_columns[role], value),))
            known = tap.fetch(query, SPECTRA.only(IDENTITY), SMALL)[:1].to_pylist() or [{}]
            source_id = condition(columns["source_id"], known[0].get("source_id", 0))
            query = Query({role: columns[role] for role in MEASURED}, table, (source_id,))
            rows = tap.fetch(query, SPECTRA.only(MEASURED), SMALL)
            for name in IDENTITY[1:]:
                rows = rows.append_column(raw.schema.field(name), [pa.array(
                    [known[0].get(name)] * len(rows), raw.schema.field(name).type)])
    return in_order(raw, rows) if len(rows) else rows


def condition(column: str, value: int | str) -> str:
    """ADQL for a value in a column; an apostrophe may be doubled in the archive."""
    if not isinstance(value, str):
        return f"{column} = {int(value)}"
    forms = {value.lower(), value.lower().replace("'", "''")}
    quoted = ["'" + form.replace("'", "''") + "'" for form in sorted(forms)]
    return f"LOWER({column}) IN ({', '.join(quoted)})"
