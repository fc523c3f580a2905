"""The raw tables from files, as ESA and CDS publish them beside their TAP services.

ESA's bulk download is gzipped CSV below an ECSV header, with MD5 sums beside it. Which files hold
which table is found by their columns, so that no release's file names are in the code. Label
tables come in fixed width with CDS's ReadMe, as TSV or CSV from VizieR, or as the authors' file.
"""

import glob
import hashlib
import os
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import IO
from urllib.parse import unquote, urljoin

import pyarrow as pa
from astropy.io import ascii as astropy_ascii

from asteroid_taxonomy.archives import Archive, shown
from asteroid_taxonomy.archives.formats import (
    BadTable,
    MissingColumn,
    from_astropy,
    long_form,
    read_rows,
    unzipped,
)
from asteroid_taxonomy.archives.session import TRANSIENT, RefusalError, Session, cause
from asteroid_taxonomy.console import PipelineError, Progress, one_line
from asteroid_taxonomy.params import Tap
from asteroid_taxonomy.tables import RawTable

CHECKSUMS = "_MD5SUM.txt"  # of ESA's bulk download: "digest  name", a line per file of the folder


def read_files(
    location: str, archive: Archive, wanted: Sequence[tuple[RawTable, Mapping[str, str]]], tap: Tap
) -> list[pa.Table]:
    """Read tables from the files at a location.

    Parameters
    ----------
    location : str
        A folder, a file, a glob, or the http(s) address of a file or of an index page (with a
        slash at its end).
    archive : Archive
        Whose tables they are.
    wanted : sequence of (RawTable, mapping)
        Each table and its columns by role. A file belongs to the first that it has all columns of;
        the first of `wanted` must be there.
    tap : params.Tap
        Time limits.

    Returns
    -------
    list of pyarrow.Table
        One for each of `wanted`, in the order of the files; without rows where no file has it.

    Raises
    ------
    PipelineError
        No file has the columns, or one is damaged or not what its checksum says.
    """
    parts: list[list[pa.Table]] = [[] for _ in wanted]
    session, lacks = Session(tap), "no such file"
    addresses = _find(location, session)
    with session, Progress(wanted[0][0].title, len(addresses), "file") as progress:
        for i, address in enumerate(addresses):
            progress.update(i)
            with _opened(address, session, addresses[address]) as body:
                for part, (raw, names) in zip(parts, wanted, strict=True):
                    try:
                        part.append(long_form(_read(body, address, session, raw, names)))
                        break
                    except MissingColumn as error:
                        lacks = f"{_name(address)} has {error}"
                    except BadTable as error:
                        raise PipelineError(f"{shown(address)}: {one_line(error, 140)}; download "
                                            "it again") from None
    if not parts[0]:
        raise PipelineError(f"{archive.files_variable}={one_line(shown(location), 80)}: {lacks}; "
                            f"name the files of the {wanted[0][0].title} (docs/releases.md)")
    return [pa.concat_tables(part or [raw.schema.empty_table()], promote_options="default")
            for part, (raw, _) in zip(parts, wanted, strict=True)]


def _read(body: IO[bytes], address: str, session: Session, raw: RawTable,
          names: Mapping[str, str]) -> pa.Table:
    """Read a file by its own header, or by the ReadMe beside it if it has a fixed width."""
    try:
        return read_rows(body, raw, names)
    except MissingColumn:
        # asteroid.dat at CDS is asteroid.txt at the authors': one description
        stem = re.escape(_name(address).split(".")[0])
        section = re.search(rf"^Byte-by-byte Description of file:.*\b{stem}\b.*\n-+\n"
                            r"(?:.*\n)+?-{9,}\n(?:.*\n)+?-{9,}\n",
                            _beside(address, "ReadMe", session), re.MULTILINE)
        if not section:
            raise
    try:
        text = unzipped(body).read().decode("utf-8", "replace")
        return from_astropy(astropy_ascii.read(section[0] + text, format="cds"), raw, names)
    except (ValueError, IndexError, astropy_ascii.InconsistentTableError) as error:
        raise BadTable(f"not what its ReadMe describes ({one_line(error, 80)})") from None


def _find(location: str, session: Session) -> dict[str, str | None]:
    """Addresses of the data files at a location, and the MD5 of each where it is stated."""
    folder = location.endswith("/") or os.path.isdir(os.path.expanduser(location))
    if _is_web(location):
        found = [location]
        if folder:
            links = re.findall(r"""href\s*=\s*["']([^"'#?]+)""", _text(location, session), re.I)
            found = [address for address in (urljoin(location, link) for link in links)
                     if address.rpartition("/")[0] == location.rstrip("/")]
    else:
        path = os.path.expanduser(location)
        found = glob.glob(os.path.join(path, "*") if folder else path, recursive=True)
        found = [file for file in found if os.path.isfile(file)]
    sums: dict[str, dict[str, str]] = {}
    out: dict[str, str | None] = {}
    for address in sorted(set(found)):
        beside = address.removesuffix(address.split("/")[-1])
        if beside not in sums:
            sums[beside] = {name: digest.lower() for digest, name in re.findall(
                r"^\s*([0-9a-fA-F]{32})\s+\*?(?:\./)?(\S+)\s*$",
                _beside(address, CHECKSUMS, session), re.MULTILINE) if _is_data(name)}
        if _is_data(_name(address)):
            out[address] = sums[beside].get(_name(address))
    absent = {name for names in sums.values() for name in names} - set(map(_name, out))
    if folder and absent:
        raise PipelineError(f"{one_line(shown(location), 80)} lacks {len(absent):,} files that "
                            f"its {CHECKSUMS} lists, e.g. {min(absent)}; download the rest")
    return out


def _is_web(location: str) -> bool:
    return bool(re.match(r"https?://", location, re.IGNORECASE))


def _is_data(name: str) -> bool:
    """Whether a file is not about other files, as ESA's _MD5SUM.txt and CDS's ReadMe are."""
    return not re.match(r"[._]|readme|$", name, re.IGNORECASE)


def _name(address: str) -> str:
    return unquote(address.split("/")[-1])


@contextmanager
def _opened(address: str, session: Session, md5: str | None = None) -> Iterator[IO[bytes]]:
    """Open a file; one behind http(s) is downloaded to a temporary file first."""
    with tempfile.TemporaryFile() if _is_web(address) else open(address, "rb") as body:
        if _is_web(address):
            try:
                with session.get(address, headers={"Accept-Encoding": "identity"},
                                 stream=True) as response:
                    body.writelines(session.chunks(response))
            except (*TRANSIENT, RefusalError) as error:
                kind = RefusalError if isinstance(error, RefusalError) else PipelineError
                raise kind(f"{shown(address)}: {cause(error)}; check the address, or download the "
                           "files and name their folder") from None
            body.seek(0)
        if md5 and hashlib.file_digest(body, "md5").hexdigest() != md5:
            raise PipelineError(f"{shown(address)} has another MD5 than {CHECKSUMS} beside it "
                                "states; download it again")
        yield body


def _text(address: str, session: Session) -> str:
    with _opened(address, session) as body:
        return unzipped(body).read().decode("utf-8", "replace").replace("\r\n", "\n")


def _beside(address: str, name: str, session: Session) -> str:
    """The text of a file in the same folder; empty if there is none."""
    other = address.removesuffix(address.split("/")[-1]) + name
    try:
        return _text(other, session)
    except (FileNotFoundError, RefusalError):
        return ""
