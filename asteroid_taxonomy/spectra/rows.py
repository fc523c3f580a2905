"""The rows of a text file, by pandas, and what it does not take for a number."""

import io
from collections.abc import Iterator, Sequence
from typing import IO

import pandas as pd
import pyarrow as pa

from asteroid_taxonomy.own_spectra.text import NULLS, NUMBER, Layout
from asteroid_taxonomy.own_spectra.units import NotSpectra


def read_rows(
    stream: IO[str], layout: Layout, numbers: Sequence[str], texts: Sequence[str], rows: int
) -> Iterator[pa.Table]:
    """Yield so many rows at a time; a field that is no number where one belongs is missing.

    Raises
    ------
    NotSpectra
        A column of numbers has decimal commas and decimal points.
    """
    for _ in range(layout.rows_at):
        stream.readline()
    chunks = pd.read_csv(
        stream, sep=layout.separator or r"\s+", decimal=layout.decimal, comment=layout.comment,
        header=None, names=layout.names, index_col=False, usecols=[*numbers, *texts],
        dtype=dict.fromkeys(texts, "str"), na_values=NULLS, chunksize=rows,
        skipinitialspace=True, low_memory=False)
    for frame in chunks:
        for name in numbers:
            _refuse_both_signs(frame[name], layout.decimal)
        columns = {name: pa.array(_numbers(frame[name], layout.decimal).to_numpy(float))
                   for name in numbers}
        columns |= {name: pa.array(frame[name].str.strip(), pa.string()) for name in texts}
        yield pa.table(columns)


def sample_of(lines: Sequence[str], layout: Layout) -> pd.DataFrame:
    """The rows among the first lines, each column of the type that its fields have."""
    body = io.StringIO("\n".join(line.rstrip("\r\n") for line in lines[layout.rows_at:]))
    sample = pd.read_csv(
        body, sep=layout.separator or r"\s+", decimal=layout.decimal, comment=layout.comment,
        header=None, names=layout.names, index_col=False, na_values=NULLS, skipinitialspace=True,
        low_memory=False)
    for name in sample.columns:  # a stray word does not make text of a column of numbers
        numbers = _numbers(sample[name], layout.decimal)
        if numbers.notna().sum() > sample[name].notna().sum() / 2:
            sample[name] = numbers
    return sample


def _numbers(column: pd.Series, decimal: str) -> pd.Series:
    """A column as numbers, those of Fortran too; NaN for what is none."""
    if pd.api.types.is_numeric_dtype(column):
        return column
    # pandas leaves a column with one stray word as text, decimal commas and all
    texts = column.astype("str").str.strip()
    texts = texts.where(texts.str.fullmatch(NUMBER[decimal].pattern))
    return pd.to_numeric(texts.str.replace(decimal, ".", regex=False)
                         .str.replace("d", "e", case=False, regex=False), errors="coerce")


def _refuse_both_signs(column: pd.Series, decimal: str) -> None:
    if pd.api.types.is_numeric_dtype(column):
        return
    other = {".": ",", ",": "."}[decimal]
    texts = column.astype("str").str.strip()
    both = texts[texts.str.fullmatch(NUMBER[other].pattern) & texts.str.contains(other,
                                                                                 regex=False)]
    if len(both):
        raise NotSpectra(f"has {both.iloc[0]} in its column {column.name}, and numbers with "
                         f"{decimal!r} for the decimal sign elsewhere; write all of them with one "
                         "sign")
