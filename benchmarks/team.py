"""Play docs/team.md with two Unix users: two clones, every kind of remote, one shared cache.

    python -m benchmarks.team

Needs root, because Ann and Bob are made as Unix users, and the servers of OpenSSH and nginx. Ann
has the run of this checkout, or runs the sample. Stops where a step does not end as the page says.
"""

import os
import secrets
import shutil
import socket
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import requests

from asteroid_taxonomy.commands.recipe import combine
from asteroid_taxonomy.console import PipelineError, run
from tests.running import ran

GROUP = "team-group"
WRITABLE = ("disk", "lab", "bucket")
REMOTES = (*WRITABLE, "public")  # nginx over what the lab has
CLOSED = {"GAIA_TAP_URL": "http://127.0.0.1:9/tap", "VIZIER_TAP_URL": "http://127.0.0.1:9/tap"}
SSH_CONFIG = """\
Host lab
  HostName 127.0.0.1
  Port {port}
  User {user}
  ProxyCommand ssh -o StrictHostKeyChecking=yes -o HostKeyAlias=lab -p {port} -W %h:%p {user}@%h
"""
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
  access_log off;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  server {{
    listen 127.0.0.1:{port};
    root {public};
    location / {{ limit_except GET {{ deny all; }} }}
  }}
}}
"""


@dataclass(frozen=True)
class Person:
    """A Unix user with a home and an environment of their own."""

    name: str
    home: Path
    environment: dict[str, str] = field(repr=False)

    def start(self, *command: object, cwd: Path | None = None, **changes: str
              ) -> subprocess.Popen[str]:
        """Start a command as this user."""
        return subprocess.Popen(
            list(map(str, command)), cwd=cwd or self.home, text=True,
            env={**self.environment, **changes}, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, user=self.name, group=GROUP,
            extra_groups=[], umask=0o002)

    def tries(self, *command: object, cwd: Path | None = None, **changes: str) -> tuple[int, str]:
        """Exit code and output of a command that may fail."""
        child = self.start(*command, cwd=cwd, **changes)
        output, _ = child.communicate()
        return child.returncode, output

    def runs(self, *command: object, cwd: Path | None = None, **changes: str) -> str:
        """Output of a command that must succeed."""
        code, output = self.tries(*command, cwd=cwd, **changes)
        expect(code == 0, f"{' '.join(map(str, command))} by {self.name} ended with {code}:\n"
                          f"{output}")
        return output

    def dvc(self, where: Path, *arguments: object, **changes: str) -> str:
        """Output of a DVC command that must succeed."""
        return self.runs("python", "-m", "dvc", *arguments, cwd=where, **changes)

    def clone(self, origin: Path, name: str) -> Path:
        """A clone of the team's repository in the person's home."""
        self.runs("git", "clone", "--quiet", origin, name)
        return self.home / name

    def writes(self, path: Path, text: str) -> None:
        """Write a file that belongs to this user."""
        path.write_text(text, encoding="utf-8")
        shutil.chown(path, self.name)
        path.chmod(0o600)


def say(text: str) -> None:
    """Print a step of the story."""
    print(f"{time.strftime('%H:%M:%S')}  {text}", flush=True)


def expect(condition: object, text: str) -> None:
    """Stop the story unless it goes on as documented."""
    if not condition:
        raise PipelineError(f"the story stops: {text}")


@contextmanager
def people(folder: Path, *names: str) -> Iterator[list[Person]]:
    """Make a group and its users, each with a private DVC site cache; remove them at the end."""
    python, extra = Path(sys.executable).parent, {}
    with ExitStack() as made:
        subprocess.run(["groupadd", GROUP], check=True)
        made.callback(subprocess.run, ["groupdel", GROUP])
        for name in names:
            # the password * lets a key in and no password, where ! would lock the account
            subprocess.run(["useradd", "--create-home", "--home-dir", folder / name, "--gid",
                            GROUP, "--shell", "/bin/sh", "--password", "*", name], check=True)
            made.callback(subprocess.run, ["userdel", "--force", name])
        if subprocess.run(["su", names[0], "-c", f"{sys.executable} --version"],
                          capture_output=True).returncode:  # it lies in a home closed to them
            shutil.copytree(sys.base_prefix, folder / "python", symlinks=True,
                            ignore=shutil.ignore_patterns("site-packages", "test", "__pycache__"))
            python = folder / "python/bin"
            extra = {"LD_LIBRARY_PATH": str(folder / "python/lib"),
                     "PYTHONPATH": sysconfig.get_path("purelib")}
        found = []
        for name in names:
            person = Person(name, folder / name, {
                "HOME": str(folder / name), "USER": name, "LOGNAME": name, "LANG": "C.UTF-8",
                "PATH": f"{python}{os.pathsep}{os.defpath}", "DVC_NO_ANALYTICS": "true",
                "no_proxy": "*", **extra})
            for key, value in (("user.name", name), ("user.email", f"{name}@example.org"),
                               ("safe.directory", "*"), ("init.defaultBranch", "main")):
                person.runs("git", "config", "--global", key, value)
            private = person.home / ".cache/dvc-private"
            person.runs("install", "-d", "-m", "700", private)
            person.dvc(person.home, "config", "--global", "core.site_cache_dir", private)
            found.append(person)
        yield found


@contextmanager
def served(user: Person, *command: object, port: int) -> Iterator[None]:
    """Run a server as `user` until the block ends, from the moment it accepts connections."""
    server = user.start(*command)
    try:
        deadline = time.monotonic() + 30
        while True:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            expect(server.poll() is None and time.monotonic() < deadline,
                   f"{command[0]} does not listen")
            time.sleep(0.05)
        yield
    finally:
        server.terminate()
        server.communicate()


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
    return port


@contextmanager
def servers(store: Person, keys: list[str]) -> Iterator[tuple[int, str, str, str]]:
    """SSH, S3 and HTTP on 127.0.0.1: SSH's port and host key, and the URLs of the others."""
    (folder := store.home / "servers").mkdir()
    shutil.chown(folder, store.name, GROUP)
    store.runs("mkdir", "objects")
    store.runs("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / "host_key")
    ssh, s3, http = free_port(), free_port(), free_port()
    store.writes(folder / "sshd", SSHD.format(port=ssh, folder=folder, user=store.name))
    store.writes(folder / "authorized_keys", "".join(f"{key}\n" for key in keys))
    store.writes(folder / "nginx", NGINX.format(port=http, folder=folder,
                                                public=store.home / "objects"))
    with (served(store, shutil.which("sshd"), "-D", "-e", "-f", folder / "sshd", port=ssh),
          served(store, "python", "-m", "moto.server", "-H", "127.0.0.1", "-p", s3, port=s3),
          served(store, shutil.which("nginx"), "-e", "stderr", "-c", folder / "nginx", port=http)):
        yield (ssh, (folder / "host_key.pub").read_text(encoding="utf-8").strip(),
               f"http://127.0.0.1:{s3}", f"http://127.0.0.1:{http}")


def finish_a_run(ann: Person, origin: Path) -> Path:
    """Ann's workspace: the run of this checkout, or one of the sample."""
    subprocess.run(["git", "init", "--quiet", "--bare", "--shared=group", "--initial-branch=main",
                    origin], check=True)
    subprocess.run(["git", "push", "--quiet", origin, "HEAD:refs/heads/main"], check=True)
    subprocess.run(["chown", "-R", f"{ann.name}:{GROUP}", origin], check=True)
    work = ann.clone(origin, "work")
    if Path(".dvc/cache").exists():
        shutil.copytree(".dvc/cache", work / ".dvc/cache")
        subprocess.run(["chown", "-R", f"{ann.name}:{GROUP}", work / ".dvc/cache"], check=True)
    if ann.tries("python", "-m", "dvc", "checkout", cwd=work)[0]:
        say("this checkout has no finished run: ann runs the sample")
        combine(work / "params.yaml", work / "experiments/sample.yaml", work / "params.yaml")
        ann.dvc(work, "repro")
        ann.runs("git", "commit", "--quiet", "--all", "--message", "Run the sample", cwd=work)
        ann.runs("git", "push", "--quiet", cwd=work)
    expect(not ran(ann.dvc(work, "repro")), "ann's run is not finished")
    return work


def pin(person: Person, store: Person, port: int, host_key: str) -> None:
    """Write how a person reaches the lab's server, and which key it must have."""
    person.writes(person.home / ".ssh/config", SSH_CONFIG.format(port=port, user=store.name))
    person.writes(person.home / ".ssh/known_hosts", f"lab {host_key}\n")


def share_remotes(ann: Person, bob: Person, store: Person, work: Path, origin: Path,
                  disk: Path, ssh: tuple[int, str], s3: str, public: str) -> None:
    """Ann names and fills every remote; Bob pulls from each and has nothing left to run."""
    requests.put(f"{s3}/asteroids", timeout=10).raise_for_status()
    secret = secrets.token_hex(20)
    for arguments in (
        ("add", "--default", "disk", disk / "remote"),
        ("add", "lab", f"ssh://lab{store.home}/objects"), ("add", "bucket", "s3://asteroids/runs"),
        ("modify", "bucket", "endpointurl", s3), ("add", "public", public),
        *(("modify", name, "verify", "true") for name in REMOTES),
        ("modify", "--local", "bucket", "access_key_id", "ann"),
        ("modify", "--local", "bucket", "secret_access_key", secret),
    ):
        ann.dvc(work, "remote", *arguments)
    ann.runs("git", "commit", "--quiet", "--all", "--message", "Name the remotes", cwd=work)
    ann.runs("git", "push", "--quiet", cwd=work)
    for name in WRITABLE:
        ann.dvc(work, "push", "-r", name)
    size = sum(path.stat().st_size for path in (disk / "remote/files/md5").glob("??/*"))
    expect(secret not in ann.runs("git", "log", "--patch", "--all", cwd=work), "a secret in Git")
    refused = requests.put(f"{public}/files/md5/00/0", b"mine", timeout=10)
    expect(refused.status_code == 403, "the read-only remote took a PUT")
    say(f"ann pushed {size / 1e6:.1f} MB to a shared disk, over SSH and to S3")
    for name in REMOTES:
        clone, started = bob.clone(origin, f"from-{name}"), time.monotonic()
        bob.dvc(clone, "pull", "-r", name, AWS_ACCESS_KEY_ID="bob", AWS_SECRET_ACCESS_KEY=secret)
        took = time.monotonic() - started
        expect(not ran(bob.dvc(clone, "repro", **CLOSED)), f"a pull from {name} left work to do")
        expect(not bob.runs("git", "status", "--porcelain", cwd=clone), f"{name} changed files")
        say(f"bob pulled from {name} in {took:.1f} s; nothing left to run")
    other = (ann.home / ".ssh/id_ed25519.pub").read_text(encoding="utf-8").rsplit(" ", 1)[0]
    pin(bob, store, ssh[0], other)
    code, _ = bob.tries("python", "-m", "dvc", "pull", "--force", "-r", "lab",
                        cwd=bob.clone(origin, "wrong-key"))
    expect(code, "a server with another host key was trusted")
    pin(bob, store, *ssh)
    say("a server with another host key than the pinned one was refused")


def try_a_hyperparameter(ann: Person, bob: Person, work: Path) -> None:
    """Bob's experiment runs from train onward; ann takes it and runs nothing."""
    clone = bob.home / "from-disk"
    output = bob.dvc(clone, "exp", "run", "--temp", "--name", "weaker", "--set-param",
                     "train.mlp_ensemble.alpha=0.25", "evaluate", **CLOSED)
    expect(ran(output) == ["train", "evaluate"], f"bob's experiment ran {ran(output)}")
    bob.dvc(clone, "exp", "push", "origin", "weaker")
    expect("weaker" in ann.dvc(work, "exp", "list", "origin"), "ann does not see the experiment")
    ann.dvc(work, "exp", "pull", "origin", "weaker")
    ann.dvc(work, "exp", "apply", "weaker")
    output = ann.dvc(work, "repro", "evaluate", **CLOSED)
    expect(not ran(output), f"ann has bob's experiment, but ran {ran(output)}")
    say("bob tried a hyperparameter; ann pulled it and had nothing to run")


def share_one_cache(ann: Person, bob: Person, origin: Path, disk: Path) -> None:
    """Both on one host with one cache: nothing of the other's can be changed."""
    for person in (ann, bob):
        work = person.clone(origin, "on-this-host")
        for key, value in (("cache.dir", disk / "cache"), ("cache.shared", "group"),
                           ("cache.type", "reflink,symlink")):
            person.dvc(work, "config", "--local", key, value)
        person.dvc(work, "pull" if person is ann else "checkout")
        expect(not ran(person.dvc(work, "repro", **CLOSED)), f"{person.name} had to run stages")
    table = bob.home / "on-this-host/data/asteroids.parquet"
    expect(bob.tries("sh", "-c", f"echo spoilt > {table.resolve()}")[0] or not table.is_symlink(),
           "bob could change an object of the shared cache")
    say("ann and bob shared one cache without copies")


def main() -> None:
    """Play the story."""
    lacking = [name for name in ("sshd", "ssh", "nginx", "useradd") if not shutil.which(name)]
    if os.geteuid() or lacking:
        raise PipelineError("the story needs root, openssh-server and nginx-light; missing: "
                            f"{', '.join(lacking) or 'root'}")
    with ExitStack() as ends:
        folder = Path(tempfile.mkdtemp(prefix="team."))
        ends.callback(shutil.rmtree, folder)
        folder.chmod(0o755)
        ann, bob, store = ends.enter_context(people(folder, "team-ann", "team-bob", "team-store"))
        origin, disk, keys = folder / "origin.git", folder / "disk", []
        disk.mkdir()
        shutil.chown(disk, ann.name, GROUP)
        disk.chmod(0o2775)  # setgid: new files belong to the group
        work = finish_a_run(ann, origin)
        for person in (ann, bob):
            person.runs("mkdir", "-m", "700", ".ssh")
            person.runs("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", ".ssh/id_ed25519")
            keys.append((person.home / ".ssh/id_ed25519.pub").read_text(encoding="utf-8").strip())
        with servers(store, keys) as (port, host_key, s3, public):
            for person in (ann, bob):
                pin(person, store, port, host_key)
            share_remotes(ann, bob, store, work, origin, disk, (port, host_key), s3, public)
            try_a_hyperparameter(ann, bob, work)
            share_one_cache(ann, bob, origin, disk)
        say("the end")


if __name__ == "__main__":
    run(main)
