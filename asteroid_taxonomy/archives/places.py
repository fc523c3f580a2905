"""Files where a user says they lie: a folder, a file, a glob, or the same behind http(s).

A folder behind http(s) is an index page that links to its files, as ESA's and CDS's servers make
them. Downloads go to a temporary file without a name: nothing can be left behind.
"""

import glob
import gzip
import hashlib
import re
import tempfile
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast
from urllib.parse import unquote, urljoin, urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter

from asteroid_taxonomy.archives.answer import GZIP_MAGIC
from asteroid_taxonomy.archives.archive import HEADERS
from asteroid_taxonomy.console import PipelineError

CHECKSUMS = "_MD5SUM.txt"  # ESA's bulk download: "digest  name", a line per file of the folder
CONNECT_READ_S = (10, 120)  # seconds of silence
DEADLINE_S = 1800  # of one file
CHUNK_BYTES = 1 << 18
TEXT_BYTES = 1 << 24  # of an index page, a ReadMe or checksums
# 1 + 2 + 4 + 8 s before it gives up; Retry-After is heeded
RETRIES = urllib3.Retry(total=4, backoff_factor=1, status_forcelist=[429, 500, 502, 503, 504])


class NotThere(PipelineError):
    """The server has no such file."""


def find(location: str, variable: str) -> dict[str, str | None]:
    """Find the files at a location, and what their checksums should be.

    Parameters
    ----------
    location : str
        A folder (its files, not those of folders in it), a file, a glob (`**` included), or the
        http(s) address of a file or of a folder's index page (with a slash at its end).
    variable : str
        The environment variable that named it, for messages.

    Returns
    -------
    dict
        MD5 in hexadecimal, None where nobody states it, by path or address, in order of these;
        hidden files, checksums and ReadMe are not among them.

    Raises
    ------
    PipelineError
        Nothing there, or a file of a folder missing that the checksums beside it name.
    """
    if _is_web(location):
        found = _links(location) if urlsplit(location).path.endswith("/") else [location]
    else:
        path = Path(location).expanduser()
        found = [str(file) for file in path.iterdir()] if path.is_dir() else (
            glob.glob(str(path), recursive=True))
    found = sorted(address for address in found if _is_data(name_of(address))
                   and (_is_web(address) or Path(address).is_file()))
    if not found:
        raise PipelineError(f"{variable} is {location!r}, where there is no file; name a folder, "
                            "a file, a glob such as 'folder/*.csv.gz', or an http(s) address")
    stated: dict[str, dict[str, str]] = {}
    for address in found:
        folder = address.removesuffix(name_of(address))
        if folder not in stated:
            stated[folder] = _checksums(address)
    if location.endswith("/") or Path(location).expanduser().is_dir():
        absent = sorted(set(filter(_is_data, stated[folder])) - set(map(name_of, found)))
        if absent:
            raise PipelineError(f"{CHECKSUMS} in {location} names {len(absent):,} files that are "
                                f"not there, e.g. {absent[0]}: fetch the rest of the download")
    return {address: stated[address.removesuffix(name_of(address))].get(name_of(address))
            for address in found}


def _is_data(name: str) -> bool:
    """Whether a file is not about other files, as ESA's _MD5SUM.txt and CDS's ReadMe are."""
    return not re.match(r"[._]|readme|$", name, re.IGNORECASE)


def name_of(address: str) -> str:
    """The file's name at the end of a path or address."""
    return unquote(urlsplit(address).path).split("/")[-1] if _is_web(address) else (
        Path(address).name)


@contextmanager
def opened(address: str, md5: str | None = None) -> Iterator[IO[bytes]]:
    """Open a file for reading, unpacked if it is gzipped; one behind http(s) is downloaded first.

    Raises
    ------
    NotThere
        The server has no such file.
    PipelineError
        The server cannot be reached, answers with another error or takes too long; the file's
        checksum is not `md5`; or it cannot be unpacked.
    """
    with tempfile.TemporaryFile() if _is_web(address) else open(address, "rb") as body:
        if _is_web(address):
            for chunk in _chunks(address):
                body.write(chunk)
            body.seek(0)
        came = md5 and hashlib.file_digest(body, "md5").hexdigest()
        if came != md5:
            raise PipelineError(f"{address} has the MD5 {came}, {CHECKSUMS} beside it says {md5}: "
                                "it is cut off or damaged; download it again")
        body.seek(0)
        zipped = body.read(2) == GZIP_MAGIC
        body.seek(0)
        try:
            yield cast(IO[bytes], gzip.GzipFile(fileobj=body)) if zipped else body
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise PipelineError(f"{address} is cut off or damaged ({error}); download it "
                                "again") from None


def beside(address: str, name: str) -> str:
    """The text of the file `name` in the folder of `address`; "" where there is none."""
    other = urljoin(address, name) if _is_web(address) else str(Path(address).with_name(name))
    try:
        return _text(other)
    except (FileNotFoundError, NotThere):
        return ""


def _text(address: str) -> str:
    with opened(address) as body:
        return body.read(TEXT_BYTES).decode("utf-8", "replace")


def _checksums(address: str) -> dict[str, str]:
    """MD5 by name, of the files in the folder of `address`; empty if unknown."""
    lines = re.findall(r"^\s*([0-9a-fA-F]{32})\s+\*?(?:\./)?(\S+)\s*$",
                       beside(address, CHECKSUMS), re.MULTILINE)
    return {name: digest.lower() for digest, name in lines}


def _is_web(location: str) -> bool:
    return bool(re.match(r"https?://", location, re.IGNORECASE))


def _links(address: str) -> list[str]:
    """The addresses of the files that an index page links to, those in its own folder."""
    links = re.findall(r"""href\s*=\s*["']([^"'#?]+)""", _text(address), re.IGNORECASE)
    return [link for link in {urljoin(address, link) for link in links}
            if link.startswith(address) and "/" not in link.removeprefix(address)]


def _chunks(address: str) -> Iterator[bytes]:
    """The bytes of a file as they lie on the server, whatever it would pack for the way."""
    ends = time.monotonic() + DEADLINE_S
    with requests.Session() as session:
        for scheme in ("http://", "https://"):
            session.mount(scheme, HTTPAdapter(max_retries=RETRIES))
        headers = {**HEADERS, "Accept-Encoding": "identity"}
        try:
            with session.get(address, headers=headers, stream=True,
                             timeout=CONNECT_READ_S) as response:
                if response.status_code == 404:
                    raise NotThere(f"{address} is not there (404); check the address")
                response.raise_for_status()
                for chunk in response.raw.stream(CHUNK_BYTES, decode_content=False):
                    if time.monotonic() > ends:
                        raise PipelineError(f"{address} was still coming after {DEADLINE_S:g} s; "
                                            "download it by hand and name the folder")
                    yield chunk
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            said = " ".join(str(error).split())[:200]
            raise PipelineError(f"{address} could not be downloaded ({said}); check the address "
                                "and the network, or download it by hand") from None
