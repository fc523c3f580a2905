"""The connection to a TAP service: time-outs, a deadline, retries, redirects, plain errors.

astroquery's TapPlus brings a connection of its own on http.client, without any of these; it takes
another one in its place, and this is it, on `requests`.
"""

import email.utils
import os
import random
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import urljoin, urlsplit

import requests
import urllib3
from astroquery.utils.tap.conn.tapconn import CONTENT_TYPE_POST_DEFAULT, TapConn

from asteroid_taxonomy.archives.answer import server_message
from asteroid_taxonomy.console import PipelineError, Progress

TRANSIENT_STATUS = {429, 502, 503, 504}
REPOST_STATUS = {301, 307, 308}  # the service has moved: the same POST goes to the new address
REDIRECTS = 5
CHUNK_BYTES = 1 << 18
GRACE_S = 5.0  # what a request gets after the deadline: deleting the job is still worth a try
T = TypeVar("T")


class TapError(PipelineError):
    """The archive could not be reached, refused the query, or did not send the whole answer."""


class TransientError(Exception):
    """A fault that may pass: worth another attempt after `retry_after` seconds."""

    def __init__(self, reason: str, retry_after: float = 0.0) -> None:
        super().__init__(reason)
        self.retry_after = retry_after


@dataclass(frozen=True)
class Archive:
    """A TAP service as published, and the environment variable that names a mirror of it."""

    name: str
    published_url: str
    mirror_variable: str

    @property
    def url(self) -> str:
        """The mirror's TAP URL where one is named, else the published one."""
        return (os.environ.get(self.mirror_variable) or self.published_url).rstrip("/")

    def __str__(self) -> str:
        return f"{self.name} ({self.url})"


@dataclass(frozen=True)
class Limits:
    """How long to wait, in seconds, and how often to try again (block `tap` of params.yaml)."""

    connect_timeout_s: float
    read_timeout_s: float
    deadline_s: float
    retries: int
    backoff_s: float


class _Answer:
    """What TapPlus reads of an http.client response: all of it is text to TapPlus."""

    def __init__(self, response: requests.Response, body: bytes) -> None:
        self.status, self.reason = response.status_code, response.reason
        self._headers = list(response.headers.items())
        self._body = body.decode("utf-8", "replace").encode()

    def read(self) -> bytes:
        return self._body

    def getheaders(self) -> list[tuple[str, str]]:
        return self._headers


