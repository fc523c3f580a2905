"""The pipeline's tables: their columns, what must hold for their rows, and how stages read them.

Types and units are those of the Gaia DR3 data model (sso_reflectance_spectrum and sso_source in
the Gaia DR3 documentation). What a release calls its columns is in params.yaml.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from asteroid_taxonomy.console import PipelineError
from asteroid_taxonomy.files import read_parquet
from asteroid_taxonomy.params import Block

SPECTRA_PATH = Path("data/raw/spectra.parquet")
SOURCE_MAPPING_PATH = Path("data/raw/source_mapping.parquet")
LABELS_PATH = Path("data/raw/labels.parquet")
SAMPLE = Path("data/sample")  # the raw tables of 4,024 asteroids, in Git
ASTEROIDS_PATH = Path("data/asteroids.parquet")
TRAINING_SET_PATH = Path("data/training_set.parquet")
OUT_OF_FOLD_PATH = Path("data/out_of_fold.parquet")
BAD_FLAG = 2  # of 0 good, 1 suspect, 2 bad (Gaia DR3 data model)


@dataclass(frozen=True)
class Column:
    """A column of a raw table: role, Arrow type, unit ("" is dimensionless), nulls allowed or not.

    An optional column is omitted if its name is null or the table does not have it.
    """

    role: str
    type: pa.DataType
    unit: str | None = None
    nullable: bool = False
    optional: bool = False


@dataclass(frozen=True)
class RawTable:
    """A table to fetch: title, columns, the roles that order its rows, and its unique key."""

    title: str
    columns: tuple[Column, ...]
    sort_by: tuple[str, ...]
    key: tuple[str, ...]

    @property
    def schema(self) -> pa.Schema:
        """Roles and types, in order."""
        return pa.schema([(c.role, c.type) for c in self.columns])

    def only(self, roles: Collection[str]) -> "RawTable":
        """The table with these columns, none of them optional."""
        return replace(self, sort_by=tuple(role for role in self.sort_by if role in roles),
                       columns=tuple(replace(column, optional=False) for column in self.columns
                                     if column.role in roles))

    def named(self, names: Mapping[str, Any]) -> tuple["RawTable", dict[str, str]]:
        """The table without the optional columns that `names` lacks; and its names by role."""
        raw = self.only([c.role for c in self.columns if not c.optional or names.get(c.role)])
        return raw, {role: names[role] for role in raw.schema.names}


SPECTRA = RawTable("reflectance spectra", (
    Column("source_id", pa.int64()),
    Column("number", pa.int64(), nullable=True, optional=True),
    Column("name", pa.string(), nullable=True, optional=True),
    Column("num_of_spectra", pa.int32(), optional=True),
    Column("wavelength", pa.float32(), unit="nm"),
    Column("reflectance", pa.float32(), unit="", nullable=True),
    Column("error", pa.float32(), unit="", nullable=True),
    Column("flag", pa.int8()),
), ("source_id", "wavelength"), ("source_id", "wavelength"))

SOURCE_MAPPING = RawTable("source mapping", (
    Column("source_id", pa.int64()),
    Column("number", pa.int64(), nullable=True),
    Column("name", pa.string(), nullable=True),
    Column("num_of_spectra", pa.int32(), optional=True),
), ("source_id", "number", "name"), ("source_id",))

LABELS = RawTable("taxonomy labels", (
    Column("number", pa.int64(), nullable=True),
    Column("class", pa.string(), nullable=True),
), ("number", "class"), ("number",))


def labels_with(classes: Sequence[str]) -> RawTable:
    """LABELS with an optional float32 column probability_<class> for each of `classes`."""
    roles = tuple(f"probability_{name}" for name in classes)
    extra = tuple(Column(role, pa.float32(), "", nullable=True, optional=True) for role in roles)
    return replace(LABELS, columns=LABELS.columns + extra, sort_by=(*LABELS.sort_by, *roles))


def in_order(raw: RawTable, rows: pa.Table, bounds: Mapping[Any, Any] | None = None) -> pa.Table:
    """Check the rows and sort them as `raw` specifies, because services return them in any order.

    Raises
    ------
    PipelineError
        No rows, a null that is not allowed, an infinite number, a duplicate key, or a value
        outside the `bounds` of its role.
    """
    if not rows.num_rows:
        raise PipelineError(f"{raw.title}: no rows; check the table's name in params.yaml")
    rows = rows.select(raw.schema.names).cast(raw.schema)
    order = pc.sort_indices(rows, sort_keys=[(role, "ascending") for role in raw.sort_by])
    order = order.cast(pa.uint32())
    for i, column in enumerate(raw.columns):
        # one column at a time, so that the table is never in memory twice; in one chunk, because
        # chunks would affect the file
        values = rows.column(i).combine_chunks()
        rows = rows.set_column(i, column.role, pa.nulls(len(rows)))
        values = pa.chunked_array([values.take(order)])
        rows = rows.set_column(i, column.role, values)
        pa.default_memory_pool().release_unused()
        if not column.nullable:
            refuse(rows, pc.is_null(values), raw.title, f"{column.role} is null")
        if pa.types.is_floating(column.type):
            refuse(rows, pc.is_inf(values), raw.title, f"{column.role} is infinite")
    keys = [rows[role] for role in raw.key]
    # nulls are not compared: unnumbered asteroids have no key
    same = [pc.fill_null(pc.equal(key[1:], key[:-1]), False) for key in keys]
    refuse(rows.slice(1), reduce(pc.and_, same), raw.title, f"{' and '.join(raw.key)} not unique")
    check_bounds(rows, raw.title, bounds or {})
    return rows


def stored_metadata(
    raw: RawTable, rows: pa.Table, spec: Any, names: Mapping[str, str], adql: str
) -> dict[str, Any]:
    """Provenance of a raw table, independent of the mirror or file it was read from.

    `spec` is the block of params.yaml, with the published `names` of the columns by role; `adql`
    is the query as it would be sent to the archive.
    """
    return {"survey": spec.release, "archive": spec.service, "adql": adql,
            "rows": str(rows.num_rows), "units": {c.role: c.unit for c in raw.columns if c.unit},
            "columns": dict(names), "citation": spec.citation}


def refuse(rows: pa.Table, bad: pa.ChunkedArray | pa.Array, title: str, what: str) -> None:
    """Raise PipelineError if any row is `bad`, with their number and up to three keys."""
    count = pc.sum(bad).as_py() or 0
    if count:
        key = rows.column_names[0]
        keys = rows.column(key).filter(bad).unique().slice(0, 3).to_pylist()
        raise PipelineError(f"{title}: {what} in {count:,} of {rows.num_rows:,} rows, e.g. {key} "
                            f"{', '.join(map(str, keys))}; check the table and its source")


def check_bounds(rows: pa.Table, title: str, bounds: Mapping[Any, Any]) -> None:
    """Raise PipelineError where a column lies outside the bounds of its role; null may be."""
    for role, span in bounds.items():
        if span is not None and role in rows.column_names:
            outside = pc.or_(pc.less(rows[role], span[0]), pc.greater(rows[role], span[1]))
            refuse(rows, outside, title, f"{role} is outside {span[0]:g} ... {span[1]:g}")


def check_spectra(
    rows: pa.Table, wavelengths_nm: Sequence[int], normalised_at_nm: int
) -> npt.NDArray[np.float32]:
    """Check that rows are whole spectra on the grid; return the reflectances, float32 [n, bands].

    The rows, of SPECTRA, are sorted by source_id and wavelength. Each source has each wavelength
    once and one number and name; each error has a reflectance; each spectrum is 1 at
    `normalised_at_nm` (true of all 60,518 of Gaia DR3).

    PipelineError names the column, the number of rows and up to three source_ids.
    """
    title, n = SPECTRA.title, len(wavelengths_nm)
    nm = rows["wavelength"]
    refuse(rows, pc.invert(pc.is_in(nm, pa.array(wavelengths_nm, nm.type))), title,
           "wavelength is not on the grid of bands.wavelengths_nm")
    bands = pa.Table.from_arrays(pc.value_counts(rows["source_id"]).flatten(),
                                 ["source_id", "bands"])
    refuse(bands, pc.not_equal(bands["bands"], n), title, f"source lacks one of {n} wavelengths")
    for name in (n for n in ("number", "name", "num_of_spectra") if n in rows.column_names):
        above, below = rows[name][:-1], rows[name][1:]
        differs = pc.or_kleene(pc.not_equal(above, below),
                               pc.xor(pc.is_null(above), pc.is_null(below)))
        of_next = pc.not_equal(rows["source_id"][:-1], rows["source_id"][1:])
        refuse(rows.slice(1), pc.and_not(pc.fill_null(differs, False), of_next), title,
               f"{name} differs between the bands of a source")
    # an error without a reflectance means that the reflectance was lost
    refuse(rows, pc.and_(pc.is_null(rows["reflectance"]), pc.is_valid(rows["error"])), title,
           "reflectance is null where its error is not")
    reflectance = rows["reflectance"].to_numpy().reshape(-1, n)
    off = reflectance[:, list(wavelengths_nm).index(normalised_at_nm)] != 1
    refuse(rows.select(["source_id"])[::n], pa.array(off), title,
           f"reflectance is not 1 at {normalised_at_nm} nm")
    return np.asarray(reflectance)


def one_row_per_asteroid(wavelengths_nm: Sequence[int]) -> pa.Table:
    """Read the stored spectra, one row per asteroid, column by column.

    The columns are source_id; number, name and num_of_spectra where the spectra have them; the
    bands' columns and `complete` of `asteroid_schema`.

    PipelineError if the rows are not the grid, once per asteroid.
    """
    n, needed = len(wavelengths_nm), pa.schema([(c.role, c.type) for c in SPECTRA.columns
                                                if not c.optional])

    def read(role: str) -> pa.ChunkedArray:
        return read_parquet(SPECTRA_PATH, needed, [role])[role]

    nm = read("wavelength").to_numpy()
    if len(nm) % n or not (nm.reshape(-1, n) == np.asarray(wavelengths_nm)).all():
        raise PipelineError(f"{SPECTRA_PATH} does not have the {n} bands.wavelengths_nm of "
                            "params.yaml; run dvc repro fetch_spectra")
    stored = pq.read_schema(SPECTRA_PATH).names
    columns = {role: read(role)[::n] for role in ("source_id", "number", "name", "num_of_spectra")
               if role in stored}
    for role, names in (("reflectance", reflectance_columns), ("error", error_columns),
                        ("flag", flag_columns)):
        by_band = read(role).to_numpy().reshape(-1, n).T
        columns |= {name: pa.array(np.ascontiguousarray(values), from_pandas=True)
                    for name, values in zip(names(wavelengths_nm), by_band, strict=True)}
    asteroids = pa.table(columns)
    return asteroids.append_column("complete", pa.array(has_bands(asteroids, wavelengths_nm)))


def compare(
    block: str, measured: Mapping[Any, Any], expected: Mapping[Any, Any] | Block | None
) -> None:
    """Compare measured values with `<block>.expected` of params.yaml; print them if it is null.

    PipelineError if a value is missing or outside its range.
    """
    found = dict(_flat(measured))
    if expected is None:
        print(f"{block}.expected is null; measured: "
              + ", ".join(f"{key} {value}" for key, value in found.items()))
        return
    for name, span in _flat(dict(expected)):
        if span is not None and not span[0] <= found.get(name, np.nan) <= span[1]:
            raise PipelineError(
                f"{block}: {name.replace('.', ' ')} is {found.get(name, 'unknown')}, expected "
                f"{span[0]:g} ... {span[1]:g} ({block}.expected in params.yaml); check the table "
                "and its source")


def _flat(nested: Mapping[Any, Any], above: str = "") -> list[tuple[str, Any]]:
    """Names joined by dots, and values; numbers have four decimals."""
    out: list[tuple[str, Any]] = []
    for key, value in nested.items():
        if isinstance(value, Mapping):
            out += _flat(value, f"{above}{key}.")
        else:
            out.append((f"{above}{key}", round(value, 4) if isinstance(value, float) else value))
    return out


def asteroid_schema(wavelengths_nm: Sequence[int]) -> pa.Schema:
    """Columns of the table that crossmatch writes: one row per asteroid with a Gaia spectrum.

    number is null for unnumbered asteroids; reflectance_<nm> and reflectance_err_<nm> are
    dimensionless, null where not measured; flag_<nm> is 0 good, 1 suspect, 2 bad; snr as in
    signal_to_noise.py; class as in the label table; label_probability is that of the class, where
    the label table has it; class and complex are null without a label; complete: has all bands.
    """
    return pa.schema([
        ("source_id", pa.int64()), ("number", pa.int64()), ("name", pa.string()),
        *_band_fields(wavelengths_nm),
        *((name, pa.int8()) for name in flag_columns(wavelengths_nm)),
        ("num_of_spectra", pa.int32()), ("snr", pa.float32()),
        ("class", pa.string()), ("class_without_flags", pa.string()),
        ("label_probability", pa.float32()), ("complex", pa.string()),
        ("complete", pa.bool_()),
    ])


def training_schema(wavelengths_nm: Sequence[int]) -> pa.Schema:
    """Columns of the table that split writes: the labelled asteroids, ordered by source_id.

    Those of `asteroid_schema`, and target (what a model predicts: a complex, or a class without
    flags), held_out (true: not in the training part; null: a band that the model uses is missing,
    so it is in neither part), place int32 (position in the shuffled order of its part).
    """
    return pa.schema([
        ("source_id", pa.int64()), ("number", pa.int64()), ("name", pa.string()),
        ("snr", pa.float32()), ("class_without_flags", pa.string()),
        ("label_probability", pa.float32()), ("target", pa.string()), ("complete", pa.bool_()),
        ("held_out", pa.bool_()), ("place", pa.int32()), *_band_fields(wavelengths_nm),
    ])


def _band_fields(wavelengths_nm: Sequence[int]) -> list[tuple[str, pa.DataType]]:
    return [(name, pa.float32()) for names in (reflectance_columns, error_columns)
            for name in names(wavelengths_nm)]


def read_asteroids(
    wavelengths_nm: Sequence[int], columns: Sequence[str] | None = None,
    source_id: npt.NDArray[np.int64] | None = None,
) -> pa.Table:
    """Read the table of asteroids, or some of its columns, or the rows of these source_ids."""
    table = read_parquet(ASTEROIDS_PATH, asteroid_schema(wavelengths_nm), columns)
    return table if source_id is None else table.take(
        rows_of(source_id, table["source_id"].to_numpy(), ASTEROIDS_PATH))


def reflectance_columns(wavelengths_nm: Sequence[int]) -> list[str]:
    """Names of the reflectance columns, e.g. reflectance_374."""
    return [f"reflectance_{nm}" for nm in wavelengths_nm]


def error_columns(wavelengths_nm: Sequence[int]) -> list[str]:
    """Names of the columns with the reflectance's standard error, e.g. reflectance_err_374."""
    return [f"reflectance_err_{nm}" for nm in wavelengths_nm]


