import json
from contextlib import chdir

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
import yaml

from asteroid_taxonomy.console import PipelineError
from asteroid_taxonomy.raw_tables import LABELS_PATH, SIMULATED, SOURCE_MAPPING_PATH, SPECTRA_PATH
from asteroid_taxonomy.signal_to_noise import signal_to_noise
from asteroid_taxonomy.simulated import survey as simulated_survey
from asteroid_taxonomy.taxonomy import complexes, strip_feature_flags
from benchmarks import measure_survey
from stages import fetch_labels, fetch_source_mapping, fetch_spectra
from tests.project_fixtures import TOP as ROOT
from tests.project_fixtures import simulated_params

PARAMS = simulated_params()
GRID = PARAMS["bands"]["wavelengths_nm"]
STATISTICS = json.loads((ROOT / simulated_survey.STATISTICS_PATH).read_text())
TABLES = [SPECTRA_PATH, SOURCE_MAPPING_PATH, LABELS_PATH]


def fetch_simulated(folder):
    """Run the three fetch stages in `folder`, as if in another process."""
    (folder / "params.yaml").write_text(yaml.safe_dump(PARAMS))
    simulated_survey.population.cache_clear()
    with chdir(folder):
        for stage in (fetch_spectra, fetch_source_mapping, fetch_labels):
            stage.main()
    return folder


@pytest.fixture(scope="module")
def survey(tmp_path_factory):
    return fetch_simulated(tmp_path_factory.mktemp("survey"))


@pytest.fixture(scope="module")
def spectra(survey):
    return pq.read_table(survey / SPECTRA_PATH)


@pytest.fixture(scope="module")
def mapping(survey):
    return pq.read_table(survey / SOURCE_MAPPING_PATH)


@pytest.fixture(scope="module")
def labels(survey):
    return pq.read_table(survey / LABELS_PATH)


def by_band(spectra, name):
    return spectra[name].to_numpy().reshape(-1, len(GRID))


@pytest.fixture(scope="module")
def reflectance(spectra):
    return by_band(spectra, "reflectance")


@pytest.fixture(scope="module")
def snr(spectra, reflectance):
    return signal_to_noise(reflectance, by_band(spectra, "error"))


@pytest.fixture(scope="module")
def label_of_row(mapping, labels):
    """The class of each asteroid with a spectrum, "" where it has none."""
    of_number = dict(zip(labels["number"].to_pylist(), labels["class"].to_pylist(), strict=True))
    del of_number[None]
    return np.array([of_number.get(n, "") for n in mapping["number"].to_pylist()])


@pytest.mark.parametrize("path", TABLES, ids=lambda path: path.stem)
def test_a_second_run_writes_the_same_bytes(survey, tmp_path, path):
    again = fetch_simulated(tmp_path)
    assert (again / path).read_bytes() == (survey / path).read_bytes()


@pytest.mark.parametrize("path", TABLES, ids=lambda path: path.stem)
def test_every_file_says_that_it_is_simulated(survey, path):
    assert pq.read_schema(survey / path).metadata[b"survey"].decode() == SIMULATED


def test_every_asteroid_is_called_simulated_and_has_a_source_id_no_real_one_has(mapping):
    assert pc.all(pc.starts_with(mapping["name"], "simulated ")).as_py()
    assert pc.count_distinct(mapping["name"]).as_py() == mapping.num_rows
    assert pc.count_distinct(mapping["source_id"]).as_py() == mapping.num_rows
    assert pc.max(mapping["source_id"]).as_py() < -(2**32)


def test_there_are_six_thousand_spectra_and_six_hundred_labelled(mapping, spectra, label_of_row):
    assert mapping.num_rows == 6000
    assert spectra.num_rows == 6000 * len(GRID)
    assert 590 <= (label_of_row != "").sum() <= 610


@pytest.mark.parametrize("name", PARAMS["taxonomy"]["complexes"])
def test_every_complex_has_enough_complete_labelled_asteroids(name, reflectance, label_of_row):
    complete = ~np.isnan(reflectance).any(axis=1) & (label_of_row != "")
    found = complexes(label_of_row[complete].tolist(), PARAMS["taxonomy"])
    assert found.count(name) >= 40


@pytest.mark.parametrize("label", ["Mk", "Me", "Mek", "Ek", "Eek", "Pe"])
def test_flagged_classes_have_spectra(label, label_of_row):
    assert label in label_of_row


