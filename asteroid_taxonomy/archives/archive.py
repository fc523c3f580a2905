"""The archives, the other doors to their tables, and how long to wait for them."""

from dataclasses import dataclass

# how every request introduces itself
HEADERS = {"User-Agent": "asteroid-taxonomy (astroquery, requests)", "Accept-Encoding": "gzip"}


@dataclass(frozen=True)
class Archive:
    """An archive: the environment variables that name other doors to its tables, and who helps."""

    name: str
    mirror_variable: str
    files_variable: str
    contact: str


GAIA = Archive("the Gaia archive", "GAIA_TAP_URL", "GAIA_FILES",
               "the Gaia helpdesk (https://www.cosmos.esa.int/web/gaia/gaia-helpdesk)")
VIZIER = Archive("TAPVizieR", "VIZIER_TAP_URL", "LABELS_FILE",
                 "CDS (cds-question@unistra.fr)")


@dataclass(frozen=True)
class Limits:
    """How long to wait, in seconds (block `tap` of params.yaml)."""

    connect_timeout_s: float
    read_timeout_s: float
    deadline_s: float
    backoff_s: float
    longest_pause_s: float