def flag_columns(wavelengths_nm: Sequence[int]) -> list[str]:
    """Names of the flag columns, e.g. flag_374."""
    return [f"flag_{nm}" for nm in wavelengths_nm]


def matrix(table: pa.Table, names: Sequence[str]) -> npt.NDArray[np.float32]:
    """The columns `names` as a float32 array [rows, columns], NaN where null."""
    out = np.empty((table.num_rows, len(names)), dtype=np.float32)
    for j, name in enumerate(names):
        out[:, j] = table.column(name).to_numpy()
    return out


def band_matrices(
    table: pa.Table, wavelengths_nm: Sequence[int]
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Reflectances, errors and flags of the table of asteroids, float32 [rows, bands] each."""
    reflectance, error, flags = (matrix(table, names(wavelengths_nm)) for names in (
        reflectance_columns, error_columns, flag_columns))
    return reflectance, error, flags


def has_bands(
    table: pa.Table, used_nm: Sequence[int], with_errors: bool = False
) -> npt.NDArray[np.bool_]:
    """Whether each row has a reflectance (and an error) in all bands of `used_nm`, bool [rows]."""
    names = reflectance_columns(used_nm) + (error_columns(used_nm) if with_errors else [])
    return np.asarray(np.isfinite(matrix(table, names)).all(axis=1))


def count_without_error(table: pa.Table, wavelengths_nm: Sequence[int]) -> int:
    """Number of rows with a reflectance but no error, which cannot be used for training."""
    reflectance, error, _ = band_matrices(table, wavelengths_nm)
    return int((np.isfinite(reflectance) & np.isnan(error)).any(axis=1).sum())


def rows_of(
    wanted: npt.NDArray[np.int64], known: npt.NDArray[np.int64], path: Path
) -> npt.NDArray[np.int64]:
    """Row numbers of the source_ids `wanted` among `known`, those of the table at `path`.

    PipelineError if the table lacks one.
    """
    order = np.argsort(known, kind="stable")
    place = np.searchsorted(known[order], wanted).clip(max=max(len(known) - 1, 0))
    absent = wanted[known[order[place]] != wanted] if len(known) else wanted
    if len(absent):
        raise PipelineError(f"{path} lacks {len(absent):,} asteroids, e.g. source_id {absent[0]}; "
                            "delete it and run dvc repro")
    return order[place]


def band_lists(mask: npt.NDArray[np.bool_], wavelengths_nm: Sequence[int]) -> list[str]:
    """Wavelengths of the bands that are True in each row of `mask` [rows, bands]: "374, 1034"."""
    patterns, which = np.unique(mask, axis=0, return_inverse=True)
    named = [", ".join(str(nm) for nm, bit in zip(wavelengths_nm, row, strict=True) if bit)
             for row in patterns]
    return [named[i] for i in which.ravel().tolist()]
