"""What can go wrong between an archive and a stored table, each over a real socket.

Every case runs a fetch stage against a service with one fault. It ends in the correct table, or in
one error message, exit code 1 and no file.
"""

import gzip
import io
import os
import re
import signal
import subprocess
import sys
import time

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from astropy.io.votable import from_table
from astropy.table import Table

from asteroid_taxonomy.archives import tap
from tests.archives.small_survey import TOP, edit_params, fetched, files, run, sample
from tests.archives.tap_service import error_page, to_csv

pytestmark = pytest.mark.loopback
CORRECT = None
LIMITS = {  # s, where something lasts
    "silence of minutes at /sync": {"read_timeout_s": 1},
    "async queued for 100 minutes": {"deadline_s": 4},
    "job EXECUTING for 9,000 s while sync works": {"deadline_s": 4},
}
MAINTENANCE = b"<html><head><title>Down for maintenance</title></head><body>at 8</body></html>"
QUEUED = b"<title>queued jobs (150)</title>"


# -- faults: each takes the service and breaks it ------------------------------------------------

def have(**attributes):
    return lambda service: vars(service).update(attributes)


def status(step, code, body=b"", times=99, **headers):
    """A step gets this HTTP status, so many times."""
    def handle(handler):
        handler.reply(code, body, **headers)
        return True
    return lambda service: service.steps.update({step: [handle] * times})


def all_of(*faults):
    return lambda service: [fault(service) for fault in faults]


def outage(code, body=b"", times=99, **headers):
    """Both endpoints respond so."""
    return all_of(*(status(step, code, body, times, **headers)
                    for step in ("POST sync", "POST create")))


def cell(column, value, row=5):
    """One cell of the data is this text."""
    def edit(table):
        cells = table[column].cast(pa.string()).to_pylist()
        cells[row] = value
        return table.set_column(table.column_names.index(column), column, pa.array(cells))
    return have(edit=edit)


def send_head(handler, **headers):
    handler.send_response(200)
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()


