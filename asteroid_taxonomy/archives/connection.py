"""The connection to a TAP service: time-outs, redirects, bounds, and what a fault means.

astroquery's TapPlus brings a connection of its own on http.client, without any of these; it takes
another one in its place, and this is it, on `requests`. Nothing is tried again here: a fault that
may pass is told from one that will not, and retries.py does the rest.
"""

import os
import re
import threading
import time
import zlib
from collections.abc import Iterator
from urllib.parse import urljoin, urlsplit

import requests
import urllib3
from astroquery.utils.tap.conn.tapconn import CONTENT_TYPE_POST_DEFAULT, TapConn

from asteroid_taxonomy.archives.answer import GZIP_MAGIC
from asteroid_taxonomy.archives.archive import HEADERS, Archive, Limits
from asteroid_taxonomy.archives.faults import (
    PassingFault,
    TapError,
    cause,
    one_line,
    query_is_at_fault,
    retry_after_seconds,
    server_message,
)
from asteroid_taxonomy.console import Progress

PASSING_STATUS = {429, 500, 502, 503, 504}
MOVED_STATUS = {301, 302, 307, 308}  # a POST to the same name elsewhere is sent there again
REDIRECTS = 5
CHUNK_BYTES = 1 << 18
SMALL_BYTES = 1 << 20  # of a phase, a job or an error page; more is not read
GRACE_S = 5.0  # what a request gets after the deadline: deleting the job is still worth a try


class _Session(requests.Session):
    """Leaves redirects alone: requests would read their bodies, and turn a POST into a GET."""

    def get_redirect_target(self, resp: requests.Response) -> None:
        return None


class _Answer:
    """What TapPlus reads of an http.client response: all of it is text to TapPlus."""

    def __init__(self, response: requests.Response, body: bytes) -> None:
        self.status, self.reason = response.status_code, response.reason
        # TapPlus takes what follows the last slash for the job's name
        location = re.sub(r"[;?#].*", "", response.headers.get("Location", "")).rstrip("/")
        self._headers, self.last_of_location = [("Location", location)], location.split("/")[-1]
        self._body = body.decode("utf-8", "replace").encode()

    def read(self) -> bytes:
        return self._body

    def getheaders(self) -> list[tuple[str, str]]:
        return self._headers


