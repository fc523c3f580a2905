"""Retries, deadlines and addresses, without a server."""

import email.utils
import time

import pytest

from asteroid_taxonomy.archives import connection as tap_connection
from asteroid_taxonomy.archives.connection import (
    Archive,
    Connection,
    Limits,
    TapError,
    TransientError,
)
from asteroid_taxonomy.console import Progress

ARCHIVE = Archive("the archive", "https://archive.example/tap", "ARCHIVE_URL")
LIMITS = Limits(1, 1, 60, 3, 1.0)


@pytest.fixture
def clock(monkeypatch):
    """Time passes only by sleeping; gives the list of sleeps."""
    slept = []
    monkeypatch.setattr(tap_connection.time, "sleep", slept.append)
    monkeypatch.setattr(tap_connection.time, "monotonic", lambda: sum(slept))
    return slept


def failing(*faults):
    """An attempt that fails with each of `faults` and then gives 42."""
    left = list(faults)

    def attempt():
        if left:
            raise left.pop(0)
        return 42
    return attempt


def connection(limits=LIMITS):
    return Connection(ARCHIVE, limits, Progress("table"))


def test_waits_double_with_jitter(clock):
    assert connection().retrying(failing(*[TransientError("cut")] * 3)) == 42
    assert [0.5 <= wait / base <= 1.5 for wait, base in zip(clock, (1, 2, 4), strict=True)] \
        == [True] * 3


def test_waits_differ_between_clients(clock):
    for _ in range(5):
        connection().retrying(failing(TransientError("cut")))
    assert len(set(clock)) == 5


def test_retry_after_is_waited_out(clock):
    connection().retrying(failing(TransientError("answered 503", retry_after=20)))
    assert clock == [20]


def test_after_the_last_attempt_comes_one_sentence(clock):
    with pytest.raises(TapError, match=r"the archive \(https://archive.example/tap\) could not be "
                                       r"used: cut \(attempt 4\); check the network, or name a "
                                       r"mirror in ARCHIVE_URL, or run .* simulated"):
        connection().retrying(failing(*[TransientError("cut")] * 9))
    assert len(clock) == 3


def test_no_wait_goes_past_the_deadline(clock):
    with pytest.raises(TapError, match="503, and the deadline of 60 s comes before the next"):
        connection().retrying(failing(TransientError("answered 503", retry_after=61)))
    assert clock == []


def test_what_will_not_pass_is_not_tried_again(clock):
    with pytest.raises(TapError, match="bad ADQL"):
        connection().retrying(failing(TapError("bad ADQL")))
    assert clock == []


@pytest.mark.parametrize(("header", "seconds"), [
    ("120", 120), (" 7 ", 7), ("", 0), ("soon", 0), ("-5", 0)])
def test_retry_after_in_seconds(header, seconds):
    assert tap_connection._seconds(header) == seconds


def test_retry_after_as_a_date():
    date = email.utils.formatdate(time.time() + 90, usegmt=True)
    assert 85 < tap_connection._seconds(date) < 95


def test_the_environment_names_a_mirror(monkeypatch):
    monkeypatch.delenv("ARCHIVE_URL", raising=False)
    assert ARCHIVE.url == "https://archive.example/tap"
    monkeypatch.setenv("ARCHIVE_URL", "http://[::1]:8080/tap/")
    assert ARCHIVE.url == "http://[::1]:8080/tap"
    connection()


@pytest.mark.parametrize("url", ["https://user@archive.example/tap", "archive.example/tap", "x"])
def test_an_address_that_is_not_plain_http_is_refused(url, monkeypatch):
    monkeypatch.setenv("ARCHIVE_URL", url)
    with pytest.raises(TapError, match="ARCHIVE_URL should be a TAP URL such as https://archive"):
        connection()


@pytest.mark.parametrize(("text", "says"), [
    ("HTTPSConnectionPool(host='x', port=443): Max retries exceeded with url: /tap (Caused by "
     "NameResolutionError(\"<conn>: Failed to resolve 'x' ([Errno -2] Name or service not "
     "known)\"))", "Failed to resolve 'x'"),
    ("HTTPConnectionPool(host='x', port=80): Read timed out. (read timeout=0.5)",
     "Read timed out."),
    ("('Connection aborted.', RemoteDisconnected('Remote end closed connection without "
     "response'))", "Remote end closed connection without response"),
])
def test_the_cause_of_a_network_error_is_short(text, says):
    assert tap_connection._reason(OSError(text)).startswith(says)
    assert len(tap_connection._reason(OSError(text))) < 100
