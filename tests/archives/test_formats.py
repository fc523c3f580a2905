"""From the bytes of a table to its columns by role."""

import gzip
import io
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astropy.io.votable import from_table
from astropy.table import Column as AstropyColumn
from astropy.table import MaskedColumn, Table
from hypothesis import example, given
from hypothesis import strategies as st

from asteroid_taxonomy.archives.formats import BadTable, MissingColumn, long_form, read_rows
from asteroid_taxonomy.archives.session import QUERY_FAULT, server_message
from asteroid_taxonomy.tables import SPECTRA, Column, RawTable
from tests.archives.small_survey import read_params

DATA = Path(__file__).parent / "data"  # recorded from a DaCHS 2.7 server with the real tables
RAW = RawTable("t", (Column("source_id", pa.int64()), Column("name", pa.string(), nullable=True),
                     Column("value", pa.float32(), nullable=True), Column("flag", pa.int8()),
                     Column("extra", pa.float32(), optional=True)), ("source_id",), ("source_id",))
NAMES = {"source_id": "id", "name": '"Denomination"', "value": "Value", "flag": "flag",
         "extra": "extra"}
ROWS = [(-1, "o''higgins", 0.5, 0), (2, None, None, 2)]
TABLE = pa.table({field.name: pa.array(column, field.type) for column, field in zip(
    zip(*ROWS, strict=True), RAW.schema, strict=False)})


def read(body, raw=RAW, names=NAMES):
    return read_rows(io.BytesIO(body), raw, names)


@pytest.mark.parametrize("body", [
    b"id,Denomination,Value,flag\n-1,o''higgins,0.5,0\n2,,,2\n",
    b'\xef\xbb\xbfID,denomination,VALUE,"Flag"\r\n-1,"o\'\'higgins",5e-1,0\r\n2,null,NaN,2\r\n',
    b"# %ECSV 1.0\n# ---\n#\nflag,x,value,id,denomination_\n0,9,.5,-1,o''higgins\n2,,nan,2,NULL\n",
    b"id,denomination,value,flag\n-1, o''higgins  ,0.5, 0\n 2 ,    ,    ,2\n",
    b"#\n#Title\n\nid\tDenomination\tValue\tflag\n \t \tmag\t \n---\t------\t---\t--\n"
    b"-1\to''higgins \t 0.5\t0\n2\t \t    \t2\n",
    b"id|denomination|value|flag\n-1|o''higgins|0.5|0\n2||-nan|2",
])
def test_every_form_of_csv_gives_the_same_columns(body):
    assert read(body).equals(read(gzip.compress(body))) and read(body).equals(TABLE)


@pytest.mark.parametrize("serialization", ["tabledata", "binary", "binary2"])
def test_votable_gives_the_same_columns(serialization):
    table = Table({"ID": AstropyColumn([-1, 2]), "denomination": ["o''higgins", ""],
                   "value": MaskedColumn([0.5, 0.7], mask=[False, True], dtype="f4"),
                   "flag": AstropyColumn([0, 2], dtype="i2")})
    body = io.BytesIO()
    from_table(table).to_xml(body, tabledata_format=serialization)
    assert read(body.getvalue()).equals(TABLE)


def test_parquet_gives_the_same_columns():
    body = io.BytesIO()
    pq.write_table(TABLE.rename_columns(["id", "Denomination", "value", "flag"]), body)
    assert read(body.getvalue()).equals(TABLE)


def test_recorded_spectra_are_read_with_their_types():
    raw, names = SPECTRA.named(read_params()["fetch_spectra"]["columns"])
    rows = read((DATA / "dachs_spectra.csv").read_bytes(), raw, names)
    assert (rows.schema, rows.num_rows) == (raw.schema, 33)
    assert rows["reflectance"][0].as_py() == np.float32("0.86918455")


@pytest.mark.parametrize(("body", "kind", "message"), [
    (b"id,name,value,flag\n1,x,1,0\n", MissingColumn, 'no column "Denomination" (once) among id'),
    (b"id,id,denomination,value,flag\n1,1,x,1,0\n", MissingColumn, "no column id (once)"),
    (b"", MissingColumn, "no column"),
    (b"id,denomination,value,flag\n1,x,four,0\n", BadTable, "value: Failed to parse string: 'f"),
    (b"id,denomination,value,flag\n1,x,1,300\n", BadTable, "flag: Failed to parse string: '300'"),
    (b"id,denomination,value,flag\n1,x\n", BadTable, "cut off or damaged"),
    (gzip.compress(b"id,denomination,value,flag\n" * 9, mtime=0)[:-9], BadTable, "cut off or damaged"),
    (b"<VOTABLE><RESOURCE><TABLE>", BadTable, "cut off or damaged"),
])
def test_another_table_is_an_error_that_names_what_is_wrong(body, kind, message):
    with pytest.raises(kind) as error:
        read(body)
    assert message in str(error.value)


