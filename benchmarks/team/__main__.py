"""Play the story of a team: two people, two clones, every kind of remote, one shared cache.

    python -m benchmarks.team

Needs root, because Ann and Bob are made as Unix users, and OpenSSH's and nginx's servers. Ann has
the run of this checkout; without one she runs the simulated survey. Each step stops the story when
it does not end as docs/team.md says. Writes benchmarks/results/team.json: sizes, and the time of
each pull beside that of fetching from the archives, where GAIA_TAP_URL and VIZIER_TAP_URL name a
mirror.
"""

import json
import os
import re
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests
import yaml

from asteroid_taxonomy.console import PipelineError, run
from asteroid_taxonomy.files import write_json
from asteroid_taxonomy.params import merged
from benchmarks.team.people import GROUP, Person, people
from benchmarks.team.servers import http_server, s3_server, ssh_server, write
from tests.running import ran

TOP = Path.cwd()
RESULT = Path("benchmarks/results/team.json")
WRITABLE = ("disk", "lab", "bucket")
REMOTES = (*WRITABLE, "public")  # nginx over what the lab has
FETCH = ("fetch_spectra", "fetch_source_mapping", "fetch_labels")
SSH_CONFIG = """\
# DVC's SSH does not look at host keys: OpenSSH carries it, and does
Host lab
  HostName 127.0.0.1
  Port {port}
  User {user}
  ProxyCommand ssh -o StrictHostKeyChecking=yes -o HostKeyAlias=lab -p {port} -W %h:%p {user}@%h
"""


@dataclass
class Story:
    """Who takes part, where things lie, and what was measured."""

    folder: Path
    ann: Person
    bob: Person
    store: Person
    archives: socket.socket
    figures: dict[str, Any] = field(default_factory=dict)

    @property
    def origin(self) -> Path:
        """The Git repository that both push to."""
        return self.folder / "origin.git"

    @property
    def disk(self) -> Path:
        """The folder of the group, on a disk that both reach."""
        return self.folder / "disk"

    def unreachable_archives(self) -> dict[str, str]:
        """The environment in which any question to an archive would come to us."""
        url = f"http://127.0.0.1:{self.archives.getsockname()[1]}/tap"
        return {"GAIA_TAP_URL": url, "VIZIER_TAP_URL": url}

    def nobody_asked_an_archive(self) -> bool:
        """Whether no connection has come."""
        try:
            self.archives.accept()
        except BlockingIOError:
            return True
        return False


def say(sentence: str) -> None:
    """Print a step of the story."""
    print(f"{time.strftime('%H:%M:%S')}  {sentence}", flush=True)


def expect(condition: object, sentence: str) -> None:
    """Stop the story unless it goes on as documented."""
    if not condition:
        raise PipelineError(f"the story stops: {sentence}")


def dvc(person: Person, where: Path, *arguments: object, **environment: str) -> str:
    """Output of a DVC command that must succeed."""
    return person.runs("python", "-m", "dvc", *arguments, cwd=where, **environment)


def git(person: Person, where: Path, *arguments: object) -> str:
    """Output of a Git command that must succeed."""
    return person.runs("git", *arguments, cwd=where)


def timed(command: Callable[[], object]) -> float:
    """How long it takes, in s."""
    started = time.monotonic()
    command()
    return round(time.monotonic() - started, 2)


def clone(story: Story, person: Person, name: str) -> Path:
    """A clone of the team's repository, in the person's home."""
    git(person, person.home, "clone", "--quiet", story.origin, name)
    return person.home / name


def finish_a_run(story: Story) -> Path:
    """Ann's workspace: the run of this checkout, or one of the simulated survey."""
    subprocess.run(["git", "init", "--quiet", "--bare", "--shared=group",
                    "--initial-branch=main", story.origin], check=True)
    subprocess.run(["git", "push", "--quiet", story.origin, "HEAD:refs/heads/main"], check=True)
    story.disk.mkdir()
    for folder in (story.origin, story.disk):
        subprocess.run(["chown", "-R", f"{story.ann.name}:{GROUP}", folder], check=True)
    story.disk.chmod(0o2775)  # setgid: what is made in it belongs to the group
    ann, work = story.ann, clone(story, story.ann, "work")
    if Path(".dvc/cache").exists():
        shutil.copytree(".dvc/cache", work / ".dvc/cache")
        subprocess.run(["chown", "-R", f"{ann.name}:{GROUP}", work / ".dvc/cache"], check=True)
    code, _ = ann.tries("python", "-m", "dvc", "checkout", cwd=work)
    if code:
        say("this checkout has no finished run: ann runs the simulated survey")
        params, recipe = (yaml.safe_load((work / path).read_text(encoding="utf-8"))
                          for path in ("params.yaml", "experiments/simulated.yaml"))
        write(ann, work / "params.yaml", yaml.safe_dump(merged(params, recipe), sort_keys=False))
        dvc(ann, work, "repro")
        git(ann, work, "commit", "--quiet", "--all", "--message", "Run the simulated survey")
        git(ann, work, "push", "--quiet")
    story.figures["source"] = yaml.safe_load((work / "params.yaml").read_text())["source"]
    expect(not ran(dvc(ann, work, "repro")), "ann's run is finished, but `dvc repro` ran a stage")
    return work


