"""The raw tables from files, as ESA and CDS publish them beside their TAP services.

ESA's bulk download is gzipped CSV below an ECSV header, with MD5 sums beside it. Which files hold
which table is found by their columns, so that no release's file names are in the code. Label
tables come in fixed width with CDS's ReadMe, as TSV or CSV from VizieR, or as the authors' file.
"""

import hashlib
import io
import os
import re
from collections.abc import Mapping, Sequence
from posixpath import basename, dirname, join
from typing import Any

import aiohttp
import fsspec
import pyarrow as pa
from astropy.io import ascii as astropy_ascii

from asteroid_taxonomy.archives import Archive, QueryError, TransientError, shown
from asteroid_taxonomy.archives.formats import (
    DAMAGE,
    BadTable,
    MissingColumn,
    from_astropy,
    read_rows,
    unzipped,
)
from asteroid_taxonomy.console import PipelineError, Progress, one_line
from asteroid_taxonomy.params import Tap
from asteroid_taxonomy.tables import RawTable

CHECKSUMS = "_MD5SUM.txt"  # of ESA's bulk download: "digest  name", a line per file of the folder


def read_files(
    location: str, archive: Archive, wanted: Sequence[tuple[RawTable, Mapping[str, str]]], tap: Tap
) -> list[pa.Table]:
    """Read tables from the files at a location.

    The location is a folder, a file, a glob, or the http(s) address of a file or of an index page
    (with a slash at its end). Each of `wanted` is a table and its columns by role. A file belongs
    to the first that it has all columns of; there must be rows of the first of `wanted`.

    Raises
    ------
    PipelineError
        No file has the columns, or one is damaged or not what its checksum says.
    """
    parts: list[list[pa.Table]] = [[] for _ in wanted]
    lacks = "no such file"
    limits = aiohttp.ClientTimeout(tap.deadline_s, sock_connect=tap.connect_timeout_s,
                                   sock_read=tap.read_timeout_s)
    try:
        files, path = fsspec.url_to_fs(location, client_kwargs={
            "timeout": limits, "trust_env": True, "auto_decompress": False})
        found = _find(files, path)
        with Progress(wanted[0][0].title, len(found), "file") as progress:
            for i, (address, md5) in enumerate(found.items()):
                progress.update(i)
                body = files.cat_file(address)
                if md5 and hashlib.md5(body).hexdigest() != md5:
                    raise BadTable(f"another MD5 than {CHECKSUMS} states")
                for part, (raw, names) in zip(parts, wanted, strict=True):
                    try:
                        part.append(_read(body, address, files, raw, names))
                        break
                    except MissingColumn as error:
                        lacks = f"{basename(address)} has {error}"
    except BadTable as error:
        raise PipelineError(f"{shown(address)}: {one_line(error, 140)}; download it again"
                            ) from None
    except (OSError, aiohttp.ClientError, TransientError, QueryError) as error:
        what = "no such file" if isinstance(error, FileNotFoundError) else error
        raise PipelineError(f"{one_line(shown(f'{location}: {what}'), 130)}; check the address, "
                            "or download the files and name their folder") from None
    if not parts[0]:
        raise PipelineError(f"{archive.files_variable}={one_line(shown(location), 80)}: {lacks}; "
                            f"name the files of the {wanted[0][0].title} (docs/releases.md)")
    return [pa.concat_tables(part or [raw.schema.empty_table()], promote_options="default")
            for part, (raw, _) in zip(parts, wanted, strict=True)]


def _read(body: bytes, address: str, files: Any, raw: RawTable,
          names: Mapping[str, str]) -> pa.Table:
    """Read a file by its own header, or by the ReadMe beside it if it has a fixed width."""
    try:
        return read_rows(io.BytesIO(body), raw, names)
    except MissingColumn:
        # asteroid.dat at CDS is asteroid.txt at the authors': one description
        stem = re.escape(basename(address).split(".")[0])
        section = re.search(rf"^Byte-by-byte Description of file:.*\b{stem}\b.*\n-+\n"
                            r"(?:.*\n)+?-{9,}\n(?:.*\n)+?-{9,}\n",
                            _beside(dirname(address), "ReadMe", files), re.MULTILINE)
        if not section:
            raise
    try:
        text = unzipped(io.BytesIO(body)).read().decode("utf-8", "replace")
        return from_astropy(astropy_ascii.read(section[0] + text, format="cds"), raw, names)
    except (*DAMAGE, astropy_ascii.InconsistentTableError) as error:
        raise BadTable(f"not what its ReadMe describes ({one_line(error, 80)})") from None


def _find(files: Any, path: str) -> dict[str, str | None]:
    """Addresses of the data files at a location, and the MD5 of each where it is stated."""
    is_folder = path.endswith("/") or os.path.isdir(path)
    found = files.ls(path, detail=False) if is_folder else files.glob(path)
    sums = {join(folder, name): md5 for folder in set(map(dirname, found))
            for md5, name in re.findall(r"^([0-9a-f]{32}) +(\S+)$",
                                        _beside(folder, CHECKSUMS, files), re.MULTILINE)}
    # the checksums themselves, CDS's ReadMe, licences and links that sort an index are no data
    data = [address for address in sorted({*found, *(sums if is_folder else ())})
            if not (re.match(r"[._?]|readme|$", basename(address), re.IGNORECASE)
                    or os.path.isdir(address))]
    if absent := [basename(address) for address in data if address not in found]:
        raise PipelineError(f"{one_line(shown(path), 80)} lacks {len(absent):,} files that its "
                            f"{CHECKSUMS} lists, e.g. {absent[0]}; download the rest")
    return {address: sums.get(address) for address in data}


def _beside(folder: str, name: str, files: Any) -> str:
    """The text of a file in a folder; empty if there is none."""
    try:
        text = unzipped(io.BytesIO(files.cat_file(join(folder, name)))).read()
        return text.decode("utf-8", "replace").replace("\r\n", "\n")
    except FileNotFoundError:
        return ""
