"""Unix users of a story: made for it, with homes in its folder, and removed after it."""

import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from asteroid_taxonomy.console import PipelineError

GROUP = "team-group"
NOT_NEEDED = shutil.ignore_patterns("site-packages", "test", "idlelib", "config-*", "__pycache__")


@dataclass(frozen=True)
class Person:
    """A Unix user with a home and an environment of their own, and what they can run."""

    name: str
    home: Path
    environment: dict[str, str] = field(repr=False)

    def start(self, *command: object, cwd: Path | None = None, **environment: str
              ) -> subprocess.Popen[str]:
        """Start a command as this user."""
        return subprocess.Popen(
            list(map(str, command)), cwd=cwd or self.home, text=True,
            env={**self.environment, **environment}, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, user=self.name, group=GROUP,
            extra_groups=[], umask=0o002)

    def tries(self, *command: object, cwd: Path | None = None, **environment: str
              ) -> tuple[int, str]:
        """Exit code and output of a command that may fail."""
        child = self.start(*command, cwd=cwd, **environment)
        said, _ = child.communicate()
        return child.returncode, said

    def runs(self, *command: object, cwd: Path | None = None, **environment: str) -> str:
        """Output of a command that must succeed."""
        code, said = self.tries(*command, cwd=cwd, **environment)
        if code:
            raise PipelineError(f"{self.name} ran {' '.join(map(str, command))} and it ended "
                                f"with {code}:\n{said}")
        return said

    def may_run(self, path: str) -> bool:
        """Whether this user can run a program."""
        try:
            return self.tries(path, "--version")[0] == 0
        except PermissionError:
            return False


@contextmanager
def people(folder: Path, *names: str) -> Iterator[list[Person]]:
    """Make a group and its users; both are removed at the end.

    Raises
    ------
    PipelineError
        One of them exists already: it is somebody's, or of a story that was killed.
    """
    with ExitStack() as made:
        _administer("groupadd", GROUP)
        made.callback(_administer, "groupdel", GROUP)
        for name in names:
            # the password field * lets a key in and no password, where ! would lock the account
            _administer("useradd", "--create-home", "--home-dir", folder / name, "--gid", GROUP,
                        "--shell", "/bin/sh", "--password", "*", name)
            made.callback(_administer, "userdel", "--force", name)
        users = [Person(name, folder / name, _environment(folder / name, name)) for name in names]
        python = _python_for(users[0], folder)
        for person in users:
            person.environment.update(python)
            for key, value in (("user.name", person.name),
                               ("user.email", f"{person.name}@example.org"),
                               ("safe.directory", "*"), ("init.defaultBranch", "main")):
                person.runs("git", "config", "--global", key, value)
        yield users


def _administer(*command: object) -> None:
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True)
    if done.returncode:
        raise PipelineError(f"`{' '.join(map(str, command))}` said: {done.stderr.strip()}; where "
                            "it exists and is nobody's, remove it with userdel or groupdel")


def _environment(home: Path, name: str) -> dict[str, str]:
    return {"HOME": str(home), "USER": name, "LOGNAME": name, "LANG": "C.UTF-8",
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.defpath]),
            "DVC_NO_ANALYTICS": "true", "no_proxy": "*"}


def _python_for(person: Person, folder: Path) -> dict[str, str]:
    """What to change in the environment, so that other users can run this Python.

    It may lie in a home that is closed to them (pyenv's does): then it is copied to `folder`.
    """
    if person.may_run(sys.executable):
        return {}
    python = folder / "python"
    shutil.copytree(sys.base_prefix, python, symlinks=True, ignore=NOT_NEEDED)
    return {"PATH": os.pathsep.join([str(python / "bin"), os.defpath]),
            "LD_LIBRARY_PATH": str(python / "lib"),
            "PYTHONPATH": sysconfig.get_path("purelib")}
