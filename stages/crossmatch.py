"""Cross-match spectra and labels by minor-planet number, through the source mapping.

Reads   data/raw/spectra.parquet, data/raw/source_mapping.parquet, data/raw/labels.parquet
Writes  data/asteroids.parquet (one row per asteroid with a spectrum; columns in asteroids.py),
        reports/crossmatch.json (every row in, every row left out, by reason)
"""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from asteroid_taxonomy import raw_tables
from asteroid_taxonomy.asteroids import (
    ASTEROIDS_PATH,
    error_columns,
    flag_columns,
    reflectance_columns,
    schema,
    signal_to_noise,
)
from asteroid_taxonomy.console import PipelineError, run
from asteroid_taxonomy.files import (
    print_metrics,
    read_metadata,
    read_parquet,
    write_json,
    write_parquet,
)
from asteroid_taxonomy.params import load_params
from asteroid_taxonomy.taxonomy import complexes, strip_feature_flags

PARAMS = ("bands", "taxonomy", "crossmatch")
COUNTS_PATH = Path("reports/crossmatch.json")
NULLABLE = {pa.int64(): pd.Int64Dtype()}.get  # pandas would turn integers with nulls into floats


def one_row_per_asteroid(spectra: pa.Table, wavelengths_nm: list[int]) -> pd.DataFrame:
    """Turn the long table (one row per asteroid and wavelength) into a wide one.

    Parameters
    ----------
    spectra : pyarrow.Table
        Columns of raw_tables.SPECTRA, sorted by source_id and wavelength.
    wavelengths_nm : list of int
        The grid, in nm, ascending.

    Returns
    -------
    pandas.DataFrame
        source_id, spectra_number, name, num_of_spectra, snr, complete, and the bands' columns.

    Raises
    ------
    PipelineError
        The rows are not that grid once per asteroid.
    """
    n = len(wavelengths_nm)
    found = spectra["wavelength"].to_numpy()
    if len(found) % n or not (found.reshape(-1, n) == np.asarray(wavelengths_nm)).all():
        raise PipelineError(
            f"{raw_tables.SPECTRA_PATH} should hold the {n} wavelengths {wavelengths_nm[0]} ... "
            f"{wavelengths_nm[-1]} nm of bands.wavelengths_nm once per asteroid and does not; "
            "run `dvc repro` to fetch it anew"
        )
    bands = {
        name: spectra[name].to_numpy().reshape(-1, n)
        for name in ("reflectance_spectrum", "reflectance_spectrum_err",
                     "reflectance_spectrum_flag")
    }
    reflectance, error, flag = bands.values()
    first = spectra.select(["source_id", "number_mp", "denomination", "num_of_spectra"]).take(
        np.arange(0, len(found), n)).to_pandas(types_mapper=NULLABLE)
    first.columns = ["source_id", "spectra_number", "name", "num_of_spectra"]
    return pd.concat([
        first.assign(snr=signal_to_noise(reflectance, error),
                     complete=~np.isnan(reflectance).any(axis=1)),
        pd.DataFrame(reflectance, columns=reflectance_columns(wavelengths_nm)),
        pd.DataFrame(error, columns=error_columns(wavelengths_nm)),
        pd.DataFrame(flag, columns=flag_columns(wavelengths_nm)),
    ], axis=1)


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
    number = usable.set_index("source_id")["number_mp"].reindex(asteroids["source_id"])
    number = number.reset_index(drop=True)
    zero = number.eq(0).fillna(False)
    mapped = asteroids["source_id"].isin(usable["source_id"])
    null = number.isna() & mapped
    number = number.mask(zero)
    shared = number.notna() & number.duplicated(keep=False)
    disagree = (number != asteroids["spectra_number"]).fillna(False)
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


def usable_labels(
    labels: pd.DataFrame, first_labels: int | None
) -> tuple[pd.DataFrame, dict[str, int]]:
    """Leave out, and count, the rows of the label table that no number can be matched to.

    Returns
    -------
    labels : pandas.DataFrame
        Number is unique and not null, class is not null.
    counts : dict
        How many were left out, by reason.
    """
    counts = {"labels_rows": len(labels)}
    beyond = len(labels) if first_labels is None else first_labels
    left = labels.iloc[:beyond]
    counts["labels_beyond_first_labels"] = len(labels) - len(left)
    for reason, bad in (
        ("labels_without_number", lambda t: t["Number"].isna() | t["Number"].eq(0).fillna(False)),
        ("labels_without_class", lambda t: t["class"].isna()),
        ("labels_number_twice", lambda t: t["Number"].duplicated(keep=False)),
    ):
        out = bad(left)
        counts[reason] = int(out.sum())
        left = left[~out]
    return left, counts


