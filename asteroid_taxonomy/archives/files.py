"""The third door: the raw tables from files, as ESA and CDS publish them beside their services.

ESA's bulk download is CSV under an ECSV header, gzipped, `null` for a null; which files hold which
table is told by the columns in their headers, so that no release's file names stand here. Label
tables come in the fixed-width form of CDS (with its ReadMe beside), as TSV or CSV from VizieR, or
as the authors' delimited file. The rows are those that the TAP services give, and so are the bytes
once they are ordered and stored (tests/archives/test_files.py holds one against the other).
"""

from collections.abc import Mapping
from typing import IO, Any

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv as pa_csv

from asteroid_taxonomy.archives import places
from asteroid_taxonomy.archives.answer import NULLS
from asteroid_taxonomy.archives.archive import GAIA, VIZIER
from asteroid_taxonomy.archives.faults import one_line
from asteroid_taxonomy.archives.text_tables import delimited, fixed_width, spelled, typed
from asteroid_taxonomy.console import PipelineError
from asteroid_taxonomy.raw_tables import (
    LABELS,
    SOURCE_MAPPING,
    SPECTRA,
    RawTable,
    probability_role,
    with_probabilities,
)

GAIA_FILES, LABELS_FILE = GAIA.files_variable, VIZIER.files_variable
LINE_BYTES = 1 << 16
LABEL_BYTES = 1 << 26  # no label table is larger; a folder may hold what is


def spectra(location: str, columns: Mapping[str, str]) -> pa.Table:
    """Read the reflectance spectra from ESA's bulk files.

    Parameters
    ----------
    location : str
        Folder, file, glob or http(s) address (places.find).
    columns : mapping
        The archive's column name by role.

    Returns
    -------
    pyarrow.Table
        Roles and types of SPECTRA, in the files' order.

    Raises
    ------
    PipelineError
        No file has these columns, or one is damaged or not what its checksum says.
    """
    return _gaia_tables(location, [(SPECTRA, SPECTRA, columns)])[0]


def source_mapping(
    location: str, columns: Mapping[str, str], spectra_columns: Mapping[str, str]
) -> pa.Table:
    """Read which Gaia source is which minor planet, for the sources that have a spectrum.

    Bulk sso_source files are used where the location has them; else the number and name that the
    spectra carry, which a printed line says.

    Parameters
    ----------
    location : str
        Folder, file, glob or http(s) address (places.find) that holds the spectra as well.
    columns, spectra_columns : mapping
        The archive's column name by role, in the mapping and in the spectra.

    Returns
    -------
    pyarrow.Table
        Roles and types of SOURCE_MAPPING.

    Raises
    ------
    PipelineError
        As `spectra` does.
    """
    of_spectra, mapping = _gaia_tables(location, [
        (SPECTRA, SOURCE_MAPPING, spectra_columns), (SOURCE_MAPPING, SOURCE_MAPPING, columns)])
    if mapping.num_rows:
        has_spectrum = pc.is_in(mapping["source_id"], of_spectra["source_id"].combine_chunks())
        return mapping.filter(has_spectrum)
    print(f"{location} has no file of the table that maps source_id to number: number and name "
          "are those that the spectra carry themselves")
    return of_spectra.group_by(SOURCE_MAPPING.schema.names).aggregate([])


def labels(location: str, columns: Mapping[str, Any]) -> pa.Table:
    """Read the label table: fixed width with CDS's ReadMe beside it, or delimited with a header.

    Parameters
    ----------
    location : str
        Folder, file, glob or http(s) address (places.find) with one such table.
    columns : mapping
        The table's column name by role; `probabilities` gives a column name by class.

    Returns
    -------
    pyarrow.Table
        number int64, class string, and probability_<class> float32 where the file has it.

    Raises
    ------
    PipelineError
        No file or several have the columns of number and class, or a value does not fit.
    """
    roles = {role: columns[role] for role in LABELS.schema.names}
    by_class = columns.get("probabilities") or {}
    found, headers = {}, {}
    for address, md5 in places.find(location, LABELS_FILE).items():
        with places.opened(address, md5) as body:
            text = body.read(LABEL_BYTES).decode("utf-8-sig", "replace")
        cells = delimited(text, roles) or fixed_width(text, address)
        headers[address] = list(cells)
        here = spelled(roles, cells)
        if len(here) == len(roles):
            here |= spelled({probability_role(c): name for c, name in by_class.items()}, cells)
            raw = with_probabilities([c for c in by_class if probability_role(c) in here])
            found[address] = typed(raw, {role: cells[n] for role, n in here.items()}, address)
    if not found:
        raise _not_there(location, LABELS_FILE, roles, headers)
    if len(found) > 1:
        raise PipelineError(f"{location} has several tables with a number and a class: "
                            f"{', '.join(map(places.name_of, found))}; name one of these files in "
                            f"{LABELS_FILE}")
    return next(iter(found.values()))


def _gaia_tables(
    location: str, wanted: list[tuple[RawTable, RawTable, Mapping[str, str]]]
) -> list[pa.Table]:
    """Read tables that lie in several files each: (known by its columns, to read, names by role).

    A file belongs to the first that it has all columns of; the first of `wanted` must be there.
    """
    parts: list[list[pa.Table]] = [[] for _ in wanted]
    headers = {}
    for address, md5 in places.find(location, GAIA_FILES).items():
        with places.opened(address, md5) as body:
            headers[address] = header = _header(body)
            for part, (known, raw, columns) in zip(parts, wanted, strict=True):
                here = spelled(columns, header)
                if set(known.schema.names) <= set(here):
                    part.append(_read_csv(body, header, here, raw, address))
                    break
    if not parts[0]:
        raise _not_there(location, GAIA_FILES, wanted[0][2], headers)
    return [pa.concat_tables(part) if part else raw.schema.empty_table()
            for part, (_, raw, _) in zip(parts, wanted, strict=True)]


def _header(body: IO[bytes]) -> list[str]:
    """Column names of a CSV file; leaves `body` behind that line."""
    for line in iter(lambda: body.readline(LINE_BYTES), b""):
        if line.strip() and not line.startswith(b"#"):
            return [name.strip().strip('"') for name in
                    line.decode("utf-8-sig", "replace").split(",")]
    return []


def _read_csv(
    body: IO[bytes], header: list[str], here: Mapping[str, str], raw: RawTable, address: str
) -> pa.Table:
    types = {here[field.name]: field.type for field in raw.schema}
    try:
        table = pa_csv.open_csv(
            body, pa_csv.ReadOptions(column_names=header),
            convert_options=pa_csv.ConvertOptions(
                include_columns=list(types), column_types=types, null_values=NULLS,
                strings_can_be_null=True),
        ).read_all()
    except pa.ArrowInvalid as error:
        raise PipelineError(f"{address} is not the table expected ({' '.join(str(error).split())})"
                            "; download it again") from None
    return table.rename_columns(raw.schema.names)


def _not_there(
    location: str, variable: str, roles: Mapping[str, str], headers: Mapping[str, list[str]]
) -> PipelineError:
    address, header = max(headers.items(), key=lambda item: len(spelled(roles, item[1])))
    have = one_line(", ".join(header))[:300]
    return PipelineError(
        f"{variable} is {location!r}, where no file has the columns {', '.join(roles.values())}; "
        f"{places.name_of(address)} has {have or 'no header that could be read'}; name the right "
        "files, correct the columns in params.yaml, or put CDS's ReadMe beside a table of fixed "
        "width")
