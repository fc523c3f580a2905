"""The archives, and the environment variables that name another way to their tables."""

import re
from dataclasses import dataclass


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
    return re.sub(r"//[^/\s]*@", "//", address)
