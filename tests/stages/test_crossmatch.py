"""Cross-matching, on twenty asteroids of the sample."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from asteroid_taxonomy import tables
from asteroid_taxonomy.console import PipelineError
from asteroid_taxonomy.files import write_parquet
from stages import crossmatch
from tests.archives.small_survey import STAGES, TOP, edit_params, read_params, sample

VESTA, EROS = -4284967256, -4284962966
METADATA = {"survey": "of a test", "citation": "nobody"}


@pytest.fixture
def raw(project_folder):
    """The three raw tables, by name; a test changes them before `matched`."""
    return {name: sample(name).combine_chunks() for name in STAGES}


def matched(raw):
    """Rows by source_id, and counts."""
    for name, table in raw.items():
        write_parquet(table, tables.SPECTRA_PATH.with_stem(name), METADATA)
    crossmatch.main()
    rows = pq.read_table(tables.ASTEROIDS_PATH).to_pylist()
    return {row["source_id"]: row for row in rows}, json.loads(crossmatch.COUNTS_PATH.read_text())


def changed(table, column, value, **where):
    """The table with another value in `column`, in the rows with the value `where` names."""
    (key, wanted), = where.items()
    new = pa.scalar(value, table.schema.field(column).type)
    values = pc.if_else(pc.equal(table[key], wanted), new, table[column])
    return table.set_column(table.column_names.index(column), column, values)


def test_each_asteroid_with_a_spectrum_gets_one_row_with_its_label(raw):
    rows, counts = matched(raw)
    vesta = rows[VESTA]
    assert [vesta[name] for name in ("number", "name", "class", "complex", "complete")] == [
        4, "vesta", "V", "O", True]
    published = sample("spectra").filter(pc.equal(sample("spectra")["number"], 4)).to_pydict()
    assert [vesta[name] for name in tables.reflectance_columns(range(374, 1035, 44))
            ] == published["reflectance"]
    assert vesta["snr"] == pytest.approx(np.median(
        np.divide(published["reflectance"], published["error"])), rel=1e-5)
    assert vesta["label_probability"] == pytest.approx(raw["labels"]["probability_V"][1].as_py())
    assert counts["asteroids"] == counts["labelled"] == 20 and counts["complete"] == 19
    assert counts["asteroids_without_374_nm"] == 1  # (1198) Atlantis
    assert rows[-4284942046]["name"] == "o'steen"
    assert counts["names_with_doubled_apostrophe"] == 1


def test_the_mapping_gives_what_the_spectra_do_not_have(raw):
    whole, counts = matched(raw)
    raw["source_mapping"] = raw["source_mapping"].append_column("num_of_spectra", pa.array(
        [whole[i]["num_of_spectra"] for i in raw["source_mapping"]["source_id"].to_pylist()],
        pa.int32()))
    raw["spectra"] = raw["spectra"].drop_columns(["number", "name", "num_of_spectra"])
    assert matched(raw) == (whole, counts)


@pytest.mark.parametrize(("number", "counted"), [
    (0, {"asteroids_number_zero": 1, "labels_without_spectrum": 1}),
    (None, {"asteroids_number_null": 1, "labels_without_spectrum": 1}),
    (433, {"asteroids_number_shared": 2, "labels_without_spectrum": 2})])
def test_an_asteroid_without_a_number_of_its_own_is_counted_and_not_labelled(raw, number, counted):
    raw["source_mapping"] = changed(raw["source_mapping"], "number", number, source_id=VESTA)
    rows, counts = matched(raw)
    assert rows[VESTA]["class"] is None and counted.items() <= counts.items()
    assert (rows[EROS]["class"] is None) is (number == 433)


def test_a_source_that_the_mapping_lacks_or_contradicts_is_counted(raw):
    mapping = raw["source_mapping"]
    raw["source_mapping"] = mapping.filter(pc.not_equal(mapping["source_id"], VESTA))
    raw["spectra"] = changed(raw["spectra"], "number", 99, source_id=EROS)
    rows, counts = matched(raw)
    assert (rows[VESTA]["number"], rows[VESTA]["name"], rows[EROS]["number"]) == (
        None, "vesta", 433)
    assert counts["asteroids_without_mapping"] == 1
    assert counts["asteroids_number_disagrees_with_spectra"] == 1


@pytest.mark.parametrize(("number", "label", "reason"), [
    (0, "S", "labels_without_number"),
    (5, None, "labels_without_class"), (777, "S", "labels_without_spectrum")])
def test_every_label_that_cannot_be_used_is_counted_by_reason(raw, number, label, reason):
    rest = raw["labels"].filter(pc.not_equal(raw["labels"]["number"], 5))
    row = {"number": number, "class": label, **dict.fromkeys(rest.column_names[2:], 0.0)}
    raw["labels"] = pa.concat_tables([rest, pa.Table.from_pylist([row], rest.schema)])
    _, counts = matched(raw)
    left_out = [n for name, n in counts.items()
                if name.startswith("labels_") and name != "labels_rows"]
    assert counts[reason] == sum(left_out) == 1
    assert counts["labels_rows"] == 20 and counts["labelled"] == 19


def test_only_the_first_labels_are_used_where_params_say_so(raw):
    edit_params(crossmatch={"first_labels": 4})
    _, counts = matched(raw)
    assert (counts["labels_beyond_first_labels"], counts["labelled"]) == (16, 4)


def test_a_reflectance_without_error_is_counted(raw):
    raw["spectra"] = changed(raw["spectra"], "error", None, source_id=VESTA)
    rows, counts = matched(raw)
    assert counts["labelled_without_error"] == 1
    assert rows[VESTA]["complete"] and rows[VESTA]["snr"] is None


def test_another_grid_than_params_say_stops_the_stage(raw):
    edit_params(bands={"wavelengths_nm": [375, *range(418, 1035, 44)]})
    with pytest.raises(PipelineError, match="does not have the 16 bands.wavelengths_nm"):
        matched(raw)


@pytest.mark.parametrize(("change", "what"), [
    (lambda raw: raw | {"source_mapping": raw["source_mapping"].slice(0, 12)},
     "without_mapping is 0.4, expected 0 ... 0.01"),
    (lambda raw: raw | {"source_mapping": raw["source_mapping"].set_column(
        1, "number", raw["source_mapping"]["number"].take(pa.array(np.roll(range(20), 1))))},
     "numbers_disagree is 1.0, expected 0 ... 0.01"),
    (lambda raw: raw,
     "labelled_share is 1.0, expected 0.68 ... 0.77"),
    (lambda raw: raw | {"labels": raw["labels"].set_column(1, "class", pa.nulls(20, pa.string()))},
     "labelled_share is 0.0, expected 0.68 ... 0.77"),
])
def test_what_is_not_this_release_stops_the_stage(change, what, raw):
    edit_params(crossmatch={"expected": read_params()["crossmatch"]["expected"]})
    with pytest.raises(PipelineError) as error:
        matched(change(raw))
    assert what in str(error.value) and len(str(error.value)) <= 200


def test_permuted_labels_stop_the_stage(project_folder):
    # all 4,526 labels and every labelled asteroid
    edit_params(crossmatch={"expected": read_params()["crossmatch"]["expected"]})
    raw = {name: pq.read_table(TOP / f"data/sample/{name}.parquet") for name in (
        "spectra", "source_mapping", "labels")}
    matched(raw)
    rng, labels = np.random.default_rng(1), raw["labels"]
    shuffled = labels["class"].take(pa.array(rng.permutation(len(labels))))
    raw["labels"] = labels.set_column(1, "class", shuffled)
    with pytest.raises(PipelineError, match="crossmatch: complex_reflectance 770 C is 1.1"):
        matched(raw)


@pytest.mark.real_data
def test_the_real_tables_give_the_known_counts():
    counts = json.loads((TOP / crossmatch.COUNTS_PATH).read_text())
    assert (counts["asteroids"], counts["complete"], counts["labelled"]) == (60_518, 34_577, 3_024)
    assert [counts[f"labelled_complete_{c}"] for c in "COSX"] == [721, 334, 1_270, 532]
