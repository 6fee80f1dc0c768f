"""JSON texts in columns of JSON: they come back as the same value, or column and row are named."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from osiris_provider.drivers.sql.values.constraints import ColumnConstraints, Documents
from osiris_provider.drivers.sql.values.validate import fitting
from osiris_provider.errors import DataError

from tests.field.conftest import Execute, PostgresTarget
from tests.field.sql.test_bending import write
from tests.servers import MariaDBServer, MySQLFamilyServer
from tests.servers.kinds import MYSQL_AND_MARIADB, ONLY_MYSQL

NUMBERS = {
    "more digits than a double": '{"a": 12345678901234567.89}',
    "2^53 + 1 with a fraction": "9007199254740993.0",
    "above 64 bits": "18446744073709551617",
    "below 64 bits": "[-9223372036854775809]",
    "30 digits": "123456789012345678901234567890",
    "19 digits behind the point": "0.1234567890123456789",
    "infinite as a double": "1e400",
    "zero as a double": '{"deep": [{"er": 1e-400}]}',
}
KEYS = {
    "twice": '{"a": 1, "a": 2}',
    "deep": '[{"b": {"c": 1, "a": 1, "c": 1}}]',
    "once escaped": '{"a": 1, "\\u0061": 2}',
}
SAME = [
    "1.10",
    "0.30000000000000004",
    "18446744073709551615",
    "-9223372036854775808",
    "9007199254740993",
    "18446744073709551616",
    "1e22",
    '{"a": 1, "b": {"a": 2}, "A": 3}',
    '{"a": "12345678901234567.89", "b": "{\\"a\\": 1, \\"a\\": 1}"}',
]
INVALID = ["x", "", "NaN", '{"a":', '"\\ud800"']


@pytest.fixture
def mysql(connection: dict[str, Any], execute: Execute) -> dict[str, Any]:
    execute("CREATE TABLE target (id INT PRIMARY KEY, v JSON)")
    return connection


def decoded(text: str) -> Any:
    return json.loads(
        text, parse_float=Decimal, object_pairs_hook=lambda pairs: sorted(pairs, key=lambda pair: pair[0])
    )


@MYSQL_AND_MARIADB
def test_mysql_keeps_a_document_or_names_column_and_row(
    mysql: dict[str, Any], execute: Execute, mysql_family: MySQLFamilyServer
) -> None:
    if isinstance(mysql_family, MariaDBServer):
        texts = [*NUMBERS.values(), *KEYS.values(), *SAME]
        write(mysql, texts)
        assert [text for (text,) in execute("SELECT v FROM target ORDER BY id")] == texts
        return
    for text in (*NUMBERS.values(), *KEYS.values()):
        with pytest.raises(DataError, match=r"column v, row 2 of the input: .*JSON.*Nothing was written"):
            write(mysql, [None, text])
    write(mysql, SAME)
    actual = [text for (text,) in execute("SELECT v FROM target ORDER BY id")]
    assert [json.loads(text) for text in actual] == [json.loads(text) for text in SAME]


@ONLY_MYSQL
def test_lossy_round_writes_what_mysql_makes_of_it(mysql: dict[str, Any], execute: Execute) -> None:
    write(mysql, [NUMBERS["more digits than a double"], KEYS["twice"]], lossy="round")
    assert execute("SELECT v FROM target ORDER BY id") == (('{"a": 1.2345678901234568e16}',), ('{"a": 2}',))


@MYSQL_AND_MARIADB
@pytest.mark.parametrize("mode", ["append", "replace", "upsert"])
@pytest.mark.parametrize("engine", ["auto", "insert"])
def test_what_is_no_json_names_its_column(mysql: dict[str, Any], execute: Execute, mode: str, engine: str) -> None:
    for text in INVALID:
        with pytest.raises(DataError, match="column v, row 2 of the input") as raised:
            write(mysql, ["1", text], engine=engine, write_mode=mode, primary_key="id")
        assert (raised.value.column, raised.value.row) == ("v", 2)
    assert execute("SELECT * FROM target") == ()


@pytest.mark.parametrize("kind", ["json", "jsonb"])
def test_postgres_keeps_a_document_or_names_column_and_row(postgres_target: PostgresTarget, kind: str) -> None:
    connection, execute = postgres_target
    execute(f"CREATE TABLE target (id INT, v {kind})")
    for text in [*INVALID[:-1], *(['"\\ud800"', '"\\u0000"', *KEYS.values()] if kind == "jsonb" else [])]:
        with pytest.raises(DataError, match=r"column v, row 2 of the input: .*Nothing was written"):
            write(connection, ["1", text])
    texts = [*NUMBERS.values(), *SAME, *(KEYS.values() if kind == "json" else ())]
    write(connection, texts)
    actual = [text for (text,) in execute("SELECT v::text FROM target ORDER BY id")]
    assert [decoded(text) for text in actual] == [decoded(text) for text in texts]
    if kind == "jsonb":
        write(connection, [KEYS["twice"]], lossy="round", write_mode="replace")
        assert execute("SELECT v::text FROM target") == (('{"a": 2}',),)


def is_refused(text: str, *, doubles: bool) -> bool:
    batch = pa.RecordBatch.from_arrays([pa.array([text])], names=["v"])
    try:
        list(fitting(iter([batch]), "t", {"v": ColumnConstraints(documents=Documents(doubles))}))
    except DataError:
        return True
    return False


@given(st.decimals(allow_nan=False, allow_infinity=False), st.booleans())
def test_numbers_are_refused_just_if_a_double_would_show_another(number: Decimal, deep: bool) -> None:
    text = format(number, "f" if -20 < number.adjusted() < 20 else "e")
    kept = Decimal(repr(float(text)))
    if "." not in text and "e" not in text and -(2**63) <= int(text) < 2**64:
        kept = Decimal(text)
    document = json.dumps({"k": "0"}).replace('"0"', text) if deep else text
    if is_refused(document, doubles=True):
        assert kept != Decimal(text)
    else:
        # All digits that were written are those of the double.
        assert float(text) == float(kept)
        assert abs(kept - Decimal(text)) <= abs(Decimal(text)) * Decimal(2) ** -52
    assert not is_refused(document, doubles=False)


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.integers(0, 9)), max_size=4), st.booleans())
def test_keys_are_refused_just_if_two_are_equal(pairs: list[tuple[str, int]], deep: bool) -> None:
    text = "{" + ", ".join(f'"{key}": {value}' for key, value in pairs) + "}"
    document = f'[1, {{"a": {text}}}]' if deep else text
    assert is_refused(document, doubles=False) == (len({key for key, _ in pairs}) < len(pairs))
