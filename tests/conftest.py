"""Fixtures that all tests may use; sockets stay blocked but for tests marked loopback."""

import os

import pytest
from hypothesis import settings

from asteroid_taxonomy import console

settings.register_profile("ci", derandomize=True)
if os.environ.get("CI"):
    settings.load_profile("ci")

if "PYTEST_XDIST_WORKER" in os.environ:
    # the workers of xdist already use all cores
    os.environ.setdefault("LOKY_MAX_CPU_COUNT", "1")


@pytest.hookimpl(tryfirst=True)
def pytest_xdist_auto_num_workers():
    """One worker more than cores: tests wait for servers and browsers."""
    return (os.cpu_count() or 1) + 1


def pytest_collection_modifyitems(config, items):
    if hasattr(config, "workerinput"):
        # start with the tests that take longest
        items.sort(key=lambda item: (item.get_closest_marker("slow") is None,
                                     "demo" not in item.fixturenames))
    for item in items:
        if item.get_closest_marker("loopback"):
            item.add_marker(pytest.mark.allow_hosts(["127.0.0.1"]))


@pytest.fixture(autouse=True)
def signals_of_the_test_run(monkeypatch):
    """console.run installs the signal handlers of a process of its own; tests keep theirs."""
    monkeypatch.setattr(console.signal, "signal", lambda *args: None)
