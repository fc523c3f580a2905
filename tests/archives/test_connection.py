"""Addresses, and what is read out of headers and errors, without a server."""

import email.utils
import time

import pytest

from asteroid_taxonomy.archives.archive import Archive, Limits
from asteroid_taxonomy.archives.connection import Connection
from asteroid_taxonomy.archives.faults import PassingFault, TapError, cause, retry_after_seconds
from asteroid_taxonomy.console import Progress

PUBLISHED = "https://archive.example/tap"
ARCHIVE = Archive("the archive", "ARCHIVE_URL", "ARCHIVE_FILES", "help@archive.example")


def connection():
    return Connection(ARCHIVE, PUBLISHED, Limits(1, 1, 60, 1, 60), Progress("table"))


@pytest.mark.parametrize(("header", "seconds"), [
    ("120", 120), (" 7 ", 7), ("", 0), ("soon", 0), ("-5", 0), ("²", 0), ("٣", 3),
    ("Thu, 99 Dec 99999 00:00:00 GMT", 0)])
def test_retry_after_in_seconds(header, seconds):
    assert retry_after_seconds(header) == seconds


def test_retry_after_as_a_date():
    date = email.utils.formatdate(time.time() + 90, usegmt=True)
    assert 85 < retry_after_seconds(date) < 95


def test_the_environment_names_a_mirror(monkeypatch):
    monkeypatch.delenv("ARCHIVE_URL", raising=False)
    assert connection().url == PUBLISHED
    assert connection().contact == "help@archive.example"
    monkeypatch.setenv("ARCHIVE_URL", "http://[::1]:8080/tap/")
    assert connection().url == "http://[::1]:8080/tap"
    assert connection().contact == "its operators"


@pytest.mark.parametrize("url", ["https://user@archive.example/tap", "archive.example/tap", "x"])
def test_an_address_that_is_not_plain_http_is_refused(url, monkeypatch):
    monkeypatch.setenv("ARCHIVE_URL", url)
    with pytest.raises(TapError, match="ARCHIVE_URL should be a TAP URL such as https://archive"):
        connection()


@pytest.mark.parametrize(("status", "said", "kind", "advises"), [
    (400, "answered 400", "query", "check the names of the table and its columns"),
    (500, "unresolved identifiers: x", "query", "check the names of the table and its columns"),
    (401, "answered 401", "forbidden", "write to help@archive.example, or name another mirror"),
    (403, "answered 403", "forbidden", "ARCHIVE_URL or files in ARCHIVE_FILES"),
    (404, "answered 404", "address", "check that ARCHIVE_URL, or service in params.yaml"),
    (410, "answered 410", "address", "is the address of a TAP service")])
def test_the_advice_fits_the_fault(status, said, kind, advises, monkeypatch):
    monkeypatch.delenv("ARCHIVE_URL", raising=False)
    fault = connection().fault(status, said)
    assert (fault.kind, str(fault).startswith(f"the archive ({PUBLISHED}) {said}")) == (kind, True)
    assert advises in str(fault)


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_what_may_pass_is_told_from_what_will_not(status):
    fault = connection().fault(status, "Pool empty", 7)
    assert isinstance(fault, PassingFault)
    assert fault.retry_after == 7


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
    assert cause(OSError(text)).startswith(says)
    assert len(cause(OSError(text))) < 100
