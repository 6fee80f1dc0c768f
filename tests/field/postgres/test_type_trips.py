"""Every type of PostgreSQL, from table to table."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st
from osiris_provider.connectors import close_all

from tests.field.sql.test_round_trips import SETTINGS
from tests.field.sql.type_trips import (
    TypeTrips,
    clocks,
    columns_of,
    days,
    decimals,
    documents,
    floats,
    hexes,
    moments,
    numbers,
    texts,
    uuids,
    words,
)
from tests.integration.postgres.test_drivers import PostgresFamily
from tests.integration.sql.families import Connection
from tests.servers import Address

OWN = (
    "CREATE TYPE mood AS ENUM ('so, so', 'ok', '', 'It''s \"\\')",
    "CREATE TYPE pair AS (a int, b text)",
    "CREATE DOMAIN cents AS numeric(8, 2)",
    "CREATE DOMAIN birthday AS date",
    "CREATE DOMAIN fine AS timestamp(0)",
    "CREATE DOMAIN feeling AS mood CHECK (VALUE <> '')",
    "CREATE DOMAIN several AS numeric(5, 2)[]",
    "CREATE DOMAIN a_pair AS pair",
    "CREATE TYPE nest AS (p pair, m mood[], at timestamptz, c cents)",
    "CREATE TYPE span AS RANGE (subtype = float8)",
)
EXTREMES: dict[str, list[str]] = {
    "smallint": texts("-32768", "32767", "0"),
    "integer": texts("-2147483648", "2147483647"),
    "bigint": texts("-9223372036854775808", "9223372036854775807"),
    "oid": texts("0", "4294967295"),
    "numeric(12,2)": texts("-9999999999.99", "9999999999.99", "-0.01", "NaN"),
    "numeric(38,38)": texts("0." + "9" * 38, "-0." + "0" * 37 + "1"),
    "numeric(39,0)": texts("9" * 39, "-" + "9" * 39),
    "numeric(76,30)": texts("9" * 46 + "." + "9" * 30),
    "numeric(1000,500)": texts("9" * 500 + "." + "9" * 500, "NaN"),
    "numeric(5,-2)": texts("-1234567", "9999900"),
    "numeric(3,5)": texts("0.00123", "-0.00999"),
    "numeric": texts("NaN", "Infinity", "-Infinity", "1.10", "1e-400", "9" * 2000, "-0.0"),
    "real": texts("3.4028235e38", "-3.4028235e38", "1e-45", "-0", "0.1", "NaN", "Infinity", "-Infinity"),
    "double precision": texts("1.7976931348623157e308", "5e-324", "-0", "0.1", "NaN", "Infinity", "-Infinity", "1e22"),
    "money": texts("-92233720368547758.08", "92233720368547758.07", "0"),
    "boolean": texts("true", "false"),
    "date": texts("0001-01-01", "9999-12-31", "10000-01-01"),
    "date ": texts("4713-01-01 BC", "0001-12-31 BC", "5874897-12-31", "infinity", "-infinity"),
    "timestamp": texts("0001-01-01 00:00:00", "9999-12-31 23:59:59.999999"),
    "timestamp ": texts(
        "4713-01-01 00:00:00 BC",
        "0001-12-31 23:59:59.999999 BC",
        "294276-12-31 23:59:59.999999",
        "infinity",
        "-infinity",
    ),
    "timestamp(3)": texts("2024-02-29 12:00:00.123"),
    "timestamptz": texts("0001-01-01 00:00:00+00", "9999-12-31 23:59:59.999999+00", "2024-03-31 02:30:00+02"),
    "timestamptz ": texts("4713-01-02 00:00:00+00 BC", "294276-12-31 23:59:59.999999+00", "infinity", "-infinity"),
    "timestamptz(0)": texts("1900-01-01 00:00:00+00", "1850-01-01 00:00:00+00"),
    "time": texts("00:00:00", "23:59:59.999999"),
    "time ": texts("24:00:00"),
    "time(0)": texts("23:59:59", "00:00:00"),
    "timetz": texts("23:59:59.999999+15:59", "24:00:00-00:01", "00:00:00-15:59:59"),
    "interval": texts(
        "1 year -2 mons 3 days -04:05:06.789",
        "0",
        "178000000 years",
        "-178000000 years",
        "-1 day +00:00:00.000001",
        "2147483647 days 2562047788:00:54.775807",
    ),
    "interval(0)": texts("1 day 00:00:01"),
    "interval year to month": texts("1 year 2 months"),
    "bytea": texts("\\x", "\\x00ff5c6e0a", "\\\\", "\\x2c220d0a"),
    "text": texts(
        "", "\\N", "\\.", '"', "'", ",", "🦆é", "\ufeff", "\x01\x7f\x0b", "NULL", " a ", "\n", "\r\n", "\t", "now"
    ),
    "varchar(3)": texts("abc", "", "é🦆é"),
    "char(3)": texts("a", "", "abc"),
    '"char"': texts("a", "\\", ""),
    "name": texts("a" * 63),
    "uuid": texts("A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11", "00000000-0000-0000-0000-000000000000"),
    "json": texts('{"a": "\\n\\"", "b":1.0, "a": 2}', "null", "1e400", '"\\u0000"', "[]", '  " "  '),
    "jsonb": texts('{"b":1.00, "a": "\\\\"}', "null", "1e400", "12345678901234567.89", '"ž"'),
    "jsonpath": texts("$.a[*] ? (@ > 1)"),
    "xml": texts("<a>&lt;</a>", ""),
    "int[]": texts("{1,NULL,-3}", "{}", "{{1},{2}}", "[0:1]={1,2}"),
    "text[]": texts('{"a\\"b",NULL,"NULL","","\\\\",","}'),
    "timestamptz[]": texts('{"2024-01-01 00:00:00+00",infinity}'),
    "numeric(5,2)[]": texts("{1.50,NaN}"),
    "int4range": texts("[1,5]", "empty", "(,)", "[1,)"),
    "int8range": texts("[-9223372036854775808,9223372036854775807)"),
    "numrange": texts("[1.10,2.20]", "(NaN,)"),
    "daterange": texts("[2024-01-01,2024-12-31]", "[-infinity,infinity]"),
    "tsrange": texts("[2024-01-01,)"),
    "tstzrange": texts("[2024-01-01 00:00:00+00,2024-01-02 00:00:00+00)"),
    "int4multirange": texts("{[1,2],[5,6]}", "{}"),
    "daterange[]": texts('{"[2024-01-01,)"}'),
    "span": texts("[0.1,1e300)"),
    "inet": texts("192.168.0.1/24", "::1", "255.255.255.255", "::ffff:1.2.3.4/96"),
    "cidr": texts("10.0.0.0/8", "::/0"),
    "macaddr": texts("08:00:2b:01:02:03", "ff:ff:ff:ff:ff:ff"),
    "macaddr8": texts("08:00:2b:01:02:03:04:05"),
    "bit(3)": texts("101", "000"),
    "bit(64)": texts("1" * 64),
    "varbit": texts("", "0", "0" * 70 + "1"),
    "tsvector": texts("a b:1", "'a''b'", ""),
    "tsquery": texts("'a' & !'b'"),
    "point": texts("(1,-2.5)", "(0.1,1e300)", "(NaN,Infinity)"),
    "line": texts("{1,2,3}"),
    "lseg": texts("[(0,0),(1,1)]"),
    "box": texts("(1,1),(0,0)"),
    "path": texts("((0,0),(1,1))", "[(0,0),(1,1)]"),
    "polygon": texts("((0,0),(1,1),(1,0))"),
    "circle": texts("<(0,0),0.1>"),
    "pg_lsn": texts("16/B374D848", "FFFFFFFF/FFFFFFFF"),
    "xid": texts("4294967295"),
    "xid8": texts("18446744073709551615"),
    "tid": texts("(4294967295,65535)"),
    "pg_snapshot": texts("10:20:10,14,15"),
    "regtype": texts("integer"),
    "regclass": texts("pg_class"),
    "regproc": texts("now"),
    "regprocedure": texts("now()"),
    "regoper": texts("||/"),
    "regoperator": texts("+(integer,integer)"),
    "regconfig": texts("english"),
    "regdictionary": texts("simple"),
    "regrole": texts("pg_read_all_data"),
    "regnamespace": texts("pg_catalog"),
    "regcollation": texts('"C"'),
    "refcursor": texts("c"),
    "cid": texts("4294967295"),
    "txid_snapshot": texts("10:20:10,14,15"),
    "tstzmultirange": texts('{["2024-01-01 00:00:00+00",infinity)}'),
    "tsmultirange": texts("{[2024-01-01,2024-01-02)}"),
    "nummultirange": texts("{[0.10,0.2)}"),
    "int8multirange": texts("{[1,3)}"),
    "datemultirange": texts("{[2024-01-01,2024-01-03)}"),
    "mood": texts("so, so", "ok", "", "It's \"\\"),
    "pair": texts('(1,"a,b")', "(,)", '(,"")'),
    "pair[]": texts('{"(1,\\"a,b\\")"}'),
    "feeling": texts("so, so", "It's \"\\"),
    "feeling[]": texts('{"so, so",NULL,ok}', "{}"),
    "several": texts("{1.50,NaN,NULL}", "[5:6]={1.00,-999.99}"),
    "cents[]": texts("{12.34}"),
    "a_pair": texts('(1,"a ""b"", \\\\")', "(,)"),
    "nest": texts('("(1,""a,b"")","{""so, so"",ok}","2024-02-29 12:00:00.5+00",1.25)', "(,,,)", '("(,)",{},infinity,)'),
    "nest[]": texts('{"(,\\"{\\"\\"so, so\\"\\"}\\",,)",NULL}'),
    "interval[]": texts('{"1 year 2 mons -3 days +04:05:06.789",-1 mons}'),
    "interval  ": texts("1 mon -1 days", "-1 mons +1 day -00:00:00.000001", "P1Y2M3DT4H5M6.789S"),
    "int[][]": texts("{{1,2},{3,4}}", "[-1:0][2:3]={{1,2},{3,NULL}}"),
    "float8[]": texts("{0.1,NaN,-Infinity,1e-300,5e-324}"),
    "point[]": texts('{"(0.1,-1e300)"}'),
    "box[]": texts("{(1,1),(0,0);(2,2),(0.1,1)}"),
    "money[]": texts("{1.25}"),
    "span ": texts("(,5e-324]", "empty"),
    "jsonb[]": texts('{"{\\"a\\": 1.10}",NULL}'),
    "cents": texts("12.34", "-999999.99", "NaN"),
    "birthday": texts("2024-02-29", "0044-03-15 BC"),
    "fine": texts("2024-02-29 12:00:00"),
}


REFUSED = {("birthday", "'0044-03-15 BC'")}
"""Arrow's days before the year 1; as texts they are taken."""
GENERATED: dict[str, st.SearchStrategy[str]] = {
    "smallint": numbers(16),
    "integer": numbers(32),
    "bigint": numbers(64),
    "oid": numbers(32, signed=False),
    "numeric(12,2)": decimals(12, 2),
    "numeric(60,20)": decimals(60, 20),
    "numeric": decimals(90, 7),
    "real": floats(32),
    "double precision": floats(64),
    "money": decimals(18, 2),
    "boolean": st.booleans().map(str),
    "date": days,
    "timestamp": moments,
    "timestamptz": moments.map(lambda moment: f"{moment}+01:30"),
    "time": clocks,
    "timetz": clocks.map(lambda clock: f"{clock}-03"),
    "interval": st.tuples(numbers(16), numbers(16), clocks).map(lambda parts: "{} mons {} days {}".format(*parts)),
    "bytea": hexes.map(lambda digits: f"\\x{digits}"),
    "text": words,
    "uuid": uuids,
    "json": documents.filter(lambda text: "\\u0000" not in text),
    "jsonb": documents.filter(lambda text: "\\u0000" not in text),
    "integer[]": st.lists(numbers(32), max_size=4).map(lambda items: f"{{{','.join(items)}}}"),
    "text[]": st.lists(words, max_size=4).map(
        lambda items: "{" + ",".join('"' + re.sub(r'(["\\])', r"\\\1", item) + '"' for item in items) + "}"
    ),
    "numrange": st.tuples(decimals(9, 2), decimals(9, 2)).map(lambda ends: "[{},{}]".format(*sorted(ends, key=float))),
    "daterange": st.tuples(days, days).map(lambda ends: "[{},{})".format(*sorted(ends))),
    "inet": st.ip_addresses().map(str),
    "macaddr": st.binary(min_size=6, max_size=6).map(lambda raw: raw.hex(":")),
    "varbit": st.text("01", max_size=70),
    "point": st.tuples(floats(64), floats(64)).map("({0[0]},{0[1]})".format),
    "mood": st.sampled_from(["so, so", "ok", "", "It's \"\\"]),
    "pair": numbers(32).map("({},x)".format),
    "cents": decimals(8, 2),
}
ENGINES = ("copy", "cursor")