def test_some_labels_have_no_number_and_some_no_spectrum(labels, mapping):
    with_spectrum = pc.is_in(labels["number"], mapping["number"].combine_chunks().drop_null())
    assert labels["number"].null_count == round(0.0795 * labels.num_rows)
    assert labels.num_rows - pc.sum(with_spectrum).as_py() - labels["number"].null_count > 100


def test_hard_cases_of_the_source_mapping_are_there(spectra, mapping):
    own = spectra["number"].to_pylist()[::len(GRID)]
    mapped = mapping["number"].to_pylist()
    numbered = [n for n in mapped if n]
    assert mapped.count(0) == mapped.count(None) == simulated_survey.UNNUMBERED // 2
    assert len(numbered) - len(set(numbered)) == 1
    disagreeing = sum(a != b for a, b in zip(own, mapped, strict=True))
    assert disagreeing == simulated_survey.DISAGREEING


def test_spectra_are_normalised_and_have_errors_where_they_have_values(spectra, reflectance):
    error = by_band(spectra, "error")
    assert (reflectance[:, GRID.index(550)] == 1).all()
    assert (np.isnan(error) == np.isnan(reflectance)).all()
    assert np.nanmin(error) > 0


def test_labelled_asteroids_are_brighter_than_the_others(snr, label_of_row):
    labelled = label_of_row != ""
    assert np.median(snr[labelled]) > 3 * np.median(snr[~labelled])


def test_374_nm_is_missing_more_often_among_faint_asteroids(reflectance, snr):
    missing = np.isnan(reflectance[:, 0])
    assert 0.35 < missing.mean() < 0.5
    assert missing[snr < 18].mean() > 0.7
    assert missing[snr > 60].mean() < 0.01


@pytest.mark.parametrize("shape", ["C", "Ch", "S", "P", "V", "M"])
def test_mean_spectra_are_near_the_measured_ones(shape, reflectance, snr, label_of_row):
    bare = np.array([strip_feature_flags(label, "ehk", list("EMPX")) for label in label_of_row])
    drawn = reflectance[(bare == shape) & (snr > 60)]
    expected = np.array(STATISTICS["shapes"][shape]["mean"])
    # 374 and 1034 nm drift with brightness even here
    tolerance = 0.02 + 4 * drawn.std(axis=0) / np.sqrt(len(drawn))
    tolerance[[0, -1]] += 0.1
    assert (abs(drawn.mean(axis=0) - expected) < tolerance).all()


def test_class_probabilities_add_up_to_one_and_mostly_favour_the_label(labels):
    columns = list(PARAMS["fetch_labels"]["columns"]["probabilities"])
    table = np.column_stack([labels[f"probability_{c}"].to_numpy() for c in columns])
    likeliest = [columns[i] for i in table.argmax(axis=1)]
    letters = [label[0] for label in labels["class"].to_pylist()]
    assert table.min() >= 0
    assert abs(table.sum(axis=1) - 1).max() < 0.01
    assert np.mean([a == b for a, b in zip(likeliest, letters, strict=True)]) > 0.9


def test_another_wavelength_grid_is_refused():
    with chdir(ROOT), pytest.raises(PipelineError, match=(
        r"has 16 bands from 374 to 1034 nm, but .* asks for 15 bands from 418 to 1034 nm; restore"
    )):
        simulated_survey.spectra(GRID[1:])


def test_missing_statistics_are_named_with_the_way_to_restore_them(tmp_path, monkeypatch):
    simulated_survey.population.cache_clear()
    monkeypatch.setattr(simulated_survey, "STATISTICS_PATH", tmp_path / "absent.json")
    with pytest.raises(PipelineError, match=r"missing or damaged; restore it with `git checkout"):
        simulated_survey.labels()


def test_simulated_tables_are_not_measured(survey):
    with chdir(survey), pytest.raises(PipelineError, match="must be measured on the real tables"):
        measure_survey.measured_text()


@pytest.mark.real_data
def test_the_committed_statistics_are_those_of_the_real_tables():
    if not all((ROOT / path).exists() for path in TABLES):
        pytest.skip("no tables in data/raw")
    if pq.read_schema(ROOT / SPECTRA_PATH).metadata[b"survey"].decode() == SIMULATED:
        pytest.skip("the tables in data/raw are simulated")
    with chdir(ROOT):
        measured = measure_survey.measured_text()
    assert measured == (ROOT / simulated_survey.STATISTICS_PATH).read_text()