def cut_once(handler, body):
    handler.server.cuts = getattr(handler.server, "cuts", 0) + 1
    send_head(handler, Content_Length=str(len(body)))
    handler.wfile.write(body[:len(body) // 2] if handler.server.cuts == 1 else body)
    handler.close_connection = True


def end_at_a_line(handler, body):
    """The body ends early without HTTP's notice."""
    send_head(handler, Connection="close")
    handler.wfile.write(body[:body.index(b"\n", 5000) + 1])
    handler.close_connection = True


def votable(table):
    """VOTable in place of CSV, as the /sync of gaia.aip.de sends it."""
    frame = table.to_pandas().astype({"reflectance_spectrum_flag": "int16"})
    body = io.BytesIO()
    from_table(Table.from_pandas(frame)).to_xml(body, tabledata_format="binary2")
    return body.getvalue()


NO_SYNC, NO_ASYNC = status("POST sync", 503), status("POST create", 503)

CASES = {
    # recorded from the archives of ESA, CDS and AIP in 2025-2026
    "503 queued jobs for a while": ("spectra", outage(503, QUEUED, 5), CORRECT),
    "503 queued jobs for hours": (
        "labels", outage(503, QUEUED), "503 Service queued jobs (150) 7 s mirror"),
    "500 statement timeout": (
        "spectra", outage(500, error_page("statement timeout")), "statement timeout"),
    "500 Pool empty, then fine": ("spectra", outage(500, error_page("Pool empty"), 3), CORRECT),
    "silence of minutes at /sync": (
        "labels", lambda s: s.steps.update({"POST sync": [lambda h: time.sleep(1.2)]}), CORRECT),
    "async queued for 100 minutes": ("spectra", have(phases=["QUEUED"]), CORRECT),
    "job EXECUTING for 9,000 s while sync works": ("labels", have(phases=["EXECUTING"]), CORRECT),
    "anonymous /sync capped at 2,000 rows": ("spectra", have(sync_maxrec=200), CORRECT),
    "job ERROR at once for a query that passes later": (
        "spectra", all_of(have(job_error="Pool empty"), lambda s: s.steps.update({
            "POST phase": [lambda h: vars(s).update(phases=["ERROR"]),
                           lambda h: vars(s).update(phases=["COMPLETED"])]}), NO_SYNC),
        CORRECT),
    "bogus unresolved identifier from one backend": (
        "spectra", lambda s: s.steps.update({"GET results": [lambda h: h.reply(
            200, error_page("1 unresolved identifiers: number_mp")) or True]}), CORRECT),
    "maintenance page with HTTP 200": (
        "spectra", have(render=lambda t: MAINTENANCE), "page Down for maintenance"),
    "sync sends VOTable where CSV was requested": (
        "spectra", all_of(have(render=votable), NO_ASYNC), CORRECT),
    # row limits and counts
    "truncated without a mark": ("spectra", have(hard_maxrec=100), "100 rows 320 row limit"),
    "count is zero": ("spectra", have(counts=[0]), "no rows table's name"),
    # transport
    "connection cut once": ("spectra", have(send=cut_once), CORRECT),
    "body ends early at a line end": (
        "spectra", have(send=end_at_a_line), "rows received COUNT(*) is 320"),
    "gzip without a header": ("spectra", have(render=lambda t: gzip.compress(to_csv(t))), CORRECT),
    "empty body": ("spectra", have(render=lambda t: b""), "empty response"),
    # HTTP and jobs
    "sync down": ("labels", NO_SYNC, CORRECT),
    "403 is a block": (
        "labels", outage(403, b"<title>\x1b[2J blocked</title>"), "403 [2J blocked mirror"),
    "Retry-After of a day": ("spectra", outage(503, Retry_After=86400), "503 tap.deadline_s"),
    "job is junk": ("spectra", status("GET job", 200, MAINTENANCE, times=9), CORRECT),
    "job ERROR that blames the query": (
        "spectra", all_of(have(phases=["ERROR"], job_error="1 unresolved identifiers: x"),
                          status("POST sync", 200, error_page("1 unresolved identifiers: x"))),
        "identifiers: x check the names"),
    "job cannot be deleted": ("spectra", status("POST job", 404), CORRECT),
    # columns and values
    "missing column": ("spectra", have(edit=lambda t: t.drop_columns("denomination")),
                       "no column denomination"),
    "extra column, others in another order and in upper case": (
        "spectra", have(edit=lambda t: t.append_column("x", t[0]).select(
            ["x", *t.column_names[::-1]]).rename_columns(
                ["x", *(name.upper() for name in t.column_names[::-1])])), CORRECT),
    "number that is text": ("spectra", cell("number_mp", "four"), "number parse 'four' int64"),
    "reflectance NaN": ("spectra", cell("reflectance_spectrum", "-nan"), "reflectance is null"),
    "source twice in the mapping, another lost": ("source_mapping", have(edit=
        lambda t: pa.concat_tables([t[1:], t[1:2]])), "source_id not unique"),
    "probability above 1": ("labels", cell("class_A", "1.5"), "outside 0 ... 1"),
}


@pytest.mark.parametrize("name", CASES)
def test_it_ends_in_the_correct_table_or_in_one_message(name, service, project_folder, capsys):
    stage, fault, expected = CASES[name]
    edit_params(tap=LIMITS.get(name, {"deadline_s": 60 if expected is CORRECT else 7}))
    fault(service)
    code = run(stage)
    printed = capsys.readouterr()
    assert [c for c in printed.out + printed.err if not (c.isprintable() or c == "\n")] == []
    errors = [line for line in printed.err.splitlines() if line.startswith("error: ")]
    if expected is CORRECT:
        assert (code, errors) == (0, [])
        stored, published = fetched(stage), sample(stage)
        if stage == "labels":  # the service has no class_Z, and one asteroid without number
            stored = stored.filter(pc.is_valid(stored["number"]))
            published = published.drop_columns("probability_Z")
        assert stored.replace_schema_metadata().equals(published.combine_chunks())
    else:
        assert (code, len(errors)) == (1, 1)
        assert [part for part in expected.split() if part not in errors[0]] == []
        assert files(project_folder) == []
    if name != "job cannot be deleted":
        assert service.jobs == {}


def test_what_will_not_pass_is_tried_twice_and_no_more(service, project_folder):
    outage(404)(service)
    assert run("spectra") == 1
    assert service.log.count("POST create") <= 2
    assert service.log.count("POST sync") <= 4


def test_a_wrong_column_name_ends_with_the_columns_there_are(service, project_folder, capsys):
    edit_params(fetch_spectra={"columns": {"flag": "no_such_column"}})
    assert run("spectra") == 1
    printed = capsys.readouterr()
    assert "unresolved identifiers" in printed.err and "no_such_column" in printed.err
    assert "lists these columns" in printed.out and "reflectance_spectrum_flag" in printed.out


@pytest.mark.parametrize(("address", "reason"), [
    ("http://127.0.0.1:9/tap", "Failed to establish"),
    ("http://nowhere.invalid/tap", "Failed to resolve"), ("gaia", "Invalid URL"),
    ("http://me:secret@nowhere.invalid/\ntap", "Failed to resolve")])
def test_an_unreachable_host_ends_at_once_with_a_way_on_and_without_the_password(
    address, reason, project_folder, capsys, monkeypatch
):
    edit_params(tap={"deadline_s": 3600.0, "longest_pause_s": 60.0})
    monkeypatch.setenv("GAIA_TAP_URL", address)
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.delenv("GAIA_FILES", raising=False)
    monkeypatch.setattr(tap.time, "sleep", lambda s: None)
    assert run("spectra") == 1
    printed = capsys.readouterr().err
    error = printed.splitlines()[-1]
    assert re.match(rf"error: the Gaia archive \(.*\) cannot be reached: {reason}", error)
    assert "make demo" in error and len(error) < 240 and "secret" not in printed


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
def test_a_signal_deletes_the_remote_job_and_leaves_nothing(service, project_folder):
    service.phases = ["QUEUED"]
    process = subprocess.Popen([sys.executable, "-m", "stages.fetch_spectra"], text=True,
                               stderr=subprocess.PIPE, env=os.environ | {"PYTHONPATH": str(TOP)})
    while service.log.count("GET job") < 4 and process.poll() is None:
        time.sleep(0.02)
    process.send_signal(signal.SIGTERM)
    _, printed = process.communicate(timeout=60)
    assert process.returncode > 128 and "Traceback" not in printed
    assert (service.jobs, files(project_folder)) == ({}, [])