@given(st.binary() | st.binary().map(lambda b: b"id,denomination,value,flag\n" + b)
       | st.binary().map(gzip.compress))
@example(b'id,denomination,value,flag\n1,"x')
@example(b"\x1f\x8b")
@example(b"PAR1")
@example(b"<")
def test_junk_is_a_table_or_one_kind_of_error(body):
    try:
        assert set(read(body).column_names) >= {"source_id", "flag"}
    except BadTable as error:
        assert "\n" not in str(error)


# -- arrays: one row per asteroid -----------------------------------------------------------------

ARRAYS, ARRAY_NAMES = SPECTRA.named({
    "source_id": "source_id", "wavelength": "wavelength", "reflectance": "reflectance",
    "error": "error", "flag": "flag"})
LONG = pa.table([[-2, -2, -1, -1], [418.0, 550.0] * 2, [0.9, 1, None, 1], [0.1, 0.2, None, 0.3],
                 [0, 0, 2, 1]], schema=ARRAYS.schema)


def array_table():
    return pa.table({"source_id": [-2, -1], "wavelength": [[418.0, 550.0]] * 2,
                     "reflectance": [[0.9, 1.0], [np.nan, 1.0]],
                     "error": [[0.1, 0.2], [np.nan, 0.3]], "flag": [[0, 0], [2, 1]]})


def arrays_in_csv(opening, between, closing, null):
    lines = [";".join(array_table().column_names)]
    for row in array_table().to_pylist():
        cells = [opening + between.join(null if x != x else str(x) for x in cell) + closing
                 if isinstance(cell, list) else str(cell) for cell in row.values()]
        lines.append(";".join(cells))
    return "\n".join(lines).encode()


@pytest.mark.parametrize("form", [("[", ", ", "]", "null"), ("(", ",", ")", "NaN"),
                                  ("{", ",", "}", "nan"), ("", " ", "", "--")])
def test_arrays_as_text_become_the_long_table(form):
    assert long_form(read(arrays_in_csv(*form), ARRAYS, ARRAY_NAMES)).equals(LONG)


def test_arrays_in_parquet_become_the_long_table():
    body = io.BytesIO()
    pq.write_table(array_table(), body)
    assert long_form(read(body.getvalue(), ARRAYS, ARRAY_NAMES)).equals(LONG)


@pytest.mark.parametrize("variable", [True, False])
def test_arrays_in_a_votable_become_the_long_table(variable):
    columns = {}
    for name, values in array_table().to_pydict().items():
        if variable and isinstance(values[0], list):
            columns[name] = np.empty(2, object)
            kind = "i2" if name == "flag" else "f4"
            columns[name][:] = [np.ma.array(v, kind, mask=[False] * 2) for v in values]
        else:
            columns[name] = np.array(values, "i2" if name == "flag" else None)
    body = io.BytesIO()
    from_table(Table(columns)).to_xml(body, tabledata_format="binary2")
    assert long_form(read(body.getvalue(), ARRAYS, ARRAY_NAMES)).equals(LONG)


@pytest.mark.parametrize("error", [[[0.1], [0.3, 0.3]], [None, [0.3, 0.3]]])
def test_arrays_of_different_lengths_are_an_error(error):
    rows = array_table()
    rows = rows.set_column(3, "error", pa.array(error, pa.list_(pa.float64())))
    with pytest.raises(BadTable, match="differ in length"):
        long_form(rows)


# -- messages of services -------------------------------------------------------------------------

@pytest.mark.parametrize(("page", "message"), [
    ((DATA / "dachs_adql_error.xml").read_bytes(),
     'Field query: Could not parse your query: Expected "SELECT", found \'S\' (at char 0), ...'),
    (b"<html><title>502 Bad\nGateway</title><body>nginx</body></html>", "502 Bad Gateway"),
    (b"<uws:errorSummary><uws:message>too &lt;long&gt;</uws:message></uws:errorSummary>",
     "too <long>"),
    (b"plain \x1b[2J words", "plain [2J words"), (b"", "")])
def test_the_message_is_found_in_every_kind_of_page(page, message):
    found = server_message(page)
    assert found[:80] == message[:80]


@pytest.mark.parametrize(("message", "is_of_the_query"), [
    ("1 unresolved identifiers: numbr [l.1 c.8 - l.1 c.13] !", True),  # VOLLT
    ('Encountered "FROM". Was expecting one of: ...', True),
    (server_message((DATA / "dachs_query_error.xml").read_bytes()), True),
    ('ERROR: column "x" does not exist', True),  # PostgreSQL
    ("Pool empty", False), ("queued jobs (150)", False),
    ("canceling statement due to statement timeout", False)])
def test_a_wrong_query_is_distinguished_from_an_outage(message, is_of_the_query):
    assert bool(QUERY_FAULT.search(message)) is is_of_the_query
