import re
import subprocess
import sys

import pytest
import yaml

from asteroid_taxonomy.commands import search
from asteroid_taxonomy.console import PipelineError
from asteroid_taxonomy.files import read_json
from tests.cluster import two_workers
from tests.project_fixtures import TOP, sample_params
from tests.running import environment


@pytest.fixture
def small_search(sample_project, monkeypatch):
    """Write ranges of two candidates among small networks; give the arguments."""
    monkeypatch.setenv("LOKY_MAX_CPU_COUNT", "1")
    params = sample_params()
    params["train"]["mlp_ensemble"] |= {"networks": 1, "max_iter": 4}
    (sample_project / "params.yaml").write_text(yaml.safe_dump(params))

    def small_search(**ranges):
        (sample_project / "ranges.yaml").write_text(yaml.safe_dump({
            "candidates": 2, "inner_folds": 2, "outer_folds": 2, "seed": 7,
            "ranges": ranges or {"alpha": [0.5], "hidden_layer_sizes": [[8]]}}))
        return ["--ranges", "ranges.yaml"]

    return small_search


def test_a_search_ranks_candidates_and_prints_the_command_for_the_choice(small_search, capsys):
    search.main(small_search())
    printed = capsys.readouterr().out
    losses = [float(loss) for loss in re.findall(r"log-loss ([\d.]+)", printed)]
    assert losses == sorted(losses) and len(losses) == 2
    found = read_json(search.RESULT_PATH)
    assert found["candidates"] == 2 and 0.6 < found["nested"]["accuracy"] < 1
    expected = "dvc exp run -S" if found["changes"] else "params.yaml as it is"
    assert f"the choice: {expected}" in printed


@pytest.mark.parametrize(("ranges", "message"), [
    ({"gamma": [0.1], "alpha": [0.5]}, "ranges: gamma of mlp_ensemble: Extra inputs"),
    ({"early_stopping": [True], "validation_fraction": [1e-5]}, "scikit-learn refuses .*; corr")])
def test_a_range_that_the_model_cannot_have_stops_in_one_line(small_search, ranges, message):
    with pytest.raises(PipelineError, match=message):
        search.main(small_search(**ranges))


def call(arguments, folder):
    return subprocess.run([sys.executable, "-m", "asteroid_taxonomy", "search", *arguments],
                          capture_output=True, text=True, cwd=folder,
                          env=environment(PYTHONPATH=str(TOP)))


@pytest.mark.loopback
def test_a_scheduler_that_does_not_answer_is_named(small_search, sample_project):
    done = call([*small_search(), "--scheduler", "tcp://127.0.0.1:9"], sample_project)
    assert done.returncode == 1 and len(done.stderr.splitlines()) == 1
    assert "no Dask scheduler at tcp://127.0.0.1:9" in done.stderr


@pytest.mark.slow
@pytest.mark.loopback
def test_a_search_on_a_cluster_gives_the_same_result(small_search, sample_project, tmp_path):
    search.main(small_search())
    before = search.RESULT_PATH.read_bytes()
    with two_workers(tmp_path) as address:
        done = call([*small_search(), "--scheduler", address], sample_project)
    assert done.returncode == 0, done.stderr
    assert search.RESULT_PATH.read_bytes() == before
