"""What can go wrong between an archive and a raw file, each case over a real socket.

Every case runs a fetch stage against a service with one fault. It ends in the right file, or in
one sentence, exit code 1 and no file; and the same stage succeeds once the fault is gone.
"""

import csv
import functools
import gzip
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import time

import pyarrow.parquet as pq
import pytest
import yaml

from tests.archives.tap_service import error_page, to_csv, wait_for, zipped
from tests.running import environment
from tests.small_survey import LABELS, STAGES, TOP, files, run

pytestmark = pytest.mark.loopback
posix = pytest.mark.skipif(os.name != "posix", reason="signals and limits of POSIX")

RIGHT = "the right file"
MAINTENANCE = b"<html><head><title>Down for maintenance</title></head><body>at 8</body></html>"
FOREVER = 99


# -- faults: each takes the service and breaks it ------------------------------------------------

def have(**attributes):
    """The service has these attributes."""
    return lambda service: vars(service).update(attributes)


def status(step, code, body=b"", times=FOREVER, **headers):
    """A step is answered with an HTTP status of our choice, so many times."""
    def answer(handler):
        handler.send(code, body, **headers)
        return True
    return lambda service: service.steps.update({step: [answer] * times})


def hang_up(step, times=FOREVER):
    """The connection is closed without an answer."""
    def answer(handler):
        handler.close_connection = True
        handler.connection.shutdown(socket.SHUT_RDWR)
        return True
    return lambda service: service.steps.update({step: [answer] * times})


def send_raw(step, head, body=b"", every_s=0.0, times=FOREVER):
    """A step is answered with these bytes; the body byte by byte, one each so many seconds."""
    def answer(handler):
        handler.close_connection = True
        handler.wfile.write(head)
        handler.trickle(body, 1 if every_s else 1 << 16, every_s)
        return True
    return lambda service: service.steps.update({step: [answer] * times})


def all_of(*faults):
    """Several faults at once."""
    return lambda service: [fault(service) for fault in faults]


def outage(code, body=b"", times=FOREVER, **headers):
    """Both doors are answered so."""
    return all_of(*(status(step, code, body, times, **headers)
                    for step in ("POST sync", "POST create")))


def data(send):
    """The data answer goes out as `send(handler, body)` does it."""
    return have(send_data=send)


def cell(column, value, row=5):
    """One cell of the data answer is another."""
    def edit(names, rows):
        rows[row][names.index(column)] = value
        return names, rows
    return have(edit=edit)


def columns(change):
    """The columns of the data answer are those that `change` makes of (names, rows)."""
    return have(edit=lambda names, rows: change(names, rows))


def send_head(handler, **headers):
    handler.send_response(200)
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()