class Connection(TapConn):
    """TapPlus's connection, on requests; its deadline starts when it is made."""

    def __init__(
        self, archive: Archive, published_url: str, limits: Limits, progress: Progress
    ) -> None:
        mirror = os.environ.get(archive.mirror_variable)
        self.url = (mirror or published_url).rstrip("/")
        if not re.match(r"https?://[\w.-]+(:\d+)?(/|$)|https?://\[[\da-fA-F:]+\]", self.url):
            raise TapError(
                f"{archive.mirror_variable} should be a TAP URL such as {published_url}, but is "
                f"{self.url!r}; correct or unset it", "address")
        super().__init__(self.url.startswith("https"), urlsplit(self.url).netloc)
        self.archive, self.limits, self.progress = archive, limits, progress
        self.contact = "its operators" if mirror else archive.contact
        self.ends = time.monotonic() + limits.deadline_s
        self.session = _Session()
        self.session.headers.update(HEADERS)

    def __str__(self) -> str:
        return f"{self.archive.name} ({self.url})"

    @property
    def left_s(self) -> float:
        """Seconds until the deadline."""
        return self.ends - time.monotonic()

    def execute_tapget(self, subcontext: str, *, verbose: bool = False) -> _Answer:
        """GET a small answer."""
        with self.open("GET", subcontext) as response:
            return _Answer(response, self.small(response))

    def execute_tappost(
        self, subcontext: str, data: str, content_type: str = CONTENT_TYPE_POST_DEFAULT, *,
        verbose: bool = False,
    ) -> _Answer:
        """POST that makes or changes a job; whatever is no fault is the 303 that it should be."""
        with self.open("POST", subcontext, data) as response:
            answer = _Answer(response, b"")
            if subcontext == "async" and answer.last_of_location in {"", "async"}:
                said = server_message(self.small(response)) or "it said nothing"
                raise self.fault(response.status_code, f"did not create a job: {said}")
        answer.status = 303
        return answer

    def open(self, method: str, path: str, data: str | None = None) -> requests.Response:
        """Send one request and follow where it leads; the body is still to be read.

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
        PassingFault
            No answer, or a status that may pass.
        TapError
            A status that will not.
        """
        url = f"{self.url}/{path}"
        for _ in range(REDIRECTS):
            response = self._send(method, url, data)
            if not response.is_redirect:
                break
            try:
                target = urljoin(url, response.headers["Location"])
                same_name = urlsplit(target).path.rpartition("/")[2] == path.rpartition("/")[2]
            except ValueError:
                response.close()
                raise self.fault(0, "redirects to what is no address: "
                                 + one_line(response.headers["Location"])) from None
            if method == "POST" and not (response.status_code in MOVED_STATUS and same_name):
                if path != "sync":  # the address of a job, for who asked
                    return response
                method, data = "GET", None
            response.close()
            url = target
        else:
            raise self.fault(0, "redirects without end")
        if response.ok and not response.is_redirect:
            return response
        with response:
            said = server_message(self.small(response))
            status = one_line(f"answered {response.status_code} {response.reason}")
            retry_after = retry_after_seconds(response.headers.get("Retry-After", ""))
        gone = response.status_code == 404 and method == "GET" and path.startswith("async/")
        raise self.fault(429 if gone else response.status_code,
                         f"{status} to {method} /{path}{': ' * bool(said)}{said}", retry_after)

    def fault(self, status: int, what: str, retry_after: float = 0.0) -> Exception:
        """The exception for a service that did `what`, by HTTP status (0: none of its own).

        A TapError ends in the advice that fits; of a PassingFault the last word is not yet said.
        """
        mirror = self.archive.mirror_variable
        if status == 400 or status in (200, 500) and query_is_at_fault(what):
            return TapError(f"{self} {what}; check the names of the table and its columns in "
                            "params.yaml", "query")
        if status in PASSING_STATUS:
            return PassingFault(what, retry_after)
        if status in (401, 403):
            return TapError(f"{self} {what}; it does not let this machine in: write to "
                            f"{self.contact}, or name another mirror in {mirror} or files in "
                            f"{self.archive.files_variable}", "forbidden")
        return TapError(f"{self} {what}; check that {mirror}, or service in params.yaml, is the "
                        "address of a TAP service", "address")

    def _send(self, method: str, url: str, data: str | None) -> requests.Response:
        # silence may last to the deadline, not beyond
        silence = min(self.limits.read_timeout_s, max(self.left_s, GRACE_S))
        patience = (self.limits.connect_timeout_s, silence)
        came: list[requests.Response | Exception] = []
        given_up = threading.Event()

        def send() -> None:
            try:
                response = self.session.request(
                    method, url, data=data, stream=True, timeout=patience,
                    headers={"Content-Type": CONTENT_TYPE_POST_DEFAULT} if data else {})
                came.append(response)
                if given_up.is_set():
                    response.close()
            except Exception as error:  # raised below, where it is awaited
                came.append(error)

        # a time-out of `requests` starts anew with every byte of a header: the thread's does not
        thread = threading.Thread(target=send, daemon=True)
        thread.start()
        thread.join(sum(patience))
        if not came:
            given_up.set()
            raise PassingFault(f"sent no whole header within {sum(patience):g} s")
        if isinstance(error := came[0], requests.Response):
            return error
        if isinstance(error, requests.exceptions.SSLError):
            raise TapError(f"the certificate of {self} was not accepted ({cause(error)}); check "
                           "this machine's clock and proxy", "certificate")
        if isinstance(error, (requests.exceptions.ConnectionError, requests.exceptions.Timeout)):
            raise PassingFault(cause(error))
        raise self.fault(0, f"cannot be asked: {cause(error)}")

    def small(self, response: requests.Response) -> bytes:
        """A small body, unzipped where a proxy zipped it.

        Raises
        ------
        PassingFault
            It is not small, or it broke off.
        """
        body = b""
        for chunk in self.chunks(response):
            body += chunk
            if len(body) > SMALL_BYTES:
                raise PassingFault(f"sent more than {SMALL_BYTES:,} bytes where a word or a page "
                                   "was expected")
        if body[:2] != GZIP_MAGIC:
            return body
        try:
            return zlib.decompressobj(31).decompress(body, SMALL_BYTES)  # 31: with gzip's header
        except zlib.error as error:
            raise PassingFault(f"sent a damaged page ({error})") from None

    def chunks(self, response: requests.Response) -> Iterator[bytes]:
        """The body as sent (not unzipped), piece by piece as it comes, until the deadline.

        Raises
        ------
        PassingFault
            The connection broke, less came than the headers promised, or the deadline has come.
        """
        received = 0
        try:
            # read1 gives what is there; read would sit out a trickle until a chunk is full
            while chunk := response.raw.read1(CHUNK_BYTES, decode_content=False):
                if received and self.left_s < 0:  # what came at once needs no deadline
                    raise PassingFault(f"was still sending ({received:,} bytes so far)")
                received += len(chunk)
                yield chunk
        except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            raise PassingFault(f"the connection broke after {received:,} bytes "
                               f"({cause(error)})") from None