def close_the_site_caches(story: Story, work: Path) -> None:
    """Each closes the folder of DVC's own databases: what lies there runs code when it is read."""
    ann, bob = story.ann, story.bob
    check = ("python", "-m", "asteroid_taxonomy", "check-cache")
    code, said = ann.tries(*check, cwd=work)
    expect(code == 1 and "core.site_cache_dir" in said, f"check-cache said {said}")
    for person in (ann, bob):
        private = person.home / ".cache/dvc-private"
        person.runs("install", "-d", "-m", "700", private)
        dvc(person, person.home, "config", "--global", "core.site_cache_dir", private)
    ann.runs(*check, cwd=work)
    dvc(ann, work, "status")
    databases = next((ann.home / ".cache/dvc-private").rglob("*.db"))
    for planted in (databases, databases.with_name("planted")):
        code, _ = bob.tries("sh", "-c", f"echo planted > {planted}")
        expect(code, "bob could write where ann's DVC reads pickles")
    code, _ = bob.tries("mv", databases.parent, databases.parent.with_name("mine"))
    expect(code, "bob could put a folder of his in the place of ann's")
    say("ann and bob closed the folders of DVC's databases; neither can reach the other's")


def let_in(story: Story) -> list[str]:
    """Make the SSH keys of both: their public halves."""
    for person in (story.ann, story.bob):
        person.runs("mkdir", "-m", "700", ".ssh")
        person.runs("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", ".ssh/id_ed25519")
    return [(person.home / ".ssh/id_ed25519.pub").read_text(encoding="utf-8").strip()
            for person in (story.ann, story.bob)]


def pin(person: Person, story: Story, port: int, host_key: str) -> None:
    """Write how a person reaches the lab's server, and which key it must have."""
    write(person, person.home / ".ssh/config",
          SSH_CONFIG.format(port=port, user=story.store.name))
    write(person, person.home / ".ssh/known_hosts", f"lab {host_key}\n")


def add_remotes(story: Story, work: Path, s3: str, public: str) -> None:
    """Ann names every remote, for all; the secret stays with her."""
    ann = story.ann
    for arguments in (
        ("add", "--default", "disk", story.disk / "remote"),
        ("add", "lab", f"ssh://lab{story.store.home}/objects"),
        ("add", "bucket", "s3://asteroids/runs"),
        ("modify", "bucket", "endpointurl", s3),
        ("add", "public", public),
        *(("modify", name, "verify", "true") for name in REMOTES),
    ):
        dvc(ann, work, "remote", *arguments)
    git(ann, work, "commit", "--quiet", "--all", "--message", "Name the team's remotes")
    git(ann, work, "push", "--quiet")


def push_everywhere(story: Story, work: Path, s3: str, public: str) -> None:
    """Ann pushes to each remote that takes anything; what was sent is measured."""
    ann, secret = story.ann, secrets.token_hex(20)
    requests.put(f"{s3}/asteroids", timeout=10).raise_for_status()
    dvc(ann, work, "remote", "modify", "--local", "bucket", "access_key_id", "ann")
    dvc(ann, work, "remote", "modify", "--local", "bucket", "secret_access_key", secret)
    for name in WRITABLE:
        story.figures[f"push_{name}_s"] = timed(
            lambda name=name: dvc(ann, work, "push", "-r", name))
    sent = [path for path in (story.disk / "remote/files/md5").glob("??/*")]
    story.figures |= {"pushed_objects": len(sent),
                      "pushed_mb": round(sum(path.stat().st_size for path in sent) / 1e6, 1)}
    refused = requests.put(f"{public}/files/md5/00/0", b"mine", timeout=10)
    expect(refused.status_code == 403, "the public remote is for reading, but it took a PUT")
    expect(secret not in git(ann, work, "log", "--patch", "--all"), "a secret is in Git")
    code, _ = ann.tries("grep", "-r", secret, work / ".dvc/config")
    expect(code, "a secret is in .dvc/config")
    say(f"ann pushed {story.figures['pushed_objects']} objects, {story.figures['pushed_mb']} MB, "
        "to a shared disk, over SSH and to S3; her S3 secret stayed in config.local")