def cut_in_the_middle(handler, body):
    send_head(handler, Content_Length=str(len(body)))
    handler.wfile.write(body[:len(body) // 2])
    handler.close_connection = True


def cut_once(handler, body):
    if handler.server.__dict__.setdefault("cut_before", False):
        handler.send(200, body)
    else:
        handler.server.cut_before = True
        cut_in_the_middle(handler, body)


def end_early(handler, body, at_line_end):
    send_head(handler, Connection="close")
    half = body[:len(body) // 2]
    handler.wfile.write(half[:half.rindex(b"\n") + (1 if at_line_end else 9)])
    handler.close_connection = True


def chunked_and_cut(handler, body):
    send_head(handler, Transfer_Encoding="chunked")
    handler.wfile.write(b"%x\r\n%s\r\n" % (2000, body[:2000]))
    handler.close_connection = True


def chunked(handler, body):
    send_head(handler, Transfer_Encoding="chunked")
    for part in (body[:2000], body[2000:]):
        handler.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
    handler.wfile.write(b"0\r\n\r\n")


def trickle(handler, body):
    send_head(handler, Content_Length=str(len(body)))
    handler.trickle(body, 1, 0.05)


def fall_silent(handler, body):
    send_head(handler, Content_Length=str(len(body)))
    handler.trickle(body, 2000, 30)


def shuffled(names, rows):
    return names, random.Random(7).sample(rows, len(rows))


def reordered(names, rows):
    return names[::-1], [row[::-1] for row in rows]


def broken_utf8(names, rows):
    return to_csv(names, rows).replace(b"pallas", b"pall\xe9s")


NO_SYNC, NO_ASYNC = status("POST sync", 503), status("POST create", 503)
PADDED = have(render=lambda n, r: to_csv(
    n, [[v and v.ljust(40) if c == "denomination" else v for c, v in zip(n, row, strict=True)]
        for row in r], quoting=csv.QUOTE_NONNUMERIC))

CASES = {
    # the service's row limit and its counts
    "truncated without a mark": ("spectra", have(hard_maxrec=100), "320 rows 100: row limit"),
    "truncated with a mark": (
        "spectra", have(hard_maxrec=100, mark_overflow=True), "truncated (OVERFLOW)"),
    "labels truncated": ("labels", have(hard_maxrec=7), "20 rows sent 7 LABELS_FILE"),
    "mapping truncated": ("mapping", have(hard_maxrec=7), "20 rows sent 7 GAIA_FILES"),
    "labels truncated by /sync alone": ("labels", have(sync_maxrec=15), RIGHT),
    "count changes": ("spectra", have(counts=[318, 320]), "changed 318 320 run it again"),
    "more rows than counted": ("spectra", have(counts=[300]), "300 rows sent 301"),
    "count is zero": ("spectra", have(counts=[0]), "no rows check the name of the table"),
    "count is not a number": ("spectra", have(counts=["many"]), "n_rows int64 'many'"),
    "count is null": ("spectra", have(counts=["null"]), "expected one number"),
    # transport
    "connection cut mid-body": ("spectra", data(cut_in_the_middle), "broke after deadline of 1.5"),
    "connection cut once": ("spectra", data(cut_once), RIGHT),
    "body ends early at a line end": (
        "spectra", data(functools.partial(end_early, at_line_end=True)), "320 rows sent"),
    "body ends early inside a line": (
        "spectra", data(functools.partial(end_early, at_line_end=False)), "inside a line cut off"),
    "chunked body": ("spectra", data(chunked), RIGHT),
    "chunked body cut": ("spectra", data(chunked_and_cut), "broke after"),
    "gzip without a header": ("spectra", have(render=zipped), RIGHT),
    "gzip with a header": (
        "spectra", data(lambda h, body: h.send(200, gzip.compress(body), Content_Encoding="gzip")),
        RIGHT),
    "gzip header on plain text": (
        "spectra", data(lambda h, body: h.send(200, body, Content_Encoding="gzip")), RIGHT),
    "gzip body cut": (
        "spectra", have(render=lambda n, r: zipped(n, r)[:-40]), "compressed cut off"),
    "gzip body damaged": (
        "spectra", have(render=lambda n, r: zipped(n, r)[:-8] + b"1" * 8), "compressed damaged"),
    "everything zipped by a proxy": ("spectra", have(zip_everything=True), RIGHT),
    "error page zipped by a proxy": (
        "spectra", all_of(have(zip_everything=True), outage(400, error_page("Expected SELECT"))),
        "400 Expected SELECT"),
    "empty body": ("spectra", have(render=lambda n, r: b""), "empty answer"),
    "header and no rows": ("spectra", have(render=lambda n, r: to_csv(n, [])), "320 rows sent 0"),
    "slow trickle past the deadline": (
        "spectra", data(trickle), "still sending deadline of 1.5 s tap.deadline_s"),
    "silence mid-body": ("spectra", data(fall_silent), "broke after timed out"),
    "headers dripped": ("spectra", all_of(*(
        send_raw(step, b"HTTP/1.1 200 OK\r\n", b"X: " + b"y" * 60_000, 0.05)
        for step in ("POST sync", "POST create"))), "no whole header deadline of 1.5 s"),
    "endless body": ("spectra", data(lambda h, body: (
        send_head(h, Connection="close"), h.trickle(body + b" " * 9_000_000, 1 << 20, 0.0))),
        "sent more than bytes"),
    # the two doors of a service
    "async hangs up": ("spectra", hang_up("POST create"), RIGHT),
    "async hangs up once at the start": ("spectra", hang_up("POST phase", times=1), RIGHT),
    "async down": ("spectra", NO_ASYNC, RIGHT),
    "async not there": ("spectra", status("POST create", 404), RIGHT),
    "async forbidden": ("spectra", status("POST create", 403), RIGHT),
    "async in maintenance": ("spectra", status("POST create", 200, MAINTENANCE), RIGHT),
    "sync down": ("spectra", NO_SYNC, RIGHT),
    "sync down for labels": ("labels", NO_SYNC, RIGHT),
    "sync not there": ("labels", status("POST sync", 404), RIGHT),
    "sync forbidden": ("mapping", status("POST sync", 403), RIGHT),
    "sync hangs up": ("labels", hang_up("POST sync"), RIGHT),
    "sync silent": ("labels", send_raw("POST sync", b"", b" " * 9, 0.4), "LABELS_FILE"),
    "sync answers with a page": ("labels", status("POST sync", 200, MAINTENANCE), RIGHT),
    "both hang up": ("spectra", all_of(hang_up("POST create"), hang_up("POST sync")),
                     "/sync: /async: Remote end closed GAIA_FILES make demo"),
    "both in maintenance": ("spectra", outage(200, MAINTENANCE), "Down for maintenance"),
    # HTTP
    "maintenance page as the result": (
        "spectra", have(render=lambda n, r: MAINTENANCE), "page CSV Down for maintenance"),
    "maintenance page as the phase": (
        "spectra", all_of(status("GET phase", 200, MAINTENANCE), NO_SYNC),
        "phase of its job was expected: Down for maintenance"),
    "XML error with status 200": (
        "spectra", have(render=lambda n, r: error_page('Field "x" not found')),
        'CSV Field "x" not found'),
    "400 bad ADQL": ("spectra", outage(400, error_page("Expected SELECT")),
                     "400 Bad Request Expected SELECT check the names of the table"),
    "400 once": ("spectra", status("POST create", 400, times=1), RIGHT),
    "401": ("spectra", outage(401), "401 Unauthorized write to its operators GAIA_FILES"),
    "403 is a block": ("labels", outage(403, b"<title>blocked</title>"),
                       "403 Forbidden blocked write to LABELS_FILE"),
    "404 wrong address": ("spectra", outage(404), "404 Not Found GAIA_TAP_URL address"),
    "404 result gone": ("spectra", status("GET results", 404), RIGHT),
    "404 phase gone once": ("spectra", status("GET phase", 404, times=1), RIGHT),
    "500 for good": ("spectra", outage(500, error_page("Pool empty")),
                     "500 Internal Server Error Pool empty deadline of 1.5 s GAIA_FILES"),
    "500 that blames the query": (
        "spectra", outage(500, error_page("1 unresolved identifiers: x")), "identifiers: x names"),
    "created without an address": ("spectra", status("POST create", 303), RIGHT),
    "429 then fine": ("spectra", outage(429, times=2, Retry_After=0), RIGHT),
    "502 then fine": ("mapping", status("GET phase", 502, times=1), RIGHT),
    "503 for a while": ("spectra", outage(503, b"<title>queued jobs (150)</title>", 7), RIGHT),
    "503 for good": ("labels", outage(503, b"<title>queued jobs (150)</title>"),
                     "503 Service queued jobs (150) deadline of 1.5 s LABELS_FILE make demo"),
    "503 with Retry-After then fine": ("labels", outage(503, times=1, Retry_After=1), RIGHT),
    "503 for a while, which TAP_SCHEMA waits out": (
        "labels", outage(503, times=6), RIGHT),
    "503 with Retry-After past the deadline": (
        "spectra", outage(503, Retry_After=3600), "503 deadline of 1.5 s"),
    "Retry-After that is no number": ("spectra", status(
        "POST create", 503, times=1, Retry_After=b"\xb2".decode("latin-1")), RIGHT),
    "504 for good": ("spectra", outage(504), "504 Gateway make demo"),
    "redirect of the creation": (
        "spectra", status("POST create", 307, times=1, Location="/tap/async"), RIGHT),
    "redirect of the creation by 302": (
        "spectra", status("POST create", 302, times=1, Location="/tap/async"), RIGHT),
    "redirect of the result": (
        "spectra", status("GET results", 303, times=1, Location="results/result.csv"), RIGHT),
    "redirect without end": (
        "spectra", all_of(status("GET phase", 302, Location="phase"), NO_SYNC), "redirects"),
    "both redirected without end": ("spectra", all_of(
        status("POST create", 307, Location="/tap/async"),
        status("POST sync", 307, Location="/tap/sync")), "redirects without end"),
    "302 where 303 should be": ("spectra", have(redirect=302), RIGHT),
    "Location with a slash at its end": ("spectra", have(location=lambda at: f"{at}/"), RIGHT),
    "Location with a session": (
        "spectra", have(location=lambda at: f"{at};jsessionid=0A.node1"), RIGHT),
    "Location that is relative": (
        "spectra", have(location=lambda at: at.rpartition("/tap/")[2]), RIGHT),
    "Location that is no address": ("spectra", have(location=lambda at: "http://["), RIGHT),
    "every 303 with a cut body": ("spectra", have(cut_redirects=True), RIGHT),
    "303 with an endless body": ("spectra", status(
        "POST phase", 303, times=1, Location="/tap/async", Transfer_Encoding="chunked"), RIGHT),
    "control characters": ("spectra", outage(400, b"<title>\x1b[2J\x07 no\x9b1m</title>"),
                           "[2J no"),
    "control characters in the reason": ("spectra", all_of(*(
        send_raw(step, b"HTTP/1.1 403 \x1b[2J no\r\nContent-Length: 0\r\n\r\n")
        for step in ("POST sync", "POST create"))), "answered 403 [2J no write to"),
    "control characters in a header line": (
        "spectra", columns(lambda n, r: (["\x1b[2J", *n[1:]], r)), "sent [2J, number_mp"),
    "control characters in a unit": (
        "spectra", have(units={"wavelength": "\x1b[2J"}), "'\\x1b[2J' expected nm"),
    "control characters in a value": (
        "spectra", cell("number_mp", "\x1b[2J"), "number not int64 '\\x1b[2J'"),
    "control characters in a key": (
        "labels", all_of(cell("class_A", "x"), cell("Number", "\x1b[2J5")), "not int64"),
    "control characters in an address": (
        "spectra", all_of(have(location=lambda at: "http://[\x1b[2J"), NO_SYNC), "no address"),
    # the job
    "job stuck in QUEUED": ("spectra", have(phases=["QUEUED"]), RIGHT),
    "job stuck in EXECUTING and sync down": (
        "spectra", all_of(have(phases=["EXECUTING"]), NO_SYNC), "phase EXECUTING deadline"),
    "job queued then fine": (
        "spectra", have(phases=["QUEUED", "EXECUTING", "COMPLETED"]), RIGHT),
    "job never starts": ("mapping", have(phases=["PENDING"]), RIGHT),
    "job ABORTED": ("spectra", have(phases=["ABORTED"]), RIGHT),
    "job ERROR once and sync down": (
        "spectra", all_of(have(first_phases=[["ERROR"]], job_error="Pool empty"), NO_SYNC), RIGHT),
    "job ERROR": ("spectra", all_of(have(phases=["ERROR"], job_error="relation gone"), NO_SYNC),
                  "phase ERROR: relation gone deadline"),
    "job ERROR that blames the query": (
        "spectra", all_of(have(phases=["ERROR"], job_error="1 unresolved identifiers: x"),
                          NO_SYNC), "phase ERROR: identifiers: x check the names"),
    "job ERROR without a reason": (
        "spectra", all_of(have(phases=["ERROR"]), status("GET error", 404), NO_SYNC),
        "phase ERROR no reason"),
    "bogus identifier once": (
        "spectra", have(refusals=["1 unresolved identifiers: number_mp"]), RIGHT),
    "bogus identifier once at either door": (
        "labels", have(refusals=["1 unresolved identifiers: Number"]), RIGHT),
    "phase forgotten for good": ("spectra", status("GET phase", 404), RIGHT),
    "phase in lower case": ("spectra", have(phases=["executing", "completed"]), RIGHT),
    "phase with a mark of byte order": ("spectra", have(phases=["\ufeffCOMPLETED\r\n"]), RIGHT),
    "phase as XML": ("spectra", have(phases=[
        '<?xml version="1.0"?><uws:job><uws:jobId>RUN</uws:jobId><uws:phase>COMPLETED</uws:phase>'
        "</uws:job>"]), RIGHT),
    "phase without end": (
        "spectra", status("GET phase", 200, b"Q" * 3_000_000), RIGHT),
    "job cannot be deleted": ("spectra", status("POST job", 404), RIGHT),
    **{f"500 once at {step}": ("spectra", status(step, 500, times=1), RIGHT)
       for step in ("POST sync", "POST create", "POST phase", "GET phase", "GET results")},
    # TAP_SCHEMA is a help
    "TAP_SCHEMA broken": ("spectra", have(schema_error="rewriting failed"), RIGHT),
    "columns not listed": ("spectra", have(list_columns=False), RIGHT),
    # the columns
    "extra column": ("spectra", columns(lambda n, r: (n + ["x"], [row + ["1"] for row in r])),
                     "asked for the columns sent x"),
    "missing column": ("spectra", columns(lambda n, r: (n[:-1], [row[:-1] for row in r])),
                       "asked for the columns"),
    "renamed column": ("spectra", columns(lambda n, r: (["id", *n[1:]], r)), "sent id, number_mp"),
    "column twice": ("spectra", columns(lambda n, r: ([n[0], n[0], *n[2:]], r)),
                     "sent source_id, source_id"),
    "re-ordered columns": ("spectra", columns(reordered), RIGHT),
    "re-ordered rows": ("spectra", columns(shuffled), RIGHT),
    "header in upper case": ("spectra", columns(lambda n, r: ([c.upper() for c in n], r)), RIGHT),
    "everything quoted": (
        "spectra", have(render=functools.partial(to_csv, quoting=csv.QUOTE_ALL)), RIGHT),
    "null written as null": (
        "spectra", have(render=functools.partial(to_csv, null="null")), RIGHT),
    "null written as NaN": ("spectra", have(render=functools.partial(to_csv, null="NaN")), RIGHT),
    "CRLF line ends": (
        "spectra", have(render=lambda n, r: to_csv(n, r).replace(b"\n", b"\r\n")), RIGHT),
    "a row too short": ("spectra", columns(lambda n, r: (n, [*r[:9], r[9][:3], *r[10:]])),
                        "not CSV throughout"),
    "not UTF-8": ("spectra", have(render=broken_utf8), "name 16 values pall"),
    "other unit": ("spectra", have(units={"wavelength": "Angstrom"}), "'Angstrom' expected nm"),
    "same unit by another name": ("spectra", have(units={"wavelength": "nanometer"}), RIGHT),
    "unit written as none": ("spectra", have(units={"reflectance_spectrum": "---"}), RIGHT),
    "text padded with blanks": ("spectra", PADDED, RIGHT),
    # the values
    "number that is text": ("spectra", cell("number_mp", "four"),
                            "number 1 values not int64 'four' -42849"),
    "number with a fraction": ("mapping", cell("number_mp", "4.5"), "number not int64"),
    "wavelength that is text": ("spectra", cell("wavelength", "blue"), "wavelength not float"),
    "flag beyond int8": ("spectra", cell("reflectance_spectrum_flag", "300"), "flag not int8"),
    "source_id null": ("spectra", cell("source_id", None), "source_id is null in 1 of 320"),
    "source_id and wavelength twice": (
        "spectra", cell("wavelength", "374.0"), "wavelength comes twice in 1 of 320 e.g. -42849"),
    "15 wavelengths": ("spectra", lambda s: (
        have(edit=lambda n, r: (n, r[1:]), counts=[319])(s)), "not exactly 16 in 1 of 20 sources"),
    "17 wavelengths": ("spectra", lambda s: (have(
        edit=lambda n, r: (n, [*r, [*r[0][:4], "1078.0", *r[0][5:]]]), counts=[321])(s)),
        "wavelength is not one of 374 ... 1034 nm in 1 of 321"),
    "wavelength 550.0001": ("spectra", cell("wavelength", "550.0001"), "not one of 1 of 320"),
    "number differs within a source": (
        "spectra", cell("number_mp", "77"), "number differs between the bands"),
    "name null in one band": (
        "spectra", cell("denomination", None), "name differs between the bands"),
    "reflectance inf": ("spectra", cell("reflectance_spectrum", "inf"), "infinite in 1 of 320"),
    "reflectance 1e39": ("spectra", cell("reflectance_spectrum", "1e39"), "infinite in 1 of 320"),
    "reflectance 1e30": (
        "spectra", cell("reflectance_spectrum", "1e30"), "outside -30.0 ... 30.0"),
    "reflectance far below zero": (
        "spectra", cell("reflectance_spectrum", "-1000"), "outside -30.0 ... 30.0"),
    "reflectance a little below zero": (
        "spectra", cell("reflectance_spectrum", "-0.25"),
        lambda table: -0.25 in table["reflectance"].to_pylist()),
    "reflectance NaN": (
        "spectra", cell("reflectance_spectrum", "-nan"),
        "error is null where a reflectance is, or the reverse, in 1 of 320"),
    "error below zero": (
        "spectra", cell("reflectance_spectrum_err", "-1"), "outside 0.0 ... 30.0"),
    "label class empty": (
        "labels", cell("class", ""), lambda table: table["class"].null_count == 2),
    "label probability inf": (
        "labels", cell("class_A", "inf"), "probability_A is infinite in 1 of 20"),
    "label columns not listed": (
        "labels", have(list_columns=False), lambda t: t.column_names == ["number", "class"]),
}


@pytest.fixture(scope="module")
def right_files():
    """The bytes of a stage's file from a service without faults, by stage; filled as they come."""
    return {}


def fetched(stage, folder, right_files):
    """Whether the stage's file is the one that a service without faults gives."""
    path = folder / STAGES[stage][1]
    return path.read_bytes() == right_files.setdefault(stage, path.read_bytes())


@pytest.mark.parametrize("name", CASES)
def test_it_ends_in_the_right_file_or_in_one_sentence(
    name, service, project_folder, capsys, right_files
):
    stage, fault, expected = CASES[name]
    path = project_folder / STAGES[stage][1]
    if stage not in right_files:
        assert run(stage) == 0
        assert fetched(stage, project_folder, right_files)
        path.unlink()
        capsys.readouterr()
    fault(service)
    code = run(stage)
    said = capsys.readouterr()
    assert [c for c in said.out + said.err if not (c.isprintable() or c == "\n")] == []
    errors = [line for line in said.err.splitlines() if line.startswith("error: ")]
    if isinstance(expected, str) and expected is not RIGHT:
        assert code == 1
        assert len(errors) == 1
        assert [part for part in expected.split() if part not in errors[0]] == []
        assert files(project_folder) == []
    else:
        assert (code, errors) == (0, [])
        assert expected(pq.read_table(path)) if expected is not RIGHT \
            else fetched(stage, project_folder, right_files)
    if name not in ("job cannot be deleted", "Location that is no address",
                    "control characters in an address"):
        assert service.jobs == {}
    service.heal()
    assert run(stage) == 0
    assert fetched(stage, project_folder, right_files)
    assert files(project_folder) == [STAGES[stage][1]]


@pytest.mark.parametrize("fault", [
    outage(400), outage(401), outage(403), outage(404), outage(405),
    have(refusals=["1 unresolved identifiers: x"] * 9), have(hard_maxrec=100)])
def test_what_will_not_pass_is_not_tried_again(fault, service, project_folder):
    fault(service)
    assert run("spectra") == 1
    # COUNT(*), TAP_SCHEMA, the rows at both doors, and COUNT(*) again where they are not as many
    assert service.log.count("POST create") <= 1
    assert service.log.count("POST sync") <= 5


def rename_in_params(folder, stage, role, name):
    params = yaml.safe_load((folder / "params.yaml").read_text())
    params[f"fetch_{stage}"]["columns"][role] = name
    (folder / "params.yaml").write_text(yaml.safe_dump(params))


@pytest.mark.parametrize(("stage", "role", "lists"), [
    ("spectra", "flag", "reflectance_spectrum_err, reflectance_spectrum_flag"),
    ("labels", "class", "Number, Name, class, class_A, Class_B")])
def test_a_wrong_column_name_ends_with_the_columns_there_are(
    stage, role, lists, service, project_folder, capsys
):
    rename_in_params(project_folder, stage, role, "no_such_column")
    assert run(stage) == 1
    error = capsys.readouterr().err.splitlines()[-1]
    assert "identifiers: no_such_column" in error
    assert "the service lists for " in error and lists in error


def test_where_the_columns_cannot_be_listed_that_is_said(service, project_folder, capsys):
    service.schema_error = "rewriting failed"
    assert run("labels") == 0
    said = capsys.readouterr().out
    assert 'the columns of "J/A+A/665/A26/asteroid" are not known beforehand' in said
    assert "rewriting failed" in said
    assert "going on without class_A, class_B, class_Z" in said


def test_a_plain_line_tells_what_the_server_said_and_how_long_it_is_waited(
    service, project_folder, capsys
):
    outage(503, b"<title>queued jobs (150)</title>", times=3)(service)
    assert run("spectra") == 0
    said = capsys.readouterr().err
    assert re.search(r"reflectance spectra: /sync: answered 503 .*: queued jobs \(150\); "
                     r"/async: .*; \d+ s so far, next attempt in \d+ s", said)


@pytest.mark.parametrize(("step", "fault"), [
    ("GET phase", status("GET phase", 502, times=2)),
    ("GET phase", hang_up("GET phase", times=1)),
    ("GET results", status("GET results", 500, times=2)),
    ("GET results", data(cut_once))])
def test_a_job_is_not_given_up_for_a_fault_that_passes(step, fault, service, project_folder):
    fault(service)
    assert run("spectra") == 0
    assert service.log.count("POST create") == 1
    assert service.log.count(step) > 1


def test_a_request_says_who_asks(service, project_folder):
    agents = []
    service.steps = {step: [lambda handler: agents.append(handler.headers["User-Agent"])] * 9
                     for step in ("POST sync", "POST create", "GET phase", "POST job")}
    assert run("spectra") == 0
    assert len(agents) >= 5
    assert all(agent.startswith("asteroid-taxonomy") for agent in agents)


def test_each_attempt_has_a_connection_of_its_own(service, project_folder):
    ports = []

    def answer(handler):
        ports.append(handler.client_address)
        handler.send(503, b"")
        return True

    service.steps = {step: [answer] * 2 for step in ("POST sync", "POST create")}
    assert run("spectra") == 0
    assert len(set(ports)) == len(ports) == 4


def test_a_table_that_the_service_does_not_have_is_named(
    service, project_folder, capsys, monkeypatch
):
    monkeypatch.setenv("LABELS_TABLE", "vizier.no_such_table")
    assert run("labels") == 1
    assert "Could not locate table vizier.no_such_table" in capsys.readouterr().err
    assert files(project_folder) == []


def test_a_mirror_with_another_table_name_gives_the_same_bytes(
    service, project_folder, monkeypatch, right_files
):
    assert run("labels") == 0
    assert fetched("labels", project_folder, right_files)
    service.tables["mirror.labels"] = service.tables.pop(LABELS)
    monkeypatch.setenv("LABELS_TABLE", "mirror.labels")
    assert run("labels") == 0
    assert fetched("labels", project_folder, right_files)


def test_no_server_ends_with_both_ways_on(project_folder, capsys, monkeypatch):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    monkeypatch.setenv("GAIA_TAP_URL", f"http://127.0.0.1:{port}/tap")
    monkeypatch.setenv("no_proxy", "*")
    assert run("spectra") == 1
    said = capsys.readouterr().err
    assert "error: the Gaia archive" in said
    assert "Connection refused" in said
    assert "GAIA_TAP_URL" in said and "GAIA_FILES" in said and "simulated" in said
    assert files(project_folder) == []


@pytest.mark.parametrize("url", ["gaia", "ftp://gaia.example/tap", "http:///tap", "http://["])
def test_an_address_that_is_none_is_refused(url, project_folder, capsys, monkeypatch):
    monkeypatch.setenv("GAIA_TAP_URL", url)
    assert run("spectra") == 1
    assert "GAIA_TAP_URL should be a TAP URL" in capsys.readouterr().err


# -- a process of its own ------------------------------------------------------------------------

def start(folder, stage, before=""):
    """Start `python -m stages.fetch_<stage>` in `folder`, after the Python statement `before`."""
    module = STAGES[stage][0].__name__
    code = f"{before}\nimport runpy; runpy.run_module({module!r}, run_name='__main__')"
    return subprocess.Popen([sys.executable, "-c", code], cwd=folder, stderr=subprocess.PIPE,
                            text=True, env={**os.environ, "PYTHONPATH": str(TOP)})


@posix
@pytest.mark.parametrize(("name", "code", "says"), [
    ("SIGTERM", 143, "terminated: nothing was written"),
    ("SIGINT", 130, "interrupted: nothing was written"),
    ("SIGHUP", 129, "terminated: nothing was written"),
])
@pytest.mark.parametrize("moment", ["in mid-transfer", "in the queue"])
def test_a_signal_deletes_the_remote_job_and_leaves_nothing(
    name, code, says, moment, service, project_folder
):
    path = project_folder / "params.yaml"
    path.write_text(path.read_text().replace("deadline_s: 1.5", "deadline_s: 60"))
    if moment == "in the queue":
        service.phases = ["QUEUED"]
        reached = ["GET phase"] * 3
    else:
        service.send_data = trickle
        reached = ["GET results"]
    process = start(project_folder, "spectra")
    wait_for(lambda: service.log.count(reached[0]) >= len(reached))
    time.sleep(0.1)
    assert len(service.jobs) == 1
    process.send_signal(getattr(signal, name))
    _, said = process.communicate(timeout=20)
    assert process.returncode == code
    assert said.splitlines()[-1] == says
    assert "Traceback" not in said
    assert service.jobs == {}
    assert files(project_folder) == []
    service.heal()
    assert run("spectra") == 0


@posix
@pytest.mark.parametrize("zip_body", [False, True], ids=["the download", "the Parquet file"])
def test_a_full_disk_leaves_nothing(zip_body, service, project_folder):
    # a limit on the size of files stands for the full disk; zipped, the download fits below it
    service.render = (lambda n, r: gzip.compress(to_csv(n, r), 9)) if zip_body else to_csv
    limit = 2500 if zip_body else 5000
    process = start(project_folder, "spectra", before="import resource as r; "
                    f"r.setrlimit(r.RLIMIT_FSIZE, ({limit}, {limit}))")
    _, said = process.communicate(timeout=20)
    assert process.returncode == 1
    assert "error: the disk said: " in said.splitlines()[-1]
    assert "Traceback" not in said
    assert files(project_folder) == []
    assert service.jobs == {}
    assert run("spectra") == 0


def test_dvc_repro_succeeds_once_the_fault_is_gone(service, project_folder):
    for folder in ("stages", "asteroid_taxonomy", "data"):
        shutil.copytree(TOP / folder, project_folder / folder, ignore=shutil.ignore_patterns(
            "*.parquet", "__pycache__"), dirs_exist_ok=True)
    shutil.copy(TOP / "dvc.yaml", project_folder)
    dvc = functools.partial(
        subprocess.run, cwd=project_folder, capture_output=True, text=True,
        env=environment())
    dvc(["dvc", "init", "--no-scm", "--quiet"], check=True)
    before = files(project_folder)
    service.hard_maxrec = 7
    failed = dvc(["dvc", "repro", "fetch_labels"])
    assert failed.returncode != 0
    assert "it has 20 rows" in failed.stderr and "sent 7" in failed.stderr
    assert files(project_folder) == before
    service.heal()
    again = dvc(["dvc", "repro", "fetch_labels"])
    assert again.returncode == 0, again.stderr
    assert pq.read_metadata(project_folder / "data/raw/labels.parquet").num_rows == 20
