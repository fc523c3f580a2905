"""Fetch the taxonomy labels: the class of each asteroid, and the probabilities of classes.

Reads   the table fetch_labels.table of VizieR, of the mirror in VIZIER_TAP_URL (LABELS_TABLE is
        its name there), from the file in LABELS_FILE, or (source: sample) from data/sample
Writes  data/raw/labels.parquet (one row per asteroid, numbered or not)
Source  fetch_labels.citation in params.yaml
"""

import os
from collections.abc import Mapping

from asteroid_taxonomy.archives import VIZIER
from asteroid_taxonomy.archives.bulk_files import read_files
from asteroid_taxonomy.archives.tap import SMALL, Query, TapService
from asteroid_taxonomy.console import run
from asteroid_taxonomy.files import read_parquet, write_parquet
from asteroid_taxonomy.params import load_params
from asteroid_taxonomy.tables import (
    LABELS,
    LABELS_PATH,
    SAMPLE,
    compare,
    in_order,
    labels_with,
    stored_metadata,
)


def main() -> None:
    """Run the stage."""
    params = load_params()
    spec = params.fetch_labels
    probabilities = spec.columns.probabilities or {}
    raw = labels_with(list(probabilities))
    names = {"number": spec.columns.number, "class": spec.columns.class_,
             **{f"probability_{name}": column for name, column in probabilities.items()}}

    if params.source == "sample":
        rows = read_parquet(SAMPLE / LABELS_PATH.name, LABELS.schema)
    elif location := os.environ.get(VIZIER.files_variable):
        rows, = read_files(location, VIZIER, [(raw, names)], params.tap)
    else:
        table = os.environ.get("LABELS_TABLE") or spec.table
        with TapService(VIZIER, spec.service, params.tap, raw.title) as service:
            if probabilities:  # which a service may have under other names
                service.print_columns(table)
            rows = service.fetch(query_of(names, table), raw, SMALL)

    if absent := [names[role] for role in names if role not in rows.column_names]:
        print(f"the label table has no {', '.join(absent)}: these probabilities are unknown, "
              "unless columns.probabilities in params.yaml has their names")
    raw = raw.only(rows.column_names)
    names = {role: names[role] for role in raw.schema.names}
    bounds = dict.fromkeys(raw.schema.names[2:], spec.bounds.get("probability"))
    rows = in_order(raw, rows, bounds | {"number": spec.bounds.get("number")})
    compare("fetch_labels", {"rows": rows.num_rows}, spec.expected)

    write_parquet(rows, LABELS_PATH, stored_metadata(raw, rows, spec, names,
                                                     str(query_of(names, spec.table))))
    print(f"wrote {LABELS_PATH}: {rows.num_rows:,} rows of {raw.title}")


def query_of(names: Mapping[str, str], table: str) -> Query:
    """The query; VizieR needs quotes around names in upper and lower case and reserved words."""
    return Query({role: f'"{name}"' for role, name in names.items()}, table)


if __name__ == "__main__":
    run(main, __doc__)