def pull_from_each(story: Story) -> None:
    """Bob clones and pulls from each remote; then nothing is left to run."""
    bob, secret = story.bob, {"AWS_ACCESS_KEY_ID": "bob",
                              "AWS_SECRET_ACCESS_KEY": secrets.token_hex(20)}
    for name in REMOTES:
        work = clone(story, bob, f"from-{name}")
        story.figures[f"pull_{name}_s"] = timed(
            lambda name=name, work=work: dvc(bob, work, "pull", "-r", name, **secret))
        repro = dvc(bob, work, "repro", **story.unreachable_archives())
        expect(not ran(repro), f"after a pull from {name} `dvc repro` ran {ran(repro)}")
        expect(not git(bob, work, "status", "--porcelain"), f"a pull from {name} changed Git's")
        say(f"bob pulled from {name} in {story.figures[f'pull_{name}_s']} s; nothing left to run")
    expect(story.nobody_asked_an_archive(), "somebody asked an archive")


def refuse_a_wrong_host_key(story: Story, port: int, host_key: str) -> None:
    """A server with another key than the pinned one gets nothing."""
    bob, work = story.bob, story.bob.home / "from-lab"
    other = (story.ann.home / ".ssh/id_ed25519.pub").read_text(encoding="utf-8").rsplit(" ", 1)[0]
    pin(bob, story, port, other)
    code, said = bob.tries("python", "-m", "dvc", "push", "-r", "lab", cwd=work)
    expect(code, f"a server with a wrong host key was trusted: {said}")
    pin(bob, story, port, host_key)
    say("a server with another host key than the pinned one is refused")


def compare_with_fetching(story: Story) -> None:
    """How long the archives' server takes for the tables alone."""
    asked = {name: os.environ[name] for name in ("GAIA_TAP_URL", "VIZIER_TAP_URL", "LABELS_TABLE")
             if name in os.environ}
    if "GAIA_TAP_URL" not in asked or story.figures["source"] != "archives":
        say("no mirror is named in GAIA_TAP_URL: pulls are not compared with fetching")
        return
    work = clone(story, story.bob, "fetched")
    fetched = timed(lambda: dvc(story.bob, work, "repro", *FETCH, **asked))
    story.figures["fetch_s"] = fetched
    for name in REMOTES:
        ratio = round(story.figures[f"pull_{name}_s"] / fetched, 2)
        story.figures[f"pull_{name}_to_fetch"] = ratio
        expect(ratio < 1, f"a pull from {name} took {ratio} times as long as fetching")
    say(f"fetching the raw tables took {fetched} s, pulling everything "
        f"{', '.join(str(story.figures[f'pull_{n}_s']) for n in WRITABLE)} s")


def try_a_hyperparameter(story: Story, anns: Path) -> None:
    """Bob's experiment runs from train onward; ann compares it and takes it."""
    ann, bob, bobs = story.ann, story.bob, story.bob.home / "from-disk"
    setting = "train.mlp_ensemble.alpha=0.25"
    said = dvc(bob, bobs, "exp", "run", "--temp", "--name", "bobs-idea", "--set-param", setting,
               "verify", **story.unreachable_archives())
    expect(ran(said) == ["train", "evaluate", "export", "verify"], f"bob's run ran {ran(said)}")
    expect(story.nobody_asked_an_archive(), "somebody asked an archive")
    dvc(bob, bobs, "exp", "push", "origin", "bobs-idea")
    say("bob tried a hyperparameter: train, evaluate, export and verify ran, nothing before")

    expect("bobs-idea" in dvc(ann, anns, "exp", "list", "origin"), "ann does not see it")
    dvc(ann, anns, "exp", "pull", "origin", "bobs-idea")
    for table in (dvc(ann, anns, "params", "diff", "main", "bobs-idea"),
                  dvc(ann, anns, "metrics", "diff", "main", "bobs-idea")):
        print(table)
    dvc(ann, anns, "exp", "apply", "bobs-idea")
    said = dvc(ann, anns, "repro", "verify", **story.unreachable_archives())
    expect(not ran(said), f"ann has bob's experiment, but `dvc repro verify` ran {ran(said)}")
    dvc(ann, anns, "push")
    git(ann, anns, "commit", "--quiet", "--all", "--message", "Take bob's weaker penalty")
    git(ann, anns, "push", "--quiet")
    say("ann pulled bob's experiment, compared it, ran nothing, and made it main")


