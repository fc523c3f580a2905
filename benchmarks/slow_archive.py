"""A proxy on 127.0.0.1 in front of a TAP service: slow as an archive far away, or from memory."""

import contextlib
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import requests

PIECE = 1 << 16  # bytes


class SlowArchive:
    """Hands requests on to the service at `url`; its address is the attribute of that name.

    mb_per_s : how fast it sends, None: as fast as it can. remember : answers the same question
    again at once, from memory.
    """

    def __init__(self, url: str, mb_per_s: float | None = None, remember: bool = False) -> None:
        self.behind, self.rate, self.remember = url, mb_per_s and mb_per_s * 1e6, remember
        self.answers: dict[tuple[str, bytes], tuple[int, dict[str, str], bytes]] = {}
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.origin = f"http://127.0.0.1:{self.server.server_port}"
        self.url = self.origin + urlsplit(url).path
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def __enter__(self) -> "SlowArchive":
        return self

    def __exit__(self, *exc: object) -> None:
        self.server.shutdown()
        self.server.server_close()

    def ask(self, method: str, path: str, body: bytes, kind: str) -> tuple[int, dict, bytes]:
        """The service's status, headers and body, unpacked."""
        key = (path, body)
        if key in self.answers:
            return self.answers[key]
        front = urlsplit(self.behind)
        answer = requests.request(
            method, f"{front.scheme}://{front.netloc}{path}", data=body, allow_redirects=False,
            headers={"Content-Type": kind, "Accept-Encoding": "identity"}, timeout=600)
        headers = {name: answer.headers[name] for name in ("Content-Type", "Location")
                   if name in answer.headers}
        if "Location" in headers:  # the service knows itself by its own address
            headers["Location"] = headers["Location"].replace(
                f"{front.scheme}://{front.netloc}", self.origin)
        found = answer.status_code, headers, answer.content
        if self.remember:
            self.answers[key] = found
        return found

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        archive = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                status, headers, content = archive.ask(
                    self.command, self.path, body, self.headers.get("Content-Type", ""))
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                for start in range(0, len(content), PIECE):
                    self.wfile.write(content[start:start + PIECE])
                    if archive.rate:
                        time.sleep(PIECE / archive.rate)

            do_POST = do_DELETE = do_GET

            def handle(self) -> None:
                with contextlib.suppress(ConnectionResetError):  # a client that has what it needs
                    super().handle()

            def log_message(self, *arguments: object) -> None:
                pass

        return Handler
