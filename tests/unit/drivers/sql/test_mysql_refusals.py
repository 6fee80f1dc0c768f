"""What an error of MySQL or MariaDB about a row becomes: its column or key and its row, and nothing of its values."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pymysql
import pytest
from osiris_provider.drivers.mysql.refusals import is_bad_data, merge_refusal, referring_rule, refusal, row_refusal
from osiris_provider.drivers.mysql.tables import UniqueKey
from osiris_provider.drivers.sql.tables import Column

NAMES = ("id", "s", "a", "b", "g", "p", "j")
KEYS = [UniqueKey("PRIMARY", ["id"]), UniqueKey("b", ["s"]), UniqueKey("a_b", ["a", "b"])]
KINDS = {"g": "geometry", "p": "point", "j": "json"}
COLUMNS = [Column(name, False, False, kind=KINDS.get(name, "int")) for name in NAMES]
RULE = "the server does not take the value, it does not fit the type or a rule of the table"
THERE = "duplicate key, in the table"
POINT = bytes(4) + b"\1" + (1).to_bytes(4, "little") + bytes(16)
LINE = bytes(4) + b"\1" + (2).to_bytes(4, "little") + bytes(16)

SAID: list[tuple[int, str, str, str]] = [
    (1406, "Data too long for column 's' at row 1", "s", RULE),
    (1366, "Incorrect integer value: 's3cr3t' for column `shop`.`t`.`a` at row 1", "a", RULE),
    # Values that are names of columns, or have quotes.
    (1292, "Incorrect inet6 value: 's' for column `shop`.`t`.`b` at row 1", "b", RULE),
    (1366, "Incorrect integer value: 's3cr3t's `s` a' for column 'a' at row 1", "a", RULE),
    (1048, "Column 'b' cannot be null", "b", RULE),
    (3819, "Check constraint 't_chk_1' is violated.", "(any)", "it breaks constraint t_chk_1"),
    (4025, "CONSTRAINT `small` failed for `shop`.`t`", "(any)", "it breaks constraint small"),
    (4025, "CONSTRAINT `t.a` failed for `shop`.`t`", "a", RULE),
    (1452, "Cannot add or update a child row: a foreign key constraint fails (`x`, CONSTRAINT `f`)", "(any)", RULE),
    (1062, "Duplicate entry 's3cr3t' for key 't.PRIMARY'", "id", THERE),
    (1062, "Duplicate entry 's3cr3t' for key 'PRIMARY'", "id", THERE),
    (1062, "Duplicate entry 's3cr3t' for key 't.b'", "s", THERE),
    (1062, "Duplicate entry 's3cr3t' for key 'a_b'", "a, b", THERE),
    (1062, "Duplicate entry 's3cr3t' for key 'other'", "(any)", f"{THERE} or in an earlier row"),
]


def batch(**last: Any) -> pa.RecordBatch:
    """Return three rows, of which the last has these values."""
    rows = [dict.fromkeys(NAMES), {**dict.fromkeys(NAMES), "id": 1, "a": 1, "b": 1}, {**dict.fromkeys(NAMES), **last}]
    return pa.RecordBatch.from_pylist(rows, pa.schema([(name, type_of(last.get(name))) for name in NAMES]))


def type_of(value: Any) -> pa.DataType:
    return pa.scalar(value).type if isinstance(value, str | bytes) else pa.int64()


@pytest.mark.parametrize(("code", "said", "column", "reason"), SAID)
def test_a_row_that_is_refused(code: int, said: str, column: str, reason: str) -> None:
    error = row_refusal("t", pymysql.DataError(code, said), batch(id=2, a=1, b=2), (KEYS, COLUMNS), 1000)
    suffix = "" if code == 1062 else f" (error {code})"
    assert str(error) == f"Table t: column {column}, row 1,003 of the input: {reason}{suffix}. Nothing was written."
    assert (error.table, error.column, error.row) == ("t", column, 1003)


@pytest.mark.parametrize(("code", "said", "column", "reason"), SAID)
@pytest.mark.parametrize("row", [0, 7])
def test_a_row_of_a_stage_that_is_refused(code: int, said: str, column: str, reason: str, row: int) -> None:
    error = merge_refusal("t", (row, pymysql.DataError(code, said)), NAMES, KEYS)
    where = f"column {column}, row 7 of the input:" if row else "a row of the input was not taken:"
    reason = f"{THERE} or in an earlier row" if code == 1062 else reason
    assert str(error) == f"Table t: {where} {reason} (error {code}). Nothing was written."
    assert error.row == (row or None)


@pytest.mark.parametrize(
    ("last", "reason"),
    [
        ({"id": 1}, "row 1,002 has the same key"),
        # Others have the same key, and this row has not.
        ({"id": 2}, THERE),
    ],
)
def test_a_key_that_an_earlier_row_has(last: dict[str, Any], reason: str) -> None:
    error = pymysql.IntegrityError(1062, "Duplicate entry '1' for key 't.PRIMARY'")
    assert f"row 1,003 of the input: {reason}." in str(row_refusal("t", error, batch(**last), (KEYS, COLUMNS), 1000))


@pytest.mark.parametrize(
    ("code", "last", "column"),
    [
        (1416, {"p": LINE, "g": POINT}, "p"),
        (1416, {"p": POINT, "g": b"abcd"}, "g"),
        (1416, {"p": "POINT(1 2)", "g": LINE}, "p"),
        (1416, {"p": LINE[:8], "g": b""}, "g, p"),
        (1416, {"g": bytes(4) + b"\1" + (8).to_bytes(4, "little")}, "g"),
        # All may be what is wanted, as far as their first bytes tell.
        (1416, {"p": POINT, "g": LINE}, "g, p"),
        (1416, {"p": POINT, "j": b"x"}, "p"),
        (3144, {"j": b"{}", "p": b"x"}, "j"),
        (1264, {"p": b"x"}, "(any)"),
    ],
)
def test_a_column_of_shapes_or_json_that_the_server_does_not_name(code: int, last: dict[str, Any], column: str) -> None:
    error = row_refusal("t", pymysql.DataError(code, "Cannot get geometry object"), batch(**last), (KEYS, COLUMNS), 0)
    assert (error.column, error.row) == (column, 3)


def test_one_of_some_rows() -> None:
    error = refusal("t", pymysql.DataError(1062, "s3cr3t"), (1000, 2000))
    among = "Table t: among rows 1,000 to 2,000 of the input:"
    assert str(error) == f"{among} {THERE} or in an earlier row (error 1062). Nothing was written."
    assert RULE in str(refusal("t", pymysql.DataError(1264, "s3cr3t"), (1, 2)))


def test_errors_about_values_and_about_rows_that_refer() -> None:
    for code in (1062, 1264, 1265, 1366, 1406, 1416, 1452, 3144, 3819, 4025):
        assert is_bad_data(pymysql.DataError(code, "")), code
    for other in (1205, 2013, 1045, "1062"):
        assert not is_bad_data(pymysql.OperationalError(other, ""))
    assert not is_bad_data(pymysql.OperationalError())
    assert [referring_rule(pymysql.IntegrityError(code, "")) for code in (1217, 1451, 1452)] == [
        "error 1217",
        "error 1451",
        "",
    ]
