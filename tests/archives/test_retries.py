"""Which door is tried when, how long is waited, and when it is given up."""

import itertools
import types

import pyarrow as pa
import pytest

from asteroid_taxonomy.archives import retries
from asteroid_taxonomy.archives.archive import Archive, Limits
from asteroid_taxonomy.archives.connection import Connection
from asteroid_taxonomy.archives.doors import LARGE, SMALL, Question
from asteroid_taxonomy.archives.faults import PassingFault, TapError
from asteroid_taxonomy.archives.retries import ask
from asteroid_taxonomy.console import PipelineError, Progress

ARCHIVE = Archive("the archive", "ARCHIVE_URL", "ARCHIVE_FILES", "help@archive.example")
ANSWER = pa.table({"n": [42]})
QUESTION = Question("SELECT n FROM t", {"n": "n"}, ANSWER.schema, 10)
HOUR_S = 3600
DOWN = PassingFault("answered 503 Service Unavailable: queued jobs (150)")
BUSY = PassingFault("answered 429 Too Many Requests", retry_after=20)
WRONG = TapError("1 unresolved identifiers: x", "query")
BLOCKED = TapError("answered 403", "forbidden")
LIMITED = TapError("its row limit", "limit")
GARBAGE = PipelineError("not CSV throughout")


@pytest.fixture
def clock(monkeypatch):
    """Time passes only by sleeping; gives the list of sleeps."""
    slept = []
    fake = types.SimpleNamespace(sleep=slept.append, monotonic=lambda: sum(slept))
    monkeypatch.setattr(retries, "time", fake)
    monkeypatch.setattr("asteroid_taxonomy.archives.connection.time", fake)
    return slept


@pytest.fixture
def tried(monkeypatch):
    """Each door gives what a test puts into `tried[door]`, one after the other, then the answer.

    `tried["log"]` are the doors in the order in which they were tried.
    """
    script = {"sync": [], "async": [], "log": []}

    def at(door):
        def over(http, question):
            script["log"].append(door)
            outcome = script[door].pop(0) if script[door] else ANSWER
            if isinstance(outcome, Exception):
                raise outcome
            return outcome
        return over

    monkeypatch.setattr(retries, "DOORS", {door: at(door) for door in SMALL})
    return script


def http(deadline_s=1800, backoff_s=1.0, longest_pause_s=60):
    return Connection(ARCHIVE, "https://archive.example/tap",
                      Limits(1, 1, deadline_s, backoff_s, longest_pause_s), Progress("table"))


@pytest.mark.parametrize("order", [SMALL, LARGE])
def test_the_other_door_is_tried_at_once(order, clock, tried):
    tried[order[0]] = [DOWN]
    assert ask(http(), QUESTION, order) is ANSWER
    assert (tried["log"], clock) == (list(order), [])


def test_an_outage_of_an_hour_is_waited_out_with_capped_and_jittered_pauses(clock, monkeypatch):
    def over(http, question):
        if sum(clock) < HOUR_S:
            raise DOWN
        return ANSWER

    monkeypatch.setattr(retries, "DOORS", dict.fromkeys(SMALL, over))
    assert ask(http(deadline_s=2 * HOUR_S), QUESTION, SMALL) is ANSWER
    assert all(0.5 <= wait / base <= 1.5 for wait, base in zip(clock[:5], (1, 2, 4, 8, 16),
                                                              strict=True))
    assert max(clock) == 60
    assert HOUR_S <= sum(clock) <= HOUR_S + 60


def test_waits_differ_between_clients(clock, tried):
    for _ in range(5):
        tried["sync"], tried["async"] = [DOWN], [DOWN]
        ask(http(), QUESTION, SMALL)
    assert len(set(clock)) == 5


def test_retry_after_is_waited_out_at_both_doors(clock, tried):
    tried["sync"], tried["async"] = [DOWN], [BUSY]
    ask(http(), QUESTION, SMALL)
    assert clock == [20]


def test_no_wait_goes_past_the_deadline_and_the_end_names_every_way_on(clock, tried):
    tried["sync"], tried["async"] = [DOWN] * 99, [BUSY] * 99
    with pytest.raises(TapError) as stop:
        ask(http(deadline_s=70), QUESTION, SMALL)
    assert clock == [20, 20, 20]
    assert str(stop.value) == (
        "the archive (https://archive.example/tap) could not be used for 60 s, and the next "
        "attempt would come after the deadline of 70 s (tap.deadline_s in params.yaml): "
        f"/sync: {DOWN}; /async: {BUSY}; try again later, name a mirror in ARCHIVE_URL or files "
        "in ARCHIVE_FILES (docs/releases.md), or run on the simulated survey (`make demo`)")


@pytest.mark.parametrize("refusal", [WRONG, BLOCKED, LIMITED, GARBAGE])
def test_what_both_doors_refuse_alike_is_not_tried_again(refusal, clock, tried):
    tried["sync"], tried["async"] = [refusal] * 9, [refusal] * 9
    with pytest.raises(PipelineError, match=str(refusal)):
        ask(http(), QUESTION, LARGE)
    assert (tried["log"], clock) == (["async", "sync"], [])


def test_one_refusal_may_be_the_fault_of_one_backend(clock, tried):
    tried["async"], tried["sync"] = [WRONG], [LIMITED]
    assert ask(http(), QUESTION, LARGE) is ANSWER
    assert tried["log"] == ["async", "sync", "async"]


def test_a_query_refused_twice_is_wrong_though_the_other_door_is_down(clock, tried):
    tried["async"], tried["sync"] = [WRONG] * 9, [DOWN] * 9
    with pytest.raises(TapError, match="unresolved"):
        ask(http(), QUESTION, LARGE)
    assert tried["log"] == ["async", "sync", "async", "sync"]


@pytest.mark.parametrize("refusal", [BLOCKED, LIMITED])
def test_a_door_that_refuses_twice_is_left_alone_while_the_other_may_come_back(
    refusal, clock, tried
):
    tried["async"], tried["sync"] = [DOWN] * 9, [refusal] * 9
    assert ask(http(), QUESTION, LARGE) is ANSWER
    assert tried["log"].count("sync") == 2


def test_what_is_no_whole_answer_is_a_refusal(clock, tried):
    answers = itertools.count()

    def check(table):
        if next(answers) < 1:
            raise LIMITED

    assert ask(http(), QUESTION, LARGE, check) is ANSWER
    assert tried["log"] == ["async", "sync"]


def test_a_help_is_given_up_after_its_rounds(clock, tried):
    tried["sync"], tried["async"] = [DOWN] * 9, [DOWN] * 9
    with pytest.raises(TapError, match="queued jobs"):
        ask(http(), QUESTION, SMALL, rounds=2)
    assert len(tried["log"]) == 4
