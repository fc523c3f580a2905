import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from asteroid_taxonomy.console import PipelineError
from asteroid_taxonomy.files import read_json, read_metadata, write_parquet
from asteroid_taxonomy.learning import MAIN
from asteroid_taxonomy.learning.training_set import read_training_set
from asteroid_taxonomy.tables import ASTEROIDS_PATH, TRAINING_SET_PATH
from stages import split
from tests.project_fixtures import TOP, sample_params

NM = sample_params()["bands"]["wavelengths_nm"]
USED = sample_params()["train"]["used_bands_nm"]


def change(**settings):
    """Change keys of the block `split` in the project's params.yaml."""
    params = sample_params()
    params["split"] |= settings
    with open("params.yaml", "w", encoding="utf-8") as file:
        yaml.safe_dump(params, file)


def rewrite(table):
    """Make `table` that of the asteroids."""
    write_parquet(table, ASTEROIDS_PATH, read_metadata(ASTEROIDS_PATH))


def without_value(column):
    """The asteroids, the first labelled one without a value in a column; and its source_id."""
    table = pq.read_table(ASTEROIDS_PATH)
    row = table["class"].is_valid().to_pylist().index(True)
    values = table[column].to_pylist()
    values[row] = None
    place = table.schema.get_field_index(column)
    return (table.set_column(place, column, [pa.array(values, pa.float32())]),
            table["source_id"][row].as_py())


def test_every_labelled_asteroid_is_in_one_part_and_a_fifth_is_held_out(sample_project):
    asteroids, table = pq.read_table(ASTEROIDS_PATH), pq.read_table(TRAINING_SET_PATH)
    labelled = asteroids.filter(asteroids["class"].is_valid())
    assert table["source_id"].to_pylist() == sorted(labelled["source_id"].to_pylist())
    counts = read_json(split.COUNTS_PATH)
    assert counts["labelled"] == len(table) == 3024
    assert sum(counts["train"].values()) + sum(counts["held_out"].values()) == (
        3024 - table["held_out"].null_count)
    share = table.to_pandas().groupby("target")["held_out"].mean()
    assert list(share.index) == list("COSX") and share.between(0.19, 0.21).all()


def test_who_is_held_out_depends_on_the_seed_and_not_on_the_order_of_rows(sample_project):
    before, table = TRAINING_SET_PATH.read_bytes(), pq.read_table(ASTEROIDS_PATH)
    rewrite(table.take(np.random.default_rng(3).permutation(len(table))))
    split.main()
    assert TRAINING_SET_PATH.read_bytes() == before
    change(seed=43)
    split.main()
    assert TRAINING_SET_PATH.read_bytes() != before


def test_a_split_over_classes_leaves_rare_ones_out_and_counts_them(sample_project):
    members = pq.read_table(ASTEROIDS_PATH).to_pandas()["class_without_flags"].value_counts()
    change(target="class", min_class_members=100)
    split.main()
    table, counts = pq.read_table(TRAINING_SET_PATH), read_json(split.COUNTS_PATH)
    assert set(table["target"].to_pylist()) == set(members.index[members >= 100])
    assert table["target"].equals(table["class_without_flags"])
    assert counts["without_target"] == members[members < 100].sum() > 0
    assert counts["labelled"] == len(table) + counts["without_target"]


@pytest.mark.parametrize(("column", "counter"), [
    ("reflectance_946", "without_used_bands"), ("reflectance_err_946", "without_error")])
def test_an_asteroid_that_no_model_can_learn_from_is_counted_and_in_neither_part(
        sample_project, column, counter):
    before = read_json(split.COUNTS_PATH)
    table, source_id = without_value(column)
    rewrite(table)
    split.main()
    (found,) = [r for r in pq.read_table(TRAINING_SET_PATH).to_pylist()
                if r["source_id"] == source_id]
    assert found["held_out"] is None and found["target"] is not None
    assert read_json(split.COUNTS_PATH)[counter] == before[counter] + 1
    assert source_id not in read_training_set(
        NM, USED[MAIN]).asteroids["source_id"].to_pylist()


def test_too_few_labelled_asteroids_stop_the_stage_with_the_counts_found(sample_project):
    TRAINING_SET_PATH.unlink()
    change(min_per_complex=1000)
    with pytest.raises(PipelineError, match=r"needs 1000 .* C 766, O 364, S 1335, X 559; check"):
        split.main()
    assert not TRAINING_SET_PATH.exists()


@pytest.mark.parametrize("settings", [
    {"target": "class", "min_class_members": 1_000_000}, {"test_fraction": 0.0001},
    {"target": "class", "min_class_members": 1000}],
    ids=["no class is large enough", "too few held out", "a single target"])
def test_parts_that_cannot_have_two_targets_are_refused(sample_project, settings):
    before = TRAINING_SET_PATH.read_bytes()
    change(**settings)
    with pytest.raises(PipelineError, match=r"need two targets each.* change split") as error:
        split.main()
    assert TRAINING_SET_PATH.read_bytes() == before and len(str(error.value)) <= 200


@pytest.mark.real_data
def test_the_committed_split_has_the_known_counts():
    counts = read_json(TOP / split.COUNTS_PATH)
    assert counts["survey"] == "Gaia DR3" and counts["labelled"] == 3_024
    assert counts["without_used_bands"] == 1
    assert counts["held_out"] == {"C": 153, "O": 73, "S": 267, "X": 112}
