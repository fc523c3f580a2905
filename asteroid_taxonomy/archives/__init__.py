"""The archives: environment variables for mirrors and files, and their errors."""

import html
import re
from dataclasses import dataclass

from asteroid_taxonomy.console import PipelineError, one_line

# words with which DaCHS, VOLLT (TAPVizieR), ESA and PostgreSQL report an error in the query
QUERY_FAULT = re.compile(
    r"unresolved|\bpars(e|ing)|syntax|unknown (table|column)|no such|not exist|not found|"
    r"cannot find|could not (be )?locate|incorrect ADQL|encountered \"", re.IGNORECASE)


@dataclass(frozen=True)
class Archive:
    """An archive: its name, and the variables for a TAP mirror and for files."""

    name: str
    mirror_variable: str
    files_variable: str


GAIA = Archive("the Gaia archive", "GAIA_TAP_URL", "GAIA_FILES")
VIZIER = Archive("TAPVizieR", "VIZIER_TAP_URL", "LABELS_FILE")


def shown(address: str) -> str:
    """An address without the user and password that it may contain."""
    return re.sub(r"//[^/]*@", "//", address)


class TransientError(Exception):
    """A transient error: another attempt may succeed."""


class RefusalError(PipelineError):
    """An error that is not transient."""

    advice = "use files or a mirror (docs/releases.md)"


class QueryError(RefusalError):
    """An error in the query, as the service reports it."""

    advice = "check the names of the table and its columns in params.yaml"


def reported(message: str) -> TransientError | QueryError:
    """The error that a service's message is about."""
    return QueryError(message) if QUERY_FAULT.search(message) else TransientError(message)


def server_message(body: bytes) -> str:
    """The message in a VOTable, UWS or HTML error page, on one line."""
    text = body[:1 << 16].decode("utf-8", "replace")
    if found := re.search(r'<INFO[^>]*value="ERROR"[^>]*>(.+?)</(\w+:)?INFO>|'
                          r"<(\w+:)?message>(.+?)</(\w+:)?message>|<title>(.+?)</title>", text,
                          re.DOTALL | re.IGNORECASE):
        text = found[0]
    return one_line(html.unescape(re.sub(r"<[^>]*>", " ", text)), 90)