class TestPostgres(PostgresFamily, TypeTrips):
    session: ClassVar[Sequence[str]] = ("SET TimeZone = 'UTC'", "SET extra_float_digits = 3")

    @pytest.fixture
    def connection(self, address: Address) -> Iterator[Connection]:
        self.execute(address, *OWN)
        yield {"family": self.family, "alias": "test", **asdict(address)}
        close_all()

    def shown(self, column: str, declared: str) -> str:
        del declared
        return f"{column}::text"

    def back(self, column: str, declared: str) -> str:
        return f"{column}::text::{declared}"

    @pytest.mark.parametrize("engine", ENGINES)
    def test_extremes(self, connection: Connection, address: Address, tmp_path: Path, engine: str) -> None:
        assert self.trip(connection, address, tmp_path, EXTREMES, engine=engine) == REFUSED

    @SETTINGS
    @given(columns_of(GENERATED), st.sampled_from(ENGINES))
    def test_generated(
        self, connection: Connection, address: Address, tmp_path: Path, columns: dict[str, list[str]], engine: str
    ) -> None:
        assert self.trip(connection, address, tmp_path, columns, engine=engine) == set()

    def test_no_type_is_forgotten(self, address: Address) -> None:
        query = (
            "SELECT oid::regtype FROM pg_type WHERE typtype IN ('b', 'r', 'm') AND typelem = 0 "
            "AND typnamespace = 'pg_catalog'::regnamespace AND typname !~ '^(pg_node_tree|pg_ndistinct|pg_dependencies|"
            "pg_mcv_list|pg_brin_.*|gtsvector|aclitem)$'"
        )
        kinds = ", ".join("'" + kind.replace("'", "''") + "'" for kind in EXTREMES)
        known = {str(kind) for (kind,) in self.execute(address, *OWN, f"SELECT unnest(ARRAY[{kinds}])::regtype")}
        actual = {str(name) for (name,) in self.execute(address, query)}
        assert actual <= known, actual - known
