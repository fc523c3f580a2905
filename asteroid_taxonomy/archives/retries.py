"""Ask a TAP service until it answers, or has said plainly that it will not.

Where one door fails the other is tried, and both again and again until `tap.deadline_s`, each time
on a new connection, after pauses that grow and differ between clients.
"""

import random
import time
from collections.abc import Callable, Mapping, Sequence

import pyarrow as pa

from asteroid_taxonomy.archives.connection import Connection
from asteroid_taxonomy.archives.doors import DOORS, Question
from asteroid_taxonomy.archives.faults import PassingFault, TapError
from asteroid_taxonomy.console import PipelineError


def ask(
    http: Connection,
    question: Question,
    doors: Sequence[str],
    check: Callable[[pa.Table], None] = lambda table: None,
    rounds: int | None = None,
) -> pa.Table:
    """Ask at one door and then at the other, in rounds, until an answer passes.

    Parameters
    ----------
    http : Connection
        The service.
    question : Question
        What is asked.
    doors : sequence of str
        SMALL or LARGE.
    check : callable
        Raises TapError where an answer is not the whole one.
    rounds : int, optional
        Give up after so many; None: at the deadline.

    Returns
    -------
    pyarrow.Table
        The answer, with the names and types of the question's schema.

    Raises
    ------
    TapError
        Both doors refuse in the same way, or each of them twice; the query is refused twice; or
        the deadline has come.
    PipelineError
        Both doors send what is not a table of these columns and types.
    """
    refusals: dict[str, list[PipelineError]] = {door: [] for door in doors}
    last: dict[str, Exception] = {}
    started, number = time.monotonic(), 0
    while True:
        number += 1
        asked_to_wait = 0.0
        for door in doors:
            if len(refusals[door]) > 1:
                continue
            try:
                table = DOORS[door](http, question)
                check(table)
                return table
            except PassingFault as fault:
                last[door], asked_to_wait = fault, max(asked_to_wait, fault.retry_after)
            except PipelineError as refusal:
                last[door] = refusal
                refusals[door].append(refusal)
            http.session.close()  # a bad backend stays behind a connection that is kept
            if http.left_s < 0:
                break
        _end_if_refused(refusals)
        said = "; ".join(f"/{door}: {fault}" for door, fault in last.items())
        wait = min(http.limits.backoff_s * 2.0 ** min(number - 1, 30) * random.uniform(0.5, 1.5),
                   http.limits.longest_pause_s)
        wait = max(wait, asked_to_wait)
        if number == rounds or http.left_s < wait:
            raise _out_of_patience(http, said, time.monotonic() - started, rounds)
        http.progress.update(note=f"{said}; {time.monotonic() - started:.0f} s so far, "
                                  f"next attempt in {wait:.0f} s")
        time.sleep(wait)


def _end_if_refused(refusals: Mapping[str, Sequence[PipelineError]]) -> None:
    """Raise a refusal that will not pass; one alone may be the fault of a door or a backend."""
    last = [came[-1] for came in refusals.values() if came]
    blaming = [r for came in refusals.values() for r in came if _kind(r) == "query"]
    if len(blaming) > 1:
        raise blaming[-1]
    if len(last) == len(refusals) and (
            len(set(map(_kind, last))) == 1 or min(map(len, refusals.values())) > 1):
        raise last[0]


def _kind(refusal: PipelineError) -> str:
    return getattr(refusal, "kind", "answer")


def _out_of_patience(http: Connection, said: str, waited: float, rounds: int | None) -> TapError:
    archive = http.archive
    if rounds:
        return TapError(f"{http} {said}")
    return TapError(
        f"{http} could not be used for {waited:.0f} s, and the next attempt would come after the "
        f"deadline of {http.limits.deadline_s:g} s (tap.deadline_s in params.yaml): {said}; try "
        f"again later, name a mirror in {archive.mirror_variable} or files in "
        f"{archive.files_variable} (docs/releases.md), or run on the simulated survey (`make "
        "demo`)")
