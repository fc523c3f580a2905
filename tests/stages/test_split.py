import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from asteroid_taxonomy.asteroids import ASTEROIDS_PATH
from asteroid_taxonomy.console import PipelineError
from asteroid_taxonomy.files import read_metadata, write_parquet
from asteroid_taxonomy.learning.training_set import TRAINING_SET_PATH, read_training_set
from stages import split
from tests.project_fixtures import TOP, simulated_params

PARAMS = simulated_params()
GRID = PARAMS["bands"]["wavelengths_nm"]
USED, VISIBLE = PARAMS["train"]["used_bands_nm"].values()


def change(**settings):
    """Change keys of the block `split` in the project's params.yaml."""
    params = simulated_params()
    params["split"] |= settings
    with open("params.yaml", "w", encoding="utf-8") as file:
        yaml.safe_dump(params, file)


def rewrite(table):
    """Make `table` that of the asteroids."""
    write_parquet(table, ASTEROIDS_PATH, read_metadata(ASTEROIDS_PATH))


def test_every_labelled_asteroid_is_learned_from_or_held_out_and_no_other(simulated_project):
    asteroids, table = pq.read_table(ASTEROIDS_PATH), pq.read_table(TRAINING_SET_PATH)
    labelled = asteroids.filter(asteroids["class"].is_valid())
    assert table["source_id"].to_pylist() == sorted(labelled["source_id"].to_pylist())
    assert table["held_out"].null_count == 0
    counts = json.loads(split.COUNTS_PATH.read_text())
    assert counts["labelled"] == len(table) == sum(
        n for name, n in counts.items() if name.startswith(("train_", "held_out_")))


def test_a_fifth_of_each_complex_is_held_out(simulated_project):
    table = pq.read_table(TRAINING_SET_PATH).to_pandas()
    share = table.groupby("target")["held_out"].mean()
    assert list(share.index) == list("COSX") and share.between(0.19, 0.21).all()


def test_the_same_asteroids_are_held_out_in_whatever_order_rows_come(simulated_project):
    before = TRAINING_SET_PATH.read_bytes()
    table = pq.read_table(ASTEROIDS_PATH)
    order = np.random.default_rng(3).permutation(len(table))
    rewrite(table.take(order))
    split.main()
    assert TRAINING_SET_PATH.read_bytes() == before


def test_another_seed_holds_others_out(simulated_project):
    before = pq.read_table(TRAINING_SET_PATH)["held_out"].to_pylist()
    change(seed=43)
    split.main()
    after = pq.read_table(TRAINING_SET_PATH)["held_out"].to_pylist()
    assert before != after and sum(before) == sum(after)


def test_a_split_over_classes_leaves_small_ones_out_and_counts_them(simulated_project):
    asteroids = pq.read_table(ASTEROIDS_PATH).to_pandas()
    members = asteroids["class_without_flags"].value_counts()
    least = int(members.median())
    change(target="class", min_class_members=least)
    split.main()
    table = pq.read_table(TRAINING_SET_PATH)
    assert set(table["target"].to_pylist()) == set(members.index[members >= least])
    assert table["target"].equals(table["class_without_flags"])
    counts = json.loads(split.COUNTS_PATH.read_text())
    assert counts["without_target"] == members[members < least].sum() > 0
    assert counts["labelled"] == len(table) + counts["without_target"]


def test_an_asteroid_that_lacks_a_used_band_stays_and_is_in_neither_part(simulated_project):
    table = pq.read_table(ASTEROIDS_PATH)
    row = table["class"].is_valid().to_pylist().index(True)
    values = table["reflectance_946"].to_pylist()
    values[row] = None
    place = table.schema.get_field_index("reflectance_946")
    rewrite(table.set_column(place, "reflectance_946", [pa.array(values, pa.float32())]))
    split.main()
    (found,) = [r for r in pq.read_table(TRAINING_SET_PATH).to_pylist()
                if r["source_id"] == table["source_id"][row].as_py()]
    assert found["held_out"] is None and found["target"] is not None
    assert json.loads(split.COUNTS_PATH.read_text())["without_used_bands"] == 1
    for used_nm in (USED, VISIBLE):  # the visible model lacks nothing, and has the same split
        asteroids = read_training_set(GRID, used_nm).asteroids["source_id"].to_pylist()
        assert found["source_id"] not in asteroids


def test_both_models_hold_the_same_asteroids_out(simulated_project):
    parts = [read_training_set(GRID, used_nm) for used_nm in (USED, VISIBLE)]
    assert all(np.array_equal(parts[0].test, part.test) for part in parts)
    assert not set(parts[0].train) & set(parts[0].test)


def test_too_few_labelled_asteroids_stop_the_stage_with_the_counts_found(simulated_project):
    TRAINING_SET_PATH.unlink()
    split.COUNTS_PATH.unlink()
    change(min_per_complex=100)
    with pytest.raises(PipelineError, match=r"needs 100 asteroids.*found C \d+, O 73, S \d+, X 1"):
        split.main()
    assert not TRAINING_SET_PATH.exists() and not split.COUNTS_PATH.exists()


def test_no_labelled_asteroid_at_all_stops_the_stage(simulated_project):
    table = pq.read_table(ASTEROIDS_PATH)
    rewrite(table.filter(table["class"].is_null()))
    with pytest.raises(PipelineError, match="needs 20 asteroids.*found none"):
        split.main()


def test_the_same_input_gives_the_same_bytes(simulated_project):
    before = TRAINING_SET_PATH.read_bytes()
    split.main()
    assert TRAINING_SET_PATH.read_bytes() == before


@pytest.mark.real_data
def test_the_real_split_has_the_known_counts(real_asteroids):
    counts = json.loads((TOP / split.COUNTS_PATH).read_text())
    assert counts["survey"] == "Gaia DR3" and counts["labelled"] == 3_024
    assert sum(counts[f"train_{c}"] + counts[f"held_out_{c}"] for c in "COSX") == (
        counts["labelled"] - counts["without_used_bands"])


@pytest.mark.parametrize("settings", [
    {"target": "class", "min_class_members": 1_000_000}, {"test_fraction": 0.0001},
    {"test_fraction": 0.9999}], ids=["no class is large enough", "too few held out", "too many"])
def test_parts_that_cannot_have_each_target_are_refused_in_a_sentence(simulated_project, settings):
    before = TRAINING_SET_PATH.read_bytes()
    change(**settings)
    with pytest.raises(PipelineError, match=r"two targets or more.* change split\.test_fraction"):
        split.main()
    assert TRAINING_SET_PATH.read_bytes() == before


def test_a_single_target_is_refused_as_there_is_nothing_to_learn(simulated_project):
    counts = pq.read_table(ASTEROIDS_PATH).to_pandas()["class_without_flags"].value_counts()
    change(target="class", min_class_members=int(counts.iloc[0]))
    with pytest.raises(PipelineError, match="nothing to tell apart"):
        split.main()
