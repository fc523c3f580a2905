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

from asteroid_taxonomy.archives import QUERY_FAULT, QueryError, TransientError, server_message
from asteroid_taxonomy.archives.formats import BadTable, MissingColumn, read_rows
from asteroid_taxonomy.tables import SPECTRA, Column, RawTable
from tests.archives.small_survey import read_params

DATA = Path(__file__).parent / "data"  # recorded from a DaCHS 2.7 server with the real tables
RAW = RawTable("t", (Column("source_id", pa.int64()), Column("name", pa.string(), nullable=True),
                     Column("value", pa.float32(), nullable=True), Column("flag", pa.int8()),
                     Column("extra", pa.float32(), optional=True)), ("source_id",), ("source_id",))
NAMES = {"source_id": "id", "name": '"Denomination"', "value": "Value", "flag": "flag",
         "extra": "extra"}
TABLE = pa.table([[-1, 2], ["o''higgins", None], [0.5, None], [0, 2]],
                 schema=pa.schema(list(RAW.schema)[:4]))
ARRAYS, ARRAY_NAMES = SPECTRA.named({role: role for role in (
    "source_id", "wavelength", "reflectance", "error", "flag")})
LONG = pa.table([[-2, -2, -1, -1], [418.0, 550.0] * 2, [0.9, 1, None, 1], [0.1, 0.2, None, 0.3],
                 [0, 0, 2, 1]], schema=ARRAYS.schema)
AS_ARRAYS = pa.table({"source_id": [-2, -1], "wavelength": [[418.0, 550.0]] * 2,
                      "reflectance": [[0.9, 1.0], [np.nan, 1.0]],
                      "error": [[0.1, 0.2], [np.nan, 0.3]], "flag": [[0, 0], [2, 1]]})


def read(body, raw=RAW, names=NAMES):
    return read_rows(io.BytesIO(body), raw, names)


def parquet(table):
    body = io.BytesIO()
    pq.write_table(table, body)
    return body.getvalue()


def votable(columns, serialization="binary2"):
    body = io.BytesIO()
    from_table(Table(columns)).to_xml(body, tabledata_format=serialization)
    return body.getvalue()


@pytest.mark.parametrize("body", [
    b"id,Denomination,Value,flag\n-1,o''higgins,0.5,0\n2,,,2\n",
    b'\xef\xbb\xbfID,denomination,VALUE,"Flag"\r\n-1,"o\'\'higgins",5e-1,0\r\n2,null,NaN,2\r\n',
    b"# %ECSV 1.0\n# ---\n#\nflag,x,value,id,denomination_\n0,9,.5,-1,o''higgins\n2,,nan,2,NULL\n",
    b"id,denomination,value,flag\n-1, o''higgins  ,0.5, 0\n 2 ,    ,    ,2\n",
    b"#\n#Title\n\nid\tDenomination\tValue\tflag\n \t \tmag\t \n---\t------\t---\t--\n"
    b"-1\to''higgins \t 0.5\t0\n2\t \t    \t2\n",
    b"id|denomination|value|flag\n-1|o''higgins|0.5|0\n2||-nan|2",
    parquet(TABLE.rename_columns(["id", "Denomination", "value", "flag"])),
    *(votable({"ID": AstropyColumn([-1, 2]), "denomination": ["o''higgins", ""],
               "value": MaskedColumn([0.5, 0.7], mask=[False, True], dtype="f4"),
               "flag": AstropyColumn([0, 2], dtype="i2")}, serialization)
      for serialization in ("tabledata", "binary2")),
], ids=range(9))
def test_every_form_gives_the_same_columns(body):
    assert read(body).equals(TABLE) and read(gzip.compress(body)).equals(TABLE)


def test_recorded_spectra_are_read_with_their_types():
    raw, names = SPECTRA.named(read_params()["fetch_spectra"]["columns"])
    rows = read((DATA / "dachs_spectra.csv").read_bytes(), raw, names)
    assert (rows.schema, rows.num_rows) == (raw.schema, 33)
    assert rows["reflectance"][0].as_py() == np.float32("0.86918455")


def as_text(opening, between, closing, null):
    lines = [";".join(AS_ARRAYS.column_names)]
    for row in AS_ARRAYS.to_pylist():
        cells = [opening + between.join(null if x != x else str(x) for x in cell) + closing
                 if isinstance(cell, list) else str(cell) for cell in row.values()]
        lines.append(";".join(cells))
    return "\n".join(lines).encode()


@pytest.mark.parametrize("body", [
    as_text("[", ", ", "]", "null"), as_text("(", ",", ")", "NaN"), as_text("", " ", "", "--"),
    parquet(AS_ARRAYS), votable({name: np.array(values, "i2" if name == "flag" else None)
                                 for name, values in AS_ARRAYS.to_pydict().items()})],
    ids=range(5))
def test_arrays_become_the_long_table(body):
    assert read(body, ARRAYS, ARRAY_NAMES).equals(LONG)


def test_arrays_of_different_lengths_are_an_error():
    error = [[0.1], [0.3, 0.3]]
    rows = AS_ARRAYS.set_column(3, "error", pa.array(error, pa.list_(pa.float64())))
    with pytest.raises(BadTable, match="differ in length"):
        read(parquet(rows), ARRAYS, ARRAY_NAMES)


@pytest.mark.parametrize(("body", "kind", "message"), [
    (b"id,name,value,flag\n1,x,1,0\n", MissingColumn, 'no column "Denomination" (once) among id'),
    (b"id,id,denomination,value,flag\n1,1,x,1,0\n", MissingColumn, "no column id (once)"),
    (b"", TransientError, "empty"),
    (b"id,denomination,value,flag\n1,x,four,0\n", BadTable, "value: Failed to parse string: 'f"),
    (b"id,denomination,value,flag\n1,x,1,300\n", BadTable, "flag: Failed to parse string: '300'"),
    (b"id,denomination,value,flag\n1,x\n", BadTable, "cut off or damaged"),
    (gzip.compress(b"id,denomination,value,flag\n" * 9, mtime=0)[:-9], BadTable,
     "cut off or damaged"),
    (b"<VOTABLE><RESOURCE><TABLE>", BadTable, "cut off or damaged"),
    (b'id,denomination,value,flag\n1,"x', BadTable, "cut off or damaged"),
    ((DATA / "dachs_adql_error.xml").read_bytes(), QueryError, "Could not parse your query"),
])
def test_another_table_is_an_error_that_names_what_is_wrong(body, kind, message):
    with pytest.raises(kind) as error:
        read(body)
    assert message in str(error.value)


@pytest.mark.parametrize(("page", "message", "is_of_the_query"), [
    ((DATA / "dachs_query_error.xml").read_bytes(), "", True),
    (b"<html><title>502 Bad\nGateway</title><body>nginx</body></html>", "502 Bad Gateway", False),
    (b"<uws:errorSummary><uws:message>too &lt;long&gt;</uws:message></uws:errorSummary>",
     "too <long>", False),
    (b"1 unresolved identifiers: numbr [l.1 c.8] !", "1 unresolved", True),  # VOLLT
    (b'ERROR: column "x" does not exist', 'ERROR: column "x"', True),  # PostgreSQL
    (b"canceling statement due to statement timeout", "canceling", False)])
def test_the_message_of_a_page_is_found_and_a_wrong_query_distinguished_from_an_outage(
    page, message, is_of_the_query
):
    found = server_message(page)
    assert found.startswith(message)
    assert bool(QUERY_FAULT.search(found)) is is_of_the_query
