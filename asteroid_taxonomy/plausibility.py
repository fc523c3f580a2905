"""Poison that passes the schema: values no table of this kind has, or not this release.

Ranges are pairs [lowest, highest] in params.yaml: `bounds` of every value of a column, `expected`
of what a table of this release gives as a whole. null: no check.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from asteroid_taxonomy.console import PipelineError
from asteroid_taxonomy.raw_tables import LABELS, SPECTRA, probability_role, refuse

if TYPE_CHECKING:
    import pandas as pd  # which no fetch needs to wait for

Ranges = Mapping[Any, Any]  # [lowest, highest] by name, null, or another such mapping


def check_bounds(rows: pa.Table, title: str, bounds: Ranges | None) -> None:
    """Check that the values of each column named by its role lie within bounds; null is allowed.

    Raises
    ------
    PipelineError
        Names the column, how many rows, and up to three keys.
    """
    for role, span in (bounds or {}).items():
        found = pc.min_max(rows[role]).as_py() if span else {"min": None}
        if found["min"] is not None and not span[0] <= found["min"] <= found["max"] <= span[1]:
            outside = pc.or_(pc.less(rows[role], span[0]), pc.greater(rows[role], span[1]))
            refuse(rows, outside, title, role, f"is outside {span[0]:,} ... {span[1]:,}")


def check_spectra_values(
    rows: pa.Table, wavelengths_nm: Sequence[int], normalised_at_nm: int | None,
    bounds: Ranges | None, expected: Ranges | None,
) -> None:
    """Check what every spectrum has, and what the spectra of this release have as a whole.

    Every reflectance has an error and no other band has one; every spectrum is exactly 1 where it
    is normalised: true of all 60,518 of Gaia DR3.

    Parameters
    ----------
    rows : pyarrow.Table
        Columns of SPECTRA, sorted, each source with each wavelength (raw_tables.check_spectra).
    wavelengths_nm : sequence of int
        The grid, in nm.
    normalised_at_nm : int, optional
        One of the grid.
    bounds, expected : mapping, optional
        Ranges by role; of `asteroids` (how many) and `median_reflectance` (by wavelength).

    Raises
    ------
    PipelineError
        Whatever does not hold, with what came.
    """
    check_bounds(rows, SPECTRA.title, bounds)
    alone = pc.xor(pc.is_null(rows["reflectance"]), pc.is_null(rows["error"]))
    refuse(rows, alone, SPECTRA.title, "error", "is null where a reflectance is, or the reverse,")
    n = len(wavelengths_nm)
    reflectance = rows["reflectance"].to_numpy().reshape(-1, n)
    if normalised_at_nm is not None:
        at = wavelengths_nm.index(normalised_at_nm)
        off = pa.chunked_array([pa.array(reflectance[:, at] != 1)])
        refuse(rows.select(["source_id"]).take(pa.array(range(at, rows.num_rows, n))), off,
               SPECTRA.title, "reflectance", f"is not 1 at {normalised_at_nm} nm", of="sources")
    compare("fetch_spectra", {"asteroids": len(reflectance), "median_reflectance": {
        nm: _median(band) for nm, band in zip(wavelengths_nm, reflectance.T, strict=True)}},
            expected)


def check_label_values(rows: pa.Table, bounds: Ranges | None, expected: Ranges | None) -> None:
    """Check the numbers and probabilities of a label table, and how many rows it has.

    Parameters
    ----------
    rows : pyarrow.Table
        Columns of LABELS and probability_<class>.
    bounds, expected : mapping, optional
        Ranges of `number` and `probability` (of each class); of `rows`.

    Raises
    ------
    PipelineError
        Whatever does not hold, with what came.
    """
    spans = dict(bounds or {})
    probability = spans.pop("probability", None)
    spans |= {role: probability for role in rows.column_names
              if role.startswith(probability_role(""))}
    check_bounds(rows, LABELS.title, spans)
    compare("fetch_labels", {"rows": rows.num_rows}, expected)


def check_crossmatched(
    table: "pd.DataFrame", counts: Mapping[str, int], wavelengths_nm: Sequence[int],
    expected: Ranges | None,
) -> None:
    """Check that spectra and labels met as they do in this release.

    A mapping that is off by one gives numbers that the spectra themselves contradict; labels that
    went to the wrong asteroids give complexes that all reflect alike.

    Parameters
    ----------
    table : pandas.DataFrame
        One row per asteroid: complex (null where unlabelled) and reflectance_<nm>.
    counts : mapping
        asteroids, asteroids_number_disagrees_with_spectra, labelled, labels_without_spectrum.
    wavelengths_nm : sequence of int
        The grid, in nm.
    expected : mapping, optional
        Ranges of `numbers_disagree` (share of asteroids), `labelled_share` (of the usable
        labels), `complex_shares` (of the labelled, by complex), `complex_reflectance` (medians by
        wavelength and complex).

    Raises
    ------
    PipelineError
        Whatever does not hold, with what came.
    """
    labels = counts["labelled"] + counts["labels_without_spectrum"]
    bands = [f"reflectance_{nm}" for nm in wavelengths_nm]
    labelled = table.loc[table["complex"].notna(), ["complex", *bands]]  # a few of all
    medians = labelled.groupby("complex").median()
    medians.columns = list(wavelengths_nm)
    # where nothing is expected yet: the band that tells most
    telling = (expected or {}).get("complex_reflectance") or medians.std().nlargest(1).index
    compare("crossmatch", {
        "numbers_disagree": counts["asteroids_number_disagrees_with_spectra"]
        / max(counts["asteroids"], 1),
        "labelled_share": counts["labelled"] / max(labels, 1),
        "complex_shares": labelled["complex"].value_counts(normalize=True).sort_index().to_dict(),
        "complex_reflectance": {nm: medians[nm].to_dict() for nm in telling},
    }, expected)


def compare(block: str, measured: Mapping[Any, Any], expected: Ranges | None) -> None:
    """Compare what was measured with the ranges of `<block>.expected` in params.yaml.

    Where nothing is expected, a printed line says what was measured: what a new release needs.

    Raises
    ------
    PipelineError
        A value outside its range, or without a value.
    """
    if expected is None:
        print(f"{block}.expected is null: not compared with what is known of this release are "
              + ", ".join(f"{key} {value}" for key, value in _flat(measured)))
        return
    came = dict(_flat(measured))
    for name, span in _flat(expected):
        if span is not None and not span[0] <= came.get(name, np.nan) <= span[1]:
            raise PipelineError(
                f"{block}: {name.replace('.', ' ')} is {came.get(name, 'unknown')}, expected "
                f"{span[0]:,} ... {span[1]:,} ({block}.expected in params.yaml): the table is "
                "incomplete or its values are not this release's; check where it came from, or "
                "put the range of another release there (null: no check)")


def _flat(nested: Mapping[Any, Any], above: str = "") -> list[tuple[str, Any]]:
    """Names joined by dots, and values; numbers have four digits."""
    out: list[tuple[str, Any]] = []
    for key, value in nested.items():
        if isinstance(value, Mapping):
            out += _flat(value, f"{above}{key}.")
        else:
            out.append((f"{above}{key}", round(value, 4) if isinstance(value, float) else value))
    return out


def _median(values: Any) -> float:
    measured = values[~np.isnan(values)]
    return float(np.median(measured)) if len(measured) else float("nan")
