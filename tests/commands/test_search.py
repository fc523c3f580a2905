import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml

from asteroid_taxonomy.commands import search
from asteroid_taxonomy.console import PipelineError
from tests.project_fixtures import TOP
from tests.running import environment

SEARCH = [sys.executable, "-m", "asteroid_taxonomy", "search", "--scheduler"]


@pytest.fixture
def small_search(simulated_project):
    """A search of two candidates among small networks."""
    params = yaml.safe_load(Path("params.yaml").read_text())
    params["train"]["mlp_ensemble"] |= {"networks": 1, "max_iter": 20,
                                        "batch_size": 100}
    params["search"] |= {"candidates": 2, "inner_folds": 2, "outer_folds": 3,
                         "ranges": {"alpha": [0.5], "hidden_layer_sizes": [[8]]}}
    Path("params.yaml").write_text(yaml.safe_dump(params))
    return simulated_project


def test_a_search_ranks_candidates_and_prints_lines_to_paste(small_search, monkeypatch, capsys):
    search.main([])
    printed = capsys.readouterr().out
    losses = [float(loss) for loss in re.findall(r"log-loss ([\d.]+)", printed)]
    assert len(losses) == 2 and losses == sorted(losses)
    pasted = yaml.safe_load(printed.split("for params.yaml:\n")[1])
    assert set(pasted["train"]) == {"mlp_ensemble"}
    found = json.loads(search.RESULT_PATH.read_text())
    assert found["configurations"] == 2 and 0 < found["nested_accuracy"] < 1


def test_a_range_of_another_models_hyperparameter_is_refused(small_search):
    params = yaml.safe_load(Path("params.yaml").read_text())
    params["search"]["ranges"] = {"gamma": [0.1], "alpha": [0.5]}
    Path("params.yaml").write_text(yaml.safe_dump(params))
    with pytest.raises(PipelineError, match="has gamma, which no mlp_ensemble has; it has learn"):
        search.main([])


def test_a_candidate_that_scikit_learn_refuses_stops_with_a_sentence(small_search):
    params = yaml.safe_load(Path("params.yaml").read_text())
    params["train"]["mlp_ensemble"]["early_stopping"] = True
    params["search"]["ranges"] = {"validation_fraction": [0.00001]}
    Path("params.yaml").write_text(yaml.safe_dump(params))
    with pytest.raises(PipelineError, match=r"refused by scikit-learn: .*; correct that hyper"):
        search.main([])


def test_a_target_too_rare_for_folds_in_folds_is_named(small_search, monkeypatch):
    read = search.read_training_set

    def with_one_b(*given):
        data = read(*given)
        data.target[0] = "B"
        return data

    monkeypatch.setattr(search, "read_training_set", with_one_b)
    with pytest.raises(PipelineError, match="each target needs 4 asteroids.* and B has 1; raise"):
        search.main([])


def test_outer_folds_share_no_row_with_the_rows_the_choice_was_made_on():
    target = np.array(["C", "S"] * 20)
    for learn, judge in search.stratified(np.arange(40), target, folds=4, seed=1):
        assert not set(learn) & set(judge) and len(learn) + len(judge) == 40


@pytest.mark.loopback
def test_a_scheduler_that_does_not_answer_is_named(small_search):
    done = subprocess.run([sys.executable, "-m", "asteroid_taxonomy", "search", "--scheduler",
                           "tcp://127.0.0.1:9"], capture_output=True, text=True, cwd=small_search,
                          env=environment(PYTHONPATH=str(TOP)))
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert "no Dask scheduler answers at tcp://127.0.0.1:9" in done.stderr


@pytest.mark.slow
@pytest.mark.loopback
def test_a_search_on_a_cluster_survives_a_lost_worker(small_search, dask_cluster):
    address, workers = dask_cluster
    with subprocess.Popen([sys.executable, "-m", "asteroid_taxonomy", "search",
                           "--scheduler", address], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, cwd=small_search,
                          env=environment(PYTHONPATH=str(TOP))) as child:
        try:
            for line in child.stderr:  # killed once the first outer fold is done
                if "1 of 4 rounds" in line:
                    break
            workers[0].kill()
            printed, said = child.communicate(timeout=120)
        finally:
            child.kill()
    assert child.returncode == 0, said
    assert len(re.findall(r"log-loss", printed)) == 2
