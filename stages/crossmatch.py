"""Cross-match spectra and labels by minor-planet number, through the source mapping.

Reads   data/raw/spectra.parquet, data/raw/source_mapping.parquet, data/raw/labels.parquet
Writes  data/asteroids.parquet (one row per asteroid with a spectrum; columns in tables.py),
        reports/crossmatch.json (every row in, every row left out, by reason)
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from asteroid_taxonomy import tables
from asteroid_taxonomy.console import run
from asteroid_taxonomy.files import read_metadata, read_parquet, write_json, write_parquet
from asteroid_taxonomy.params import ExpectedMatch, load_params
from asteroid_taxonomy.taxonomy import classified, usable_labels

COUNTS_PATH = Path("reports/crossmatch.json")
RAW_PATHS = (tables.SPECTRA_PATH, tables.SOURCE_MAPPING_PATH, tables.LABELS_PATH)


def number_asteroids(
    asteroids: pa.Table, mapping: pa.Table
) -> tuple[pa.Table, pa.Array, dict[str, int]]:
    """Give each asteroid its number, and count those without one by reason.

    The number that the spectra may have is compared and not used. A name or num_of_spectra that
    they do not have is the mapping's.

    Returns
    -------
    asteroids : pyarrow.Table
        With the columns number (null without one), name and num_of_spectra.
    own : pyarrow.Array
        The number where no other asteroid has it, else null: what labels are matched by.
    counts : dict
    """
    row = pc.index_in(asteroids["source_id"], mapping["source_id"].combine_chunks())
    mapped = mapping["number"].take(row)
    number = pc.if_else(pc.equal(mapped, 0), None, mapped)
    often = pc.value_counts(number.drop_null())
    shared = pc.is_in(number, often.field(0).filter(pc.greater(often.field(1), 1)))
    theirs = asteroids["number"] if "number" in asteroids.column_names else number
    counts = {
        "mapping_rows": len(mapping),
        "mapping_without_spectrum": len(mapping) - len(row.unique().drop_null()),
        "asteroids_without_mapping": row.null_count,
        "asteroids_number_zero": number.null_count - mapped.null_count,
        "asteroids_number_null": mapped.null_count - row.null_count,
        "asteroids_number_shared": pc.sum(shared).as_py(),
        "asteroids_number_disagrees_with_spectra": pc.sum(pc.not_equal(number, theirs)).as_py() or 0,
    }
    columns = {"number": number} | {
        name: asteroids[name] if name in asteroids.column_names else mapping[name].take(row)
        for name in ("name", "num_of_spectra")}
    # the archive doubles apostrophes, as its SQL quotes them
    doubled = pc.match_substring(columns["name"], "''")
    counts["names_with_doubled_apostrophe"] = pc.sum(doubled).as_py() or 0
    columns["name"] = pc.replace_substring(columns["name"], "''", "'")
    bands = {name: asteroids[name] for name in asteroids.column_names}
    return pa.table(bands | columns), pc.if_else(shared, None, number), counts


def attach_labels(asteroids: pa.Table, own: pa.Array, labels: pd.DataFrame) -> pa.Table:
    """Add the columns of `labels` to the asteroids with its number; null where there is none."""
    row = pc.index_in(own, pa.array(labels["number"], pa.int64()), skip_nulls=True)
    for name in labels.columns.drop("number"):
        asteroids = asteroids.append_column(
            name, pa.array(labels[name], from_pandas=True).take(row.combine_chunks()))
    return asteroids


def measure(
    labelled: pa.Table, counts: Mapping[str, Any], nm: Sequence[int], expected: ExpectedMatch | None
) -> dict[str, Any]:
    """The shares and medians that crossmatch.expected has ranges of."""
    bands = tables.reflectance_columns(nm)
    medians = labelled.select(["complex", *bands]).to_pandas().groupby("complex").median()
    medians.columns = list(nm)
    # where nothing is expected: the band in which the complexes differ most
    telling = (expected and expected.complex_reflectance) or medians.std().nlargest(1).index
    return {
        "without_mapping": counts["asteroids_without_mapping"] / counts["asteroids"],
        "numbers_disagree":
            counts["asteroids_number_disagrees_with_spectra"] / counts["asteroids"],
        "labelled_share": len(labelled) / max(len(labelled) + counts["labels_without_spectrum"], 1),
        "complex_shares": {name: counts[f"labelled_{name}"] / len(labelled) for name in medians.index},
        "complex_reflectance": {band: medians[band].to_dict() for band in telling},
    }


def main() -> None:
    """Run the stage."""
    params = load_params()
    nm, expected = params.bands.wavelengths_nm, params.crossmatch.expected
    counts: dict[str, Any] = {"survey": read_metadata(tables.SPECTRA_PATH)["survey"]}
    asteroids = tables.one_row_per_asteroid(nm)
    counts |= {"spectra_rows": len(asteroids) * len(nm), "asteroids": len(asteroids)}
    counts |= {f"asteroids_without_{band}_nm": missing for band in nm
               if (missing := asteroids[f"reflectance_{band}"].null_count)}

    mapping = read_parquet(tables.SOURCE_MAPPING_PATH)
    asteroids, own, numbered = number_asteroids(asteroids, mapping)
    labels, left_out = usable_labels(
        read_parquet(tables.LABELS_PATH, tables.LABELS.schema).to_pandas(
            types_mapper={pa.int64(): pd.Int64Dtype()}.get), params.crossmatch.first_labels)
    asteroids = attach_labels(asteroids, own, classified(labels, params.taxonomy))

    labelled = asteroids.filter(pc.is_valid(asteroids["complex"]))
    reflectance, error = (tables.matrix(labelled, names(nm)) for names in (
        tables.reflectance_columns, tables.error_columns))
    counts |= numbered | left_out | {
        "labels_without_spectrum": len(labels) - len(labelled),
        "labelled": len(labelled),
        "labelled_without_error": int((np.isfinite(reflectance) > (error > 0)).any(axis=1).sum()),
        "complete": pc.sum(asteroids["complete"]).as_py(),
        "labelled_complete": pc.sum(labelled["complete"]).as_py() or 0,
    }
    for key, rows in (("labelled", labelled),
                      ("labelled_complete", labelled.filter(labelled["complete"]))):
        counts |= {f"{key}_{name}": pc.sum(pc.equal(rows["complex"], name)).as_py() or 0
                   for name in sorted(params.taxonomy.complexes)}
    tables.compare("crossmatch", measure(labelled, counts, nm, expected),
                   expected and expected.model_dump())

    citations = [read_metadata(path)["citation"] for path in RAW_PATHS]
    asteroids = asteroids.select((schema := tables.asteroid_schema(nm)).names).cast(schema)
    write_parquet(asteroids, tables.ASTEROIDS_PATH, {
        "survey": counts["survey"], "rows": str(len(asteroids)),
        "labels": read_metadata(tables.LABELS_PATH)["survey"], "citation": citations})
    write_json(counts, COUNTS_PATH)
    print(f"wrote {tables.ASTEROIDS_PATH}: {len(asteroids):,} asteroids, {len(labelled):,} "
          f"labelled; counts in {COUNTS_PATH}")


if __name__ == "__main__":
    run(main, __doc__)