def share_one_cache(story: Story) -> None:
    """Both on one host with one cache: no second copy, no accident, no loss by cleaning up."""
    cache, works = story.disk / "cache", {}
    for person in (story.ann, story.bob):
        work = works[person.name] = clone(story, person, "on-this-host")
        for key, value in (("cache.dir", cache), ("cache.shared", "group"),
                           ("cache.type", "reflink,symlink")):
            dvc(person, work, "config", "--local", key, value)
        git(person, work, "checkout", "--quiet", "HEAD~1")  # the finished run of all stages
    ann, bob = story.ann, story.bob
    anns, bobs = works[ann.name], works[bob.name]
    dvc(ann, anns, "pull")
    size = disk_use(bobs)
    dvc(bob, bobs, "checkout")  # no pull: ann has it
    expect(not ran(dvc(bob, bobs, "repro", **story.unreachable_archives())), "a stage ran")
    story.figures["shared_checkout_mb"] = round((disk_use(bobs) - size) / 1e6, 1)

    table = bobs / "data/asteroids.parquet"
    before = table.read_bytes()
    code, _ = bob.tries("sh", "-c", f"echo oops >> {table}")
    expect(table.is_symlink() == bool(code), "a symlink into the cache could be written to")
    expect((anns / "data/asteroids.parquet").read_bytes() == before, "bob wrote into ann's table")

    said = dvc(bob, bobs, "exp", "run", "--temp", "--name", "bobs-other-idea", "--set-param",
               "train.mlp_ensemble.alpha=0.125", "evaluate")
    expect(ran(said) == ["train", "evaluate"], f"bob's run ran {ran(said)}")
    used = in_use(cache, bob, bobs) | in_use(cache, ann, anns)
    expect(used, "no object of the cache is in use")
    dvc(ann, anns, "gc", "--workspace", "--all-commits", "--all-experiments", "--force",
        "--projects", bobs)
    lost = used - object_names(cache)
    expect(not lost, f"the safe `dvc gc` deleted {', '.join(sorted(lost))}, which are in use")
    objects = set(cache.glob("files/md5/??/*"))
    dry = dvc(ann, anns, "gc", "--workspace", "--dry", "--force")
    found = re.search(r"(\d+) objects", dry)
    expect(found and int(found[1]), f"the unsafe `dvc gc` would delete nothing: {dry}")
    expect(objects == set(cache.glob("files/md5/??/*")), "a dry run deleted something")
    say("`dvc gc --workspace` by ann would have deleted what only bob uses; the safe form did not")
    say("ann and bob shared one cache: no copies, nothing of the other's could be changed")


def object_names(cache: Path) -> set[str]:
    """The names of all objects of a cache: MD5s, of folders with .dir behind."""
    return {path.parent.name + path.name for path in cache.glob("files/md5/??/*")}


def in_use(cache: Path, person: Person, work: Path) -> set[str]:
    """The objects that dvc.lock names as outputs, in a workspace and in its experiments."""
    refs = person.runs("git", "for-each-ref", "--format=%(refname)", "refs/exps", cwd=work)
    texts = [(work / "dvc.lock").read_text(encoding="utf-8")]
    texts += [person.runs("git", "show", f"{ref}:dvc.lock", cwd=work) for ref in refs.split()
              if person.tries("git", "cat-file", "-e", f"{ref}:dvc.lock", cwd=work)[0] == 0]
    here = object_names(cache)
    used = {out["md5"] for text in texts for stage in yaml.safe_load(text)["stages"].values()
            for out in stage.get("outs", []) if out["md5"] in here}
    for name in [name for name in used if name.endswith(".dir")]:
        manifest = json.loads((cache / "files/md5" / name[:2] / name[2:]).read_text())
        used |= {member["md5"] for member in manifest}
    return used


def disk_use(folder: Path) -> int:
    """Bytes on disk below a folder, links not followed."""
    return sum(path.lstat().st_blocks * 512 for path in folder.rglob("*"))


