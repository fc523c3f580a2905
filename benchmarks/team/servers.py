"""Servers for a story: each with its own configuration, on a free port of 127.0.0.1.

They run in the foreground as an ordinary user and are ended by their process id.
"""

import shutil
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from asteroid_taxonomy.console import PipelineError
from benchmarks.team.people import Person

SSHD = """\
ListenAddress 127.0.0.1:{port}
HostKey {folder}/host_key
PidFile none
AuthorizedKeysFile {folder}/authorized_keys
PasswordAuthentication no
KbdInteractiveAuthentication no
AllowUsers {user}
Subsystem sftp internal-sftp -u 002
"""
NGINX = """\
daemon off;
pid {folder}/nginx.pid;
error_log stderr;
events {{}}
http {{
  access_log {folder}/access.log;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  server {{
    listen 127.0.0.1:{port};
    root {public};
    location / {{ limit_except GET {{ deny all; }} }}
  }}
}}
"""


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
    return port


@contextmanager
def served(user: Person, port: int, *command: object) -> Iterator[None]:
    """Run a server as `user` until the block ends, from the moment it accepts connections."""
    server = user.start(*command)
    try:
        deadline = time.monotonic() + 30
        while not _listens(port):
            if server.poll() is not None or time.monotonic() > deadline:
                raise PipelineError(f"{' '.join(map(str, command))} did not start to listen; "
                                    f"run it by hand to see why (exit code {server.poll()})")
            time.sleep(0.05)
        yield
    finally:
        server.terminate()
        server.communicate()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def ssh_server(user: Person, folder: Path, allowed: list[str]) -> Iterator[tuple[int, str]]:
    """OpenSSH that lets the public keys `allowed` in as `user`: its port and its host key."""
    port = free_port()
    user.runs("mkdir", "-m", "755", folder)
    user.runs("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / "host_key")
    write(user, folder / "sshd_config", SSHD.format(port=port, folder=folder, user=user.name))
    write(user, folder / "authorized_keys", "".join(f"{key}\n" for key in allowed))
    with served(user, port, shutil.which("sshd"), "-D", "-e", "-f", folder / "sshd_config"):
        yield port, (folder / "host_key.pub").read_text(encoding="utf-8").strip()


@contextmanager
def http_server(user: Person, folder: Path, public: Path) -> Iterator[str]:
    """Serve the files of `public` with nginx, to read only: its URL."""
    port = free_port()
    user.runs("mkdir", "-m", "755", folder)
    write(user, folder / "nginx.conf", NGINX.format(port=port, folder=folder, public=public))
    with served(user, port, shutil.which("nginx"), "-e", "stderr", "-c", folder / "nginx.conf"):
        yield f"http://127.0.0.1:{port}"


@contextmanager
def s3_server(user: Person) -> Iterator[str]:
    """A service that speaks S3, in memory: its URL."""
    port = free_port()
    with served(user, port, "python", "-m", "moto.server", "-H", "127.0.0.1", "-p", port):
        yield f"http://127.0.0.1:{port}"


def write(user: Person, path: Path, text: str) -> None:
    """Write a file that belongs to `user`."""
    path.write_text(text, encoding="utf-8")
    shutil.chown(path, user.name)
    path.chmod(0o600)
