"""Tables as text whose columns go by name: delimited, or of fixed width as CDS describes them."""

import csv
import re
from collections.abc import Iterable, Mapping
from pathlib import PurePath
from typing import Any

import pyarrow as pa

from asteroid_taxonomy.archives import places
from asteroid_taxonomy.archives.answer import NULLS
from asteroid_taxonomy.console import PipelineError
from asteroid_taxonomy.raw_tables import RawTable

DELIMITERS = "\t,;|"


def spelled(roles: Mapping[str, str], header: Iterable[str]) -> dict[str, str]:
    """How a header spells the columns named by role, those it has: Number as number, class_."""
    here = {name.lower().rstrip("_"): name for name in header}
    return {role: here[key] for role, name in roles.items()
            if (key := name.lower().rstrip("_")) in here}


def delimited(text: str, roles: Mapping[str, str]) -> dict[str, list[str]]:
    """Columns by name, as text, of a table whose header has all `roles`; empty where it has not.

    VizieR's TSV, with units and a rule of dashes below the names, is read as well.
    """
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    for delimiter in DELIMITERS:
        try:
            header, *rows = ([cell.strip() for cell in row]
                             for row in csv.reader(lines, delimiter=delimiter))
        except (csv.Error, ValueError):  # a field without end, or no line
            continue
        if len(spelled(roles, header)) == len(roles):
            first = max([i + 1 for i, row in enumerate(rows[:2]) if set("".join(row)) == {"-"}],
                        default=0)
            return {name: [row[i] if i < len(row) else "" for row in rows[first:]]
                    for i, name in enumerate(header)}
    return {}


def fixed_width(text: str, address: str) -> dict[str, list[Any]]:
    """Columns by name, of a table that the ReadMe beside it describes; empty where none does.

    Raises
    ------
    PipelineError
        The table is not what is described.
    """
    from astropy.io import ascii as astropy_ascii  # a tenth of a second, and few tables need it

    # asteroid.dat at CDS is asteroid.txt at the authors': one description
    stem = re.escape(PurePath(places.name_of(address)).name.split(".")[0])
    section = re.search(rf"^Byte-by-byte Description of file:.*\b{stem}\b.*\n-+\n"
                        r"(?:.*\n)+?-{9,}\n(?:.*\n)+?-{9,}\n",
                        places.beside(address, "ReadMe").replace("\r", ""), re.MULTILINE)
    if not section:
        return {}
    try:
        table = astropy_ascii.read(section[0] + text, format="cds")
    except (ValueError, IndexError, astropy_ascii.InconsistentTableError) as error:
        raise PipelineError(f"{address} is not what the ReadMe beside it describes ({error}); "
                            "download both again") from None
    return {name: table[name].tolist() for name in table.colnames}


def typed(raw: RawTable, cells: Mapping[str, list[Any]], address: str) -> pa.Table:
    """Make a table of `raw` out of cells (text or numbers) by role.

    Raises
    ------
    PipelineError
        A value does not fit its type.
    """
    arrays = []
    for field in raw.schema:
        values = [None if str(v) in NULLS else v for v in cells[field.name]]
        try:
            text = any(isinstance(v, str) for v in values)
            arrays.append(pa.array(values, pa.string() if text else field.type).cast(field.type))
        except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
            raise PipelineError(f"{address}: the {field.name} of an asteroid is not {field.type} "
                                f"({error}); check that it is the label table") from None
    return pa.table(arrays, schema=raw.schema)
