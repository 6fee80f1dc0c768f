"""What is within a text of PostgreSQL, such as the values of an array, is looked at like a value of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict
from typing import Any

import psycopg2
import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st
from osiris_provider.connectors import close_all
from osiris_provider.drivers.postgres.inner import fields_of, items_of
from osiris_provider.drivers.postgres.tables import columns_of
from osiris_provider.errors import DataError

from tests.examples import examples
from tests.field.sql.test_bending import write
from tests.servers import Address

TYPES = (
    "CREATE TYPE price AS (amount numeric(5,2), note text, at timestamp(0))",
    "CREATE TYPE deep AS (n int, prices price[])",
    "CREATE TYPE span AS RANGE (subtype = float8)",
    "CREATE DOMAIN cents AS numeric(5,2)",
    "CREATE DOMAIN lots AS numeric(5,2)[]",
    "CREATE DOMAIN a_price AS price",
)
CASES: list[tuple[str, str, str]] = [
    ("numeric(5,2)[]", "{1.23,NULL,1.230}", "{1.23,1.239}"),
    ("numeric(5,2)[]", "{12e-1}", "{1239e-3}"),
    ("double precision[]", "{1e-300}", "{1e-400}"),
    ("numeric(5,0)[]", "{1.0}", "{1.5}"),
    ("numeric(2,-3)[]", "{12000}", "{12345}"),
    ("real[]", "{0.125}", "{0.123456789}"),
    ("numeric(5,2)[]", "{{1.2},{1.3}}", "{{1.2},{1.239}}"),
    ("numeric(5,2)[]", "[0:1]={1.2,1.3}", "[0:1]={1.2,1.239}"),
    ("numeric(5,2)[]", ' { "1.2" , 1.3 } ', ' { 1.2 , "1.239" } '),
    ("lots", "{1.23}", "{1.239}"),
    ("cents[]", "{1.23}", "{1.239}"),
    ("timestamp(0)[]", '{"2024-02-29 12:00:00",infinity}', '{"2024-02-29 12:00:00.5"}'),
    ("timestamp[]", "{2024-02-29}", "{now}"),
    ("date[]", "{2024-02-29,-infinity}", "{today}"),
    ("date[]", "{2024-02-29}", "{01/02/2024}"),
    ("time(0)[]", "{12:00:00}", "{12:00:00.5}"),
    ("interval[]", "{1.5 years}", "{1.1 years}"),
    ("double precision[]", "{0.1,NaN,1e22}", "{9007199254740993}"),
    ("double precision[]", "{0.1}", "{12345678901234567.89}"),
    ("real[]", "{0.1}", "{16777217}"),
    ("money[]", "{1.23}", "{1.239}"),
    ("oid[]", "{4294967295}", "{-1}"),
    ("bytea[]", '{"\\\\x6162",ab}', '{"a\\\\142c"}'),
    ("varchar(2)[]", '{ab,"a "}', '{"ab  "}'),
    ("char(2)[]", "{a}", '{"ab "}'),
    ("name[]", "{a}", "{" + "a" * 64 + "}"),
    ('"char"[]', "{a}", "{ab}"),
    ("jsonb[]", '{"{\\"a\\": 1}"}', '{"{\\"a\\": 1, \\"a\\": 2}"}'),
    ("tsrange", "[2024-02-29 12:00:00,)", "[2024-02-29 12:00:00.0000005,)"),
    ("tsrange", '["2024-02-29 12:00:00",infinity]', "[now,)"),
    ("daterange", "empty", "[today,)"),
    ("daterange", "(,)", "[01/02/2024,)"),
    ("daterange", "[2024-01-01,2024-02-01)", "(,tomorrow]"),
    ("tstzrange", "[2024-01-01 00:00:00+05:30,)", "[2024-01-01 00:00:00 Europe/Prague,)"),
    ("span", "[0.1,2]", "[0.1,9007199254740993]"),
    ("tsmultirange", "{[2024-01-01,2024-01-02),[2024-02-01,2024-02-02)}", "{[2024-01-01,2024-01-02),[now,)}"),
    ("datemultirange[]", '{"{[2024-01-01,2024-01-02)}"}', '{"{[today,)}"}'),
    ("daterange[]", '{"[2024-01-01,)"}', '{"[today,)"}'),
    ("price", '(1.23,"a, ""b"" 1.239",2024-02-29)', "(1.239,a,)"),
    ("price", '(,"",)', '(1.23,a,"2024-02-29 12:00:00.5")'),
    ("price", "(1.23,now,)", "(1.23,now,now)"),
    ("a_price", "(1.23,,)", "(1.239,,)"),
    ("price[]", '{"(1.23,\\"a,b\\",)"}', '{"(1.23,a,)","(1.239,\\"a,b\\",)"}'),
    ("deep", '(1,"{""(1.23,a,)""}")', '(1,"{""(1.239,a,)""}")'),
    ("point", "(0.1,1e300)", "(0.1,12345678901234567.89)"),
    ("line", "{1,2,3}", "{1,2,9007199254740993}"),
    ("lseg", "[(0,0),(1,1)]", "[(0,0),(1,9007199254740993)]"),
    ("path", "[(0,0),(1,1)]", "[(0,0),(1,9007199254740993)]"),
    ("box", "(1,1),(0,0)", "(1,1),(0,9007199254740993)"),
    ("circle", "<(0,0),0.1>", "<(0,0),9007199254740993>"),
    ("polygon", "((0,0),(1,1),(1,0))", "((0,0),(1,1),(1,-9007199254740993))"),
    ("box[]", "{(1,1),(0,0);(2,2),(1,1)}", "{(1,1),(0,0);(2,2),(1,9007199254740993)}"),
    ("point[]", '{"(1,2)"}', '{"(1,2)","(1,9007199254740993)"}'),
]
ROUNDED = [
    ("numeric(5,2)[]", "{1.239}", "{1.24}"),
    ("timestamp(0)[]", "{2024-02-29 12:00:00.5}", '{"2024-02-29 12:00:01"}'),
    ("price", "(1.239,,)", "(1.24,,)"),
    ("point", "(1,9007199254740993)", "(1,9.007199254740992e+15)"),
    ("tsrange", "[2024-02-29 12:00:00.0000005,)", '["2024-02-29 12:00:00",)'),
]


@pytest.fixture
def server(postgres_database: Address) -> Iterator[tuple[dict[str, Any], Any]]:
    address = asdict(postgres_database)
    connection = {"family": "postgres", "alias": "test", **address}
    address["dbname"] = address.pop("database")
    with closing(psycopg2.connect(**address)) as client, client.cursor() as cursor:
        client.autocommit = True
        for statement in TYPES:
            cursor.execute(statement)
        yield connection, cursor
    close_all()


def test_what_the_server_would_bend_within_a_text_is_refused(server: tuple[dict[str, Any], Any]) -> None:
    connection, cursor = server
    for kind, good, bad in CASES:
        cursor.execute("DROP TABLE IF EXISTS target")
        cursor.execute(f"CREATE TABLE target (id INT, v {kind})")
        write(connection, [good, None])
        with pytest.raises(DataError, match=r"column v, row 3 of the input: of a value within: .*Nothing") as raised:
            write(connection, [good, None, bad])
        assert (raised.value.column, raised.value.row) == ("v", 3)
        cursor.execute("SELECT COUNT(*), COUNT(v) FROM target")
        assert cursor.fetchall() == [(2, 1)], kind


def test_lossy_round_rounds_within_a_text_and_guesses_nothing(server: tuple[dict[str, Any], Any]) -> None:
    connection, cursor = server
    for kind, text, kept in ROUNDED:
        cursor.execute("DROP TABLE IF EXISTS target")
        cursor.execute(f"CREATE TABLE target (id INT, v {kind})")
        write(connection, [text], lossy="round")
        cursor.execute("SELECT v::text FROM target")
        assert cursor.fetchall() == [(kept,)]
    cursor.execute("DROP TABLE target")
    cursor.execute("CREATE TABLE target (id INT, v date[])")
    with pytest.raises(DataError, match="column v, row 1"):
        write(connection, ["{today}"], lossy="round")


texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8) | st.sampled_from(
    ["", "NULL", "null", " a ", '"', "\\", ",", "{}", "()", "a,b", '\\"', '""', "now", "\n", ";", "[1:2]={a}"]
)


@examples(40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.lists(st.none() | texts, min_size=3, max_size=3), min_size=1, max_size=3))
def test_values_are_found_as_the_server_writes_them(
    server: tuple[dict[str, Any], Any], rows: list[list[str | None]]
) -> None:
    _, cursor = server
    cursor.execute("SELECT %s::text[]::text", (rows,))
    ((array,),) = cursor.fetchall()
    assert list(items_of(array)) == [value for row in rows for value in row if value is not None]
    cursor.execute("SELECT ROW(%s::text, %s::text, %s::text)::text", rows[0])
    ((composite,),) = cursor.fetchall()
    assert list(fields_of(composite)) == rows[0]


def test_columns_whose_texts_cannot_bend_cost_nothing(server: tuple[dict[str, Any], Any]) -> None:
    _, cursor = server
    kinds = [
        "int[]",
        "text[]",
        "bool[]",
        "uuid[]",
        "varchar[]",
        "int4range",
        "int8multirange",
        "text",
        "inet",
    ]
    cursor.execute(f"CREATE TABLE target ({', '.join(f'c{n} {kind}' for n, kind in enumerate(kinds))})")
    assert [column.limits.inner for column in columns_of(cursor, "target")] == [None] * len(kinds)
