"""The spectra of a few asteroids, from the archive that the model was trained on."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from asteroid_taxonomy.archives import GAIA
from asteroid_taxonomy.archives.tap import SMALL, Query, TapService
from asteroid_taxonomy.params import Tap
from asteroid_taxonomy.tables import SPECTRA, RawTable, in_order

LOOKUP = Tap(connect_timeout_s=10, read_timeout_s=60, deadline_s=120, backoff_s=1,
             longest_pause_s=10)
AT_ONCE = 100  # asteroids a query: 1,600 rows, fewer than any service's limit
IDENTITY = {"source_id", "number", "name"}
MEASURED = {"source_id", "wavelength", "reflectance", "error", "flag"}


def fetch_spectra_of(
    numbers: Sequence[int], names: Sequence[str], source_ids: Sequence[int], service: str,
    table: str, columns: Mapping[str, str | None], mapping_table: str = "",
    mapping_columns: Mapping[str, str | None] | None = None,
) -> pa.Table:
    """Fetch the spectra of a few asteroids.

    Parameters
    ----------
    numbers, names, source_ids : sequence
        Minor-planet numbers; names or designations in any case; Gaia's source_ids.
    service : str
        TAP URL; GAIA_TAP_URL names a mirror.
    table, columns : str, mapping
        The spectra, and their columns by role. Where number or name is null, both are taken from
        the mapping.
    mapping_table, mapping_columns : str, mapping
        The table that maps source_id to number and name, and its columns by role.

    Returns
    -------
    pyarrow.Table
        source_id, number, name, wavelength (nm), reflectance, error, flag: one row per asteroid
        and wavelength, in order; no rows where the archive has none of the asteroids.

    Raises
    ------
    PipelineError
        The archive cannot be used, or its rows are not such a table.
    """
    whole = SPECTRA.only(IDENTITY | MEASURED)
    wanted = {"number": numbers, "name": names, "source_id": source_ids}
    with TapService(GAIA, service, LOOKUP, SPECTRA.title) as tap:
        if columns.get("number") and columns.get("name"):
            rows = _select(tap, whole, table, columns, wanted)
        else:
            known = _select(tap, whole.only(IDENTITY), mapping_table, mapping_columns or {},
                            wanted)
            rows = _select(tap, whole.only(MEASURED), table, columns,
                           {"source_id": known["source_id"].to_pylist()})
            at = pc.index_in(rows["source_id"], known["source_id"].combine_chunks())
            for role in IDENTITY - MEASURED:
                rows = rows.append_column(role, known[role].take(at))
    return in_order(whole, rows) if len(rows) else whole.schema.empty_table()


def _select(tap: TapService, raw: RawTable, table: str, columns: Mapping[str, Any],
            wanted: Mapping[str, Sequence[Any]]) -> pa.Table:
    """The rows of `raw` with any of the `wanted` values by role."""
    names = {role: columns[role] for role in raw.schema.names}
    rows = raw.schema.empty_table()
    for where in _conditions(wanted, columns):
        found = tap.fetch(Query(names, table, (where,)), raw, SMALL)
        seen = pc.is_in(found["source_id"], rows["source_id"].combine_chunks())
        rows = pa.concat_tables([rows, found.filter(pc.invert(seen))])
    return rows


def _conditions(wanted: Mapping[str, Sequence[Any]], columns: Mapping[str, Any]) -> Iterator[str]:
    """WHERE clauses for the values of each role, each of at most AT_ONCE values."""
    pairs = [(role, value) for role, values in wanted.items() for value in dict.fromkeys(values)]
    for start in range(0, len(pairs), AT_ONCE):
        listed: dict[str, list[str]] = {}
        for role, value in pairs[start:start + AT_ONCE]:
            if role != "name":
                listed.setdefault(columns[role], []).append(str(int(value)))
                continue
            # the archive doubles apostrophes, and ADQL wants each doubled
            for form in sorted({value.lower(), value.lower().replace("'", "''")}):
                listed.setdefault(f"LOWER({columns[role]})", []).append(
                    "'" + form.replace("'", "''") + "'")
        yield " OR ".join(f"{left} IN ({', '.join(values)})" for left, values in listed.items())
