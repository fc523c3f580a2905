"""The spectra of a few asteroids, asked of the archive in one short query.

For the look-up, where the catalogue is not here. Which service, table and columns, the metadata of
the classifier's ONNX file say; GAIA_TAP_URL names a mirror, as for the stages.
"""

import csv
import io
import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import requests

from asteroid_taxonomy.console import PipelineError, plain
from asteroid_taxonomy.designations import Asked

ROLES = ("source_id", "number", "name", "wavelength", "reflectance", "error", "flag")
NULLS = {"", "null", "nan"}
AT_ONCE = 100  # asteroids a query: 1,600 rows, less than any service's limit
MAX_BYTES = 10_000_000  # of an answer, a hundred times what such a query gives
TIMEOUTS_S = (10, 60)  # to connect; of silence
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Spectrum:
    """An asteroid's spectrum as the archive has it: arrays [bands], NaN where not measured.

    number is None without one; flag is 0 good, 1 suspect, 2 bad.
    """

    source_id: int
    number: int | None
    name: str
    reflectance: Floats
    error: Floats
    flag: npt.NDArray[np.int8]


def spectra_of(
    asked: Sequence[Asked], metadata: Mapping[str, str], wavelengths_nm: Sequence[int]
) -> Iterator[Spectrum]:
    """Yield the spectra of the asteroids asked for that the archive has, in its own order.

    Parameters
    ----------
    asked : sequence of Asked
    metadata : mapping
        Of the ONNX file: spectra_service, spectra_table, spectra_columns (JSON, names by role).
    wavelengths_nm : sequence of int
        The bands, in nm.

    Raises
    ------
    PipelineError
        The file does not say where its spectra come from; the archive cannot be reached, refuses
        the query, or sends something else than whole spectra.
    """
    try:
        service, table = metadata["spectra_service"], metadata["spectra_table"]
        columns = {role: json.loads(metadata["spectra_columns"])[role] for role in ROLES}
    except (KeyError, ValueError, TypeError):
        raise PipelineError("the ONNX file does not say where its spectra come from "
                            "(spectra_service, spectra_table, spectra_columns in its metadata); "
                            "run `dvc repro export` to make it anew, or `dvc pull` for the "
                            "catalogue") from None
    url = (os.environ.get("GAIA_TAP_URL") or service).rstrip("/")
    for start in range(0, len(asked), AT_ONCE):
        query = (f"SELECT {', '.join(columns.values())} FROM {table} "
                 f"WHERE {_condition(asked[start:start + AT_ONCE], columns)}")
        by_asteroid: dict[str, list[dict[str, str]]] = {}
        for row in _rows(url, query, columns):
            by_asteroid.setdefault(row["source_id"], []).append(row)
        for rows in by_asteroid.values():
            yield _spectrum(rows, wavelengths_nm, url)


def _condition(asked: Iterable[Asked], columns: Mapping[str, str]) -> str:
    """The WHERE of a query; a number says more than the name beside it."""
    wanted: dict[str, list[str]] = {"number": [], "source_id": [], "name": []}
    for one in asked:
        if one.number is not None:
            wanted["number"].append(str(one.number))
        elif one.source_id is not None:
            wanted["source_id"].append(str(one.source_id))
        elif one.name:
            # an archive may have doubled apostrophes; in ADQL each is doubled once more
            for name in {one.name, one.name.replace("'", "''")}:
                wanted["name"].append("'" + name.replace("'", "''") + "'")
    left = {**columns, "name": f"LOWER({columns['name']})"}
    return " OR ".join(f"{left[role]} IN ({', '.join(values)})"
                       for role, values in wanted.items() if values) or "1 = 0"


def _rows(url: str, query: str, columns: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """Yield the rows of an answer as text by role."""
    form = {"REQUEST": "doQuery", "LANG": "ADQL", "FORMAT": "csv", "QUERY": query}
    try:
        with requests.post(f"{url}/sync", data=form, timeout=TIMEOUTS_S, stream=True) as answer:
            body = b""
            for chunk in answer.iter_content(1 << 16):
                body += chunk
                if len(body) > MAX_BYTES:
                    break
    except (requests.RequestException, ValueError) as error:
        reason = re.sub(r".*\[Errno -?\d+\] |['\")]+$", "", _line(str(error)))
        raise PipelineError(
            f"the archive ({url}) could not be asked: {reason}; a look-up without the "
            "catalogue needs the network: try again, name a mirror in GAIA_TAP_URL, or get the "
            "catalogue with `dvc pull`") from None
    text = body.decode("utf-8-sig", "replace")
    try:
        table = list(csv.reader(io.StringIO(text)))
    except csv.Error:  # a field longer than any of a table
        table = []
    expected = [name.strip('"').lower() for name in columns.values()]
    if not (answer.ok and table and [name.strip().lower() for name in table[0]] == expected
            and all(len(row) in (0, len(expected)) for row in table)):
        said = _line(re.sub("<[^>]*>", " ", text)) or "nothing"
        raise PipelineError(f"the archive ({url}) answered {answer.status_code} and no table: "
                            f"{said}; try again later, or name a mirror in GAIA_TAP_URL")
    for row in table[1:]:
        if row:
            yield dict(zip(columns, (cell.strip() for cell in row), strict=True))


def _spectrum(rows: Sequence[Mapping[str, str]], nm: Sequence[int], url: str) -> Spectrum:
    try:
        band = [list(nm).index(round(float(row["wavelength"]))) for row in rows]
        if sorted(band) != list(range(len(nm))):
            raise ValueError
        measured = {role: np.full(len(nm), np.nan, np.float32) for role in ROLES[4:]}
        for role, values in measured.items():
            values[band] = [np.nan if row[role].lower() in NULLS else float(row[role])
                            for row in rows]
        number = rows[0]["number"]
        return Spectrum(int(rows[0]["source_id"]),
                        None if number.lower() in NULLS else int(number) or None,
                        rows[0]["name"].replace("''", "'"), measured["reflectance"],
                        measured["error"], np.nan_to_num(measured["flag"]).astype(np.int8))
    except ValueError:
        raise PipelineError(f"the archive ({url}) sent {len(rows)} rows for source_id "
                            f"{rows[0]['source_id']}, expected numbers at the {len(nm)} "
                            f"wavelengths {nm[0]}-{nm[-1]} nm, once each; try again, or name a "
                            "mirror in GAIA_TAP_URL") from None


def _line(text: str) -> str:
    """Text from outside in one printable line of bounded length."""
    return " ".join(plain(text).split())[:300]