def attach_labels(
    asteroids: pd.DataFrame, labels: pd.DataFrame, taxonomy: dict[str, Any]
) -> pd.DataFrame:
    """Add class, class_without_flags, label_probability and complex to the labelled asteroids.

    Their numbers find them.
    """
    bare = labels["class"].map(lambda c: strip_feature_flags(
        c, taxonomy["feature_flags"], taxonomy["flagged_classes"]))
    probability = pd.Series(np.nan, index=labels.index, dtype=np.float32)
    for name in set(bare):
        if f"class_{name}" in labels:
            probability = probability.mask(bare == name, labels[f"class_{name}"])
    right = pd.DataFrame({
        "number": labels["Number"], "class": labels["class"],
        "class_without_flags": bare, "complex": complexes(labels["class"].tolist(), taxonomy),
        "label_probability": probability,
    })
    # an asteroid without a number of its own must not meet a label
    key = asteroids["number"].where(asteroids["matchable"])
    joined = asteroids.assign(key=key).merge(
        right.rename(columns={"number": "key"}), on="key", how="left", validate="many_to_one")
    return joined.drop(columns="key")


def choose_target(table: pd.DataFrame, params: dict[str, Any]) -> pd.Series:
    """What a model is to learn of each asteroid: its complex, or its class without flags.

    Classes with fewer than `crossmatch.min_class_members` asteroids are not learned (null).

    Raises
    ------
    PipelineError
        `crossmatch.target` is neither.
    """
    target = params["crossmatch"]["target"]
    if target == "complex":
        return table["complex"]
    if target != "class":
        raise PipelineError(f"crossmatch.target in params.yaml is {target!r}, expected complex or "
                            "class; set it to one of these")
    bare = table["class_without_flags"]
    members = bare.map(bare.value_counts())
    return bare.where(members >= params["crossmatch"]["min_class_members"])


def check_enough(table: pd.DataFrame, names: list[str], least: int) -> dict[str, int]:
    """Count the labelled asteroids of each complex.

    Raises
    ------
    PipelineError
        A complex has fewer than `least`.
    """
    counts = {name: int((table["complex"] == name).sum()) for name in names}
    if min(counts.values()) < least:
        found = ", ".join(f"{name} {n}" for name, n in counts.items())
        raise PipelineError(
            f"each complex needs {least} asteroids with a label and a spectrum "
            f"(crossmatch.min_per_complex), found {found}; check the label table, or lower the "
            "limit"
        )
    return counts


def main() -> None:
    """Run the stage."""
    params = load_params(PARAMS)
    wavelengths_nm, taxonomy = params["bands"]["wavelengths_nm"], params["taxonomy"]
    raw = read_parquet(raw_tables.SPECTRA_PATH, raw_tables.SPECTRA.schema)
    asteroids = one_row_per_asteroid(raw, wavelengths_nm)
    counts: dict[str, Any] = {"survey": read_metadata(raw_tables.SPECTRA_PATH)["survey"],
                              "spectra_rows": raw.num_rows, "asteroids": len(asteroids)}
    for nm in wavelengths_nm:
        missing = int(asteroids[f"reflectance_{nm}"].isna().sum())
        if missing:
            counts[f"asteroids_without_{nm}_nm"] = missing
    del raw
    mapping = read_parquet(raw_tables.SOURCE_MAPPING_PATH, raw_tables.SOURCE_MAPPING.schema)
    asteroids, numbered = number_asteroids(asteroids, mapping.to_pandas(types_mapper=NULLABLE))
    labels = read_parquet(raw_tables.LABELS_PATH, raw_tables.LABELS.schema)
    usable, left_out = usable_labels(labels.to_pandas(types_mapper=NULLABLE),
                                     params["crossmatch"]["first_labels"])
    table = attach_labels(asteroids, usable, taxonomy)
    table["target"] = choose_target(table, params)
    labelled = table["class"].notna()
    names = sorted(taxonomy["complexes"])
    in_complex = check_enough(table, names, params["crossmatch"]["min_per_complex"])
    complete = {name: int((table["complete"] & (table["complex"] == name)).sum())
                for name in names}
    counts |= numbered | left_out | {
        "labels_without_spectrum": len(usable) - int(labelled.sum()),
        "labelled": int(labelled.sum()),
        "labelled_without_target": int((labelled & table["target"].isna()).sum()),
        "complete": int(table["complete"].sum()),
        "labelled_complete": int((table["complete"] & labelled).sum()),
        **{f"labelled_{name}": n for name, n in in_complex.items()},
        **{f"labelled_complete_{name}": n for name, n in complete.items()},
    }
    columns = schema(wavelengths_nm)
    write_parquet(
        pa.Table.from_pandas(table[columns.names], schema=columns, preserve_index=False),
        ASTEROIDS_PATH,
        {"survey": counts["survey"], "target": params["crossmatch"]["target"],
         "rows": str(len(table)),
         "citation": [t.citation for t in (raw_tables.SPECTRA, raw_tables.SOURCE_MAPPING,
                                           raw_tables.LABELS)]},
    )
    write_json(counts, COUNTS_PATH)
    print_metrics(counts)
    print(f"wrote {ASTEROIDS_PATH}: {len(table):,} asteroids, {counts['labelled']:,} labelled; "
          f"counts in {COUNTS_PATH}")


if __name__ == "__main__":
    run(main)
