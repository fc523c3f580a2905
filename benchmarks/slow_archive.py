"""A proxy on 127.0.0.1 in front of a TAP service: slow as an archive far away, or from memory."""

import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import requests

PIECE = 1 << 16  # bytes


class SlowArchive:
    """Forwards requests to the service at `url`; its own address is the attribute `url`.

    mb_per_s : how fast it sends; None: as fast as it can. remember : the same request gets the
    same response again, from memory.
    """

    def __init__(self, url: str, mb_per_s: float | None = None, remember: bool = False) -> None:
        front = urlsplit(url)
        self.behind = f"{front.scheme}://{front.netloc}"
        self.rate, self.remember = mb_per_s and mb_per_s * 1e6, remember
        self.stored: dict[tuple[str, bytes], tuple[int, dict[str, str], bytes]] = {}
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.server.handle_error = lambda *args: None  # type: ignore[method-assign]
        self.origin = f"http://127.0.0.1:{self.server.server_port}"
        self.url = self.origin + front.path
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def __enter__(self) -> "SlowArchive":
        return self

    def __exit__(self, *exc: object) -> None:
        self.server.shutdown()
        self.server.server_close()

    def forward(self, method: str, path: str, body: bytes, kind: str) -> tuple[int, dict, bytes]:
        """The service's status, headers and body, decompressed."""
        key = (path, body)
        if key not in self.stored:
            response = requests.request(
                method, self.behind + path, data=body, allow_redirects=False, timeout=600,
                headers={"Content-Type": kind, "Accept-Encoding": "identity"})
            headers = {name: response.headers[name].replace(self.behind, self.origin)
                       for name in ("Content-Type", "Location") if name in response.headers}
            found = response.status_code, headers, response.content
            if not self.remember:
                return found
            self.stored[key] = found
        return self.stored[key]

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        archive = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                status, headers, content = archive.forward(
                    self.command, self.path, body, self.headers.get("Content-Type", ""))
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(content))}.items():
                    self.send_header(name, value)
                self.end_headers()
                for start in range(0, len(content), PIECE):
                    self.wfile.write(content[start:start + PIECE])
                    if archive.rate:
                        time.sleep(PIECE / archive.rate)

            do_POST = do_DELETE = do_GET

            def log_message(self, *arguments: object) -> None:
                pass

        return Handler