class Connection(TapConn):
    """TapPlus's connection, on requests; its deadline starts when it is made."""

    def __init__(self, archive: Archive, limits: Limits, progress: Progress) -> None:
        if not re.match(r"https?://[\w.-]+(:\d+)?(/|$)|https?://\[[\da-fA-F:]+\]", archive.url):
            raise TapError(
                f"{archive.mirror_variable} should be a TAP URL such as "
                f"{archive.published_url}, but is {archive.url!r}; correct or unset it"
            )
        super().__init__(archive.url.startswith("https"), urlsplit(archive.url).netloc)
        self.archive, self.limits, self.progress = archive, limits, progress
        self.ends = time.monotonic() + limits.deadline_s
        self.session = requests.Session()
        self.session.headers["Accept-Encoding"] = "gzip"

    def execute_tapget(self, subcontext: str, *, verbose: bool = False) -> _Answer:
        """GET, with retries: asking twice does no harm."""

        def attempt() -> _Answer:
            with self.request("GET", subcontext) as response:
                return _Answer(response, b"".join(self.chunks(response)))

        return self.retrying(attempt)

    def execute_tappost(
        self, subcontext: str, data: str, content_type: str = CONTENT_TYPE_POST_DEFAULT, *,
        verbose: bool = False,
    ) -> _Answer:
        """POST once: it changes a job, so what fails is begun anew as a whole."""
        with self.request("POST", subcontext, data) as response:
            body = b"".join(self.chunks(response))
        created = response.status_code == 303 and "Location" in response.headers
        if subcontext == "async" and not created:
            raise TapError(
                f"{self.archive} did not create a job: {server_message(body) or 'it said nothing'}"
                f"; check that {self.archive.mirror_variable} names a TAP service with /async"
            )
        return _Answer(response, body)

    def request(self, method: str, path: str, data: str | None = None) -> requests.Response:
        """Send one request; the body is still to be read.

        Parameters
        ----------
        method : str
            GET or POST.
        path : str
            Relative to the service's URL.
        data : str, optional
            Form fields, URL-encoded.

        Raises
        ------
        TransientError
            No answer, or a status that may pass.
        TapError
            Any other status than 200 and 303.
        """
        url = f"{self.archive.url}/{path}"
        for _ in range(REDIRECTS):
            response = self._send(method, url, data)
            if method == "GET" or response.status_code not in REPOST_STATUS:
                break
            url = urljoin(url, response.headers.get("Location", ""))
        if response.status_code in (200, 303):
            return response
        with response:
            status = f"answered {response.status_code} {response.reason}"
            if response.status_code in TRANSIENT_STATUS:
                raise TransientError(status, _seconds(response.headers.get("Retry-After", "")))
            said = server_message(b"".join(self.chunks(response)))
        raise TapError(
            f"{self.archive} {status} to {method} {urlsplit(url).path}{': ' * bool(said)}{said}; "
            f"check the table names in params.yaml and the URL in {self.archive.mirror_variable}"
        )

    def _send(self, method: str, url: str, data: str | None) -> requests.Response:
        # silence may last to the deadline, not beyond
        silence = min(self.limits.read_timeout_s, max(self.ends - time.monotonic(), GRACE_S))
        headers = {"Content-Type": CONTENT_TYPE_POST_DEFAULT} if data else {}
        advice = f"check the URL in {self.archive.mirror_variable}"
        try:
            return self.session.request(
                method, url, data=data, headers=headers, stream=True,
                timeout=(self.limits.connect_timeout_s, silence), allow_redirects=method == "GET",
            )
        except requests.exceptions.TooManyRedirects:
            raise TapError(f"{self.archive} redirects without end; {advice}") from None
        except requests.exceptions.SSLError as error:
            raise TapError(f"the certificate of {self.archive} was not accepted "
                           f"({_reason(error)}); check this machine's clock and proxy") from None
        except (requests.exceptions.ConnectionError, requests.exceptions.Timeout) as error:
            raise TransientError(_reason(error)) from None
        except requests.exceptions.RequestException as error:
            raise TapError(f"{self.archive}: {_reason(error)}; {advice}") from None

    def chunks(self, response: requests.Response) -> Iterator[bytes]:
        """The body as sent (not unzipped), piece by piece as it comes, until the deadline.

        Raises
        ------
        TransientError
            The connection broke, or less came than the headers promised.
        """
        received = 0
        if response.is_redirect:  # requests has read that one's body
            yield response.content
            return
        try:
            # read1 gives what is there; read would sit out a trickle until a chunk is full
            while chunk := response.raw.read1(CHUNK_BYTES, decode_content=False):
                if received:  # what came at once needs no deadline
                    self.check_deadline(f"sending its answer ({received:,} bytes so far)")
                received += len(chunk)
                yield chunk
        except (urllib3.exceptions.HTTPError, ConnectionError) as error:
            raise TransientError(
                f"the connection broke after {received:,} bytes ({_reason(error)})"
            ) from None

    def check_deadline(self, doing: str) -> None:
        """Raise TapError once the deadline has passed."""
        if time.monotonic() > self.ends:
            raise TapError(
                f"{self.archive} was still {doing} at the deadline of "
                f"{self.limits.deadline_s:g} s; try again later, or raise tap.deadline_s in "
                "params.yaml"
            )

    def retrying(self, attempt: Callable[[], T]) -> T:
        """Call `attempt` again after what may pass, with exponential backoff and jitter."""
        for number in range(1, self.limits.retries + 2):
            try:
                return attempt()
            except TransientError as error:
                fault = error
            wait = self.limits.backoff_s * 2 ** (number - 1) * random.uniform(0.5, 1.5)
            wait = max(wait, fault.retry_after)
            if number > self.limits.retries:
                break
            if time.monotonic() + wait > self.ends:
                raise TapError(
                    f"{self.archive} could not be used: {fault}, and the deadline of "
                    f"{self.limits.deadline_s:g} s comes before the next attempt; try again "
                    "later, or raise tap.deadline_s in params.yaml"
                )
            self.progress.update(note=f"{fault}; attempt {number + 1} in {wait:.1f} s")
            time.sleep(wait)
        raise TapError(
            f"{self.archive} could not be used: {fault} (attempt {number}); check the network, "
            f"or name a mirror in {self.archive.mirror_variable}, or run without an archive on "
            "the simulated survey (`make demo`, or survey: simulated in params.yaml)"
        )


def _seconds(retry_after: str) -> float:
    """Retry-After in seconds; RFC 9110 allows a number or a date. 0 where it is neither."""
    if retry_after.strip().isdigit():
        return float(retry_after)
    try:
        return email.utils.parsedate_to_datetime(retry_after).timestamp() - time.time()
    except ValueError:
        return 0.0


def _reason(error: BaseException) -> str:
    """The innermost cause of a network error, on one line."""
    text = str(error)
    for pattern in (r"Failed to (?:resolve|establish)[^\[\(]*(?:\[[^\]]*\] [^\)'\"]*)?",
                    r"(?:Read|Connect) timed out[^\)'\"]*", r"Remote end closed[^\)'\"]*"):
        found = re.search(pattern, text)
        if found:
            return " ".join(found[0].split())
    return " ".join(text.split())[:200]