def push_to_a_full_disk(story: Story, work: Path) -> None:
    """A remote with too little room refuses, keeps no half object, and is filled up later."""
    full, ann = story.folder / "small-disk", story.ann
    full.mkdir()
    half = int(story.figures["pushed_mb"] * 500)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={half}k,mode=1777", "none", full],
                   check=True)
    try:
        dvc(ann, work, "remote", "add", "--local", "small", full / "remote")
        code, said = ann.tries("python", "-m", "dvc", "push", "-r", "small", cwd=work)
        expect(code and "No space left" in said, f"a push to a full disk said {said}")
        ann.runs("python", "-m", "asteroid_taxonomy", "check-cache", full / "remote",
                 cwd=work)
        subprocess.run(["mount", "-o", "remount,size=1g", full], check=True)
        dvc(ann, work, "push", "-r", "small")
        ann.runs("python", "-m", "asteroid_taxonomy", "check-cache", full / "remote",
                 cwd=work)
        dvc(ann, work, "remote", "remove", "--local", "small")
    finally:
        subprocess.run(["umount", full], check=True)
    say("a push to a full disk failed, left no half object, and went through when there was room")


def interrupt_a_push(story: Story, work: Path) -> None:
    """A push over SSH is killed; what arrived is whole, and the next push sends the rest."""
    ann, there = story.ann, story.store.home / "interrupted"
    dvc(ann, work, "remote", "add", "--local", "interrupted", f"ssh://lab{there}")
    push = ann.start("python", "-m", "dvc", "push", "-r", "interrupted", "--jobs", 1, cwd=work)
    while push.poll() is None and not list(there.glob("files/md5/??/[!.]*")):
        time.sleep(0.001)
    push.kill()
    push.communicate()
    arrived = len(list(there.glob("files/md5/??/[!.]*")))
    expect(arrived < story.figures["pushed_objects"], "the push was over before it was killed")
    for _ in range(2):
        ann.runs("python", "-m", "asteroid_taxonomy", "check-cache", there, cwd=work)
        dvc(ann, work, "push", "-r", "interrupted")
    dvc(ann, work, "remote", "remove", "--local", "interrupted")
    say(f"a push was killed when {arrived} objects had arrived, all whole; the next sent the rest")


def push_to_a_server_that_is_down(story: Story, work: Path) -> None:
    """After the servers have ended."""
    for name in ("lab", "bucket", "public"):
        code, said = story.ann.tries("python", "-m", "dvc", "push", "-r", name, cwd=work)
        expect(code and "Traceback" not in said, f"a push to {name}, which is down, said {said}")
    expect(not ran(dvc(story.ann, work, "repro", "verify")), "a push that failed cost a run")
    say("pushes to servers that are down fail, and cost nothing")


def main() -> None:
    """Play the story."""
    lacking = [name for name in ("sshd", "ssh", "nginx", "useradd") if not shutil.which(name)]
    if os.geteuid() or lacking:
        raise PipelineError("the story needs root, OpenSSH's server and nginx (Debian packages "
                            f"openssh-server and nginx-light); missing: {lacking or 'root'}")
    with ExitStack() as ends:
        folder = Path(tempfile.mkdtemp(prefix="team."))
        ends.callback(shutil.rmtree, folder)
        folder.chmod(0o755)
        archives = ends.enter_context(socket.create_server(("127.0.0.1", 0)))
        archives.setblocking(False)
        ann, bob, store = ends.enter_context(people(folder, "team-ann", "team-bob", "team-store"))
        story = Story(folder, ann, bob, store, archives)
        work = finish_a_run(story)
        close_the_site_caches(story, work)
        keys = let_in(story)
        with (ssh_server(store, store.home / "sshd", keys) as (port, host_key),
              s3_server(store) as s3,
              http_server(store, store.home / "nginx", store.home / "objects") as public):
            for person in (ann, bob):
                pin(person, story, port, host_key)
            add_remotes(story, work, s3, public)
            push_everywhere(story, work, s3, public)
            pull_from_each(story)
            refuse_a_wrong_host_key(story, port, host_key)
            compare_with_fetching(story)
            push_to_a_full_disk(story, work)
            interrupt_a_push(story, work)
            try_a_hyperparameter(story, work)
            share_one_cache(story)
        push_to_a_server_that_is_down(story, work)
    write_json(story.figures, RESULT)
    say(f"the end; wrote {RESULT}")


if __name__ == "__main__":
    run(main)
