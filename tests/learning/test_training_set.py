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


@pytest.mark.parametrize("column", ["reflectance_946", "reflectance_err_946"])
def test_a_training_set_without_a_used_band_is_refused(sample_project, column):
    table = pq.read_table(TRAINING_SET_PATH)
    empty = pa.array([None] * len(table), pa.float32())
    place = table.schema.get_field_index(column)
    write_parquet(table.set_column(place, column, empty), TRAINING_SET_PATH, {})
    with pytest.raises(PipelineError, match="lacks a used band in some spectra; run dvc repro sp"):
        read_training_set(NM, USED[MAIN])


def test_both_models_have_the_same_asteroids_and_hold_the_same_out(sample_project):
    one, other = (read_training_set(NM, USED[name]) for name in (MAIN, VISIBLE))
    assert np.array_equal(one.test, other.test) and one.asteroids.equals(other.asteroids)
    assert not set(one.train) & set(one.test) and len(one.train) + len(one.test) == 3023
