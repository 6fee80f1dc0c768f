"""Python values and the columns of each SQL family that they fit into."""

from __future__ import annotations

import json
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

DAY, MOMENT = date(2026, 11, 28), datetime.fromisoformat("2026-11-28T12:30:15.123456")
ZONED, IN_UTC = datetime.fromisoformat("2026-11-28T14:30:15.123456+02:00"), MOMENT
BYTES = bytes(range(256))
ID = UUID("12345678-1234-5678-1234-567812345678")
SOME = {"a": [1, 2.5, None, "ü"], "b": {"c": True}}

Case = tuple[str, Any, Any]
CASES: dict[str, list[Case]] = {
    "mysql": [
        ("BLOB", BYTES, BYTES),
        ("BLOB", memoryview(BYTES), BYTES),
        ("BLOB", bytearray(BYTES), BYTES),
        ("VARCHAR(99)", "it's ü % \\ \" € 😀", "it's ü % \\ \" € 😀"),
        ("VARCHAR(99)", "", ""),
        ("VARCHAR(99)", None, None),
        ("VARCHAR(99)", ID, str(ID)),
        ("BIGINT", 2**62, 2**62),
        ("BOOLEAN", True, 1),
        ("DOUBLE", 0.1, 0.1),
        ("DECIMAL(38,10)", Decimal("1234567890123456789012345678.0123456789"), None),
        ("DATE", DAY, DAY),
        ("DATETIME(6)", MOMENT, MOMENT),
        ("DATETIME(6)", ZONED, IN_UTC),
        ("TIME(6)", time(12, 30, 15, 5), timedelta(hours=12, minutes=30, seconds=15, microseconds=5)),
        ("TIME(6)", timedelta(hours=-30, microseconds=5), timedelta(hours=-30, microseconds=5)),
        ("JSON", SOME, SOME),
        ("JSON", [1, "x"], [1, "x"]),
    ],
    "postgres": [
        ("bytea", BYTES, BYTES),
        ("bytea", memoryview(BYTES), BYTES),
        ("text", "it's ü % \\ \" € 😀", "it's ü % \\ \" € 😀"),
        ("text", "", ""),
        ("text", None, None),
        ("uuid", ID, str(ID)),
        ("bigint", 2**62, 2**62),
        ("boolean", True, True),
        ("boolean", 0, False),
        ("double precision", 0.1, 0.1),
        ("double precision", float("inf"), float("inf")),
        ("numeric", Decimal("1234567890123456789012345678.0123456789"), None),
        ("date", DAY, DAY),
        ("timestamp", MOMENT, MOMENT),
        ("timestamp", ZONED, IN_UTC),
        ("timestamptz", ZONED, ZONED),
        ("time", time(12, 30, 15, 5), time(12, 30, 15, 5)),
        ("interval", timedelta(days=2, microseconds=5), timedelta(days=2, microseconds=5)),
        ("int[]", [1, 2, None], [1, 2, None]),
        ("text[]", ("a", "b"), ["a", "b"]),
        ("jsonb", SOME, SOME),
        ("jsonb", [1, {"x": [2]}], [1, {"x": [2]}]),
        ("json", [1, {"x": [2]}], [1, {"x": [2]}]),
        ("text", [1, "x"], '[1, "x"]'),
        ("varchar", [1, "x"], '[1, "x"]'),
    ],
    "duckdb": [
        ("BLOB", BYTES, BYTES),
        ("BLOB", memoryview(BYTES), BYTES),
        ("VARCHAR", "it's ü % \\ \" € 😀", "it's ü % \\ \" € 😀"),
        ("VARCHAR", "", ""),
        ("VARCHAR", None, None),
        ("UUID", ID, ID),
        ("HUGEINT", 2**100, 2**100),
        ("BOOLEAN", True, True),
        ("DOUBLE", 0.1, 0.1),
        ("DECIMAL(38,10)", Decimal("1234567890123456789012345678.0123456789"), None),
        ("DATE", DAY, DAY),
        ("TIMESTAMP", MOMENT, MOMENT),
        ("TIMESTAMP", ZONED, IN_UTC),
        ("TIMESTAMPTZ", ZONED, ZONED),
        ("TIME", time(12, 30, 15, 5), time(12, 30, 15, 5)),
        ("INTERVAL", timedelta(days=2, microseconds=5), timedelta(days=2, microseconds=5)),
        ("INTEGER[]", [1, 2, None], [1, 2, None]),
        ("STRUCT(x INTEGER, y VARCHAR)", {"x": 1, "y": "z"}, {"x": 1, "y": "z"}),
        ("JSON", SOME, SOME),
        ("JSON", [1, "x"], [1, "x"]),
        ("VARCHAR", SOME, json.dumps(SOME)),
    ],
}
"""Type of the column, what is inserted, and what comes back; None: the same as was inserted."""

PLAIN_TYPES = {
    "mysql": ("BLOB", "BOOLEAN", "DECIMAL(20,4)", "DATE", "DATETIME(6)", "JSON", "VARCHAR(99)", "DOUBLE"),
    "postgres": ("bytea", "boolean", "numeric", "date", "timestamp", "jsonb", "text", "double precision"),
    "duckdb": ("BLOB", "BOOLEAN", "DECIMAL(20,4)", "DATE", "TIMESTAMP", "JSON", "VARCHAR", "DOUBLE"),
}
PLAIN_ROW = (BYTES, True, Decimal("1.2500"), DAY, MOMENT, {"a": [1, "x"]}, "it's 100 %", 0.1)
