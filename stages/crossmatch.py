"""Cross-match spectra and labels by minor-planet number, through the source mapping.

Reads   data/raw/spectra.parquet, data/raw/source_mapping.parquet, data/raw/labels.parquet
Writes  data/asteroids.parquet (one row per asteroid with a spectrum; columns in tables.py),
        reports/crossmatch.json (counts of all rows, and of those left out, by reason)
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from asteroid_taxonomy import tables
from asteroid_taxonomy.console import run
from asteroid_taxonomy.files import read_metadata, read_parquet, write_json, write_parquet
from asteroid_taxonomy.params import ExpectedMatch, load_params
from asteroid_taxonomy.signal_to_noise import with_signal_to_noise
from asteroid_taxonomy.taxonomy import classified, usable_labels

COUNTS_PATH = Path("reports/crossmatch.json")
RAW_PATHS = (tables.SPECTRA_PATH, tables.SOURCE_MAPPING_PATH, tables.LABELS_PATH)


def identify(asteroids: pa.Table, mapping: pa.Table) -> tuple[pa.Table, dict[str, int]]:
    """Add the number from the mapping, and name and num_of_spectra where the spectra have none.

    Labels are matched by the column own: the number, null where several asteroids share it.
    """
    row = pc.index_in(asteroids["source_id"], mapping["source_id"].combine_chunks())
    mapped = mapping["number"].take(row)
    number = pc.if_else(pc.equal(mapped, 0), None, mapped)
    often = pc.value_counts(number.drop_null())
    shared = pc.is_in(number, often.field(0).filter(pc.greater(often.field(1), 1)))
    columns = {name: mapping[name].take(row) for name in mapping.column_names[1:]}
    columns |= {name: asteroids[name] for name in asteroids.column_names}
    differs = pc.not_equal(number, columns["number"])
    # the archive doubles apostrophes, as its SQL quotes them
    doubled = pc.match_substring(columns["name"], "''")
    columns |= {"number": number, "name": pc.replace_substring(columns["name"], "''", "'"),
                "own": pc.if_else(shared, None, number)}
    return pa.table(columns), {
        "names_with_doubled_apostrophe": pc.sum(doubled).as_py() or 0,
        "mapping_rows": len(mapping),
        "mapping_without_spectrum": len(mapping) - len(row) + row.null_count,
        "asteroids_without_mapping": row.null_count,
        "asteroids_number_zero": number.null_count - mapped.null_count,
        "asteroids_number_null": mapped.null_count - row.null_count,
        "asteroids_number_shared": pc.sum(shared).as_py(),
        "asteroids_number_disagrees_with_spectra": pc.sum(differs).as_py() or 0,
    }


def measure(labelled: pa.Table, counts: Mapping[str, Any], nm: Sequence[int],
            expected: ExpectedMatch | None) -> dict[str, Any]:
    """Quantities that crossmatch.expected checks; by default in the band that separates best."""
    bands = labelled.select(["complex", *tables.reflectance_columns(nm)]).to_pandas()
    medians = bands.groupby("complex").median().set_axis(list(nm), axis=1)
    telling = (expected and expected.complex_reflectance) or medians.std().nlargest(1).index
    n, labels = counts["asteroids"], counts["labelled"] + counts["labels_without_spectrum"]
    return {
        "without_mapping": counts["asteroids_without_mapping"] / n,
        "numbers_disagree": counts["asteroids_number_disagrees_with_spectra"] / n,
        "labelled_share": counts["labelled"] / max(labels, 1),
        "complex_shares": bands["complex"].value_counts(normalize=True).sort_index().to_dict(),
        "complex_reflectance": {band: medians[band].to_dict() for band in telling},
    }


def main() -> None:
    """Run the stage."""
    params = load_params()
    nm, expected = params.bands.wavelengths_nm, params.crossmatch.expected
    asteroids = with_signal_to_noise(tables.one_row_per_asteroid(nm), nm)
    counts: dict[str, Any] = {
        "survey": read_metadata(tables.SPECTRA_PATH)["survey"],
        "spectra_rows": len(asteroids) * len(nm), "asteroids": len(asteroids),
        **{f"asteroids_without_{band}_nm": n for band in nm
           if (n := asteroids[f"reflectance_{band}"].null_count)}}
    asteroids, identified = identify(asteroids, read_parquet(tables.SOURCE_MAPPING_PATH))
    labels, left_out = usable_labels(
        read_parquet(tables.LABELS_PATH, tables.LABELS.schema).to_pandas(
            types_mapper={pa.int64(): pd.Int64Dtype()}.get), params.crossmatch.first_labels)
    row = pc.index_in(asteroids["own"], pa.array(labels["number"], pa.int64()), skip_nulls=True)
    for name, values in classified(labels, params.taxonomy).drop(columns="number").items():
        asteroids = asteroids.append_column(name, pa.chunked_array([values]).take(row))
    labelled = asteroids.filter(pc.is_valid(asteroids["complex"]))
    complete = labelled.filter(labelled["complete"])
    counts |= identified | left_out | {
        "labels_without_spectrum": len(labels) - len(labelled), "labelled": len(labelled),
        "labelled_without_error": tables.count_without_error(labelled, nm),
        "complete": pc.sum(asteroids["complete"]).as_py(), "labelled_complete": len(complete)}
    for key, table in (("labelled", labelled), ("labelled_complete", complete)):
        counts |= {f"{key}_{name}": table["complex"].to_pylist().count(name)
                   for name in sorted(params.taxonomy.complexes)}
    tables.compare("crossmatch", measure(labelled, counts, nm, expected), expected)

    schema = tables.asteroid_schema(nm)
    write_parquet(asteroids.select(schema.names).cast(schema), tables.ASTEROIDS_PATH, {
        "survey": counts["survey"], "rows": str(len(asteroids)),
        "labels": read_metadata(tables.LABELS_PATH)["survey"],
        "citation": [read_metadata(path)["citation"] for path in RAW_PATHS]})
    write_json(counts, COUNTS_PATH)
    print(f"wrote {tables.ASTEROIDS_PATH}: {len(asteroids):,} rows, {len(labelled):,} labelled")


if __name__ == "__main__":
    run(main, __doc__)
