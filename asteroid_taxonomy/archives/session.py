"""HTTP requests to an archive: they end at a deadline, and their errors are of three kinds."""

import html
import re
import time
from collections.abc import Iterator
from typing import Any

import pyvo
import requests
import urllib3
from requests.adapters import HTTPAdapter

from asteroid_taxonomy.console import PipelineError, one_line
from asteroid_taxonomy.params import Tap

TRANSIENT_STATUS = {429, 500, 502, 503, 504}
GRACE_S = 5.0  # of a request after the deadline: deleting a job is still worth a try
PAGE_BYTES = 1 << 16
# words with which DaCHS, VOLLT (TAPVizieR), ESA and PostgreSQL report an error in the query
QUERY_FAULT = re.compile(
    r"unresolved|\bpars(e|ing)|syntax|unknown (table|column)|no such|not exist|not found|"
    r"cannot find|could not (be )?locate|incorrect ADQL|encountered \"", re.IGNORECASE)


class TransientError(Exception):
    """A transient error: worth another attempt after `wait_s` seconds."""

    def __init__(self, what: str, wait_s: float = 0.0) -> None:
        super().__init__(what)
        self.wait_s = wait_s


class RefusalError(PipelineError):
    """An error that will not pass by waiting."""


class QueryError(RefusalError):
    """An error in the query, as the service reports it."""


# ValueError: pyvo was sent something else than the XML of a job
TRANSIENT = (TransientError, requests.RequestException, urllib3.exceptions.HTTPError,
             pyvo.dal.DALAccessError, ValueError)
UNREACHABLE = (urllib3.exceptions.NewConnectionError, urllib3.exceptions.ConnectTimeoutError,
               urllib3.exceptions.SSLError, urllib3.exceptions.ProxyError)


class Session(requests.Session):
    """Requests until a deadline; an HTTP error status is one of the exceptions above.

    GET is tried three times, so that a job is not given up for one failed poll or download.
    `reached` is whether the host has been reached at all.
    """

    def __init__(self, tap: Tap) -> None:
        super().__init__()
        self.tap, self.ends, self.reached = tap, time.monotonic() + tap.deadline_s, False
        self.headers["User-Agent"] = "asteroid-taxonomy (pyvo, requests)"
        retry = urllib3.Retry(2, connect=0, allowed_methods={"GET"}, backoff_factor=tap.backoff_s,
                              status_forcelist=TRANSIENT_STATUS, raise_on_status=False,
                              respect_retry_after_header=False)
        for scheme in ("http://", "https://"):
            self.mount(scheme, HTTPAdapter(max_retries=retry))

    @property
    def left_s(self) -> float:
        """Seconds until the deadline."""
        return self.ends - time.monotonic()

    def request(self, *args: Any, **kwargs: Any) -> requests.Response:
        """Send a request; raise TransientError, QueryError or RefusalError by its status."""
        kwargs["timeout"] = (self.tap.connect_timeout_s,
                             min(self.tap.read_timeout_s, max(self.left_s, GRACE_S)))
        try:
            response = super().request(*args, **kwargs)
        except requests.RequestException as error:
            reason = getattr(error.args[0] if error.args else None, "reason", error)
            self.reached |= not isinstance(reason, UNREACHABLE)
            raise
        self.reached = True
        if response.ok:
            return response
        with response:
            message = server_message(response.content)
        what = f"HTTP {response.status_code} {response.reason}{': ' * bool(message)}{message}"
        if response.status_code == 400 or (response.status_code == 500
                                           and QUERY_FAULT.search(message)):
            raise QueryError(what)
        lost_job = response.status_code == 404 and "/async/" in response.url
        if response.status_code in TRANSIENT_STATUS or lost_job:
            wait = response.headers.get("Retry-After", "")
            raise TransientError(what, float(wait) if re.fullmatch("[0-9]{1,9}", wait) else 0.0)
        raise RefusalError(what)

    def chunks(self, response: requests.Response) -> Iterator[bytes]:
        """The body as it was sent, until the deadline."""
        for chunk in response.raw.stream(1 << 18, decode_content=False):
            if self.left_s < 0:
                raise TransientError("the response is still being sent")
            yield chunk


def server_message(body: bytes) -> str:
    """The message in a VOTable, UWS or HTML error page, on one line."""
    text = body[:PAGE_BYTES].decode("utf-8", "replace")
    for pattern in (r'<INFO[^>]*value="ERROR"[^>]*>(.*?)</(?:\w+:)?INFO>',
                    r"<(?:\w+:)?message>(.*?)</(?:\w+:)?message>", r"<title>(.*?)</title>"):
        found = re.search(pattern, text, re.DOTALL | re.IGNORECASE)
        if found and found[1].strip():
            text = found[1]
            break
    return one_line(html.unescape(re.sub(r"<[^>]*>", " ", text)), 90)


def cause(error: BaseException) -> str:
    """The innermost cause of a network error, on one line."""
    found = re.search(r"Failed to resolve '[^']*'|(Failed to establish|Read timed out|Remote end|"
                      r"Connection to|certificate verify failed)[^'\")]*", str(error))
    return one_line(found[0] if found else error, 120)
