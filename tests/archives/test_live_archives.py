"""The public archives themselves. Asked once a week (.github/workflows/archives.yml), or by hand:

    ASK_ARCHIVES=yes python -m pytest -m live

GAIA_TAP_URL, VIZIER_TAP_URL and LABELS_TABLE name a mirror here as everywhere.
"""

import os
import sys

import pytest
import yaml

from tests.project_fixtures import TOP
from tests.running import call

FETCH = ("fetch_spectra", "fetch_source_mapping", "fetch_labels")
pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif("ASK_ARCHIVES" not in os.environ,
                       reason="asks the public archives; set ASK_ARCHIVES"),
]


@pytest.fixture(scope="module")
def fetched(clone):
    """A fresh clone in which the three tables have been fetched anew."""
    mirrors = {name: url for name, url in os.environ.items() if name.endswith("_TAP_URL")}
    code, said = call(clone, sys.executable, "-m", "dvc", "repro", "--force", *FETCH, **mirrors)
    assert code == 0, said
    return clone


@pytest.mark.parametrize("stage", FETCH)
def test_the_archives_send_what_dvc_lock_names(stage, fetched):
    now, then = (yaml.safe_load((folder / "dvc.lock").read_text())["stages"][stage]["outs"]
                 for folder in (fetched, TOP))
    assert now == then
