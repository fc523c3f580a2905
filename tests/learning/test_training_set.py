import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from asteroid_taxonomy.console import PipelineError
from asteroid_taxonomy.files import write_parquet
from asteroid_taxonomy.learning import MAIN, VISIBLE
from asteroid_taxonomy.learning.training_set import read_training_set
from asteroid_taxonomy.tables import TRAINING_SET_PATH
from tests.project_fixtures import sample_params

NM = sample_params()["bands"]["wavelengths_nm"]
USED = sample_params()["train"]["used_bands_nm"]


def with_column(table, name, value):
    """The table with `value` everywhere in a column."""
    field = table.schema.field(name)
    return table.set_column(table.schema.get_field_index(name), field,
                            pa.array([value] * len(table), field.type))


@pytest.mark.parametrize("change", [
    lambda table: table.slice(0, 1), lambda table: table.slice(0, 0),
    lambda table: with_column(table, "reflectance_946", None),
    lambda table: with_column(table, "reflectance_946", np.nan),
    lambda table: with_column(table, "reflectance_err_946", None),
    lambda table: with_column(table, "held_out", None),
    lambda table: with_column(table, "held_out", False),
    lambda table: with_column(table, "target", "S"),
    lambda table: table.drop_columns(["reflectance_946"]),
], ids=["one row", "no rows", "nulls", "NaN", "no errors", "in neither part", "nobody held out",
        "one target", "a column missing"])
def test_a_training_set_that_no_model_can_be_made_from_is_refused(sample_project, change):
    write_parquet(change(pq.read_table(TRAINING_SET_PATH)), TRAINING_SET_PATH, {})
    with pytest.raises(PipelineError, match="delete it and run dvc repro") as error:
        read_training_set(NM, USED[MAIN])
    assert len(str(error.value)) <= 200


def test_both_models_have_the_same_asteroids_and_hold_the_same_out(sample_project):
    one, other = (read_training_set(NM, USED[name]) for name in (MAIN, VISIBLE))
    assert np.array_equal(one.test, other.test) and one.asteroids.equals(other.asteroids)
    assert not set(one.train) & set(one.test) and len(one.train) + len(one.test) == 3023
