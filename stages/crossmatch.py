"""Cross-match spectra and labels by minor-planet number, through the source mapping.

Reads   data/raw/spectra.parquet, data/raw/source_mapping.parquet, data/raw/labels.parquet
Writes  data/asteroids.parquet (one row per asteroid with a spectrum; columns in asteroids.py),
        reports/crossmatch.json (every row in, every row left out, by reason)
"""

from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from asteroid_taxonomy import raw_tables
from asteroid_taxonomy.asteroids import ASTEROIDS_PATH, schema
from asteroid_taxonomy.console import run
from asteroid_taxonomy.files import (
    print_metrics,
    read_metadata,
    read_parquet,
    write_json,
    write_parquet,
)
from asteroid_taxonomy.files.atomic_write import together
from asteroid_taxonomy.params import load_params
from asteroid_taxonomy.plausibility import check_crossmatched
from asteroid_taxonomy.taxonomy import classified, usable_labels
from asteroid_taxonomy.wide_spectra import NULLABLE, one_row_per_asteroid

PARAMS = ("bands.wavelengths_nm", "taxonomy", "crossmatch")
COUNTS_PATH = Path("reports/crossmatch.json")


def number_asteroids(
    asteroids: pd.DataFrame, mapping: pd.DataFrame
) -> tuple[pd.DataFrame, dict[str, int]]:
    """Give each asteroid its minor-planet number by source_id.

    A source_id that the mapping has twice, a number that is 0 or null, and a number that two
    sources share give no number that could be matched: each is counted, none is guessed. The
    number that the spectra carry themselves is compared and not used.

    Returns
    -------
    asteroids : pandas.DataFrame
        With the columns number (null for unnumbered) and matchable (a number of its own).
    counts : dict
        How many, by reason.
    """
    twice = mapping["source_id"].duplicated(keep=False)
    usable = mapping[~twice]
    number = usable.set_index("source_id")["number"].reindex(asteroids["source_id"])
    number = number.reset_index(drop=True)
    zero = number.eq(0).fillna(False)
    mapped = asteroids["source_id"].isin(usable["source_id"])
    null = number.isna() & mapped
    number = number.mask(zero)
    shared = number.notna() & number.duplicated(keep=False)
    disagree = (number != asteroids["number"]).fillna(False)
    counts = {
        "mapping_rows": len(mapping),
        "mapping_source_id_twice": int(twice.sum()),
        "mapping_without_spectrum": int((~usable["source_id"].isin(asteroids["source_id"])).sum()),
        "asteroids_without_mapping": int((~mapped).sum()),
        "asteroids_number_zero": int(zero.sum()),
        "asteroids_number_null": int(null.sum()),
        "asteroids_number_shared": int(shared.sum()),
        "asteroids_number_disagrees_with_spectra": int(disagree.sum()),
    }
    return asteroids.assign(number=number, matchable=number.notna() & ~shared), counts


def attach_labels(asteroids: pd.DataFrame, labels: pd.DataFrame) -> pd.DataFrame:
    """Join the columns of `labels` to the asteroids with its number; null where none is."""
    # an asteroid without a number of its own must not meet a label
    key = asteroids["number"].where(asteroids["matchable"])
    joined = asteroids.assign(key=key).merge(
        labels.rename(columns={"number": "key"}), on="key", how="left", validate="many_to_one")
    return joined.drop(columns=["key", "matchable"])


def by_complex(table: pd.DataFrame, names: list[str], key: str) -> dict[str, int]:
    """Asteroids of each complex: <key>_C and so on."""
    return {f"{key}_{name}": int((table["complex"] == name).sum()) for name in names}


@together()
def main() -> None:
    """Run the stage."""
    params = load_params(PARAMS)
    wavelengths_nm, taxonomy = params["bands"]["wavelengths_nm"], params["taxonomy"]
    spectra = read_parquet(raw_tables.SPECTRA_PATH, raw_tables.SPECTRA.schema)
    mapping = read_parquet(raw_tables.SOURCE_MAPPING_PATH, raw_tables.SOURCE_MAPPING.schema)
    labels = read_parquet(raw_tables.LABELS_PATH, raw_tables.LABELS.schema)

    asteroids = one_row_per_asteroid(spectra, wavelengths_nm)
    counts: dict[str, Any] = {"survey": read_metadata(raw_tables.SPECTRA_PATH)["survey"],
                              "spectra_rows": spectra.num_rows, "asteroids": len(asteroids)}
    for nm in wavelengths_nm:
        missing = int(asteroids[f"reflectance_{nm}"].isna().sum())
        if missing:
            counts[f"asteroids_without_{nm}_nm"] = missing
    del spectra

    # the archive doubles the apostrophes in names, as its SQL quotes them
    counts["names_with_doubled_apostrophe"] = int(asteroids["name"].str.contains("''").sum())
    asteroids["name"] = asteroids["name"].str.replace("''", "'")
    asteroids, numbered = number_asteroids(asteroids, mapping.to_pandas(types_mapper=NULLABLE))
    usable, left_out = usable_labels(labels.to_pandas(types_mapper=NULLABLE),
                                     params["crossmatch"]["first_labels"])
    table = attach_labels(asteroids, classified(usable, taxonomy))

    labelled, names = table["class"].notna(), sorted(taxonomy["complexes"])
    counts |= numbered | left_out | {
        "labels_without_spectrum": len(usable) - int(labelled.sum()),
        "labelled": int(labelled.sum()),
        "complete": int(table["complete"].sum()),
        "labelled_complete": int((table["complete"] & labelled).sum()),
        **by_complex(table, names, "labelled"),
        **by_complex(table[table["complete"]], names, "labelled_complete"),
    }
    check_crossmatched(table, counts, wavelengths_nm, params["crossmatch"]["expected"])
    columns = schema(wavelengths_nm)
    write_parquet(
        pa.Table.from_pandas(table[columns.names], schema=columns, preserve_index=False),
        ASTEROIDS_PATH,
        {"survey": counts["survey"], "rows": str(len(table)),
         "labels": read_metadata(raw_tables.LABELS_PATH)["survey"],
         "citation": [read_metadata(path)["citation"] for path in (
             raw_tables.SPECTRA_PATH, raw_tables.SOURCE_MAPPING_PATH, raw_tables.LABELS_PATH)]},
    )
    write_json(counts, COUNTS_PATH)
    print_metrics(counts)
    print(f"wrote {ASTEROIDS_PATH}: {len(table):,} asteroids, {counts['labelled']:,} labelled; "
          f"counts in {COUNTS_PATH}")


if __name__ == "__main__":
    run(main, __doc__)
