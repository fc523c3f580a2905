"""Sockets stay blocked, but for tests with a loopback server, which is here too."""

import os
from functools import cache

import pytest
import yaml
from hypothesis import settings

from asteroid_taxonomy import console as cli
from tests.archives.tap_service import Service, name_as_mirrors
from tests.small_survey import TAP, TOP, tables

# CI judges a change, not the luck of a draw; everyone else's runs keep looking
settings.register_profile("ci", derandomize=True)
if os.environ.get("CI"):
    settings.load_profile("ci")

if "PYTEST_XDIST_WORKER" in os.environ:
    # the workers fill the cores: where each fit has processes of its own, starting them is most
    # of the work. That the bytes are the same is a test of crossvalidate
    os.environ.setdefault("LOKY_MAX_CPU_COUNT", "1")


@pytest.hookimpl(tryfirst=True)
def pytest_xdist_auto_num_workers():
    """One worker more than there are cores, as tests wait for made-up archives and browsers."""
    return (os.cpu_count() or 1) + 1


def pytest_collection_modifyitems(config, items):
    if hasattr(config, "workerinput"):
        # one of pytest-xdist's workers begins with these, the others take what it does not reach;
        # what looks at the demo comes first: to make it takes longest, and then to look is quick
        items.sort(key=lambda item: (item.get_closest_marker("slow") is None,
                                     "demo" not in item.fixturenames))
    for item in items:
        if item.get_closest_marker("loopback"):
            item.add_marker(pytest.mark.allow_hosts(["127.0.0.1"]))


@pytest.fixture
def service(monkeypatch):
    """The loopback service with these tables, named as the mirror of both archives."""
    with Service(tables()) as running:
        name_as_mirrors(running, monkeypatch)
        yield running


@cache
def params_of_the_small_survey():
    """The text of a params.yaml for the loopback service; to parse ours takes 20 ms each time."""
    params = yaml.safe_load((TOP / "params.yaml").read_text(encoding="utf-8"))
    params["tap"] = TAP
    params["fetch_labels"]["columns"]["probabilities"] = {
        "A": "class_A", "B": "class_B", "Z": "class_Z"}
    for stage in ("fetch_spectra", "fetch_labels"):  # of the real tables
        params[stage]["expected"] = None
    return yaml.safe_dump(params)


@pytest.fixture
def project_folder(tmp_path, monkeypatch):
    """An empty project folder with params.yaml, as the current one."""
    (tmp_path / "params.yaml").write_text(params_of_the_small_survey(), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    # cli.run takes the signals of a process of its own
    monkeypatch.setattr(cli.signal, "signal", lambda *args: None)
    return tmp_path
