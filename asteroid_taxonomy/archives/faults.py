"""What a service says is wrong, and whether waiting helps.

The words of DaCHS, VOLLT (TAPVizieR), ESA and PostgreSQL are those that others recorded of them.
"""

import email.utils
import html
import re
import time

from asteroid_taxonomy.console import PipelineError, plain

PAGE_BYTES = 1 << 16  # of a page that are searched for a message
# about a query that will not pass at another time either
QUERY_FAULT = re.compile(
    r"unresolved|\bpars(e|ing)|syntax|unknown (table|column)|no such|not exist|not found|"
    r"cannot find|could not locate|incorrect ADQL|encountered \"", re.IGNORECASE)


class TapError(PipelineError):
    """A service refuses, or sends what is not the answer: will not pass by waiting.

    `kind` is what two refusals are compared by.
    """

    def __init__(self, sentence: str, kind: str = "answer") -> None:
        super().__init__(sentence)
        self.kind = kind


class PassingFault(Exception):
    """A fault that may pass: worth another attempt after `retry_after` seconds."""

    def __init__(self, reason: str, retry_after: float = 0.0) -> None:
        super().__init__(reason)
        self.retry_after = retry_after


def one_line(text: str) -> str:
    """Text of a server on one line, without what steers a terminal."""
    return " ".join(plain(text).split())


def query_is_at_fault(said: str) -> bool:
    """Whether a service's words blame the query."""
    return bool(QUERY_FAULT.search(said))


def server_message(body: bytes) -> str:
    """What a service says is wrong, out of a VOTable, UWS or HTML error page, on one line."""
    text = body[:PAGE_BYTES].decode("utf-8", "replace")
    for pattern in (
        r'<INFO[^>]*value="ERROR"[^>]*>(.*?)</(?:\w+:)?INFO>',
        r"<(?:\w+:)?message>(.*?)</(?:\w+:)?message>",
        r"<title>(.*?)</title>",
    ):
        found = re.search(pattern, text, re.DOTALL | re.IGNORECASE)
        if found and found[1].strip():
            text = found[1]
            break
    return one_line(html.unescape(re.sub(r"<[^>]*>", " ", text)))[:300]


def retry_after_seconds(retry_after: str) -> float:
    """Retry-After in seconds; RFC 9110 allows a number or a date. 0 where it is neither."""
    if retry_after.strip().isdecimal():
        return float(retry_after)
    try:
        return email.utils.parsedate_to_datetime(retry_after).timestamp() - time.time()
    except (ValueError, OverflowError):
        return 0.0


def cause(error: BaseException) -> str:
    """The innermost cause of a network error, on one line."""
    text = one_line(str(error))
    for pattern in (r"Failed to (?:resolve|establish)[^\[\(]*(?:\[[^\]]*\] [^\)'\"]*)?",
                    r"(?:Read|Connect) timed out[^\)'\"]*", r"Remote end closed[^\)'\"]*"):
        found = re.search(pattern, text)
        if found:
            return found[0].strip()
    return text[:200]
