"""Fetch the taxonomy labels: the class of each asteroid, and the probabilities of classes.

Reads   the table fetch_labels.table (one row per asteroid, numbered or not) of VizieR, of the
        mirror in VIZIER_TAP_URL (LABELS_TABLE is its name there), or from the file in LABELS_FILE
Writes  data/raw/labels.parquet
Source  fetch_labels.citation in params.yaml
"""

import os
from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from asteroid_taxonomy.archives import files
from asteroid_taxonomy.archives.archive import VIZIER
from asteroid_taxonomy.archives.tap import SMALL, Query, TapService
from asteroid_taxonomy.console import run
from asteroid_taxonomy.files import write_parquet
from asteroid_taxonomy.params import load_params
from asteroid_taxonomy.plausibility import check_label_values
from asteroid_taxonomy.raw_tables import (
    LABELS,
    LABELS_PATH,
    column_names,
    in_order,
    probability_role,
    stored_metadata,
    with_probabilities,
)

PARAMS = ("source", "tap", "fetch_labels")


def main() -> None:
    """Run the stage."""
    params = load_params(PARAMS)
    spec = params["fetch_labels"]
    classes = list(spec["columns"].get("probabilities") or {})
    columns = column_names(with_probabilities(classes), spec["columns"])

    # ask and order
    rows = ask(params, columns)
    if absent := [name for role, name in columns.items() if role not in rows.column_names]:
        print(f"going on without {', '.join(absent)}: the probabilities of these classes stay "
              "unknown, unless columns.probabilities in params.yaml has their names there")
    raw = with_probabilities([c for c in classes if probability_role(c) in rows.column_names])
    rows = in_order(raw, rows)

    check_label_values(rows, spec["bounds"], spec["expected"])

    adql = None
    if params["source"] == "archives":
        adql = str(Query({role: quoted(columns[role]) for role in raw.schema.names},
                         spec["table"]))
    write_parquet(rows, LABELS_PATH, stored_metadata(raw, rows, spec, adql))
    print(f"wrote {LABELS_PATH}: {rows.num_rows:,} rows of {LABELS.title}")


def ask(params: dict[str, Any], columns: Mapping[str, str]) -> pa.Table:
    """The rows, in any order, from where params and the environment say.

    `columns` are the names by role; probabilities are taken where they are found.
    """
    spec = params["fetch_labels"]
    if params["source"] == "simulated":
        from asteroid_taxonomy.simulated import survey

        return survey.labels()
    if location := os.environ.get(VIZIER.files_variable):
        return files.labels(location, spec["columns"])
    table = os.environ.get("LABELS_TABLE") or spec["table"]
    with TapService(VIZIER, spec["service"], params["tap"], LABELS.title) as service:
        rows = service.count(Query(columns, table))
        listed = {name.lower(): name for name in service.list_columns(table)}
        found = [c for c in spec["columns"].get("probabilities") or {}
                 if columns[probability_role(c)].lower() in listed]
        raw = with_probabilities(found)
        if listed and len(raw.columns) < len(columns):
            print(f"{service} lists these columns of {table}: {', '.join(listed.values())}")
        query = Query({role: quoted(listed.get(columns[role].lower(), columns[role]))
                       for role in raw.schema.names}, table)
        return service.fetch(query, raw, rows, SMALL)


def quoted(name: str) -> str:
    """A column's name in ADQL as VizieR needs it: in upper and lower case, or a reserved word."""
    return f'"{name}"'


if __name__ == "__main__":
    run(main, __doc__)
